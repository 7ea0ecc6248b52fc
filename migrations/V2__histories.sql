-- Histories: what the maintainers' own files declared, from which commit to which. Times are milliseconds since 1970-01-01 UTC.

-- A repository whose history was read, and how far.
CREATE TABLE histories (
    id       INTEGER PRIMARY KEY,
    name     TEXT NOT NULL UNIQUE,
    -- Where anyone can look it up.
    source   TEXT NOT NULL,
    -- The newest commit that was read, as the source names it, and as the copy that was read names it.
    head     TEXT NOT NULL,
    tip      TEXT NOT NULL,
    head_at  INTEGER NOT NULL,
    commits  INTEGER NOT NULL,
    changes  INTEGER NOT NULL,
    tool     TEXT NOT NULL
);

-- The commits at which something changed, in order of time.
CREATE TABLE moments (
    history  INTEGER NOT NULL REFERENCES histories (id),
    position INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    commit_id TEXT NOT NULL,
    PRIMARY KEY (history, position)
) WITHOUT ROWID;

CREATE TABLE declared_images (
    id      INTEGER PRIMARY KEY,
    history INTEGER NOT NULL REFERENCES histories (id),
    name    TEXT NOT NULL,
    UNIQUE (history, name)
);

-- What an image declared by any tag, and by `latest`, from one commit until another; `until` is empty while it stands.
-- A set that is not whole may lack platforms: those are unknown.
CREATE TABLE declared_spans (
    image        INTEGER NOT NULL REFERENCES declared_images (id),
    by           TEXT NOT NULL CHECK (by IN ('any', 'latest')),
    since        INTEGER NOT NULL,
    until        INTEGER,
    platform_set INTEGER NOT NULL REFERENCES platform_sets (id),
    is_whole     INTEGER NOT NULL,
    PRIMARY KEY (image, by, since),
    CHECK (until IS NULL OR since < until)
) WITHOUT ROWID;

-- The same for each tag.
CREATE TABLE declared_tags (
    image        INTEGER NOT NULL REFERENCES declared_images (id),
    tag          TEXT NOT NULL,
    since        INTEGER NOT NULL,
    until        INTEGER,
    platform_set INTEGER NOT NULL REFERENCES platform_sets (id),
    is_whole     INTEGER NOT NULL,
    PRIMARY KEY (image, tag, since),
    CHECK (until IS NULL OR since < until)
) WITHOUT ROWID;
CREATE INDEX declared_tags_that_stand ON declared_tags (image) WHERE until IS NULL;

-- What could not be read at a commit, until it could be; what was known before stands. The image is empty where it is the commit itself.
CREATE TABLE declared_problems (
    history INTEGER NOT NULL REFERENCES histories (id),
    moment  INTEGER NOT NULL,
    until   INTEGER,
    image   TEXT NOT NULL,
    reason  TEXT NOT NULL,
    PRIMARY KEY (history, moment, image, reason)
) WITHOUT ROWID;
