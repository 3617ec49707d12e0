-- Which of these companies have software that looked up one of these keys, or that came late.
--
-- One question for a thousand companies, where a question each would be a second of round trips. It
-- goes from company to company the way a transaction of its own would, with the company set for
-- row-level security, so it sees what its caller could see one after the other, and gives nothing
-- but which of the companies that it was given are concerned. Afterwards no company is set.
CREATE FUNCTION muster_companies_concerned(companies bigint[], looked_up bigint[]) RETURNS SETOF bigint
LANGUAGE plpgsql VOLATILE
-- By key, however old the tables' statistics are.
SET enable_seqscan = off AS $$
DECLARE
    company bigint;
BEGIN
    FOREACH company IN ARRAY companies LOOP
        PERFORM set_config('muster.company_key', company::text, true);
        IF EXISTS (SELECT FROM software_keys k
                   WHERE k.company_key = company AND k.key = ANY (looked_up))
           OR EXISTS (SELECT FROM software_late l WHERE l.company_key = company) THEN
            RETURN NEXT company;
        END IF;
    END LOOP;
    PERFORM set_config('muster.company_key', '', true);
END
$$;
