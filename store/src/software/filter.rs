//! Which software a list has, and what is asked of each piece of it.

use enrichment::evaluation::Status;
use protocol::software::Source;
use sqlx::{Postgres, QueryBuilder};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::findings::push_left_out;
use crate::names;
use crate::page::{Order, push_holds};

/// Which software a list has.
#[derive(Clone, Debug, Default)]
pub struct SoftwareFilter {
    /// Its name or vendor contains this.
    pub text: Option<String>,
    /// It was read from this source.
    pub source: Option<Source>,
    /// It was judged like this.
    pub status: Option<Status>,
    /// It has findings, or none; with a label on the hosts with it.
    pub vulnerable: Option<bool>,
    /// Hosts with this label have it.
    pub label: Option<Uuid>,
    /// Of exactly this name, whatever the letters' case.
    pub name: Option<String>,
    /// Also what no host has any more.
    pub gone: bool,
    /// As it was at this instant.
    pub as_of: Option<OffsetDateTime>,
}

/// What a page is read along.
#[derive(Clone, Copy, Debug)]
pub(super) struct Along {
    pub(super) order: Order,
    /// Software has its names in small letters.
    pub(super) is_low: bool,
    /// The order is one of the counts that are kept.
    pub(super) is_kept: bool,
    /// Of which moment the company's counts are, where it has some.
    pub(super) counted_at: Option<OffsetDateTime>,
}

impl Along {
    /// What names the software that is asked about.
    const fn key(&self) -> &'static str {
        if self.is_kept { "k.software_key" } else { "x.software_key" }
    }
}

/// The intervals of installations and of findings.
pub(super) const INSTALLED: (&str, &str) = ("i.opened_at", "i.closed_at");
pub(super) const FOUND: (&str, &str) = ("f.opened_at", "f.resolved_at");

/// Adds what a filter asks. `is_counted`: the rows have their hosts.
pub(super) fn push_filter(
    query: &mut QueryBuilder<Postgres>,
    filter: &SoftwareFilter,
    along: Along,
    is_counted: bool,
) {
    push_names(query, filter, along);
    push_vulnerable(query, filter, along);
    push_installed(query, filter, along, is_counted);
}

/// `OFFSET 0` keeps it a question for each row that is looked at.
fn push_vulnerable(query: &mut QueryBuilder<Postgres>, filter: &SoftwareFilter, along: Along) {
    let Some(vulnerable) = filter.vulnerable else { return };
    // What exceptions for some hosts left out in the past is not kept.
    let label = filter.label.filter(|_| filter.as_of.is_none());
    if let Some(counted_at) = along.counted_at.filter(|_| !vulnerable) {
        push_maybe_clean(query, along, counted_at, label.is_some());
    }
    query.push(if vulnerable { " AND " } else { " AND NOT " });
    query.push("EXISTS (SELECT FROM findings f WHERE f.company_key = $1 AND f.software_key = ");
    query.push(along.key()).push(" AND f.exception IS NULL AND ");
    push_holds(query, FOUND, filter.as_of);
    if let Some(label) = label {
        query.push(" AND ");
        push_left_out(query, label);
        query.push(" IS NULL");
    }
    query.push(" OFFSET 0)");
}

/// How long before its moment a count may have begun, and a transaction that it did not see.
const COUNT_TAKES: Duration = Duration::hours(1);

/// Only what may have no open findings: what had none when the company was counted, and what has lost some since.
/// Whoever opens one says so in the row that is kept (decision 46). It is a set that is made once: as a join it
/// would be looked at in its own order, and not in the list's. `of_label`: hosts with a label are asked about, and all that
/// their software has may be left out for them alone.
fn push_maybe_clean(
    query: &mut QueryBuilder<Postgres>,
    along: Along,
    counted_at: OffsetDateTime,
    of_label: bool,
) {
    let since = counted_at.saturating_sub(COUNT_TAKES);
    query.push(" AND (").push(along.key()).push(
        " IN (SELECT c.software_key FROM software_counts c WHERE c.company_key = $1 AND c.open = 0
            UNION ALL SELECT f.software_key FROM findings f WHERE f.company_key = $1
                AND f.resolved_at <> 'infinity' AND f.resolved_at >= ",
    );
    query.push_bind(since).push(
        " UNION ALL SELECT f.software_key FROM findings f WHERE f.company_key = $1
                AND f.exception IS NOT NULL AND f.suppressed_at >= ",
    );
    query.push_bind(since);
    if of_label {
        query.push(
            " UNION ALL SELECT e.software_key FROM finding_exceptions e WHERE e.company_key = $1",
        );
    }
    query.push(")) IS TRUE");
}

/// Only what hosts have, and where a label is named hosts with it. `is_counted`: the rows have their hosts.
fn push_installed(
    query: &mut QueryBuilder<Postgres>,
    filter: &SoftwareFilter,
    along: Along,
    is_counted: bool,
) {
    let key = along.key();
    if let Some(label) = filter.label {
        query.push(" AND ").push(key).push(
            " IN (SELECT i.software_key FROM host_labels l JOIN installations i
                ON i.company_key = $1 AND i.agent_key = l.agent_key AND ",
        );
        push_holds(query, INSTALLED, filter.as_of);
        query.push(" WHERE l.company_key = $1 AND l.label = ").push_bind(label).push(")");
    }
    match (filter.gone, is_counted, filter.as_of) {
        (true, _, _) => {}
        (false, true, _) => {
            query.push(" AND hosts > 0");
        }
        // `OFFSET 0` keeps it a question for each row that is looked at. As a join it would read
        // all installations, for a page of a hundred.
        (false, false, None) => {
            query.push(
                " AND EXISTS (SELECT FROM installations i WHERE i.company_key = $1
                   AND i.software_key = ",
            );
            query.push(key).push(" AND i.closed_at = 'infinity' OFFSET 0)");
        }
        // No index serves the past: all of it once, and not once for each row.
        (false, false, Some(at)) => {
            query.push(" AND ").push(key).push(
                " IN (SELECT i.software_key FROM installations i
                       WHERE i.company_key = $1 AND i.opened_at <= ",
            );
            query.push_bind(at).push(" AND i.closed_at > ").push_bind(at).push(")");
        }
    }
}

fn push_names(query: &mut QueryBuilder<Postgres>, filter: &SoftwareFilter, along: Along) {
    if let Some(name) = &filter.name {
        query.push(if along.is_low {
            " AND name_low = lower("
        } else {
            " AND lower(name) = lower("
        });
        query.push_bind(name.clone()).push(")");
    }
    if let Some(text) = &filter.text {
        if along.is_kept {
            // A set that is made once, while the walk along the counts asks for each whether it is in it.
            query.push(
                " AND (k.software_key IN (SELECT n.software_key FROM software n
                    WHERE n.company_key = $1 AND n.source <> ''",
            );
        }
        names::push_contains(query, text, along.is_low);
        if along.is_kept {
            query.push(")) IS TRUE");
        }
    }
    if let Some(source) = filter.source {
        query.push(" AND source = ").push_bind(source.as_str());
    }
    if let Some(status) = filter.status {
        query.push(" AND status = ").push_bind(status.as_str());
    }
    if let Some(at) = filter.as_of {
        query.push(" AND first_seen_at <= ").push_bind(at);
    }
}
