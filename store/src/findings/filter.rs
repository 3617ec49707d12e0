//! Which findings a list has.

use enrichment::evaluation::Confidence;
use protocol::fingerprint::SoftwareKey;
use protocol::ids::AgentId;
use sqlx::{Postgres, QueryBuilder};
use time::OffsetDateTime;
use uuid::Uuid;

use super::labelled::push_left_out;
use crate::cves::Severity;
use crate::names::push_name_contains;
use crate::on_hosts::push_on_hosts;
use crate::page::push_holds;

/// Whether findings hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FindingState {
    /// They hold, and no exception leaves them out.
    #[default]
    Open,
    /// They hold, and an exception leaves them out.
    Suppressed,
    /// They do not hold any more.
    Resolved,
    /// All of these.
    Any,
}

/// Which findings a list has.
#[derive(Clone, Debug, Default)]
pub struct FindingFilter {
    /// Whether they hold.
    pub state: FindingState,
    /// At least as severe as this.
    pub severity_min: Option<Severity>,
    /// Known to be exploited, or not.
    pub kev: Option<bool>,
    /// Of this CVE.
    pub cve: Option<String>,
    /// Of this software.
    pub software: Option<SoftwareKey>,
    /// Of software whose name contains this.
    pub name: Option<String>,
    /// With a version that is said to be fixed, or without one.
    pub has_fix: Option<bool>,
    /// Of software that at least one host has that is not revoked, or of what none has any more.
    pub on_hosts: Option<bool>,
    /// Of what this host has now.
    pub host: Option<AgentId>,
    /// Of what hosts with this label have now.
    pub label: Option<Uuid>,
    /// At least as sure as this.
    pub confidence_min: Option<Confidence>,
    /// Left out by this exception.
    pub exception: Option<Uuid>,
    /// As it was at this instant: opened before and not resolved then.
    pub as_of: Option<OffsetDateTime>,
}

