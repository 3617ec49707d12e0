//! How PostgreSQL would find a list's page, for tests.

use sqlx::{AssertSqlSafe, Execute as _, Postgres, QueryBuilder};

use crate::tenant::TenantScope;

/// The plan of a list's query, as of a company that is large: by an index wherever there is one for it.
pub(crate) async fn explain(scope: &TenantScope, mut query: QueryBuilder<Postgres>) -> String {
    let sql = format!("EXPLAIN {}", query.sql().as_str());
    let arguments = query.build().take_arguments().unwrap().unwrap_or_default();
    // The tables of a test are small, and reading and sorting all of one is cheaper than anything else.
    let mut tx = scope.begin_by_key("test").await.unwrap();
    for way in ["enable_sort", "enable_incremental_sort", "enable_bitmapscan", "enable_hashagg"] {
        let off = format!("SET LOCAL {way} = off");
        sqlx::raw_sql(AssertSqlSafe(off)).execute(&mut *tx).await.unwrap();
    }
    let lines: Vec<String> =
        sqlx::query_scalar_with(AssertSqlSafe(sql), arguments).fetch_all(&mut *tx).await.unwrap();
    lines.join("\n")
}
