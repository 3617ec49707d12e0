-- What is installed. `software` has one row for each distinct software of a company; it is named by
-- its content (`SoftwareKey`), so a writer knows the name without asking.
--
-- `installations` uses the same name, and its primary key has the order that snapshots come in:
-- a snapshot part reads and writes one short stretch of the index. (Measured: with a bigint in its
-- place the same million rows took 1.6 times as long, because their order in the index was another.)

CREATE TABLE software (
    company_key      bigint NOT NULL,
    software_key     uuid NOT NULL,
    source           text NOT NULL,
    name             text NOT NULL,
    version          text NOT NULL,
    epoch            bigint,
    release          text NOT NULL DEFAULT '',
    arch             text NOT NULL DEFAULT '',
    vendor           text NOT NULL DEFAULT '',
    source_name      text NOT NULL DEFAULT '',
    source_version   text NOT NULL DEFAULT '',
    origin           text NOT NULL DEFAULT '',
    bundle_id        text NOT NULL DEFAULT '',
    platform_family  text NOT NULL,
    platform_id      text NOT NULL,
    platform_version text NOT NULL,
    first_seen_at    timestamptz NOT NULL,
    -- What matching made of it, and with which index.
    status           text NOT NULL CHECK (status IN ('evaluated', 'not_evaluable', 'unmapped')),
    reason           text,
    rule             text NOT NULL DEFAULT '',
    cpes             text[] NOT NULL DEFAULT '{}',
    purl             text,
    generation       bigint NOT NULL,
    evaluated_at     timestamptz NOT NULL,
    PRIMARY KEY (company_key, software_key)
) PARTITION BY HASH (company_key);
SELECT muster_company_table('software', muster_partitions(), 'WITH (fillfactor = 90)');

-- Who had what and when. Rows that did not change are never written.
CREATE TABLE installations (
    company_key  bigint NOT NULL,
    agent_key    bigint NOT NULL,
    software_key uuid NOT NULL,
    opened_at    timestamptz NOT NULL,
    closed_at    timestamptz NOT NULL DEFAULT 'infinity',
    installed_at timestamptz,
    locations    text[] NOT NULL DEFAULT '{}',
    fingerprint  uuid NOT NULL,
    PRIMARY KEY (company_key, agent_key, software_key, opened_at)
) PARTITION BY HASH (company_key);
SELECT muster_company_table('installations', muster_partitions());
CREATE INDEX installations_software ON installations (company_key, software_key, agent_key)
    WHERE closed_at = 'infinity';
