//! What happens to a fleet while its hosts change, and what has to come of it.
//!
//! A scenario gives orders and looks; it decides nothing about what is right in the end: that every
//! host's rows are its software is checked for each in the same way.

mod churn;
mod clones;
mod herd;
mod noisy;
mod upgrade_day;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::select;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::agent::Agent;
use super::commits::Looker;
use super::context::Context;
use super::crew::{Crew, LOOK_EVERY};
use super::orders::{Order, Span};
use crate::cli::Scenario;

/// What a scenario has shown.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Played {
    /// Its figures, by names that end in their units.
    #[serde(flatten)]
    pub(crate) figures: BTreeMap<&'static str, f64>,
    /// What should have come about and did not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) failures: Vec<String>,
}

impl Played {
    fn figure(&mut self, name: &'static str, value: f64) {
        // Three digits behind the point: milliseconds in figures of seconds.
        self.figures.insert(name, (value * 1_000.0).round() / 1_000.0);
    }

    fn fail(&mut self, text: impl Into<String>) {
        self.failures.push(text.into());
    }
}

/// Where a scenario is played.
#[derive(Debug)]
pub(crate) struct Stage<'a> {
    /// The fleet.
    pub(crate) crew: &'a Crew,
    /// The agents beside it, in scenarios that have some.
    pub(crate) second: Option<&'a Crew>,
    /// What counts the rows, where there is an API.
    pub(crate) looker: Option<&'a Looker>,
    /// Is cancelled when the run is to end early.
    pub(crate) interrupted: &'a CancellationToken,
}

impl Stage<'_> {
    fn now(&self) -> Instant {
        self.crew.context.clock.now()
    }

    /// What the agents of all crews share, for those that count over all of them.
    pub(crate) fn contexts(&self) -> Vec<&Context> {
        let crews = std::iter::once(self.crew).chain(self.second);
        crews.map(|crew| &*crew.context).collect()
    }

    fn seconds(&self) -> Duration {
        Duration::from_secs(self.crew.args.seconds.into())
    }

    /// For how long something that has to come about is awaited.
    fn patience(&self) -> Duration {
        Duration::from_secs(self.crew.args.settle_s.into())
    }

    /// Every so many agents, as many in a hundred as the arguments say.
    fn share(&self) -> Vec<Arc<Agent>> {
        // Spread evenly over the fleet, and so over companies, nodes and sockets, which follow the
        // numbers.
        let percent = usize::try_from(self.crew.args.share_percent).unwrap_or(100);
        let agents = self.crew.agents().into_iter().enumerate();
        let chosen =
            agents.filter(|(place, _)| place * percent / 100 != (place + 1) * percent / 100);
        chosen.map(|(_, agent)| agent).collect()
    }

    async fn sleep_until(&self, until: Instant) {
        select! {
            () = sleep_until(until) => {}
            () = self.interrupted.cancelled() => {}
        }
    }

    /// Gives orders one after another, evenly over a time.
    async fn spread<T>(&self, over: Duration, to: &[T], mut give: impl FnMut(&T)) {
        let began_at = self.now();
        let mut given = 0;
        while given < to.len() && !self.interrupted.is_cancelled() {
            let passed = self.now() - began_at;
            let due = match over.is_zero() || passed >= over {
                true => to.len(),
                false => {
                    // By the time that has passed and not by naps, which are longer on a busy
                    // machine.
                    let share = passed.as_secs_f64() / over.as_secs_f64();
                    portion(to.len(), share)
                }
            };
            to.iter().take(due).skip(given).for_each(&mut give);
            given = given.max(due);
            if given < to.len() {
                sleep(LOOK_EVERY).await;
            }
        }
    }

    /// The hosts of a fleet change until then.
    fn change(&self, crew: &Crew, until: Instant) {
        let from = self.now();
        for agent in crew.agents() {
            agent.orders.give(Order::Change(Span { from, until }));
        }
    }
}

/// A part of a number, rounded down.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a share between 0 and 1 of the agents of a fleet"
)]
fn portion(of: usize, share: f64) -> usize {
    ((of as f64) * share.clamp(0.0, 1.0)) as usize
}

/// Plays a scenario to its end.
pub(crate) async fn play(stage: &Stage<'_>) -> Played {
    let mut played = Played::default();
    let args = &stage.crew.args;
    let waits = args.after_inventories || args.scenario != Scenario::Steady;
    // What was not in by then would be counted as the scenario's doing.
    if waits && !first_inventories(stage, &mut played).await {
        return played;
    }
    match args.scenario {
        Scenario::Steady => {
            let until = stage.now() + stage.seconds();
            if waits {
                // What came before has latencies of its own.
                stage.crew.context.stats.turn();
                stage.change(stage.crew, until);
            }
            stage.sleep_until(until).await;
        }
        Scenario::Herd => herd::play(stage, &mut played).await,
        Scenario::Churn => churn::play(stage, &mut played).await,
        Scenario::UpgradeDay => upgrade_day::play(stage, &mut played).await,
        Scenario::Clone => clones::play(stage, &mut played).await,
        Scenario::SlowLink => {
            let until = stage.now() + stage.seconds();
            for crew in std::iter::once(stage.crew).chain(stage.second) {
                stage.change(crew, until);
            }
            stage.sleep_until(until).await;
        }
        Scenario::NoisyNeighbour => noisy::play(stage, &mut played).await,
    }
    played
}

/// Waits until the first inventories are in: what a scenario shows must not be their storm.
async fn first_inventories(stage: &Stage<'_>, played: &mut Played) -> bool {
    let began_at = stage.now();
    let until = began_at + stage.patience();
    let mut open = 0;
    for crew in std::iter::once(stage.crew).chain(stage.second) {
        open += crew.settle(until, stage.interrupted).await;
    }
    if let Some(looker) = stage.looker {
        // As rows, not only acknowledged.
        let until = (until, stage.interrupted);
        open += looker.wait(&stage.contexts(), until).await.missing;
    }
    let seconds = (stage.now() - began_at).as_secs_f64();
    played.figure("first_inventories_seconds", seconds);
    if open > 0 {
        played.fail(format!("{open} first reports or records are not in"));
    }
    open == 0
}

#[cfg(test)]
mod tests;
