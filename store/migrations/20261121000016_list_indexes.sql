-- For the lists of large companies.

-- The software list's own order. Software has a row for each distinct one, some hundred thousand in
-- all, so this takes a second; an index on `installations` would not be made like this.
CREATE INDEX software_name ON software (company_key, lower(name), software_key);

-- What counting findings by severity takes from a CVE, without its description and scores: a tenth of
-- the pages. EPSS, which changes every day, is left out on purpose.
CREATE UNIQUE INDEX cves_severity ON cves (id) INCLUDE (cvss_severity, cvss_score, kev_added);
