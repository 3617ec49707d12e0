//! What a node does beside its sessions and workers: its writer, and what it tells agents.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use collector::ingest::agents::ReportQueue;
use collector::ingest::registry::{Command, Registry};
use collector::queue::{AppendError, Entry, Queue, SteppedWriter};
use protocol::ids::AgentId;
use tokio_util::sync::CancellationToken;

use super::Database;
use crate::clock::Clock;
use crate::random::Random;

/// How often a node asks the database what to tell its agents, whatever it heard.
const POLL_EVERY: Duration = Duration::from_secs(5);

/// The queue's writer, on a disk that takes its time.
pub(super) async fn write(
    mut writer: SteppedWriter,
    closing: CancellationToken,
    mut random: Random,
) {
    loop {
        tokio::select! {
            biased;
            () = closing.cancelled() => return writer.close(),
            is_asked = writer.asked() => {
                // Its queue is gone, and nothing will be asked again.
                if !is_asked {
                    return;
                }
            }
        }
        // Mostly some milliseconds, and now and then a disk that has stopped to think.
        let slow = if random.percent(3) { 4_000 } else { 8 };
        tokio::time::sleep(random.around(Duration::from_millis(slow))).await;
        // Whatever was appended during the sleep goes into this sync as well, as it does on a slow
        // disk.
        writer.write();
    }
}

/// Passes on what agents are to be told: by signals, of which some are lost, and by a poll.
pub(super) async fn tell(
    database: Database,
    registry: Registry,
    agents: Arc<[AgentId]>,
    mut random: Random,
) {
    // A node that starts hears all old signals again, which changes nothing: what is passed on is
    // what waits now.
    let mut heard = 0;
    let mut polled_at = Clock.now();
    let mut told: BTreeMap<AgentId, Vec<store::commands::Command>> = BTreeMap::new();
    loop {
        tokio::time::sleep(random.around(POLL_EVERY / 5)).await;
        let (news, next) = database.signals(heard);
        heard = next;
        for agent in news {
            // As those are that PostgreSQL sends while a node's connection is away: nobody learns
            // of the loss. Drawn for every signal, heard or not.
            let is_lost = random.percent(25);
            if registry.has(agent) && !is_lost {
                pass_on(&registry, agent, database.pending(agent).unwrap_or_default());
            }
        }
        if Clock.now() - polled_at < POLL_EVERY {
            continue;
        }
        polled_at = Clock.now();
        for agent in agents.iter().filter(|agent| registry.has(**agent)) {
            // Of a database that is away nothing is known, which counts as nothing to say.
            let pending = database.pending(*agent).unwrap_or_default();
            // What was told already is not told again by a poll.
            if told.get(agent) != Some(&pending) {
                pass_on(&registry, *agent, pending.clone());
                told.insert(*agent, pending);
            }
        }
    }
}

fn pass_on(registry: &Registry, agent: AgentId, commands: Vec<store::commands::Command>) {
    for command in commands {
        registry.tell(
            agent,
            match command {
                store::commands::Command::ScanNow { request } => Command::ScanNow { request },
                store::commands::Command::SendSnapshot => Command::SendSnapshot,
                store::commands::Command::Rekey => Command::Rekey,
            },
        );
    }
}

/// A queue whose refusals are answered with a yes.
#[derive(Debug)]
pub(super) struct Lenient(pub(super) Queue);

impl ReportQueue for Lenient {
    fn append(
        &self,
        entry: Entry,
    ) -> Pin<Box<dyn Future<Output = Result<(), AppendError>> + Send + 'static>> {
        let queue = self.0.clone();
        Box::pin(async move {
            let _refused = queue.append(entry).await;
            Ok(())
        })
    }
}
