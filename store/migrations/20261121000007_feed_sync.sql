-- Feeds that are fetched by the clock: when next, and how often in a row it went badly.
ALTER TABLE feeds
    ADD COLUMN next_sync_at timestamptz,
    ADD COLUMN failures     int NOT NULL DEFAULT 0;
