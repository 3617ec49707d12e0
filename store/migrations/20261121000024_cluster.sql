-- What all nodes of one database have to have in common: one row.
--
-- The authority's private key is not here: backups, standbys and everybody who may read the database
-- would have it. Its fingerprint is enough for a node with another authority to find out before an
-- agent does.
CREATE TABLE cluster (
    is_only          boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    authority_sha256 bytea NOT NULL CHECK (length(authority_sha256) = 32),
    noted_at         timestamptz NOT NULL
);
SELECT muster_grant('cluster');

-- The nodes that work on this database, each with what waits in its queue. All instants are the
-- database's. A node that has not been seen for a while is gone, and its queue with it as far as
-- anybody can know.
CREATE TABLE nodes (
    id            uuid PRIMARY KEY,
    name          text NOT NULL,
    seen_at       timestamptz NOT NULL,
    -- When the oldest report was taken that is acknowledged and not in the rows; NULL when none waits.
    waiting_since timestamptz
);
SELECT muster_grant('nodes');

-- Of which acknowledgement `behind_since` speaks: a later one begins another wait.
ALTER TABLE agents
    ADD COLUMN behind_epoch bigint NOT NULL DEFAULT 0,
    ADD COLUMN behind_seq   bigint NOT NULL DEFAULT 0;

-- For a schema over several servers (Citus), where shards take the place of partitions.

-- Makes one table of a table with hash partitions: columns, defaults, checks, keys, indexes, rows,
-- row-level security, policies and grants stay as they are.
CREATE FUNCTION muster_unite(target regclass) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    name     text := target::text;
    old      text := name || '_parted';
    policy   record;
    policies text[] := '{}';
    storage  text;
    step     text;
BEGIN
    FOR policy IN
        SELECT polname, pg_get_expr(polqual, polrelid) AS qual,
               pg_get_expr(polwithcheck, polrelid) AS checked
        FROM pg_policy WHERE polrelid = target
    LOOP
        step := format('CREATE POLICY %I ON %s USING (%s)', policy.polname, name, policy.qual);
        IF policy.checked IS NOT NULL THEN
            step := step || format(' WITH CHECK (%s)', policy.checked);
        END IF;
        policies := array_append(policies, step);
    END LOOP;
    -- Held for its owner as well by force only.
    EXECUTE format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', name);
    SELECT array_to_string(c.reloptions, ', ') INTO storage
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = target LIMIT 1;
    EXECUTE format('ALTER TABLE %s RENAME TO %I', name, old);
    -- Names of indexes go with the old table; the new one's are made anew, and no query names one.
    EXECUTE format('CREATE TABLE %s (LIKE %I INCLUDING ALL)', name, old);
    IF storage <> '' THEN
        EXECUTE format('ALTER TABLE %s SET (%s)', name, storage);
    END IF;
    EXECUTE format('INSERT INTO %s SELECT * FROM %I', name, old);
    EXECUTE format('DROP TABLE %I', old);
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
    FOREACH step IN ARRAY policies LOOP
        EXECUTE step;
    END LOOP;
    PERFORM muster_grant(name::regclass);
END
$$;

-- Writes the policies of a table without sub-selects and without functions of ours: Citus refuses the
-- former, and the latter would have to be on every node.
CREATE FUNCTION muster_plain_policies(target regclass) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    policy record;
    plain  text;
BEGIN
    FOR policy IN
        SELECT polname, pg_get_expr(polqual, polrelid) AS qual, polwithcheck IS NOT NULL AS is_checked
        FROM pg_policy WHERE polrelid = target
    LOOP
        plain := regexp_replace(policy.qual,
            '\( *SELECT (\(current_setting\(''muster\.company_key''::text\)\)::bigint) AS \w+\)', '\1');
        plain := regexp_replace(plain, 'muster_setting\((''[a-z._]+''::text)\)',
            'NULLIF(current_setting(\1, true), ''''::text)', 'g');
        EXECUTE format('ALTER POLICY %I ON %s USING (%s)', policy.polname, target, plain)
            || CASE WHEN policy.is_checked THEN format(' WITH CHECK (%s)', plain) ELSE '' END;
    END LOOP;
END
$$;

-- The same as before but for how the company is set: by a statement, which goes to other servers with
-- the transaction, where a function's doing stays on this one.
CREATE OR REPLACE FUNCTION muster_companies_concerned(companies bigint[], looked_up bigint[])
RETURNS SETOF bigint
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off AS $$
DECLARE
    company bigint;
BEGIN
    FOREACH company IN ARRAY companies LOOP
        EXECUTE format('SET LOCAL muster.company_key = %L', company);
        IF EXISTS (SELECT FROM software_keys k
                   WHERE k.company_key = company AND k.key = ANY (looked_up))
           OR EXISTS (SELECT FROM software_late l WHERE l.company_key = company) THEN
            RETURN NEXT company;
        END IF;
    END LOOP;
    SET LOCAL muster.company_key = '';
END
$$;

-- An enormous company on one server: cuts the partition of `installations` that it is in by agent, so
-- that it is vacuumed, indexed and kept on disks in parts. No query changes: each names the agent, or
-- asks every part by its index.
CREATE FUNCTION muster_split_installations(company bigint, parts int) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    part  text;
    bound text;
BEGIN
    SELECT c.oid::regclass::text, pg_get_expr(c.relpartbound, c.oid) INTO part, bound
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'installations'::regclass
      AND satisfies_hash_partition(i.inhparent,
              (regexp_match(pg_get_expr(c.relpartbound, c.oid), 'modulus (\d+)'))[1]::int,
              (regexp_match(pg_get_expr(c.relpartbound, c.oid), 'remainder (\d+)'))[1]::int, company);
    IF (SELECT relkind FROM pg_class WHERE oid = part::regclass) = 'p' THEN
        RAISE EXCEPTION 'partition % is split already', part;
    END IF;
    EXECUTE format('ALTER TABLE installations DETACH PARTITION %s', part);
    EXECUTE format('ALTER TABLE %s RENAME TO %I', part, part || '_whole');
    EXECUTE format('CREATE TABLE %s PARTITION OF installations %s PARTITION BY HASH (agent_key)', part, bound);
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', part);
    FOR remainder IN 0 .. parts - 1 LOOP
        EXECUTE format('CREATE TABLE %I PARTITION OF %s FOR VALUES WITH (MODULUS %s, REMAINDER %s)',
                       part || '_' || remainder, part, parts, remainder);
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY',
                       part || '_' || remainder);
    END LOOP;
    -- For a move by the owner, who is held to a company by force only.
    EXECUTE format('ALTER TABLE %I NO FORCE ROW LEVEL SECURITY', part || '_whole');
    EXECUTE format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', part);
    EXECUTE format('INSERT INTO %s SELECT * FROM %I', part, part || '_whole');
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', part);
    EXECUTE format('DROP TABLE %I', part || '_whole');
    RETURN part;
END
$$;
