-- Agents (one a host), and the two global tables that carry signals to whichever node holds an
-- agent's connection. The global ones hold opaque ids only: nothing in them says whose they are.

CREATE SEQUENCE agent_keys;
SELECT muster_grant_sequence('agent_keys');

-- Written with every report and heartbeat, so it holds nothing wide and no index on what changes.
-- There is no index for lists either: one that begins with the company and ends with the id is taken
-- for the key's by a planner whose statistics are old, and a list of ten thousand rows is sorted in
-- a few milliseconds.
CREATE TABLE agents (
    company_key            bigint NOT NULL,
    key                    bigint NOT NULL DEFAULT nextval('agent_keys'),
    id                     uuid NOT NULL,
    hostname               text NOT NULL,
    platform_family        text NOT NULL DEFAULT '',
    platform_id            text NOT NULL DEFAULT '',
    platform_version       text NOT NULL DEFAULT '',
    os_name                text NOT NULL DEFAULT '',
    agent_version          text NOT NULL DEFAULT '',
    enrolled_at            timestamptz NOT NULL,
    enrolled_with          uuid,
    revoked_at             timestamptz,
    certificate_serial     bytea,
    certificate_sha256     bytea,
    certificate_expires_at timestamptz,
    last_seen_at           timestamptz,
    -- The last report that is in the rows, and the instant that it was given there.
    applied_epoch          bigint NOT NULL DEFAULT 0,
    applied_seq            bigint NOT NULL DEFAULT 0,
    applied_at             timestamptz,
    reports_applied        bigint NOT NULL DEFAULT 0,
    records_applied        bigint NOT NULL DEFAULT 0,
    -- What the open rows of `installations` come to.
    digest_count           bigint NOT NULL DEFAULT 0,
    digest_sum             uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    scan_requested         bigint NOT NULL DEFAULT 0,
    scan_done              bigint NOT NULL DEFAULT 0,
    -- When a snapshot was asked for last, and how often since the digests last agreed.
    snapshot_asked_at      timestamptz,
    snapshot_asks          int NOT NULL DEFAULT 0,
    -- Since when the agent has an acknowledgement for something that is not in the rows.
    behind_since           timestamptz,
    PRIMARY KEY (company_key, key),
    UNIQUE (company_key, id)
) PARTITION BY HASH (company_key);
SELECT muster_company_table('agents', muster_partitions(), 'WITH (fillfactor = 70)');

-- The wide part, written when it changes.
CREATE TABLE agent_facts (
    company_key bigint NOT NULL,
    agent_key   bigint NOT NULL,
    labels      jsonb NOT NULL DEFAULT '{}',
    facts       jsonb,
    facts_at    timestamptz,
    -- The last status of each source, by its name.
    sources     jsonb NOT NULL DEFAULT '{}',
    sources_at  timestamptz,
    PRIMARY KEY (company_key, agent_key)
) PARTITION BY HASH (company_key);
SELECT muster_company_table('agent_facts', muster_partitions());

-- What an agent is to be told. One row an agent and kind: asking twice is asking once.
CREATE TABLE agent_commands (
    agent      uuid NOT NULL,
    kind       text NOT NULL CHECK (kind IN ('scan_now', 'send_snapshot')),
    request    bigint NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (agent, kind)
);
CREATE INDEX agent_commands_created ON agent_commands (created_at);
SELECT muster_grant('agent_commands');

-- What open connections have to be closed for. `agents` and `companies` hold the truth; a row
-- here is the signal, and is purged after a day.
CREATE TABLE revocations (
    key        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind       text NOT NULL CHECK (kind IN ('agent', 'company')),
    subject    uuid NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX revocations_created ON revocations (created_at);
SELECT muster_grant('revocations');
