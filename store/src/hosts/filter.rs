//! Which hosts a list has, also where labels are given to all of them.

use protocol::fingerprint::SoftwareKey;
use protocol::ids::TokenId;
use sqlx::{Postgres, QueryBuilder};
use time::OffsetDateTime;
use uuid::Uuid;

use super::HostKind;
use crate::page::{containing, push_holds};

/// Which hosts a list has.
#[derive(Clone, Debug, Default)]
pub struct HostFilter {
    /// The name contains this.
    pub text: Option<String>,
    /// The operating system's family or distribution is this.
    pub platform: Option<String>,
    /// The operating system's version is this one, or begins with it and a dot.
    pub os_version: Option<String>,
    /// It is of this kind.
    pub kind: Option<HostKind>,
    /// It has this CVE, and no exception leaves that out there; with `as_of` none that left it out for the whole company then.
    pub cve: Option<String>,
    /// It has an open finding of a CVE that is known to be exploited, or none; of the present, and of a company whose hosts are
    /// counted as of the last count.
    pub kev: Option<bool>,
    /// The same of critical CVEs.
    pub critical: Option<bool>,
    /// It has this software.
    pub software: Option<SoftwareKey>,
    /// It was not seen since.
    pub silent_since: Option<OffsetDateTime>,
    /// It should have been heard of again before this instant, and was not.
    pub overdue_at: Option<OffsetDateTime>,
    /// It has this label.
    pub label: Option<Uuid>,
    /// It was enrolled with this label, of this value.
    pub enrolled_with: Option<(String, String)>,
    /// It came with this enrolment token.
    pub came_with: Option<TokenId>,
    /// Its agent is of a release before this one: major, minor and patch. One that says no release in that
    /// form is before none.
    pub agent_before: Option<[u32; 3]>,
    /// It fails this policy.
    pub fails: Option<Uuid>,
    /// Also those that were revoked.
    pub revoked: bool,
    /// As it was at this instant. Labels, policies and what hosts say of themselves are of the present.
    pub as_of: Option<OffsetDateTime>,
}

/// Pushes what a filter asks of an agent `a`.
pub(crate) fn push_host_filter(query: &mut QueryBuilder<Postgres>, filter: &HostFilter) {
    push_own(query, filter);
    match (filter.revoked, filter.as_of) {
        (false, None) => {
            query.push(" AND revoked_at IS NULL");
        }
        (false, Some(at)) => {
            query.push(" AND coalesce(revoked_at, 'infinity') > ").push_bind(at);
        }
        (true, _) => {}
    }
    if let Some(at) = filter.as_of {
        query.push(" AND enrolled_at <= ").push_bind(at);
    }
    push_labels(query, filter);
    push_contents(query, filter);
}

/// What its own row says of a host.
fn push_own(query: &mut QueryBuilder<Postgres>, filter: &HostFilter) {
    if let Some(text) = &filter.text {
        query.push(" AND hostname ILIKE ").push_bind(containing(text));
    }
    if let Some(platform) = &filter.platform {
        query.push(" AND (platform_family = ").push_bind(platform.clone());
        query.push(" OR platform_id = ").push_bind(platform.clone()).push(")");
    }
    if let Some(version) = &filter.os_version {
        query.push(" AND (platform_version = ").push_bind(version.clone());
        query
            .push(" OR starts_with(platform_version, ")
            .push_bind(format!("{version}."))
            .push("))");
    }
    if let Some(kind) = filter.kind {
        query.push(" AND kind = ").push_bind(kind.as_str());
    }
    if let Some(at) = filter.silent_since {
        // An asset without an agent is never missed.
        query.push(" AND kind = 'agent' AND coalesce(last_seen_at, enrolled_at) < ").push_bind(at);
    }
    if let Some(at) = filter.overdue_at {
        // As lists say when a host is overdue; as fractions, so that no wait is too long to be added.
        query.push(
            " AND kind = 'agent' AND seen_every_s > 0
              AND seen_every_s::float8 * 2 + 60 < extract(epoch FROM ",
        );
        query.push_bind(at).push(" - last_seen_at)");
    }
    if let Some(release) = filter.agent_before {
        // A company's hosts have a handful of versions, and taking one to pieces costs more than passing a host: each
        // is asked once. Nine digits a part fit a bigint whatever a host says of itself; what is no release is NULL, and
        // smaller than nothing.
        query.push(
            " AND agent_version = ANY(ARRAY(SELECT v.agent_version FROM (
                SELECT DISTINCT o.agent_version FROM agents o WHERE o.company_key = $1 OFFSET 0) v
                WHERE string_to_array(substring(v.agent_version
                    FROM '^[0-9]{1,9}\\.[0-9]{1,9}\\.[0-9]{1,9}'), '.')::bigint[] < ",
        );
        query.push_bind(release.map(i64::from).to_vec()).push("))");
    }
}

