-- What was judged with another index than the one that counts: another node judges it again.
INSERT INTO software_late (company_key, software_key)
SELECT $1, software_key
FROM UNNEST($2::uuid[]) AS written (software_key)
WHERE $3 <> (SELECT generation FROM match_generations ORDER BY ordinal DESC LIMIT 1)
ON CONFLICT (company_key, software_key) DO NOTHING
