-- An upsert for the reason that close_installations.sql gives.
INSERT INTO installations
    (company_key, agent_key, software_key, opened_at, installed_at, locations, fingerprint)
SELECT $1, agent_key, software_key, opened_at, installed_at, string_to_array(locations, E'\n'),
       fingerprint
FROM UNNEST($2::bigint[], $3::uuid[], $4::timestamptz[], $5::timestamptz[], $6::text[], $7::uuid[])
     AS r (agent_key, software_key, opened_at, installed_at, locations, fingerprint)
ON CONFLICT (company_key, agent_key, software_key, opened_at)
DO UPDATE SET installed_at = excluded.installed_at, locations = excluded.locations,
              fingerprint = excluded.fingerprint
