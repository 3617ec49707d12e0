-- How every later table keeps companies apart: a role without privileges of its own, hash
-- partitions by company, and row-level security that refuses when no company is set.
--
-- Settings that the policies read, all local to a transaction:
--   muster.company_key  the company whose rows may be seen
--   muster.credential   the id of the one API key or enrolment token that is being presented
--   muster.operator     'on' where the operator's own objects (companies, operator keys) may be seen

-- Roles belong to the whole server, so another database may have made it, or make it right now.
-- A login without CREATEROLE works as the tables' owner instead: forced row-level security holds
-- for owners too, as long as they are no superusers, which `Store::connect` checks.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'muster_app') THEN
        CREATE ROLE muster_app NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
    WHEN insufficient_privilege THEN
        RAISE NOTICE 'role muster_app cannot be created: queries run as %', current_user;
END
$$;

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'muster_app')
       AND NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        EXECUTE 'GRANT muster_app TO CURRENT_USER';
    END IF;
EXCEPTION
    WHEN insufficient_privilege OR unique_violation THEN NULL;
END
$$;

-- A setting, or NULL where it is missing or was local to a transaction that is over.
CREATE FUNCTION muster_setting(name text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting(name, true), '');

-- Lets the working role read and write a table's rows, and nothing else.
CREATE FUNCTION muster_grant(target regclass) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'muster_app') THEN
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO muster_app', target);
    END IF;
END
$$;

-- Lets the working role draw from a sequence.
CREATE FUNCTION muster_grant_sequence(target regclass) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'muster_app') THEN
        EXECUTE format('GRANT USAGE ON SEQUENCE %s TO muster_app', target);
    END IF;
END
$$;

-- Finishes a company table: makes its hash partitions, turns row-level security on, grants.
-- A partition that is named directly shows nothing, because it has row-level security and no policy.
CREATE FUNCTION muster_company_table(target regclass, partitions int, storage text DEFAULT '') RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    part text;
BEGIN
    FOR remainder IN 0 .. partitions - 1 LOOP
        part := format('%s_p%s', target, lpad(remainder::text, length((partitions - 1)::text), '0'));
        EXECUTE format('CREATE TABLE %s PARTITION OF %s FOR VALUES WITH (MODULUS %s, REMAINDER %s) %s',
                       part, target, partitions, remainder, storage);
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', part);
    END LOOP;
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', target);
    -- Without the setting this is an error, and after a transaction with one too (an empty text
    -- is no number). The sub-select is evaluated once a statement, not once a row.
    EXECUTE format($policy$
        CREATE POLICY own_company ON %s
        USING (company_key = (SELECT current_setting('muster.company_key')::bigint))
        WITH CHECK (company_key = (SELECT current_setting('muster.company_key')::bigint))
    $policy$, target);
    PERFORM muster_grant(target);
END
$$;

-- How many partitions a company table gets: the migrating session's `muster.partitions`.
CREATE FUNCTION muster_partitions() RETURNS int
LANGUAGE sql STABLE
RETURN coalesce(muster_setting('muster.partitions')::int, 16);
