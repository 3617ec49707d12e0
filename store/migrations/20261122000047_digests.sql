-- Digests: what people of a company are told by mail, when, and the messages of it.

-- Whether anybody in the company ever wanted digests: whom the job that sends them visits.
ALTER TABLE companies ADD COLUMN has_digests boolean NOT NULL DEFAULT false;

CREATE TABLE digests (
    company_key bigint NOT NULL,
    id          uuid NOT NULL,
    user_id     uuid NOT NULL,
    -- Every day, or on one day of the week (Monday is 1); at that minute of a clock in the time zone.
    weekday     int CHECK (weekday BETWEEN 1 AND 7),
    minute      int NOT NULL CHECK (minute BETWEEN 0 AND 1439),
    time_zone   text NOT NULL,
    sections    text[] NOT NULL,
    -- Whether it comes as well when nothing happened.
    when_quiet  boolean NOT NULL,
    next_at     timestamptz NOT NULL,
    -- Up to when the person was told.
    told_until  timestamptz NOT NULL,
    created_at  timestamptz NOT NULL,
    changed_at  timestamptz NOT NULL,
    revision    bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (company_key, id)
) PARTITION BY HASH (company_key);
SELECT muster_company_table('digests', muster_partitions());
-- A person has one in a company.
CREATE UNIQUE INDEX digests_user_key ON digests (company_key, user_id);

-- Messages as they are sent. Whose address they go to is asked when they go: it may have changed, and its
-- person may have gone.
CREATE TABLE digest_messages (
    company_key  bigint NOT NULL,
    id           uuid NOT NULL,
    digest       uuid NOT NULL,
    user_id      uuid NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('digest', 'test')),
    subject      text NOT NULL,
    body_text    text NOT NULL,
    body_html    text NOT NULL,
    state        text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'sent', 'dead')),
    attempts     int NOT NULL DEFAULT 0,
    created_at   timestamptz NOT NULL,
    next_at      timestamptz NOT NULL,
    gives_up_at  timestamptz NOT NULL,
    -- Until when some node has it to send.
    leased_until timestamptz,
    attempted_at timestamptz,
    ended_at     timestamptz,
    -- Of the last attempt: the reply code of the server (RFC 5321), and what went wrong.
    code         int,
    error        text,
    PRIMARY KEY (company_key, id)
) PARTITION BY HASH (company_key);
SELECT muster_company_table('digest_messages', muster_partitions());
CREATE INDEX digest_messages_pending ON digest_messages (company_key, next_at) WHERE state = 'pending';
