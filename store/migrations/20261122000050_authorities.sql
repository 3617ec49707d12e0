-- One certificate authority in the place of another, in steps that every node reads here.
ALTER TABLE cluster
    -- The one that will sign.
    ADD COLUMN next_sha256     bytea CHECK (length(next_sha256) = 32),
    -- The one that did, and since when what it signed is sent away.
    ADD COLUMN previous_sha256 bytea CHECK (length(previous_sha256) = 32),
    ADD COLUMN activated_at    timestamptz,
    ADD COLUMN retired_at      timestamptz;

-- The authority that signed the certificate which an agent came with last, once it also trusts that one. Written
-- only while one takes the place of another.
ALTER TABLE agents ADD COLUMN authority_sha256 bytea;
