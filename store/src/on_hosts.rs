//! Whether some host has a piece of software: what separates risk from history.
//!
//! Software stays the company's when its last host has got rid of it, and its findings stay open with it
//! (decision 39). Who asks what threatens the company asks for what is on hosts (decision 55): on at
//! least one that is not revoked.

use sqlx::{Postgres, QueryBuilder};
use time::OffsetDateTime;

use crate::page::push_holds;

/// Whether a host that is not revoked has the software of a row `f` now: one look into the index of
/// open installations, and mostly one at a host. It is asked of the rows that a page passes, whatever a
/// planner thinks: without `OFFSET 0` it may read all of a company's installations for them.
pub(crate) const IS_ON_HOSTS: &str = "EXISTS (SELECT FROM installations i
    WHERE i.company_key = $1 AND i.software_key = f.software_key AND i.closed_at = 'infinity'
      AND (SELECT a.revoked_at IS NULL FROM agents a
           WHERE a.company_key = $1 AND a.key = i.agent_key) OFFSET 0)";

/// The same at an instant, which follows. Nothing leads from software to installations that are over,
/// so they are read once for all rows.
const WAS_ON_HOSTS: &str = "EXISTS (SELECT FROM installations i
    JOIN agents a ON a.company_key = $1 AND a.key = i.agent_key
    WHERE i.company_key = $1 AND i.software_key = f.software_key
      AND coalesce(a.revoked_at, 'infinity') > ";

/// ` AND` that the software of a row `f` is on hosts, or that it is on none; nothing where neither is
/// asked for.
pub(crate) fn push_on_hosts(
    query: &mut QueryBuilder<Postgres>,
    on_hosts: Option<bool>,
    as_of: Option<OffsetDateTime>,
) {
    let Some(on_hosts) = on_hosts else {
        return;
    };
    query.push(if on_hosts { " AND " } else { " AND NOT " });
    let Some(at) = as_of else {
        query.push(IS_ON_HOSTS);
        return;
    };
    query.push(WAS_ON_HOSTS).push_bind(at).push(" AND ");
    push_holds(query, ("i.opened_at", "i.closed_at"), as_of);
    query.push(")");
}

#[cfg(test)]
mod tests;