/// What is installed on a host, and found in that.
fn push_contents(query: &mut QueryBuilder<Postgres>, filter: &HostFilter) {
    for (number, condition, is_some) in [
        ("k.kev", "c.kev_added IS NOT NULL", filter.kev),
        ("k.critical", "c.cvss_severity = 'critical'", filter.critical),
    ] {
        if let Some(is_some) = is_some {
            push_number(query, (number, condition), is_some);
        }
    }
    if let Some(key) = filter.software {
        // A semi-join: a host that has the software once is one row, and the subquery names the
        // company so that it reads one partition.
        query.push(
            " AND key IN (SELECT i.agent_key FROM installations i WHERE i.company_key = $1 AND ",
        );
        push_holds(query, INSTALLED, filter.as_of);
        query.push(" AND i.software_key = ").push_bind(key.to_uuid());
        query.push(")");
    }
    if let Some(cve) = &filter.cve {
        query.push(
            " AND key IN (SELECT i.agent_key FROM findings f JOIN installations i
                  ON i.company_key = $1 AND i.software_key = f.software_key AND ",
        );
        push_holds(query, INSTALLED, filter.as_of);
        query.push(" WHERE f.company_key = $1 AND ");
        push_holds(query, FOUND, filter.as_of);
        push_not_left_out(query, filter.as_of);
        query.push(" AND f.cve = ").push_bind(cve.clone()).push(")");
    }
}

/// ` AND` that a number of the agent's findings is above zero, or is not: by the row that is kept of the host, and of one
/// without a row, as all hosts of a small company are, by what it has.
fn push_number(
    query: &mut QueryBuilder<Postgres>,
    (number, condition): (&'static str, &'static str),
    is_some: bool,
) {
    query.push(if is_some { " AND " } else { " AND NOT " });
    query.push("coalesce((SELECT ").push(number).push(
        " > 0 FROM host_counts k WHERE k.company_key = $1 AND k.agent_key = a.key), EXISTS (
            SELECT FROM installations i
            JOIN findings f ON f.company_key = $1 AND f.software_key = i.software_key
                           AND NOT isfinite(f.resolved_at)
            JOIN cves c ON c.id = f.cve AND ",
    );
    query
        .push(condition)
        .push(" WHERE i.company_key = $1 AND i.agent_key = a.key AND NOT isfinite(i.closed_at)");
    push_not_left_out(query, None);
    query.push("))");
}

/// ` AND` that no exception leaves the finding `f` out on the host of the installation `i`; of the past as lists of
/// findings have it, which know since when one is left out for the whole company.
fn push_not_left_out(query: &mut QueryBuilder<Postgres>, as_of: Option<OffsetDateTime>) {
    if let Some(at) = as_of {
        query.push(" AND NOT coalesce(f.suppressed_at <= ").push_bind(at).push(", false)");
        return;
    }
    query.push(" AND f.exception IS NULL AND NOT EXISTS (");
    query.push(EXCEPTED).push("i.agent_key");
    query.push(EXCEPTED_BY_LABEL).push("i.agent_key").push(")))");
}

fn push_labels(query: &mut QueryBuilder<Postgres>, filter: &HostFilter) {
    if let Some(label) = filter.label {
        query.push(
            " AND key IN (SELECT l.agent_key FROM host_labels l WHERE l.company_key = $1 AND l.label = ",
        );
        query.push_bind(label).push(")");
    }
    if let Some((name, value)) = &filter.enrolled_with {
        query.push(
            " AND key IN (SELECT t.agent_key FROM agent_facts t WHERE t.company_key = $1
                AND t.labels ->> ",
        );
        query.push_bind(name.clone());
        query.push(" = ").push_bind(value.clone()).push(")");
    }
    if let Some(TokenId(token)) = filter.came_with {
        query.push(" AND enrolled_with = ").push_bind(token);
    }
    if let Some(policy) = filter.fails {
        query.push(
            " AND key IN (SELECT r.agent_key FROM policy_results r WHERE r.company_key = $1
                AND r.state = 'fail' AND r.policy = ",
        );
        query.push_bind(policy).push(")");
    }
}

/// The intervals of installations and of findings.
const INSTALLED: (&str, &str) = ("i.opened_at", "i.closed_at");
const FOUND: (&str, &str) = ("f.opened_at", "f.resolved_at");

/// Exceptions for some hosts that leave the finding `f` out, of the host whose key follows, and once
/// more after [`EXCEPTED_BY_LABEL`], and two brackets.
pub(crate) const EXCEPTED: &str = "SELECT FROM finding_exceptions x
    WHERE x.company_key = $1 AND x.software_key = f.software_key AND x.cve = f.cve
      AND x.source = f.source AND (x.agent_key = ";
pub(crate) const EXCEPTED_BY_LABEL: &str =
    " OR x.label IN (SELECT l.label FROM host_labels l WHERE l.company_key = $1 AND l.agent_key = ";
