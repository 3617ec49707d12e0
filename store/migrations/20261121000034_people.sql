-- People: who they are, where they may work, how they are signed in and invited; what keys may do;
-- and what was changed by whom.

-- Global, because one person may work in several companies. The password is a PHC string (argon2id).
CREATE TABLE users (
    id                uuid PRIMARY KEY,
    email             text NOT NULL CONSTRAINT users_email_check
                      CHECK (length(email) BETWEEN 3 AND 254 AND email = lower(email)),
    name              text NOT NULL,
    is_operator       boolean NOT NULL,
    password          text NOT NULL,
    created_at        timestamptz NOT NULL,
    password_set_at   timestamptz NOT NULL,
    disabled_at       timestamptz,
    -- The second factor (RFC 6238): it counts once it was confirmed, and no step counts twice.
    totp_secret       bytea,
    totp_confirmed_at timestamptz,
    totp_last_step    bigint NOT NULL DEFAULT 0,
    recovery_hashes   bytea[] NOT NULL DEFAULT '{}'
);
CREATE UNIQUE INDEX users_email_key ON users (email);

CREATE TABLE memberships (
    company_key bigint NOT NULL REFERENCES companies (key),
    user_id     uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role        text NOT NULL CHECK (role IN ('admin', 'analyst', 'viewer')),
    created_at  timestamptz NOT NULL,
    -- Grows with every change: what an `If-Match` names.
    revision    bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (company_key, user_id)
);
CREATE INDEX memberships_user ON memberships (user_id);

CREATE TABLE sessions (
    id           uuid PRIMARY KEY,
    user_id      uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    secret_hash  bytea NOT NULL CHECK (length(secret_hash) = 32),
    created_at   timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    revoked_at   timestamptz,
    -- Where it was begun, for its owner to know it again.
    address      text NOT NULL,
    agent        text NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id, created_at);

-- An invitation without a company is to become an operator.
CREATE TABLE invitations (
    id          uuid PRIMARY KEY,
    company_key bigint REFERENCES companies (key),
    email       text NOT NULL CHECK (length(email) BETWEEN 3 AND 254 AND email = lower(email)),
    role        text NOT NULL CHECK (role IN ('operator', 'admin', 'analyst', 'viewer')),
    secret_hash bytea NOT NULL CHECK (length(secret_hash) = 32),
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    accepted_at timestamptz,
    revoked_at  timestamptz,
    CHECK ((company_key IS NULL) = (role = 'operator'))
);
CREATE INDEX invitations_company ON invitations (company_key, id);

-- What a key may do of what its role may; NULL for all of it.
ALTER TABLE api_keys ADD COLUMN scopes text[];

-- Answers to writes that may be asked again. They are sealed with what only the asker has.
CREATE TABLE idempotent_requests (
    principal   uuid NOT NULL,
    key_hash    bytea NOT NULL CHECK (length(key_hash) = 32),
    fingerprint bytea NOT NULL CHECK (length(fingerprint) = 32),
    created_at  timestamptz NOT NULL,
    -- NULL while the first request is being answered.
    answer      bytea,
    PRIMARY KEY (principal, key_hash)
);
CREATE INDEX idempotent_requests_age ON idempotent_requests (created_at);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['users', 'memberships', 'sessions', 'invitations', 'idempotent_requests'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        PERFORM muster_grant(name::regclass);
    END LOOP;
END
$$;

-- Operators look after all people; letting somebody in looks as an operator does.
CREATE POLICY operator ON users USING (muster_setting('muster.operator') = 'on');
-- A company sees who works in it, and changes none of it: what is the company's is the membership.
CREATE POLICY of_company ON users FOR SELECT
    USING (EXISTS (SELECT FROM memberships m WHERE m.user_id = users.id
                   AND m.company_key = muster_setting('muster.company_key')::bigint));
CREATE POLICY own_company ON memberships
    USING (company_key = muster_setting('muster.company_key')::bigint);
CREATE POLICY operator ON memberships USING (muster_setting('muster.operator') = 'on');
CREATE POLICY operator ON sessions USING (muster_setting('muster.operator') = 'on');
CREATE POLICY own_company ON invitations
    USING (company_key = muster_setting('muster.company_key')::bigint);
CREATE POLICY presented ON invitations USING (id = muster_setting('muster.credential')::uuid);
CREATE POLICY operator ON invitations
    USING (company_key IS NULL AND muster_setting('muster.operator') = 'on');
CREATE POLICY own ON idempotent_requests
    USING (principal = muster_setting('muster.credential')::uuid);
CREATE POLICY operator ON idempotent_requests FOR SELECT
    USING (muster_setting('muster.operator') = 'on');
CREATE POLICY forgetting ON idempotent_requests FOR DELETE
    USING (muster_setting('muster.operator') = 'on');

-- Every change, in the transaction that made it. What operators change of what is their own has the
-- company 0, which no company has: identities begin at 1.
CREATE TABLE audit_log (
    company_key bigint NOT NULL,
    at          timestamptz NOT NULL,
    id          uuid NOT NULL DEFAULT gen_random_uuid(),
    actor_kind  text NOT NULL CHECK (actor_kind IN ('user', 'api_key', 'local', 'system')),
    actor_id    uuid,
    -- As it was called then; names change and people go.
    actor_name  text NOT NULL,
    address     text,
    request_id  text NOT NULL,
    action      text NOT NULL,
    object      text NOT NULL,
    before      jsonb,
    after       jsonb,
    PRIMARY KEY (company_key, at, id)
) PARTITION BY HASH (company_key);
SELECT muster_company_table('audit_log', muster_partitions());
CREATE INDEX audit_log_object ON audit_log (company_key, object, at);
