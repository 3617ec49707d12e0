-- What is known of vulnerabilities (global), and what of it a company's software has.

CREATE TABLE cves (
    id                text PRIMARY KEY,
    source            text NOT NULL DEFAULT '',
    status            text NOT NULL DEFAULT '',
    published_at      timestamptz,
    modified_at       timestamptz,
    summary           text NOT NULL DEFAULT '',
    -- The score that lists show: the primary one of the newest CVSS version.
    cvss_score        real,
    cvss_severity     text NOT NULL DEFAULT 'unknown'
                      CHECK (cvss_severity IN ('unknown', 'none', 'low', 'medium', 'high', 'critical')),
    cvss_vector       text,
    cvss_version      text,
    cvss_source       text,
    scores            jsonb NOT NULL DEFAULT '[]',
    cwes              text[] NOT NULL DEFAULT '{}',
    kev_added         date,
    kev_due           date,
    kev_ransomware    boolean NOT NULL DEFAULT false,
    kev               jsonb,
    epss_score        real,
    epss_percentile   real,
    epss_date         date
) WITH (fillfactor = 85);
SELECT muster_grant('cves');

CREATE TABLE findings (
    company_key  bigint NOT NULL,
    software_key uuid NOT NULL,
    cve          text NOT NULL,
    source       text NOT NULL,
    opened_at    timestamptz NOT NULL,
    resolved_at  timestamptz NOT NULL DEFAULT 'infinity',
    confidence   text NOT NULL CHECK (confidence IN ('high', 'medium', 'low')),
    fixed_in     text,
    why          jsonb NOT NULL,
    PRIMARY KEY (company_key, software_key, cve, source, opened_at)
) PARTITION BY HASH (company_key);
SELECT muster_company_table('findings', muster_partitions());
CREATE INDEX findings_cve ON findings (company_key, cve, software_key) WHERE resolved_at = 'infinity';
