-- On how many hosts each CVE was, day by day: a row on days on which the number changed, and zero when the CVE
-- had gone. What is not there is as it was the day before; before the first row it is zero.
CREATE TABLE cve_history (
    company_key bigint NOT NULL,
    cve         text NOT NULL,
    -- In UTC. The number is the last one that was taken on it.
    day         date NOT NULL,
    hosts       bigint NOT NULL CHECK (hosts >= 0),
    PRIMARY KEY (company_key, cve, day)
) PARTITION BY HASH (company_key);
SELECT muster_company_table('cve_history', muster_partitions(), 'WITH (fillfactor = 80)');

-- The day on which that began: a company without a row may have had no CVE, or nobody looked.
ALTER TABLE companies ADD COLUMN cves_recorded_since date;
