-- Companies and what lets people and hosts in. Few rows each, found before the company is known,
-- so these tables are not partitioned.

CREATE TABLE companies (
    key               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id                uuid NOT NULL UNIQUE,
    name              text NOT NULL CONSTRAINT companies_name_check CHECK (length(name) BETWEEN 1 AND 200),
    created_at        timestamptz NOT NULL,
    suspended_at      timestamptz,
    -- What its agents are told; the revision grows with every change.
    settings_revision bigint NOT NULL DEFAULT 0,
    heartbeat_every_s bigint NOT NULL DEFAULT 300,
    scan_every_s      bigint NOT NULL DEFAULT 3600,
    sources_off       text[] NOT NULL DEFAULT '{}'
);
CREATE UNIQUE INDEX companies_name_key ON companies (lower(name));
ALTER TABLE companies ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own_company ON companies
    USING (key = muster_setting('muster.company_key')::bigint OR muster_setting('muster.operator') = 'on');
SELECT muster_grant('companies');

-- A key without a company is an operator's.
CREATE TABLE api_keys (
    id           uuid PRIMARY KEY,
    company_key  bigint REFERENCES companies (key),
    name         text NOT NULL,
    role         text NOT NULL CHECK (role IN ('operator', 'admin', 'analyst', 'viewer')),
    secret_hash  bytea NOT NULL CHECK (length(secret_hash) = 32),
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz,
    revoked_at   timestamptz,
    last_used_at timestamptz,
    CHECK ((company_key IS NULL) = (role = 'operator'))
);
CREATE INDEX api_keys_company ON api_keys (company_key, id);
ALTER TABLE api_keys ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own_company ON api_keys
    USING (company_key = muster_setting('muster.company_key')::bigint);
CREATE POLICY presented ON api_keys
    USING (id = muster_setting('muster.credential')::uuid) WITH CHECK (false);
CREATE POLICY operator ON api_keys
    USING (company_key IS NULL AND muster_setting('muster.operator') = 'on');
SELECT muster_grant('api_keys');

CREATE TABLE enrolment_tokens (
    id          uuid PRIMARY KEY,
    company_key bigint NOT NULL REFERENCES companies (key),
    name        text NOT NULL,
    secret_hash bytea NOT NULL CHECK (length(secret_hash) = 32),
    labels      jsonb NOT NULL DEFAULT '{}',
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz,
    uses_max    bigint CHECK (uses_max > 0),
    uses        bigint NOT NULL DEFAULT 0,
    revoked_at  timestamptz,
    CONSTRAINT enrolment_tokens_uses_check CHECK (uses <= uses_max)
);
CREATE INDEX enrolment_tokens_company ON enrolment_tokens (company_key, id);
ALTER TABLE enrolment_tokens ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own_company ON enrolment_tokens
    USING (company_key = muster_setting('muster.company_key')::bigint);
CREATE POLICY presented ON enrolment_tokens
    USING (id = muster_setting('muster.credential')::uuid);
SELECT muster_grant('enrolment_tokens');
