-- Which of these keys the company has a row for; OFFSET 0 as in open_rows.sql.
SELECT asked.software_key AS "software_key!"
FROM UNNEST($2::uuid[]) AS asked (software_key)
WHERE EXISTS (
    SELECT FROM software s
    WHERE s.company_key = $1 AND s.software_key = asked.software_key
    OFFSET 0
)
