-- What all nodes compare at their start: an HMAC of a fixed text under what secrets of webhooks and providers are sealed
-- with. It gives nothing of that away. NULL until a node of this release has noted it.
ALTER TABLE cluster ADD COLUMN seal_check bytea CHECK (length(seal_check) = 32);
