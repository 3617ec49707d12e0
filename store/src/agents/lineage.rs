//! Whether several machines are one agent: which of its processes were heard of, and which came back.
//!
//! A process draws its number when it starts and keeps it until it ends. So one machine's numbers only
//! ever follow each other; a number that comes back after another was heard of is another machine's, or
//! that of a machine which was put back to an earlier state with its memory. One that is put back
//! brings back one number, however often; two machines bring back both of theirs (decision 31).

use protocol::ids::AgentId;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use crate::commands;
use crate::error::StoreError;

/// Processes that are remembered.
const PROCESSES_MAX: usize = 16;
/// Within this time two have to come back.
const WITHIN: Duration = Duration::days(1);
/// Successors that are remembered. A process asks again within minutes, when the answer to it was lost.
const SUCCESSORS_MAX: usize = 1_000;

/// What is known of an agent's processes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Lineage {
    /// The last ones, the latest first.
    processes: Vec<u64>,
    /// Those that came back after another, since `since`.
    returned: Vec<u64>,
    /// In seconds since 1970.
    since: i64,
    /// Who took the place of this agent last, by the process that asked, the latest last.
    #[serde(default)]
    successors: Vec<(u64, uuid::Uuid)>,
}

impl Lineage {
    /// Reads what was written; what cannot be read is as good as nothing.
    pub(super) fn read(written: Option<Value>) -> Self {
        written.and_then(|value| serde_json::from_value(value).ok()).unwrap_or_default()
    }

    pub(super) fn written(&self) -> Value {
        // Numbers and lists: this cannot fail.
        serde_json::to_value(self).unwrap_or_default()
    }

    /// Takes note of a process; says whether more than one machine is this agent.
    pub(super) fn hear(&mut self, process: u64, now: OffsetDateTime) -> bool {
        if self.processes.first() == Some(&process) {
            return false;
        }
        // Only two that come back within a day are proof (decision 31).
        if now.unix_timestamp().saturating_sub(self.since) > WITHIN.whole_seconds() {
            self.returned.clear();
        }
        let before = self.processes.iter().position(|known| *known == process);
        if let Some(place) = before {
            self.processes.remove(place);
            if self.returned.is_empty() {
                self.since = now.unix_timestamp();
            }
            if !self.returned.contains(&process) {
                self.returned.push(process);
            }
        }
        self.processes.insert(0, process);
        self.processes.truncate(PROCESSES_MAX);
        self.returned.len() > 1
    }

    /// Who took the place of this process, if somebody did.
    pub(super) fn successor(&self, process: u64) -> Option<AgentId> {
        let found = self.successors.iter().find(|(asked, _)| *asked == process);
        found.map(|(_, successor)| AgentId(*successor))
    }

    /// Notes who takes the place of this process.
    pub(super) fn succeed(&mut self, process: u64, successor: AgentId) {
        // An image may be booted as often as somebody likes, and all that are remembered stand in one row.
        let too_many = (self.successors.len() + 1).saturating_sub(SUCCESSORS_MAX);
        self.successors.drain(..too_many);
        self.successors.push((process, successor.0));
    }
}

/// An agent whose process is not the one that was heard of before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heard {
    pub(super) agent: AgentId,
    pub(super) agent_key: i64,
    pub(super) process: u64,
}

/// Takes note of processes, and asks agents to become others that are on several machines. The rows of
/// `agents` are locked by the caller.
pub(super) async fn hear(
    tx: &mut PgConnection,
    company_key: i64,
    heard: &[Heard],
    now: OffsetDateTime,
) -> Result<Vec<AgentId>, StoreError> {
    if heard.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<i64> = heard.iter().map(|heard| heard.agent_key).collect();
    let rows = sqlx::query!(
        "SELECT agent_key, lineage FROM agent_facts WHERE company_key = $1 AND agent_key = ANY($2)",
        company_key,
        &keys
    )
    .fetch_all(&mut *tx)
    .await?;
    let (mut known, mut lineages, mut cloned) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        let Some(heard) = heard.iter().find(|heard| heard.agent_key == row.agent_key) else {
            continue;
        };
        let mut lineage = Lineage::read(row.lineage);
        if lineage.hear(heard.process, now) {
            cloned.push(*heard);
        }
        known.push(row.agent_key);
        lineages.push(lineage.written());
    }
    sqlx::query!(
        "UPDATE agent_facts f SET lineage = s.lineage
         FROM UNNEST($2::bigint[], $3::jsonb[]) AS s (agent_key, lineage)
         WHERE f.company_key = $1 AND f.agent_key = s.agent_key AND f.agent_key = ANY($2)",
        company_key,
        &known,
        &lineages
    )
    .execute(&mut *tx)
    .await?;
    ask(tx, company_key, &cloned, now).await
}

