-- What ends because somebody says so: companies that are deleted, and jobs that are cancelled.
--
-- A release before this one goes on beside these columns: a company whose deletion was asked for is suspended
-- as well, and what was cancelled has failed.

ALTER TABLE companies
    -- Since when and by whom its deletion is asked for, and from when on it is erased; until then it can be
    -- kept. By the database's clock, as all that cannot be undone.
    ADD COLUMN deletion_asked_at timestamptz,
    ADD COLUMN deletion_asked_by text,
    ADD COLUMN deletion_due_at   timestamptz,
    -- Since when its rows go, and how many went, by table.
    ADD COLUMN erasing_since     timestamptz,
    ADD COLUMN erased            jsonb NOT NULL DEFAULT '{}';

ALTER TABLE jobs
    ADD COLUMN id           uuid NOT NULL DEFAULT gen_random_uuid(),
    -- Whose it is, where it is one company's: an opaque id.
    ADD COLUMN company      uuid,
    ADD COLUMN cancelled_at timestamptz,
    ADD COLUMN cancelled_by text;
CREATE UNIQUE INDEX jobs_id_key ON jobs (id);
CREATE INDEX jobs_company ON jobs (company, key) WHERE company IS NOT NULL;

ALTER TABLE report_files ADD COLUMN cancelled_at timestamptz;
