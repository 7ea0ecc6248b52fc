-- Times are milliseconds since 1970-01-01 UTC. The store grows with change, not with looking.

-- What a digest holds never changes, so it is stored once: the bytes, exactly as received.
CREATE TABLE contents (
    id         INTEGER PRIMARY KEY,
    digest     TEXT NOT NULL UNIQUE,
    media_type TEXT NOT NULL,
    bytes      BLOB NOT NULL
);

-- Platforms as the JSON of the image specification (`{"os":"linux","architecture":"arm64"}`), normalised, and the sets of them that images
-- offer: thousands of images share a few dozen sets.
CREATE TABLE platforms (
    id       INTEGER PRIMARY KEY,
    platform TEXT NOT NULL UNIQUE
);
CREATE TABLE platform_sets (
    id      INTEGER PRIMARY KEY,
    -- The digest of the JSON list of its platforms, sorted.
    fingerprint TEXT NOT NULL UNIQUE
);
CREATE TABLE platform_set_members (
    platform_set INTEGER NOT NULL REFERENCES platform_sets (id),
    platform     INTEGER NOT NULL REFERENCES platforms (id),
    PRIMARY KEY (platform_set, platform)
) WITHOUT ROWID;

-- What the documents below a digest offer, read once.
CREATE TABLE images (
    content      INTEGER PRIMARY KEY REFERENCES contents (id),
    kind         TEXT NOT NULL CHECK (kind IN ('index', 'image', 'artifact')),
    platform_set INTEGER NOT NULL REFERENCES platform_sets (id),
    attestations INTEGER NOT NULL,
    -- Why a platform may be missing from the set, where one may be.
    undetermined TEXT
);

-- Documents that no engine would pull, so that they are not fetched again by the version that refused them.
CREATE TABLE refusals (
    content INTEGER NOT NULL REFERENCES contents (id),
    tool    TEXT NOT NULL,
    kind    TEXT NOT NULL,
    reason  TEXT NOT NULL,
    PRIMARY KEY (content, tool)
) WITHOUT ROWID;

CREATE TABLE image_references (
    id        INTEGER PRIMARY KEY,
    reference TEXT NOT NULL UNIQUE
);

-- What was watched: lists of references, each kept once however often it is run.
CREATE TABLE lists (
    id          INTEGER PRIMARY KEY,
    name        TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    UNIQUE (name, fingerprint)
);
CREATE TABLE list_members (
    list      INTEGER NOT NULL REFERENCES lists (id),
    position  INTEGER NOT NULL,
    reference INTEGER NOT NULL REFERENCES image_references (id),
    PRIMARY KEY (list, position)
) WITHOUT ROWID;

CREATE TABLE runs (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    list     INTEGER NOT NULL REFERENCES lists (id),
    tool     TEXT NOT NULL,
    state    TEXT NOT NULL CHECK (state IN ('running', 'stopped', 'complete', 'abandoned')),
    started  INTEGER NOT NULL,
    -- The run that this one goes on with: what that one had seen is not asked again.
    resumes  INTEGER UNIQUE REFERENCES runs (id),
    -- When the first of the runs began that this one goes on with.
    began    INTEGER NOT NULL,
    ended    INTEGER,
    requests INTEGER NOT NULL DEFAULT 0,
    pulls    INTEGER NOT NULL DEFAULT 0,
    failed   INTEGER NOT NULL DEFAULT 0
);

-- That a reference pointed at a content, or failed so, from one run to another. Looking again and seeing the
-- same moves `last_run` and `last_seen`, and adds nothing.
CREATE TABLE sightings (
    id         INTEGER PRIMARY KEY,
    reference  INTEGER NOT NULL REFERENCES image_references (id),
    image      INTEGER REFERENCES images (content),
    failure    TEXT,
    reason     TEXT,
    first_run  INTEGER NOT NULL REFERENCES runs (id),
    last_run   INTEGER NOT NULL REFERENCES runs (id),
    first_seen INTEGER NOT NULL,
    last_seen  INTEGER NOT NULL,
    CHECK ((image IS NULL) = (failure IS NOT NULL)),
    CHECK (first_run <= last_run AND first_seen <= last_seen)
);
CREATE INDEX sightings_by_reference ON sightings (reference, last_run);

-- The references that an ended run never came to.
CREATE TABLE unasked (
    run       INTEGER NOT NULL REFERENCES runs (id),
    reference INTEGER NOT NULL REFERENCES image_references (id),
    PRIMARY KEY (run, reference)
) WITHOUT ROWID;
