-- The open rows of some agents within stretches of keys; a key has one row, so a stretch of one
-- key serves a delta.
--
-- OFFSET 0 keeps the planner from turning the join around, and NOT isfinite (which is
-- closed_at = 'infinity') from the index by software: where its statistics are older than a
-- company's growth, both would read all of the company's rows.
SELECT stretch.agent_key AS "agent_key!", i.software_key AS "software_key!",
       i.fingerprint AS "fingerprint!", i.opened_at AS "opened_at!"
FROM UNNEST($2::bigint[], $3::uuid[], $4::uuid[]) AS stretch (agent_key, low, high)
CROSS JOIN LATERAL (
    SELECT i.software_key, i.fingerprint, i.opened_at
    FROM installations i
    WHERE i.company_key = $1 AND i.agent_key = stretch.agent_key
      AND i.software_key BETWEEN stretch.low AND stretch.high
      AND NOT isfinite(i.closed_at)
    OFFSET 0
) i