async fn ask(
    tx: &mut PgConnection,
    company_key: i64,
    cloned: &[Heard],
    now: OffsetDateTime,
) -> Result<Vec<AgentId>, StoreError> {
    if cloned.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<i64> = cloned.iter().map(|heard| heard.agent_key).collect();
    sqlx::query!(
        "UPDATE agents SET cloned_at = coalesce(cloned_at, $3)
         WHERE company_key = $1 AND key = ANY($2) AND revoked_at IS NULL",
        company_key,
        &keys,
        now
    )
    .execute(&mut *tx)
    .await?;
    // In the transaction of the mark: no agent is marked and then not asked.
    let asked: Vec<_> = cloned.iter().map(|heard| (heard.agent, 1)).collect();
    commands::queue(tx, "rekey", &asked).await?;
    Ok(cloned.iter().map(|heard| heard.agent).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + Duration::hours(1_000_000 + hours)
    }

    /// After which of these, an hour apart, it is known that several machines are this agent.
    fn cloned_at(processes: &[u64]) -> Option<usize> {
        let mut lineage = Lineage::default();
        (0_i64..)
            .zip(processes)
            .map(|(hour, process)| {
                // Written and read each time, as the database does it.
                let cloned = lineage.hear(*process, at(hour));
                lineage = Lineage::read(Some(lineage.written()));
                cloned
            })
            .position(|cloned| cloned)
    }

    #[test]
    fn restarts_are_no_clones_however_many() {
        let restarts: Vec<u64> = (0..1_000).collect();
        assert_eq!(cloned_at(&restarts), None);
        assert_eq!(cloned_at(&[7; 100]), None);
    }

    #[test]
    fn two_machines_that_take_turns_are_known_when_both_have_come_back() {
        assert_eq!(cloned_at(&[1, 2, 1, 2]), Some(3));
        assert_eq!(cloned_at(&[1, 1, 2, 2, 2, 1, 1, 2]), Some(7));
    }

    #[test]
    fn three_machines_are_known_as_well() {
        assert_eq!(cloned_at(&[1, 2, 3, 1, 2]), Some(4));
    }

    #[test]
    fn a_machine_that_is_put_back_again_and_again_is_no_clone() {
        // Process 1 is in the picture that is put back; each time the agent was restarted meanwhile.
        assert_eq!(cloned_at(&[1, 2, 1, 3, 1, 4, 1, 5, 1]), None);
    }

    #[test]
    fn a_crowd_of_one_image_is_known_by_those_that_come_back_soon() {
        let crowd: Vec<u64> = (0..40).flat_map(|round| [100 + round, 7, 8]).collect();
        assert!(cloned_at(&crowd).is_some_and(|after| after < 10));
    }

    #[test]
    fn what_happened_yesterday_counts_no_more() {
        let mut lineage = Lineage::default();
        assert!(!lineage.hear(1, at(0)));
        assert!(!lineage.hear(2, at(1)));
        assert!(!lineage.hear(1, at(2)));
        assert!(!lineage.hear(2, at(30)));
        assert!(lineage.hear(1, at(31)));
    }

    #[test]
    fn keeps_no_more_than_it_may_and_reads_what_is_broken_as_nothing() {
        let mut lineage = Lineage::default();
        for process in 0..100 {
            lineage.hear(process, at(0));
        }
        assert_eq!(lineage.processes.len(), PROCESSES_MAX);
        let broken = Lineage::read(Some(Value::String("?".to_owned())));
        assert_eq!(broken, Lineage::default());
    }

    #[test]
    fn a_process_has_one_successor() {
        let mut lineage = Lineage::default();
        let successor = AgentId(uuid::Uuid::from_u128(1));
        lineage.succeed(7, successor);
        assert_eq!(lineage.successor(7), Some(successor));
        assert_eq!(lineage.successor(8), None);
    }

    #[test]
    fn an_image_may_be_booted_as_often_as_somebody_likes() {
        let mut lineage = Lineage::default();
        let successor = |process: u64| AgentId(uuid::Uuid::from_u128(process.into()));
        for process in 0..1_500 {
            lineage.succeed(process, successor(process));
            assert_eq!(lineage.successor(process), Some(successor(process)));
        }
        assert_eq!(lineage.successors.len(), SUCCESSORS_MAX);
        // Whoever lost the answer to it asks again while the others come.
        assert_eq!(lineage.successor(1_000), Some(successor(1_000)));
        assert_eq!(lineage.successor(499), None);
    }
}
