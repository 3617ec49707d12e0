-- Telling others what happens: whom, and what they have still to be told.

-- Whether the company ever had a webhook: whom deliveries have to look at.
ALTER TABLE companies ADD COLUMN has_webhooks boolean NOT NULL DEFAULT false;

CREATE TABLE webhooks (
    company_key         bigint NOT NULL,
    id                  uuid NOT NULL,
    name                text NOT NULL,
    url                 text NOT NULL,
    template            text NOT NULL CHECK (template IN ('generic', 'slack', 'teams')),
    kinds               text[] NOT NULL,
    -- Sealed by a key that the nodes have and the database has not; the one before it for a while.
    secret              bytea NOT NULL,
    secret_before       bytea,
    secret_before_until timestamptz,
    is_enabled          boolean NOT NULL,
    created_at          timestamptz NOT NULL,
    changed_at          timestamptz NOT NULL,
    revision            bigint NOT NULL DEFAULT 1,
    -- The last event that was looked at.
    xact                bigint NOT NULL,
    event               bigint NOT NULL,
    -- Which turn has it for itself, and until when.
    leased_by           uuid,
    leased_until        timestamptz,
    PRIMARY KEY (company_key, id)
) PARTITION BY HASH (company_key);
SELECT muster_company_table('webhooks', muster_partitions());
CREATE UNIQUE INDEX webhooks_name_key ON webhooks (company_key, lower(name));

-- Messages: some events for one webhook, in the order of `seq`.
CREATE SEQUENCE webhook_deliveries_seq;
SELECT muster_grant_sequence('webhook_deliveries_seq');
CREATE TABLE webhook_deliveries (
    company_key  bigint NOT NULL,
    id           uuid NOT NULL,
    webhook      uuid NOT NULL,
    seq          bigint NOT NULL DEFAULT nextval('webhook_deliveries_seq'),
    -- What its events are about, as numbers: messages that share one go one after the other.
    objects      bigint[] NOT NULL,
    events       jsonb NOT NULL,
    state        text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'dead')),
    attempts     int NOT NULL DEFAULT 0,
    created_at   timestamptz NOT NULL,
    next_at      timestamptz NOT NULL,
    gives_up_at  timestamptz NOT NULL,
    attempted_at timestamptz,
    ended_at     timestamptz,
    -- Of the last attempt: the status that it was answered with, the answer's beginning, what went wrong.
    status       int,
    answer       text,
    error        text,
    PRIMARY KEY (company_key, id)
) PARTITION BY HASH (company_key);
SELECT muster_company_table('webhook_deliveries', muster_partitions());
CREATE INDEX webhook_deliveries_pending ON webhook_deliveries (company_key, webhook, seq)
    WHERE state = 'pending';
CREATE INDEX webhook_deliveries_list ON webhook_deliveries (company_key, webhook, seq);
CREATE INDEX webhook_deliveries_dead ON webhook_deliveries (company_key, seq) WHERE state = 'dead';
