//! A node's process: its tasks, and what has to add up when it ends.

use std::collections::BTreeMap;
use std::sync::Arc;

use collector::metrics::{PIPELINE_OUTCOMES, PIPELINE_UNENDED};
use collector::pipeline::simulated::Crew;
use collector::queue::{EntryHead, ReadError, SteppedWriter};

use super::duties::{tell, write};
use super::{Making, PIPELINE, Running};
use crate::faults::stage::Stage;
use crate::random::Random;

impl Running {
    pub(super) fn spawn(
        &mut self,
        making: &Making,
        writer: SteppedWriter,
        crew: &Crew,
        random: &Random,
    ) {
        let life = Arc::clone(&self.life);
        let closing = self.closing.clone();
        self.tasks.spawn(life.run(write(writer, closing, random.fork(1))));
        for _ in 0..PIPELINE.workers {
            let (crew, stopping) = (crew.clone(), self.lifecycle.soft_token());
            let stage = making.stage.clone();
            self.tasks.spawn(life.run(async move {
                if let Err(error) = crew.work(&stopping).await {
                    stage.broken(format!("a worker ends: {error}"));
                }
            }));
        }
        let door = self.door.clone();
        self.tasks.spawn(life.run(async move { door.note_heartbeats().await }));
        let (database, registry) = (making.database.clone(), self.registry.clone());
        let agents = Arc::clone(&making.agents);
        self.tasks.spawn(life.run(tell(database, registry, agents, random.fork(2))));
    }

    /// Compares what was counted with what was promised, and gives what waits.
    pub(super) fn check(&self, stage: &Stage, number: usize) -> BTreeMap<u64, EntryHead> {
        // A copy, so that no guard is held while the queue is asked about each. Only what it does
        // not know any more has left it: any other error is of an entry that is there.
        let entries = self.held.entries().clone();
        let all = entries.len() as u64;
        let waiting: BTreeMap<u64, EntryHead> = entries
            .into_iter()
            .filter(|(_, head)| !matches!(self.queue.read(&head.slip), Err(ReadError::Unknown(_))))
            .collect();
        let counts = self.life.counts();
        // Over all labels: a report has one outcome, whichever it is.
        let ended = counts.sum(PIPELINE_OUTCOMES);
        let gone = all - waiting.len() as u64;
        // Fewer is a report that vanished, more is one that ended twice.
        if ended != gone {
            stage.broken(format!(
                "node {number}: {gone} reports left the queue with {ended} outcomes"
            ));
        }
        // Here and not later: when the tasks are dropped, what they hold is rightly counted as
        // unended.
        if counts.sum(PIPELINE_UNENDED) > 0 {
            stage.broken(format!("node {number} dropped a report without an outcome"));
        }
        // A process' counters die with it.
        stage.count(counts.all());
        waiting
    }
}
