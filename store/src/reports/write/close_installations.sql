UPDATE installations i
SET closed_at = r.closed_at
FROM UNNEST($2::bigint[], $3::uuid[], $4::timestamptz[], $5::timestamptz[])
     AS r (agent_key, software_key, opened_at, closed_at)
WHERE i.company_key = $1 AND i.agent_key = r.agent_key
  AND i.software_key = r.software_key AND i.opened_at = r.opened_at
