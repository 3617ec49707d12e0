//! How many findings every host of a company has, for orders by a number and for the count that keeps them.
//!
//! A page's own hosts are counted in `counted.rs`, which asks for those alone and comes to the same numbers.

use sqlx::{Postgres, QueryBuilder};

/// Where it is known what a piece of software has.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NumbersFrom {
    /// The findings themselves.
    Findings,
    /// The counts that are kept of software.
    KeptCounts,
}

/// Pushes a sub-select of all hosts with findings, by `agent_key`, with their numbers. Hosts without any are left out.
/// `with_exceptions`: what exceptions for some hosts leave out there is taken out, which reads some more.
pub(crate) fn push_numbers(
    query: &mut QueryBuilder<Postgres>,
    from: NumbersFrom,
    with_exceptions: bool,
) {
    query.push(ADDED_UP);
    query.push(match from {
        NumbersFrom::Findings => BY_FINDINGS,
        NumbersFrom::KeptCounts => BY_KEPT_COUNTS,
    });
    query.push(ON_HOSTS);
    if with_exceptions {
        query.push(LEFT_OUT);
    }
    query.push(") u GROUP BY u.agent_key)");
}

/// None is below zero: findings may be newer than the counts that they are taken out of.
const ADDED_UP: &str = "(SELECT u.agent_key, greatest(sum(u.open), 0)::bigint AS open,
        greatest(sum(u.critical), 0)::bigint AS critical, greatest(sum(u.high), 0)::bigint AS high,
        greatest(sum(u.kev), 0)::bigint AS kev, sum(u.suppressed)::bigint AS suppressed
    FROM (
        SELECT i.agent_key, s.open, s.critical, s.high, s.kev, s.suppressed FROM (";

const BY_FINDINGS: &str =
    "SELECT f.software_key, count(*) FILTER (WHERE f.exception IS NULL) AS open,
        count(*) FILTER (WHERE f.exception IS NULL AND c.cvss_severity = 'critical') AS critical,
        count(*) FILTER (WHERE f.exception IS NULL AND c.cvss_severity = 'high') AS high,
        count(c.kev_added) FILTER (WHERE f.exception IS NULL) AS kev,
        count(f.exception) AS suppressed
    FROM findings f LEFT JOIN cves c ON c.id = f.cve
    WHERE f.company_key = $1 AND f.resolved_at = 'infinity' GROUP BY f.software_key";

/// One piece of software in twenty.
const BY_KEPT_COUNTS: &str =
    "SELECT n.software_key, n.open, n.critical, n.high, n.kev, n.suppressed
    FROM software_counts n WHERE n.company_key = $1 AND n.open + n.suppressed > 0";

const ON_HOSTS: &str = ") s JOIN installations i ON i.company_key = $1
        AND i.software_key = s.software_key AND i.closed_at = 'infinity'";

/// What exceptions for some hosts leave out: of what they have, and once, however many exceptions say so. Findings of
/// one piece of software that are left out for the same labels and hosts are counted first and go together from there, as
/// an exception for a product has hundreds on each of its hosts.
const LEFT_OUT: &str = " UNION ALL
        SELECT x.agent_key, -x.open, -x.critical, -x.high, -x.kev, x.open FROM (
            WITH alike AS (
                SELECT e.software_key, e.labels, e.agents, count(*) AS open,
                       count(*) FILTER (WHERE c.cvss_severity = 'critical') AS critical,
                       count(*) FILTER (WHERE c.cvss_severity = 'high') AS high,
                       count(c.kev_added) AS kev
                FROM (
                    SELECT x.software_key, x.cve,
                           array_remove(array_agg(DISTINCT x.label), NULL) AS labels,
                           array_remove(array_agg(DISTINCT x.agent_key), NULL) AS agents
                    FROM finding_exceptions x
                    JOIN findings f
                      ON f.company_key = $1 AND f.software_key = x.software_key AND f.cve = x.cve
                     AND f.source = x.source AND f.resolved_at = 'infinity' AND f.exception IS NULL
                    WHERE x.company_key = $1
                    GROUP BY x.software_key, x.cve, x.source
                ) e LEFT JOIN cves c ON c.id = e.cve
                GROUP BY e.software_key, e.labels, e.agents
            )
            SELECT i.agent_key, e.open, e.critical, e.high, e.kev
            FROM (SELECT a.*, unnest(a.agents) AS agent_key FROM alike a) e
            JOIN installations i ON i.company_key = $1 AND i.agent_key = e.agent_key
                AND i.software_key = e.software_key AND i.closed_at = 'infinity'
            UNION ALL
            SELECT i.agent_key, e.open, e.critical, e.high, e.kev
            FROM alike e JOIN installations i ON i.company_key = $1
                AND i.software_key = e.software_key AND i.closed_at = 'infinity'
            WHERE cardinality(e.labels) > 0 AND i.agent_key <> ALL (e.agents)
              AND EXISTS (SELECT FROM host_labels l WHERE l.company_key = $1
                            AND l.agent_key = i.agent_key AND l.label = ANY (e.labels))
        ) x";
