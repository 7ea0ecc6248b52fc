-- Times are milliseconds since 1970-01-01 UTC. The store grows with change, not with looking.

-- What a digest holds never changes, so it is stored once: the bytes, exactly as received.
CREATE TABLE contents (
    id         INTEGER PRIMARY KEY,
    digest     TEXT NOT NULL UNIQUE,
    media_type TEXT NOT NULL,
    bytes      BLOB NOT NULL
);

-- Platforms as text (`linux/arm64`, `windows(10.0.20348.1)/amd64`), normalised.
CREATE TABLE platforms (
    id       INTEGER PRIMARY KEY,
    platform TEXT NOT NULL UNIQUE
);

-- What the documents below a digest offer, read once.
CREATE TABLE images (
    content      INTEGER PRIMARY KEY REFERENCES contents (id),
    kind         TEXT NOT NULL CHECK (kind IN ('index', 'image', 'artifact')),
    attestations INTEGER NOT NULL,
    -- Why a platform may be missing from the list, where one may be.
    undetermined TEXT
);
CREATE TABLE image_platforms (
    image    INTEGER NOT NULL REFERENCES images (content),
    platform INTEGER NOT NULL REFERENCES platforms (id),
    PRIMARY KEY (image, platform)
) WITHOUT ROWID;
CREATE INDEX image_platforms_by_platform ON image_platforms (platform, image);

CREATE TABLE image_references (
    id         INTEGER PRIMARY KEY,
    repository TEXT NOT NULL,
    reference  TEXT NOT NULL UNIQUE
);
CREATE INDEX image_references_by_repository ON image_references (repository);

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
