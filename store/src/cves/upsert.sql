-- A record replaces an older one of the same source, and NVD's replaces everyone else's; one that
-- says the same again writes nothing.
INSERT INTO cves AS c (
    id, source, status, published_at, modified_at, summary, cvss_score, cvss_severity, cvss_vector,
    cvss_version, cvss_source, scores, cwes
)
SELECT id, source, status, published_at, modified_at, summary, cvss_score, cvss_severity,
       cvss_vector, cvss_version, cvss_source, scores, string_to_array(cwes, E'\n')
FROM UNNEST(
    $1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::text[],
    $7::real[], $8::text[], $9::text[], $10::text[], $11::text[], $12::jsonb[], $13::text[]
) AS r (
    id, source, status, published_at, modified_at, summary, cvss_score, cvss_severity, cvss_vector,
    cvss_version, cvss_source, scores, cwes
)
ON CONFLICT (id) DO UPDATE
SET source = excluded.source, status = excluded.status, published_at = excluded.published_at,
    modified_at = excluded.modified_at, summary = excluded.summary,
    cvss_score = excluded.cvss_score,
    -- A record without a score leaves the word of whoever publishes advisories.
    cvss_severity = CASE WHEN excluded.cvss_score IS NULL AND c.cvss_score IS NULL
                         THEN c.cvss_severity ELSE excluded.cvss_severity END,
    cvss_source = CASE WHEN excluded.cvss_score IS NULL AND c.cvss_score IS NULL
                       THEN c.cvss_source ELSE excluded.cvss_source END,
    cvss_vector = excluded.cvss_vector, cvss_version = excluded.cvss_version, scores = excluded.scores, cwes = excluded.cwes
WHERE (c.source <> 'nvd' OR excluded.source = 'nvd')
  AND (c.source <> excluded.source OR excluded.modified_at IS NULL
       OR c.modified_at IS NULL OR excluded.modified_at >= c.modified_at)
  AND (c.source, c.status, c.published_at, c.modified_at, c.summary, c.cvss_score,
       c.cvss_vector, c.cvss_version, c.scores, c.cwes)
      IS DISTINCT FROM
      (excluded.source, excluded.status, excluded.published_at, excluded.modified_at,
       excluded.summary, excluded.cvss_score, excluded.cvss_vector, excluded.cvss_version,
       -- These hold who scored and how severe, too.
       excluded.scores, excluded.cwes)
