//! Who made keys before that was kept, once the schema is brought up to date.

use super::super::migrating::PATIENCE;
use crate::test_support::FreshDatabase;

#[tokio::test]
async fn who_stands_behind_keys_of_older_releases_is_read_from_the_log_however_many_made_one_another()
 {
    // The last one that reads no more than a key and its maker.
    const BEFORE: i64 = 20_261_122_000_063;
    let database = FreshDatabase::create_empty().await;
    database.store().migrate_by(Some(BEFORE), PATIENCE).await.unwrap();
    // A person makes a key of the operators', that one of the company, that another, and so on; nobody made the last.
    database
        .execute(
            "INSERT INTO companies (id, name, created_at) VALUES (gen_random_uuid(), 'Acme', now());
             INSERT INTO api_keys (id, company_key, name, role, secret_hash, created_at, created_by)
             SELECT ('00000000-0000-0000-0000-00000000000' || n)::uuid,
                    CASE WHEN n > 1 THEN (SELECT key FROM companies) END, 'key',
                    CASE WHEN n > 1 THEN 'admin' ELSE 'operator' END, decode(repeat('00', 32), 'hex'), now(),
                    CASE WHEN n = 4 THEN 'api_key:00000000-0000-0000-0000-000000000003' END
             FROM generate_series(1, 6) n;
             INSERT INTO audit_log (company_key, at, actor_kind, actor_id, actor_name, request_id, action, object)
             SELECT coalesce(k.company_key, 0), now(), CASE WHEN n = 1 THEN 'user' ELSE 'api_key' END,
                    ('00000000-0000-0000-0000-00000000000' || n - 1)::uuid, 'somebody', '', 'api_key.create', k.id::text
             FROM generate_series(1, 5) n
             JOIN api_keys k ON k.id = ('00000000-0000-0000-0000-00000000000' || n)::uuid",
        )
        .await;
    database.store().migrate().await.unwrap();
    let made_by = async |maker: &str| {
        let sql = format!("SELECT count(*) FROM api_keys WHERE created_by {maker}");
        database.number(&sql).await
    };
    assert_eq!(made_by("= 'user:00000000-0000-0000-0000-000000000000'").await, 5);
    assert_eq!(made_by("IS NULL").await, 1);
}
