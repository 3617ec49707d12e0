-- Who stands behind keys that were made by keys, and behind operators' keys; and, of jobs, answers and addresses, what
-- other statements go by from now on.

-- From the log, as far as it goes back, for keys that a release before made or that are operators'. The operators' own
-- come first: companies' keys may be made by one of theirs.
DO $$
DECLARE
    company bigint;
    nameless text[];
    ids text[];
    makers text[];
    changed bigint;
BEGIN
    PERFORM set_config('muster.operator', 'on', true);
    FOR company IN SELECT 0 UNION ALL SELECT key FROM companies ORDER BY 1 LOOP
        PERFORM set_config('muster.company_key', company::text, true);
        SELECT array_agg(k.id::text) INTO nameless FROM api_keys k
        WHERE k.company_key IS NOT DISTINCT FROM nullif(company, 0) AND k.created_by IS NULL;
        SELECT array_agg(a.object), array_agg(a.actor_kind || ':' || a.actor_id) INTO ids, makers
        FROM audit_log a
        WHERE a.company_key = company AND a.action = 'api_key.create' AND a.object = ANY (nameless)
          AND a.actor_id IS NOT NULL;
        UPDATE api_keys k SET created_by = n.maker FROM unnest(ids, makers) AS n (id, maker)
        WHERE k.id = n.id::uuid AND k.created_by IS NULL;
        -- A key made by a key made by a key: no key is its own maker's maker, so this comes to an end.
        LOOP
            UPDATE api_keys k SET created_by = m.created_by FROM api_keys m
            WHERE k.company_key IS NOT DISTINCT FROM nullif(company, 0)
              AND k.created_by = 'api_key:' || m.id AND m.created_by IS NOT NULL;
            GET DIAGNOSTICS changed = ROW_COUNT;
            EXIT WHEN changed = 0;
        END LOOP;
    END LOOP;
    PERFORM set_config('muster.company_key', '', true);
    PERFORM set_config('muster.operator', '', true);
END
$$;

-- Which attempt a request is in: who took it over is told from who had it.
ALTER TABLE idempotent_requests ADD COLUMN attempt uuid;

-- Nodes that take jobs do so one after another. As a unique index this let nobody take anything while a node of a release
-- before had two jobs of one company.
DROP INDEX jobs_company_running;
CREATE INDEX jobs_company_running_now ON jobs (company) WHERE state = 'running' AND company IS NOT NULL;

-- A column, because `split_part()` is not leak-proof: under row-level security a condition with it is no index's. Few rows:
-- writing them anew takes a moment.
DROP INDEX users_domain;
ALTER TABLE users ADD COLUMN domain text GENERATED ALWAYS AS (split_part(email, '@', 2)) STORED;
CREATE INDEX users_domain ON users (domain);
