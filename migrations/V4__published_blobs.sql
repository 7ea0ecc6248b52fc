-- Into which repository of a registry a blob was put last: the registry may take it over from there into another one. It
-- may be gone meanwhile, which the registry then says. Only the newest are kept. Times are milliseconds since 1970-01-01 UTC.
CREATE TABLE published_blobs (
    registry   TEXT NOT NULL,
    digest     TEXT NOT NULL,
    -- The canonical name, with the registry.
    repository TEXT NOT NULL,
    at         INTEGER NOT NULL,
    PRIMARY KEY (registry, digest)
) WITHOUT ROWID;

CREATE INDEX published_blobs_at ON published_blobs (at);
