-- What people say of hosts and of findings: labels, and exceptions from what is found.

-- A label is carried by the hosts that people give it to, or where it has a rule by those that the
-- rule holds for.
CREATE TABLE labels (
    company_key  bigint NOT NULL,
    id           uuid NOT NULL,
    name         text NOT NULL,
    description  text NOT NULL DEFAULT '',
    rule         jsonb,
    created_at   timestamptz NOT NULL,
    changed_at   timestamptz NOT NULL,
    revision     bigint NOT NULL DEFAULT 1,
    -- When all hosts were last asked about the rule.
    evaluated_at timestamptz,
    PRIMARY KEY (company_key, id)
) PARTITION BY HASH (company_key);
SELECT muster_company_table('labels', muster_partitions());
CREATE UNIQUE INDEX labels_name_key ON labels (company_key, lower(name));

CREATE TABLE host_labels (
    company_key bigint NOT NULL,
    label       uuid NOT NULL,
    agent_key   bigint NOT NULL,
    since       timestamptz NOT NULL,
    PRIMARY KEY (company_key, label, agent_key)
) PARTITION BY HASH (company_key);
SELECT muster_company_table('host_labels', muster_partitions());
CREATE INDEX host_labels_agent ON host_labels (company_key, agent_key, label);

-- With which of a host's reports its labels were computed last. Beside the agents and not in their
-- rows: those are written with every batch, and this by a job.
CREATE TABLE host_evaluations (
    company_key bigint NOT NULL,
    agent_key   bigint NOT NULL,
    epoch       bigint NOT NULL,
    seq         bigint NOT NULL,
    PRIMARY KEY (company_key, agent_key)
) PARTITION BY HASH (company_key);
SELECT muster_company_table('host_evaluations', muster_partitions());

-- Exceptions from findings: what they are about, for which hosts, what is said of it, and by whom.
CREATE TABLE exceptions (
    company_key   bigint NOT NULL,
    id            uuid NOT NULL,
    -- What: all that is not null has to hold.
    cve           text,
    product       text,
    source        text,
    version       text,
    purl          text,
    score_below   real,
    -- For which hosts: all, those with a label, or one.
    label         uuid,
    agent_key     bigint,
    -- What is said, in the words of OpenVEX, and whether findings are left out for it.
    status        text NOT NULL CHECK (status IN ('not_affected', 'affected', 'fixed', 'under_investigation')),
    justification text,
    note          text NOT NULL DEFAULT '',
    action        text NOT NULL DEFAULT '',
    suppresses    boolean NOT NULL,
    state         text NOT NULL CHECK (state IN ('requested', 'active', 'rejected', 'withdrawn', 'expired')),
    created_at    timestamptz NOT NULL,
    created_by    text NOT NULL,
    decided_at    timestamptz,
    decided_by    text,
    expires_at    timestamptz,
    ended_at      timestamptz,
    revision      bigint NOT NULL DEFAULT 1,
    -- The statement that it came in with, of which document.
    document      uuid,
    statement     jsonb,
    PRIMARY KEY (company_key, id),
    CHECK (label IS NULL OR agent_key IS NULL)
) PARTITION BY HASH (company_key);
SELECT muster_company_table('exceptions', muster_partitions());

-- Which findings an exception for some hosts is about. What is for all hosts stands with the finding.
CREATE TABLE finding_exceptions (
    company_key  bigint NOT NULL,
    software_key uuid NOT NULL,
    cve          text NOT NULL,
    source       text NOT NULL,
    exception    uuid NOT NULL,
    label        uuid,
    agent_key    bigint,
    PRIMARY KEY (company_key, software_key, cve, source, exception)
) PARTITION BY HASH (company_key);
SELECT muster_company_table('finding_exceptions', muster_partitions());
CREATE INDEX finding_exceptions_exception ON finding_exceptions (company_key, exception);

-- The exception that leaves a finding out for the whole company, and since when.
ALTER TABLE findings
    ADD COLUMN exception     uuid,
    ADD COLUMN suppressed_at timestamptz;
-- Of what one exception leaves out. No row has one yet, so this reads the table once and writes nothing.
CREATE INDEX findings_exception ON findings (company_key, exception) WHERE exception IS NOT NULL;

ALTER TABLE finding_events DROP CONSTRAINT finding_events_kind_check;
ALTER TABLE finding_events
    ADD CONSTRAINT finding_events_kind_check
        CHECK (kind IN ('opened', 'resolved', 'changed', 'suppressed', 'reopened')),
    ADD COLUMN exception uuid;

-- Documents that statements came in with.
CREATE TABLE vex_documents (
    company_key bigint NOT NULL,
    id          uuid NOT NULL,
    format      text NOT NULL CHECK (format IN ('openvex', 'cyclonedx')),
    name        text NOT NULL,
    version     text NOT NULL,
    imported_at timestamptz NOT NULL,
    imported_by text NOT NULL,
    -- The document without its statements, and those that nothing of the company's is named by.
    frame       jsonb NOT NULL,
    unknown     jsonb NOT NULL,
    PRIMARY KEY (company_key, id)
) PARTITION BY HASH (company_key);
SELECT muster_company_table('vex_documents', muster_partitions());

ALTER TABLE companies
    -- Whether an exception takes a second person.
    ADD COLUMN exceptions_need_approval boolean NOT NULL DEFAULT false,
    -- Whether it ever had a label, an exception or a policy: whom the job that keeps those visits.
    ADD COLUMN has_rules boolean NOT NULL DEFAULT false;
