-- Agents with where their lines end, locked in the order of their keys.
SELECT key, id, applied_epoch, applied_seq, applied_at, digest_count, digest_sum
FROM agents
WHERE company_key = $1 AND id = ANY($2)
ORDER BY key
FOR NO KEY UPDATE
