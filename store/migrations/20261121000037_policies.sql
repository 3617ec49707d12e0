-- What a company wants to hold for its hosts, and whether it does.

CREATE TABLE policies (
    company_key  bigint NOT NULL,
    id           uuid NOT NULL,
    name         text NOT NULL,
    description  text NOT NULL DEFAULT '',
    rule         jsonb NOT NULL,
    -- For the hosts with this label; for all where there is none.
    label        uuid,
    is_enabled   boolean NOT NULL DEFAULT true,
    created_at   timestamptz NOT NULL,
    changed_at   timestamptz NOT NULL,
    revision     bigint NOT NULL DEFAULT 1,
    evaluated_at timestamptz,
    PRIMARY KEY (company_key, id)
) PARTITION BY HASH (company_key);
SELECT muster_company_table('policies', muster_partitions());
CREATE UNIQUE INDEX policies_name_key ON policies (company_key, lower(name));

CREATE TABLE policy_results (
    company_key bigint NOT NULL,
    policy      uuid NOT NULL,
    agent_key   bigint NOT NULL,
    state       text NOT NULL CHECK (state IN ('pass', 'fail', 'unknown')),
    since       timestamptz NOT NULL,
    -- Of what fails or is not known, which software and which CVE; of the rest nothing.
    reason      jsonb,
    PRIMARY KEY (company_key, policy, agent_key)
) PARTITION BY HASH (company_key);
SELECT muster_company_table('policy_results', muster_partitions());
CREATE INDEX policy_results_agent ON policy_results (company_key, agent_key, policy);

-- Results that changed, for whoever tells others; in the order that events of findings have.
CREATE TABLE policy_events (
    company_key bigint NOT NULL,
    xact        bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint,
    id          bigint NOT NULL DEFAULT nextval('finding_events_id'),
    at          timestamptz NOT NULL,
    policy      uuid NOT NULL,
    agent_key   bigint NOT NULL,
    was         text NOT NULL,
    state       text NOT NULL,
    reason      jsonb,
    PRIMARY KEY (company_key, xact, id)
) PARTITION BY HASH (company_key);
SELECT muster_company_table('policy_events', muster_partitions());
