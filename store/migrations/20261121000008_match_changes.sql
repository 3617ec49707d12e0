-- What is needed to judge only that software again which a change of the match index concerns, and
-- to tell others what came of it.

-- What the evaluation of each software looked up, found or not (`LookupKey`). A key that is not
-- looked up any more may stay: it costs an evaluation too many, never one too few.
--
-- A table, and not an array beside the software: the index of an array is of no use under row-level
-- security, because its operators are not leak-proof.
CREATE TABLE software_keys (
    company_key  bigint NOT NULL,
    key          bigint NOT NULL,
    software_key uuid NOT NULL,
    PRIMARY KEY (company_key, key, software_key)
) PARTITION BY HASH (company_key);
SELECT muster_company_table('software_keys', muster_partitions());

-- Software that came in judged with another index than the one that counted then: the node that
-- stored it lagged behind. It is judged again and leaves this table.
CREATE TABLE software_late (
    company_key  bigint NOT NULL,
    software_key uuid NOT NULL,
    PRIMARY KEY (company_key, software_key)
) PARTITION BY HASH (company_key);
SELECT muster_company_table('software_late', muster_partitions());

-- Which index counts: the last row. Nodes hold different ones for a while, and only one that holds
-- the last may judge again what is stored. One row is one change from the row before.
CREATE TABLE match_generations (
    ordinal     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- What judges: an index by its content, and the rules of a release.
    generation  bigint NOT NULL,
    index       bigint NOT NULL,
    rules       bigint NOT NULL,
    -- Of two indexes, the one that was made later is the newer one.
    built_at    timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    -- The lookups that give something else than with the row before; NULL when any may.
    changed     bigint[],
    -- When all stored software that it concerns had been judged again.
    finished_at timestamptz
);
SELECT muster_grant('match_generations');

-- What happened to findings, for whoever tells others. `xact` is the transaction's number: rows of
-- transactions that have all ended come before every later row, which an ascending id alone does
-- not promise.
CREATE SEQUENCE finding_events_id;
SELECT muster_grant_sequence('finding_events_id');
CREATE TABLE finding_events (
    company_key  bigint NOT NULL,
    xact         bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint,
    id           bigint NOT NULL DEFAULT nextval('finding_events_id'),
    at           timestamptz NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('opened', 'resolved', 'changed')),
    software_key uuid NOT NULL,
    cve          text NOT NULL,
    source       text NOT NULL,
    confidence   text NOT NULL,
    fixed_in     text,
    PRIMARY KEY (company_key, xact, id)
) PARTITION BY HASH (company_key);
SELECT muster_company_table('finding_events', muster_partitions());
