-- What orders the lists of large companies: counts that a job keeps, because making them reads all of a
-- company's installations and findings. A company without a row in `company_counts` is small enough to be
-- counted when it is asked for, and has no rows in the other two.

CREATE TABLE company_counts (
    company_key bigint NOT NULL,
    -- Of which moment the counts are.
    counted_at  timestamptz NOT NULL,
    -- What counting took: how often it is done depends on it.
    seconds     double precision NOT NULL,
    PRIMARY KEY (company_key)
) PARTITION BY HASH (company_key);
SELECT muster_company_table('company_counts', muster_partitions());

-- Software by its hosts and its findings. Written where they differ, never by inventories.
CREATE TABLE software_counts (
    company_key  bigint NOT NULL,
    software_key uuid NOT NULL,
    hosts        bigint NOT NULL DEFAULT 0,
    open         bigint NOT NULL DEFAULT 0,
    critical     bigint NOT NULL DEFAULT 0,
    high         bigint NOT NULL DEFAULT 0,
    kev          bigint NOT NULL DEFAULT 0,
    suppressed   bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (company_key, software_key)
) PARTITION BY HASH (company_key);
SELECT muster_company_table('software_counts', muster_partitions(), 'WITH (fillfactor = 80)');
CREATE INDEX software_counts_hosts ON software_counts (company_key, hosts, software_key);
CREATE INDEX software_counts_open ON software_counts (company_key, open, software_key);
-- Of what has findings, for the list of findings in that order.
CREATE INDEX software_counts_found ON software_counts (company_key, hosts, software_key)
    WHERE open + suppressed > 0;

-- The CVEs of findings that hold, left out or not. What orders them is copied from `cves`, so that an index of one company serves:
-- in the order of all CVEs there are, a page would look at thousands that the company does not have.
CREATE TABLE cve_counts (
    company_key   bigint NOT NULL,
    cve           text NOT NULL,
    hosts         bigint NOT NULL DEFAULT 0,
    severity      bigint NOT NULL,
    epss          bigint NOT NULL,
    kev           bigint NOT NULL,
    published     bigint NOT NULL,
    cvss_severity text NOT NULL,
    PRIMARY KEY (company_key, cve)
) PARTITION BY HASH (company_key);
SELECT muster_company_table('cve_counts', muster_partitions(), 'WITH (fillfactor = 80)');
CREATE INDEX cve_counts_hosts ON cve_counts (company_key, hosts, cve);
CREATE INDEX cve_counts_severity ON cve_counts (company_key, severity, cve);
CREATE INDEX cve_counts_epss ON cve_counts (company_key, epss, cve);
CREATE INDEX cve_counts_kev ON cve_counts (company_key, kev, cve);
CREATE INDEX cve_counts_published ON cve_counts (company_key, published, cve);

-- Lists' own orders. Each has a condition that holds for every row, and that only its list names: a planner
-- whose statistics are old would take such an index for that of a key, and read all of a company for a row.

-- Findings in the order in which they were opened.
CREATE INDEX findings_opened ON findings (company_key, opened_at, cve, software_key, source)
    WHERE resolved_at = 'infinity' AND source <> '';

-- Software and hosts in the order in which they came.
CREATE INDEX software_first_seen ON software (company_key, first_seen_at, software_key)
    WHERE source <> '';
CREATE INDEX agents_enrolled ON agents (company_key, enrolled_at, id) WHERE key > 0;

-- Hosts by name. No batch changes a host's name, so none writes this.
CREATE INDEX agents_hostname ON agents (company_key, lower(hostname), id) WHERE key > 0;
