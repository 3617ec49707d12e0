-- Which authority a node signs with, and which one it could sign with next: a rotation goes on when all nodes that live
-- can go along. NULL where a node does not say it, as one of the release before.
ALTER TABLE nodes
    ADD COLUMN authority_sha256      bytea CHECK (length(authority_sha256) = 32),
    ADD COLUMN next_authority_sha256 bytea CHECK (length(next_authority_sha256) = 32);
