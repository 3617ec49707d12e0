-- How each company stood, hour by hour and day by day: what pages draw and reports begin with, so that
-- neither counts the rows of hosts.
CREATE TABLE statistics (
    company_key  bigint NOT NULL,
    step         text NOT NULL CHECK (step IN ('hour', 'day')),
    -- The hour or the day, in UTC.
    at           timestamptz NOT NULL,
    measured_at  timestamptz NOT NULL,
    -- Up to when what came and went is in the numbers.
    counted_to   timestamptz NOT NULL,
    hosts        bigint NOT NULL,
    silent_hosts bigint NOT NULL,
    -- By group: all, exploited ones, each severity.
    groups       jsonb NOT NULL,
    PRIMARY KEY (company_key, step, at)
) PARTITION BY HASH (company_key);
SELECT muster_company_table('statistics', muster_partitions());

-- Reports that were made, or are to be: what they say of, and how far they are.
CREATE TABLE report_files (
    company_key  bigint NOT NULL,
    id           uuid NOT NULL,
    name         text NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('findings', 'summary')),
    format       text NOT NULL CHECK (format IN ('html', 'json', 'csv', 'sarif', 'cyclonedx')),
    severity_min text,
    kev          boolean,
    label        uuid,
    -- The schedule that asked for it.
    schedule     uuid,
    state        text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'done', 'failed')),
    -- How often it was begun: of two nodes that both take it for theirs, the later one makes it.
    attempt      int NOT NULL DEFAULT 0,
    created_at   timestamptz NOT NULL,
    created_by   text NOT NULL,
    finished_at  timestamptz,
    expires_at   timestamptz NOT NULL,
    bytes        bigint NOT NULL DEFAULT 0,
    records      bigint NOT NULL DEFAULT 0,
    error        text,
    PRIMARY KEY (company_key, id)
) PARTITION BY HASH (company_key);
SELECT muster_company_table('report_files', muster_partitions());
CREATE INDEX report_files_schedule ON report_files (company_key, schedule, created_at)
    WHERE schedule IS NOT NULL;

-- Their content, in parts of one size, so that neither who writes nor who reads holds more than one.
CREATE TABLE report_parts (
    company_key bigint NOT NULL,
    report      uuid NOT NULL,
    number      int NOT NULL,
    bytes       bytea NOT NULL,
    PRIMARY KEY (company_key, report, number)
) PARTITION BY HASH (company_key);
SELECT muster_company_table('report_parts', muster_partitions());

-- When which report is made by itself.
CREATE TABLE report_schedules (
    company_key  bigint NOT NULL,
    id           uuid NOT NULL,
    name         text NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('findings', 'summary')),
    format       text NOT NULL CHECK (format IN ('html', 'json', 'csv', 'sarif', 'cyclonedx')),
    severity_min text,
    kev          boolean,
    label        uuid,
    -- Every day, or on one day of the week (Monday is 1); at that minute of a clock in the time zone.
    weekday      int CHECK (weekday BETWEEN 1 AND 7),
    minute       int NOT NULL CHECK (minute BETWEEN 0 AND 1439),
    time_zone    text NOT NULL,
    is_enabled   boolean NOT NULL,
    next_at      timestamptz NOT NULL,
    created_at   timestamptz NOT NULL,
    changed_at   timestamptz NOT NULL,
    revision     bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (company_key, id)
) PARTITION BY HASH (company_key);
SELECT muster_company_table('report_schedules', muster_partitions());
CREATE UNIQUE INDEX report_schedules_name_key ON report_schedules (company_key, lower(name));

-- Whether the company ever had a schedule: whom the job that looks for due ones visits.
ALTER TABLE companies ADD COLUMN has_report_schedules boolean NOT NULL DEFAULT false;
