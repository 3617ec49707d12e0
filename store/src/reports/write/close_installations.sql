-- Every row is there: it was read under its agent's lock. An upsert finds it by the primary key
-- without a plan, where an update with a join would depend on the table's statistics.
INSERT INTO installations
    (company_key, agent_key, software_key, opened_at, closed_at, fingerprint)
SELECT $1, r.*
FROM UNNEST($2::bigint[], $3::uuid[], $4::timestamptz[], $5::timestamptz[], $6::uuid[]) AS r
ON CONFLICT (company_key, agent_key, software_key, opened_at)
DO UPDATE SET closed_at = excluded.closed_at
