-- What all nodes of one database have to have in common: one row.
--
-- The authority's private key is not here: backups, standbys and everybody who may read the database
-- would have it. Its fingerprint is enough for a node with another authority to find out before an
-- agent does.
CREATE TABLE cluster (
    is_only          boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    authority_sha256 bytea NOT NULL CHECK (length(authority_sha256) = 32),
    noted_at         timestamptz NOT NULL
);
SELECT muster_grant('cluster');

-- The nodes that work on this database, each with what waits in its queue. All instants are the
-- database's. A node that has not been seen for a while is gone, and its queue with it as far as
-- anybody can know.
CREATE TABLE nodes (
    id            uuid PRIMARY KEY,
    name          text NOT NULL,
    seen_at       timestamptz NOT NULL,
    -- When the oldest report was taken that is acknowledged and not in the rows; NULL when none waits.
    waiting_since timestamptz
);
SELECT muster_grant('nodes');

-- Of which acknowledgement `behind_since` speaks: a later one begins another wait.
ALTER TABLE agents
    ADD COLUMN behind_epoch bigint NOT NULL DEFAULT 0,
    ADD COLUMN behind_seq   bigint NOT NULL DEFAULT 0;
