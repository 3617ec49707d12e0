-- For the lists of large companies.

-- The software list's own order, but for equal names, which are sorted a name at a time. Software has
-- a row for each distinct one, some hundred thousand in all, so this takes a second; an index on
-- `installations` would not be made like this. Without the key at its end on purpose: a planner whose
-- statistics are old takes an index that has it for the key's, and reads all of the company.
CREATE INDEX software_name ON software (company_key, lower(name));

-- What counting findings by severity takes from a CVE, without its description and scores: a tenth of
-- the pages. EPSS, which changes every day, is left out on purpose.
CREATE UNIQUE INDEX cves_severity ON cves (id) INCLUDE (cvss_severity, cvss_score, kev_added);
