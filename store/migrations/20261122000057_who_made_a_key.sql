-- Who stands behind a key: the person, or a key without one, that the first of its makers was. Who asks for an
-- exception as a person does not approve it with a key of their own.
ALTER TABLE api_keys ADD COLUMN created_by text;

-- As far as the log goes back. Keys that were made by keys come after those.
DO $$
DECLARE
    company bigint;
BEGIN
    PERFORM set_config('muster.operator', 'on', true);
    FOR company IN SELECT key FROM companies LOOP
        PERFORM set_config('muster.company_key', company::text, true);
        UPDATE api_keys k SET created_by = 'user:' || a.actor_id
        FROM audit_log a
        WHERE k.company_key = company AND a.company_key = company
          AND a.action = 'api_key.create' AND a.object = k.id::text AND a.actor_kind = 'user';
        UPDATE api_keys k SET created_by = coalesce(m.created_by, 'api_key:' || m.id)
        FROM audit_log a JOIN api_keys m ON m.id = a.actor_id
        WHERE k.company_key = company AND a.company_key = company
          AND a.action = 'api_key.create' AND a.object = k.id::text AND a.actor_kind = 'api_key';
    END LOOP;
    PERFORM set_config('muster.company_key', '', true);
    PERFORM set_config('muster.operator', '', true);
END
$$;
