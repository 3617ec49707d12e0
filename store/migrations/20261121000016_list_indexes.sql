-- For the lists of large companies.

-- The software list's own order. Software has a row for each distinct one, some hundred thousand in
-- all, so this takes a second; an index on `installations` would not be made like this. The
-- condition holds for every row, and only the list names it: otherwise a planner whose statistics
-- are old takes this index for the key's, and reads all of a company to find one row.
CREATE INDEX software_name ON software (company_key, lower(name), software_key) WHERE source <> '';

-- What counting findings by severity takes from a CVE, without its description and scores: a tenth of
-- the pages. EPSS, which changes every day, is left out on purpose.
CREATE UNIQUE INDEX cves_severity ON cves (id) INCLUDE (cvss_severity, cvss_score, kev_added);
