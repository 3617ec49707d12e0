-- What operators look after: reports that could not be stored, feeds, jobs.

CREATE TABLE dead_letters (
    company_key bigint NOT NULL,
    id          uuid NOT NULL,
    agent       uuid NOT NULL,
    epoch       bigint NOT NULL,
    seq         bigint NOT NULL,
    reason      text NOT NULL,
    detail      text NOT NULL,
    packing     smallint NOT NULL,
    frame       bytea NOT NULL,
    received_at timestamptz NOT NULL,
    created_at  timestamptz NOT NULL,
    replayed_at timestamptz,
    PRIMARY KEY (company_key, id),
    UNIQUE (company_key, agent, epoch, seq)
) PARTITION BY HASH (company_key);
SELECT muster_company_table('dead_letters', muster_partitions());

-- One row a feed: how its last import went.
CREATE TABLE feeds (
    source           text PRIMARY KEY,
    imported_at      timestamptz NOT NULL,
    -- The newest change in what was imported: where an incremental import goes on.
    newest_record_at timestamptz,
    records          bigint NOT NULL,
    changed          bigint NOT NULL,
    skipped          bigint NOT NULL,
    error            text,
    last_success_at  timestamptz
);
SELECT muster_grant('feeds');

-- Work that exactly one node does. With N schedulers a tick is inserted N times and kept once.
CREATE TABLE jobs (
    key         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind        text NOT NULL,
    tick        text NOT NULL,
    payload     jsonb NOT NULL DEFAULT 'null',
    state       text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'done', 'failed')),
    attempts    int NOT NULL DEFAULT 0,
    run_after   timestamptz NOT NULL,
    created_at  timestamptz NOT NULL,
    -- Until when the node that took it has it for itself.
    leased_until timestamptz,
    finished_at timestamptz,
    error       text,
    UNIQUE (kind, tick)
);
CREATE INDEX jobs_waiting ON jobs (run_after, key) WHERE state IN ('queued', 'running');
SELECT muster_grant('jobs');
