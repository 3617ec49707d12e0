//! What a database needs before a dump of another one is read into it.
//!
//! The dump itself is made and read by PostgreSQL's own programs; it holds no roles, because those
//! belong to a whole server.

use sqlx::{Connection as _, Row as _};

use crate::database::Store;
use crate::error::StoreError;

/// Whether no table is there. A question to the catalogue alone, which has no schema to be checked
/// against.
const IS_EMPTY: &str = "SELECT NOT EXISTS (
    SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p'))";

/// As the first migration makes it. A login without CREATEROLE goes on as the tables' owner; the
/// dump's grants then name a role that is missing, and reading it fails with that name.
const MAKE_ROLE: &str = "DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'muster_app') THEN
        CREATE ROLE muster_app NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;
    END IF;
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        GRANT muster_app TO CURRENT_USER;
    END IF;
EXCEPTION
    WHEN insufficient_privilege OR duplicate_object OR unique_violation THEN NULL;
END
$$";

impl Store {
    /// Whether the database has no tables yet.
    ///
    /// # Errors
    ///
    /// When the database cannot be used.
    pub async fn is_empty(&self) -> Result<bool, StoreError> {
        let mut connection = self.owner().await?;
        let row = sqlx::raw_sql(IS_EMPTY).fetch_one(&mut connection).await?;
        connection.close().await.ok();
        Ok(row.try_get(0)?)
    }

    /// Makes the role that queries run as, if it is not there: grants of a dump name it.
    ///
    /// # Errors
    ///
    /// When the database cannot be used.
    pub async fn make_role(&self) -> Result<(), StoreError> {
        let mut connection = self.owner().await?;
        sqlx::raw_sql(MAKE_ROLE).execute(&mut connection).await?;
        connection.close().await.ok();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::test_support::FreshDatabase;

    #[tokio::test]
    async fn a_database_is_empty_until_it_has_a_table() {
        let database = FreshDatabase::create_empty().await;
        assert!(database.store().is_empty().await.unwrap());
        database.store().make_role().await.unwrap();
        assert!(database.store().is_empty().await.unwrap(), "a role is no table");
        database.store().migrate().await.unwrap();
        assert!(!database.store().is_empty().await.unwrap());
    }
}
