-- PostgreSQL looks at a table anew when a tenth of it has changed. A company that is new in a partition of millions stays
-- below that for weeks, and a planner that has never heard of it takes it for one row: pages of hosts took ten seconds.
-- Every partition is looked at after some hundred rows and a two hundredth of what it has; a look samples 30,000 rows.
CREATE FUNCTION muster_look_often(partition_of regclass) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    leaf regclass;
BEGIN
    FOR leaf IN SELECT relid FROM pg_partition_tree(partition_of) WHERE isleaf LOOP
        EXECUTE format('ALTER TABLE %s SET (autovacuum_analyze_scale_factor = 0.005, autovacuum_analyze_threshold = 500)',
                       leaf);
    END LOOP;
END
$$;

SELECT muster_look_often(p.partrelid)
FROM pg_partitioned_table p JOIN pg_class c ON c.oid = p.partrelid
WHERE c.relnamespace = 'public'::regnamespace AND NOT c.relispartition;

-- The same as before, and its parts are looked at as often as others.
CREATE OR REPLACE FUNCTION muster_split_installations(company bigint, parts int) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    part  text;
    bound text;
BEGIN
    IF company IS NULL THEN
        RAISE EXCEPTION 'no company is named'
            USING HINT = 'Its row is there after SET LOCAL muster.operator = ''on'' alone: docs/OPERATIONS.md has the statements.';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
                   WHERE c.oid = 'installations'::regclass AND r.rolname = current_user) THEN
        RAISE EXCEPTION '% does not own installations', current_user
            USING HINT = 'What it makes would be its own, and the owner could not migrate it.';
    END IF;
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
    PERFORM muster_look_often(part::regclass);
    RETURN part;
END
$$;
