//! Which exception leaves a finding out where hosts with a label are asked about (decision 36).
//!
//! The finding is a company's and its software is on several of those hosts: it is left out once it is on each of
//! them, also where one has it by another exception than the next.

use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use crate::hosts::{EXCEPTED, EXCEPTED_BY_LABEL};

/// Few findings have an exception for some hosts, and those are found by the finding's own key. One for the label itself
/// needs no look at a host.
const OF_FINDING: &str = "(SELECT x.exception FROM finding_exceptions x
    WHERE x.company_key = $1 AND x.software_key = f.software_key AND x.cve = f.cve
      AND x.source = f.source AND (x.label = ";

/// One for a label that all of those hosts have is as good; which ones there are is asked once for all findings.
const HAD_BY_ALL: &str = " OR x.label IN (
          SELECT m.label FROM host_labels l
          JOIN host_labels m ON m.company_key = $1 AND m.agent_key = l.agent_key
          WHERE l.company_key = $1 AND l.label = ";
const AS_MANY: &str = " GROUP BY m.label HAVING count(*) = (
              SELECT count(*) FROM host_labels n WHERE n.company_key = $1 AND n.label = ";

/// Otherwise the first host that has the software and no exception decides, which is mostly the first that is looked at.
const AND_NO_OTHER: &str = ")) OR (NOT EXISTS (
          SELECT FROM host_labels h JOIN installations i
            ON i.company_key = $1 AND i.agent_key = h.agent_key
           AND i.software_key = f.software_key AND i.closed_at = 'infinity'
          WHERE h.company_key = $1 AND h.label = ";

/// One that is for none of those hosts is not what leaves it out.
const AND_FOR_ONE: &str = "))))
        AND EXISTS (
          SELECT FROM host_labels h JOIN installations i
            ON i.company_key = $1 AND i.agent_key = h.agent_key
           AND i.software_key = f.software_key AND i.closed_at = 'infinity'
          WHERE h.company_key = $1 AND (h.agent_key = x.agent_key OR EXISTS (
              SELECT FROM host_labels m WHERE m.company_key = $1 AND m.label = x.label
                AND m.agent_key = h.agent_key)) AND h.label = ";

/// Pushes the exception for some hosts that leaves the finding `f` out on all hosts with a label that have its software
/// now, as a sub-select; NULL where one of them has it without an exception. What is for the whole company stands with
/// the finding, and is not asked.
pub(crate) fn push_left_out(query: &mut QueryBuilder<Postgres>, label: Uuid) {
    query.push(OF_FINDING).push_bind(label);
    query.push(HAD_BY_ALL).push_bind(label);
    query.push(AS_MANY).push_bind(label);
    query.push(AND_NO_OTHER).push_bind(label);
    query.push(" AND NOT EXISTS (").push(EXCEPTED).push("i.agent_key");
    query.push(EXCEPTED_BY_LABEL).push("i.agent_key");
    query.push(AND_FOR_ONE).push_bind(label);
    query.push("))) ORDER BY x.exception LIMIT 1)");
}
