//! Which findings a rule is about: one question for the preview, the write of a new finding and the
//! job that keeps them all.
//!
//! It is asked from the rules' side, a branch for each kind of name that a rule may give, because an
//! exception mostly names one CVE or one product: what it is about is found by an index or a hash,
//! however many findings a company has.

use sqlx::{Postgres, QueryBuilder};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{About, Hosts};

/// Whose rules are looked at.
pub(super) enum Rules<'a> {
    /// All that are in force and suppress.
    InForce(OffsetDateTime),
    /// This one, as far as it is one of those.
    Stored(Uuid, OffsetDateTime),
    /// One that is not stored.
    This(&'a About, &'a Hosts),
}

/// What is not said may be anything; what is said has to hold.
const FITS: &str = " (r.product IS NULL OR lower(s.name) = lower(r.product))
      AND (r.source IS NULL OR s.source = r.source)
      AND (r.version IS NULL OR s.version = r.version)
      AND (r.purl IS NULL OR split_part(s.purl, '?', 1) = split_part(r.purl, '?', 1)
           OR (strpos(r.purl, '@') = 0
               AND split_part(split_part(s.purl, '?', 1), '@', 1) = split_part(r.purl, '?', 1)))
      AND (r.score_below IS NULL OR c.cvss_score < r.score_below)";

const IN_FORCE: &str = "SELECT id, cve, product, source, version, purl, score_below, label,
           agent_key AS host
    FROM exceptions
    WHERE company_key = $1 AND state = 'active' AND suppresses
      AND (expires_at IS NULL OR expires_at > ";

const FOUND: &str = "SELECT r.id, r.label, r.host, f.software_key, f.cve, f.source, f.exception
    FROM rules r ";

/// The four ways to a finding, by the most telling of what a rule says.
const WAYS: [(&str, &str); 4] = [
    (
        "JOIN findings f ON f.company_key = $1 AND f.cve = r.cve AND f.resolved_at = 'infinity'
         JOIN software s ON s.company_key = $1 AND s.software_key = f.software_key",
        "r.cve IS NOT NULL",
    ),
    (
        "JOIN software s ON s.company_key = $1 AND lower(s.name) = lower(r.product)
         JOIN findings f ON f.company_key = $1 AND f.software_key = s.software_key
                        AND NOT isfinite(f.resolved_at)",
        "r.cve IS NULL AND r.product IS NOT NULL",
    ),
    (
        "JOIN software s ON s.company_key = $1
            AND split_part(split_part(s.purl, '?', 1), '@', 1)
              = split_part(split_part(r.purl, '?', 1), '@', 1)
         JOIN findings f ON f.company_key = $1 AND f.software_key = s.software_key
                        AND NOT isfinite(f.resolved_at)",
        "r.cve IS NULL AND r.product IS NULL AND r.purl IS NOT NULL",
    ),
    (
        "JOIN findings f ON f.company_key = $1 AND NOT isfinite(f.resolved_at)
         JOIN software s ON s.company_key = $1 AND s.software_key = f.software_key",
        "r.cve IS NULL AND r.product IS NULL AND r.purl IS NULL AND r.score_below IS NOT NULL",
    ),
];

/// The open findings of given software as `touched`. Each is looked up for itself: as long as the planner has
/// no statistics it would else read all of the company's.
const TOUCHED: &str = "::uuid[]) AS k (software_key)
    CROSS JOIN LATERAL (
        SELECT f.software_key, f.cve, f.source, f.exception FROM findings f
        WHERE f.company_key = $1 AND f.software_key = k.software_key
          AND NOT isfinite(f.resolved_at) OFFSET 0
    ) f
    JOIN software s ON s.company_key = $1 AND s.software_key = f.software_key
    LEFT JOIN cves c ON c.id = f.cve";

/// The same four ways among them.
const WAYS_AMONG: [(&str, &str); 4] = [
    ("f.cve = r.cve", WAYS[0].1),
    ("lower(f.name) = lower(r.product)", WAYS[1].1),
    (
        "split_part(split_part(f.purl, '?', 1), '@', 1)
            = split_part(split_part(r.purl, '?', 1), '@', 1)",
        WAYS[2].1,
    ),
    ("true", WAYS[3].1),
];

/// Pushes `WITH rules AS (…), matched AS (…)`: the open findings that the rules are about, among those
/// of `software` where it is given. `$1` is the company.
pub(super) fn push_matched(
    query: &mut QueryBuilder<Postgres>,
    rules: &Rules<'_>,
    software: Option<&[Uuid]>,
) {
    query.push("WITH rules AS MATERIALIZED (");
    push_rules(query, rules);
    query.push(")");
    if let Some(software) = software {
        query.push(", touched AS MATERIALIZED (SELECT f.*, s.name, s.source AS software_source, s.version, s.purl, c.cvss_score FROM UNNEST(");
        query.push_bind(software.to_vec()).push(TOUCHED).push(")");
    }
    query.push(", matched AS (");
    for (number, (way, among)) in WAYS.into_iter().zip(WAYS_AMONG).enumerate() {
        if number > 0 {
            query.push(" UNION ALL ");
        }
        query.push(FOUND);
        let condition = if software.is_none() {
            query.push(way.0).push(" LEFT JOIN cves c ON c.id = f.cve");
            way.1
        } else {
            query.push("JOIN touched f ON ").push(among.0).push(
                " CROSS JOIN LATERAL (
                      SELECT f.name, f.software_source AS source, f.version, f.purl
                  ) s
                  CROSS JOIN LATERAL (SELECT f.cvss_score) c",
            );
            among.1
        };
        query.push(" WHERE ").push(condition).push(" AND ").push(FITS);
    }
    query.push(")");
}

fn push_rules(query: &mut QueryBuilder<Postgres>, rules: &Rules<'_>) {
    match rules {
        Rules::InForce(now) => {
            query.push(IN_FORCE).push_bind(*now).push(")");
        }
        Rules::Stored(id, now) => {
            query.push(IN_FORCE).push_bind(*now).push(") AND id = ");
            query.push_bind(*id);
        }
        Rules::This(about, hosts) => {
            query.push("SELECT NULL::uuid AS id, ");
            let source = about.source.map(|source| source.as_str().to_owned());
            for (value, name) in [
                (about.cve.clone(), "cve"),
                (about.product.clone(), "product"),
                (source, "source"),
                (about.version.clone(), "version"),
                (about.purl.clone(), "purl"),
            ] {
                query.push_bind(value).push("::text AS ").push(name);
                query.push(", ");
            }
            query.push_bind(about.score_below);
            query.push("::real AS score_below, ");
            let label = match hosts {
                Hosts::Label(label) => Some(*label),
                Hosts::All | Hosts::One(_) => None,
            };
            query.push_bind(label);
            // Which host it is makes no difference to which findings it is about.
            query.push("::uuid AS label, NULL::bigint AS host");
        }
    }
}
