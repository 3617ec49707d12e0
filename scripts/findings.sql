-- Gives software the CVEs of the feeds, one after the other, until there are :findings findings in all. Each says of
-- itself what a real one says. For measurements.
CREATE TEMP TABLE pieces AS
  SELECT row_number() OVER (ORDER BY software_key, company_key) - 1 AS n, company_key, software_key FROM software;
CREATE TEMP TABLE known AS SELECT row_number() OVER (ORDER BY id) - 1 AS n, id FROM cves;
ALTER TABLE pieces ADD PRIMARY KEY (n);
ALTER TABLE known ADD PRIMARY KEY (n);
ANALYZE pieces, known;
INSERT INTO findings (company_key, software_key, cve, source, opened_at, confidence, fixed_in, why)
SELECT piece.company_key, piece.software_key, known.id, sample.source,
  '2026-01-01T00:00:00Z'::timestamptz + number.n * interval '10 s', sample.confidence, sample.fixed_in, sample.why
FROM generate_series(0, :findings - (SELECT count(*) FROM findings) - 1) AS number(n)
-- A step that shares no divisor with the pieces' number meets all of them before one comes again.
JOIN pieces AS piece ON piece.n = (number.n * 7919) % (SELECT count(*) FROM pieces)
JOIN known ON known.n = (number.n + number.n / (SELECT count(*) FROM pieces)) % (SELECT count(*) FROM known)
CROSS JOIN (SELECT source, confidence, fixed_in, why FROM findings ORDER BY cve, software_key LIMIT 1) AS sample
ON CONFLICT DO NOTHING;
