-- Open findings with a version that is said to be fixed. Only whether they are few is asked of it, and where they are, which:
-- it has no key beside the company's, so that an entry is some bytes behind the one before.
CREATE INDEX findings_fixed ON findings (company_key)
    WHERE resolved_at = 'infinity' AND fixed_in IS NOT NULL;