/// The exception that leaves the finding out, on the host where there is one, and else on those of the label.
/// What an exception for some hosts left out in the past is not kept.
pub(super) fn push_exception(query: &mut QueryBuilder<Postgres>, filter: &FindingFilter) {
    let Some(host) = filter.host else {
        match filter.label.filter(|_| filter.as_of.is_none()) {
            Some(label) => {
                query.push("coalesce(f.exception, ");
                push_left_out(query, label);
                query.push(")");
            }
            None => {
                query.push("f.exception");
            }
        }
        return;
    };
    query.push(
        "coalesce(f.exception, (SELECT x.exception FROM finding_exceptions x
            WHERE x.company_key = $1 AND x.software_key = f.software_key AND x.cve = f.cve
              AND x.source = f.source AND (x.agent_key = (SELECT a.key FROM agents a
                  WHERE a.company_key = $1 AND a.id = ",
    );
    query.push_bind(host.0);
    query.push(
        ") OR x.label IN (SELECT l.label FROM host_labels l JOIN agents a
                  ON a.company_key = $1 AND a.key = l.agent_key
              WHERE l.company_key = $1 AND a.id = ",
    );
    query.push_bind(host.0).push(")) ORDER BY x.exception LIMIT 1))");
}

pub(super) fn push_state(query: &mut QueryBuilder<Postgres>, filter: &FindingFilter) {
    match (filter.as_of, filter.state) {
        (None, FindingState::Open | FindingState::Suppressed) => {
            query.push(" AND f.resolved_at = 'infinity'");
        }
        (None, FindingState::Resolved) => {
            query.push(" AND f.resolved_at <> 'infinity'");
        }
        (None, FindingState::Any) => {}
        (Some(at), FindingState::Open | FindingState::Suppressed) => {
            query.push(" AND ");
            push_holds(query, FOUND, Some(at));
        }
        (Some(at), FindingState::Resolved) => {
            query.push(" AND f.resolved_at <= ").push_bind(at);
        }
        (Some(at), FindingState::Any) => {
            query.push(" AND f.opened_at <= ").push_bind(at);
        }
    }
    match (filter.as_of, filter.state) {
        (_, FindingState::Resolved | FindingState::Any) => {}
        (None, state) => {
            query.push(" AND ");
            push_exception(query, filter);
            query.push(if state == FindingState::Open { " IS NULL" } else { " IS NOT NULL" });
        }
        (Some(at), state) => {
            query.push(if state == FindingState::Open {
                " AND NOT coalesce(f.suppressed_at <= "
            } else {
                " AND coalesce(f.suppressed_at <= "
            });
            query.push_bind(at).push(", false)");
        }
    }
}

/// The interval of a finding.
const FOUND: (&str, &str) = ("f.opened_at", "f.resolved_at");

/// How the software that a list names is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Names {
    /// All that has such a name is looked for, and its findings.
    Searched,
    /// Each finding that is passed is asked for its name. `is_low`: all software has it in small letters.
    Passed { is_low: bool },
    /// Only findings of such software are passed.
    Known,
}

pub(super) fn push_filter(
    query: &mut QueryBuilder<Postgres>,
    filter: &FindingFilter,
    names: Names,
) {
    if let Some(severity) = filter.severity_min {
        query.push(" AND c.cvss_severity = ANY(").push_bind(severity.and_above()).push(")");
    }
    match filter.kev {
        Some(true) => query.push(" AND c.kev_added IS NOT NULL"),
        Some(false) => query.push(" AND c.kev_added IS NULL"),
        None => &mut *query,
    };
    if let Some(cve) = &filter.cve {
        query.push(" AND f.cve = ").push_bind(cve.clone());
    }
    if let Some(key) = filter.software {
        query.push(" AND f.software_key = ").push_bind(key.to_uuid());
    }
    if let Some(name) = &filter.name {
        push_named(query, name, names);
    }
    match filter.has_fix {
        Some(true) => query.push(" AND f.fixed_in IS NOT NULL"),
        Some(false) => query.push(" AND f.fixed_in IS NULL"),
        None => &mut *query,
    };
    if let Some(least) = filter.confidence_min {
        let names: Vec<&str> = [Confidence::Low, Confidence::Medium, Confidence::High]
            .into_iter()
            .filter(|confidence| *confidence >= least)
            .map(Confidence::as_str)
            .collect();
        query.push(" AND f.confidence = ANY(").push_bind(names).push(")");
    }
    if let Some(exception) = filter.exception {
        query.push(" AND (f.exception = ").push_bind(exception).push(
            " OR EXISTS (SELECT FROM finding_exceptions x WHERE x.company_key = $1
                      AND x.software_key = f.software_key AND x.cve = f.cve
                      AND x.source = f.source AND x.exception = ",
        );
        query.push_bind(exception).push("))");
    }
    push_hosts(query, filter);
    push_on_hosts(query, filter.on_hosts, filter.as_of);
}

fn push_named(query: &mut QueryBuilder<Postgres>, name: &str, names: Names) {
    match names {
        Names::Known => {}
        Names::Passed { is_low } => {
            query.push(
                " AND EXISTS (SELECT FROM software n
                    WHERE n.company_key = $1 AND n.software_key = f.software_key AND ",
            );
            push_name_contains(query, name, is_low);
            query.push(" OFFSET 0)");
        }
        Names::Searched => {
            query.push(
                " AND f.software_key IN (SELECT n.software_key FROM software n
                    WHERE n.company_key = $1 AND ",
            );
            push_name_contains(query, name, false);
            query.push(")");
        }
    }
}

fn push_hosts(query: &mut QueryBuilder<Postgres>, filter: &FindingFilter) {
    let push_installed = |query: &mut QueryBuilder<Postgres>| match filter.as_of {
        // By the index of the host.
        None => {
            query.push("NOT isfinite(i.closed_at)");
        }
        Some(_) => push_holds(query, ("i.opened_at", "i.closed_at"), filter.as_of),
    };
    if let Some(host) = filter.host {
        query.push(
            " AND f.software_key IN (SELECT i.software_key FROM agents a JOIN installations i
                  ON i.company_key = $1 AND i.agent_key = a.key AND ",
        );
        push_installed(query);
        query.push(" WHERE a.company_key = $1 AND a.id = ").push_bind(host.0).push(")");
    }
    if let Some(label) = filter.label {
        query.push(
            " AND f.software_key IN (SELECT i.software_key FROM host_labels l JOIN installations i
                  ON i.company_key = $1 AND i.agent_key = l.agent_key AND ",
        );
        push_installed(query);
        query.push(" WHERE l.company_key = $1 AND l.label = ").push_bind(label).push(")");
    }
}
