-- Companies with a provider for a domain of which no other company has people; of two it is nobody's.
SELECT c.id, c.key FROM companies c JOIN oidc_providers p ON p.company_key = c.key
WHERE p.domains @> ARRAY[lower($1)] AND c.deletion_asked_at IS NULL
  AND NOT EXISTS
      (SELECT FROM users u
       WHERE u.domain = lower($1) AND u.home_key <> c.key
         AND NOT EXISTS (SELECT FROM memberships m
                         WHERE m.user_id = u.id AND m.company_key = c.key)
         AND NOT (u.is_operator
                  AND NOT EXISTS (SELECT FROM companies o WHERE o.key <> c.key)))
LIMIT 2
