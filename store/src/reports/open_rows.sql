-- The open rows of some agents within stretches of keys; a key has one row, so a stretch of one
-- key serves a delta.
SELECT i.agent_key, i.software_key, i.fingerprint, i.opened_at
FROM UNNEST($2::bigint[], $3::uuid[], $4::uuid[]) AS stretch (agent_key, low, high)
JOIN installations i
  ON i.agent_key = stretch.agent_key
 AND i.software_key BETWEEN stretch.low AND stretch.high
WHERE i.company_key = $1 AND i.closed_at = 'infinity'
