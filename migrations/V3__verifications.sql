-- What reading an image's layers found: verified evidence, for the digest of a platform's manifest. Times are milliseconds since 1970-01-01 UTC.
CREATE TABLE verifications (
    digest   TEXT NOT NULL,
    -- As JSON of the image specification, normalised.
    platform TEXT NOT NULL,
    -- The version of workson that read it: another one may find more.
    tool     TEXT NOT NULL,
    at       INTEGER NOT NULL,
    verdict  TEXT NOT NULL CHECK (verdict IN ('yes', 'no')),
    -- The findings, as they are printed.
    answer   TEXT NOT NULL,
    PRIMARY KEY (digest, platform, tool)
) WITHOUT ROWID;

-- Under which reference it was found, and what that pointed at then.
CREATE TABLE verified_references (
    reference TEXT NOT NULL,
    platform  TEXT NOT NULL,
    root      TEXT NOT NULL,
    digest    TEXT NOT NULL,
    at        INTEGER NOT NULL,
    PRIMARY KEY (reference, platform)
) WITHOUT ROWID;
