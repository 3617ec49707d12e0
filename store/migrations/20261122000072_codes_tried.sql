-- Codes of the second factor that were tried in a row, and until when none is looked at. Those from addresses that the
-- account is used from are counted apart, so that nobody elsewhere keeps its owner out. A default is no rewrite, and
-- nodes of a release before count none.
ALTER TABLE users
    ADD COLUMN codes_tried integer NOT NULL DEFAULT 0,
    ADD COLUMN codes_refused_until timestamptz,
    ADD COLUMN codes_tried_known integer NOT NULL DEFAULT 0,
    ADD COLUMN codes_refused_known_until timestamptz;
