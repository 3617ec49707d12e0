-- Hosts of large companies by their findings: counts that a job keeps, as of software and CVEs (decision 46). A company
-- that is counted when it is asked has no rows. A host without one came since the count, and is last in these orders.
CREATE TABLE host_counts (
    company_key bigint NOT NULL,
    agent_key   bigint NOT NULL,
    -- The host's id, which decides among equals here as in its other lists.
    agent_id    uuid NOT NULL,
    open        bigint NOT NULL,
    critical    bigint NOT NULL,
    high        bigint NOT NULL,
    kev         bigint NOT NULL,
    suppressed  bigint NOT NULL,
    PRIMARY KEY (company_key, agent_key)
) PARTITION BY HASH (company_key);
SELECT muster_company_table('host_counts', muster_partitions(), 'WITH (fillfactor = 80)');
CREATE INDEX host_counts_open ON host_counts (company_key, open, agent_id);
CREATE INDEX host_counts_critical ON host_counts (company_key, critical, agent_id);
CREATE INDEX host_counts_kev ON host_counts (company_key, kev, agent_id);

-- Of which moment the hosts' counts are; NULL while only a release that counts no hosts has counted the company.
ALTER TABLE company_counts ADD COLUMN hosts_counted_at timestamptz;
