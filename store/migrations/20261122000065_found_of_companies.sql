-- A company's findings at its last count: of what is on hosts that are not revoked, and the open ones of what is on none any
-- more. NULL while only a release that kept none has counted the company.
ALTER TABLE company_counts
    ADD COLUMN found_open bigint,
    ADD COLUMN found_critical bigint,
    ADD COLUMN found_high bigint,
    ADD COLUMN found_kev bigint,
    ADD COLUMN found_suppressed bigint,
    ADD COLUMN found_gone bigint;
