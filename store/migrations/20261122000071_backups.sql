-- Backups that were finished, so that somebody is told when there was none for long.
CREATE TABLE backups (
    -- When it was begun: what came later is not in it.
    made_at     timestamptz PRIMARY KEY,
    finished_at timestamptz NOT NULL,
    -- What is in it; nothing in the first row, which stands for the moment from which on there is something to keep.
    bytes       bigint NOT NULL CHECK (bytes >= 0)
);
SELECT muster_grant('backups');
INSERT INTO backups (made_at, finished_at, bytes) VALUES (now(), now(), 0);
