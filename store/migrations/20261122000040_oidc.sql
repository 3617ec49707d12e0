-- Signing in by a company's own provider of identities (OpenID Connect): which one, who of its people is
-- whom there, and which of our requests it has answered.

-- At most one a company, and found before anybody is let in.
CREATE TABLE oidc_providers (
    company_key   bigint PRIMARY KEY REFERENCES companies (key),
    issuer        text NOT NULL,
    client_id     text NOT NULL,
    -- Sealed by a key that the nodes have and the database has not.
    client_secret bytea NOT NULL,
    -- Of the addresses that are let in, in small letters.
    domains       text[] NOT NULL CHECK (cardinality(domains) > 0),
    -- Without one, whoever has no role by a group is not let in.
    default_role  text CHECK (default_role IN ('admin', 'analyst', 'viewer')),
    -- The claim that names somebody's groups, and [{"group", "role"}].
    groups_claim  text,
    group_roles   jsonb NOT NULL DEFAULT '[]',
    created_at    timestamptz NOT NULL,
    changed_at    timestamptz NOT NULL,
    revision      bigint NOT NULL DEFAULT 1
);
CREATE INDEX oidc_providers_domains ON oidc_providers USING gin (domains);

-- Who somebody is. With the company, because whoever runs a company's provider can make it say anything:
-- that must count nowhere else.
CREATE TABLE oidc_identities (
    company_key bigint NOT NULL REFERENCES companies (key),
    issuer      text NOT NULL,
    subject     text NOT NULL,
    user_id     uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (company_key, issuer, subject)
);
CREATE INDEX oidc_identities_user ON oidc_identities (user_id);

-- Requests that were answered, by a hash, until they would be too old anyway.
CREATE TABLE oidc_answered (
    state_hash bytea PRIMARY KEY CHECK (length(state_hash) = 32),
    until      timestamptz NOT NULL
);

-- The one company that a session is good for; NULL where the person signed in with what is their own.
ALTER TABLE sessions ADD COLUMN company_key bigint REFERENCES companies (key);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['oidc_providers', 'oidc_identities', 'oidc_answered'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        PERFORM muster_grant(name::regclass);
    END LOOP;
END
$$;
CREATE POLICY own_company ON oidc_providers
    USING (company_key = muster_setting('muster.company_key')::bigint);
-- Whose it is has to be found before there is a company.
CREATE POLICY operator ON oidc_providers FOR SELECT USING (muster_setting('muster.operator') = 'on');
CREATE POLICY own_company ON oidc_identities
    USING (company_key = muster_setting('muster.company_key')::bigint);
CREATE POLICY operator ON oidc_answered USING (muster_setting('muster.operator') = 'on');
