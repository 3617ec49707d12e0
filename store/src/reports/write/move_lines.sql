-- Whatever was applied is progress, and a digest that agrees ends the doubling wait between two
-- requests for a snapshot.
UPDATE agents a
SET applied_epoch = r.epoch, applied_seq = r.seq, applied_at = r.at,
    last_seen_at = greatest(a.last_seen_at, r.at),
    reports_applied = a.reports_applied + r.reports,
    records_applied = a.records_applied + r.records,
    digest_count = r.digest_count, digest_sum = r.digest_sum,
    snapshot_asks = CASE WHEN r.agrees THEN 0 ELSE a.snapshot_asks END,
    snapshot_asked_at = CASE WHEN r.agrees THEN NULL ELSE a.snapshot_asked_at END,
    behind_since = NULL
FROM UNNEST($2::bigint[], $3::bigint[], $4::bigint[], $5::timestamptz[], $6::bigint[],
            $7::bigint[], $8::bigint[], $9::uuid[], $10::boolean[])
     AS r (agent_key, epoch, seq, at, reports, records, digest_count, digest_sum, agrees)
WHERE a.company_key = $1 AND a.key = r.agent_key AND a.key = ANY($2)
