-- What people send in. It holds personal data, so it is a file of its own: the evidence can be handed around, this can't.
-- Times are milliseconds since 1970-01-01 UTC; lists are JSON.

CREATE TABLE suggestions (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    at          INTEGER NOT NULL,
    -- The entry's slug; empty of a new one.
    entry       TEXT,
    name        TEXT NOT NULL,
    image       TEXT NOT NULL,
    home        TEXT NOT NULL,
    source      TEXT NOT NULL,
    license     TEXT NOT NULL,
    description TEXT NOT NULL,
    comment     TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('waiting', 'accepted', 'declined')),
    decided_at  INTEGER,
    decided_by  TEXT,
    reason      TEXT,
    CHECK ((state = 'waiting') = (decided_at IS NULL)
        AND (decided_at IS NULL) = (decided_by IS NULL) AND (decided_at IS NULL) = (reason IS NULL))
);
CREATE INDEX suggestions_by_state ON suggestions (state);

CREATE TABLE proposals (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    call      TEXT NOT NULL,
    -- The SHA-256 of what stands in the proposer's private link.
    secret    TEXT NOT NULL UNIQUE,
    project   TEXT NOT NULL,
    benefits  TEXT NOT NULL,
    source    TEXT NOT NULL,
    license   TEXT NOT NULL,
    links     TEXT NOT NULL,
    platforms TEXT NOT NULL,
    machines  TEXT NOT NULL,
    usage     TEXT NOT NULL CHECK (usage IN ('one-off', 'continuous')),
    ci        TEXT NOT NULL,
    -- Where the newest event left it.
    state     TEXT NOT NULL,
    -- Slugs of the catalogue.
    entries   TEXT NOT NULL DEFAULT '[]',
    -- A day, as 2027-01-30.
    review_on TEXT
);
CREATE INDEX proposals_by_state ON proposals (state);

-- How a proposer is reached, until it is erased. Never public.
CREATE TABLE contacts (
    proposal INTEGER PRIMARY KEY REFERENCES proposals (id),
    name     TEXT NOT NULL,
    email    TEXT NOT NULL
);

-- Every step that was taken. Rows are only ever added, and these triggers hold it.
CREATE TABLE events (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    proposal INTEGER NOT NULL REFERENCES proposals (id),
    at       INTEGER NOT NULL,
    by       TEXT NOT NULL,
    step     TEXT NOT NULL,
    state    TEXT NOT NULL,
    reason   TEXT NOT NULL
);
CREATE INDEX events_by_proposal ON events (proposal, id);
CREATE INDEX events_by_step ON events (step, proposal);

CREATE TRIGGER events_are_not_changed BEFORE UPDATE ON events
BEGIN
    SELECT RAISE(ABORT, 'events are only ever added');
END;
CREATE TRIGGER events_are_not_removed BEFORE DELETE ON events
BEGIN
    SELECT RAISE(ABORT, 'events are only ever added');
END;
-- What replaces a row fires no trigger of a removal.
CREATE TRIGGER events_are_not_replaced BEFORE INSERT ON events WHEN EXISTS (SELECT 1 FROM events WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'events are only ever added');
END;
