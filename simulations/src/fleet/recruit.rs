//! From a number to an agent that is ready to report: identity, inventory, first snapshot.

use std::sync::Arc;
use std::time::Duration;

use protocol::ids::Epoch;
use protocol::token::EnrolmentToken;
use tokio::select;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::context::Context;
use super::enrol::enrol;
use super::host::Host;
use super::identity::Identity;
use super::model::Model;
use super::state::State;
use crate::cli::FleetArgs;
use crate::random::Random;

/// Hosts that enrol at once.
const ENROLLING_MAX: usize = 32;
/// The longest wait between two tries.
const RETRY_MAX: Duration = Duration::from_secs(10);
/// Records of a fleet whose first reports are made before the first of them is sent, so that making
/// them is not measured. Beyond that, an agent makes its own when it connects: they would be gigabytes.
const RECORDS_AHEAD_MAX: u64 = 4_000_000;

/// An agent that is ready to report.
#[derive(Debug)]
pub(crate) struct Recruit {
    /// Its number in the fleet.
    pub(crate) number: u32,
    /// Who it is.
    pub(crate) identity: Identity,
    /// What it has.
    pub(crate) model: Model,
    /// Its own random numbers.
    pub(crate) random: Random,
}

/// Makes recruits.
#[derive(Debug)]
pub(crate) struct Recruiter {
    context: Arc<Context>,
    tokens: Vec<EnrolmentToken>,
    state: Option<State>,
    random: Random,
    agents: u32,
    apps: u32,
    until: Instant,
}

impl Recruiter {
    /// For the fleet that the arguments describe; its agents spread over the companies of the tokens.
    ///
    /// # Errors
    ///
    /// When the folder of identities cannot be used.
    pub(crate) fn new(
        args: &FleetArgs,
        context: Arc<Context>,
        tokens: Vec<EnrolmentToken>,
    ) -> anyhow::Result<Self> {
        let state = args.state.as_deref();
        let state = state.map(|folder| State::open(folder, &context.authorities));
        Ok(Self {
            // From here on for the whole run: hosts that a scenario adds later are enrolled within
            // it or not at all.
            until: context.clock.now() + Duration::from_secs(args.enrol_s.into()),
            state: state.transpose()?,
            context,
            tokens,
            random: Random::new(args.seed),
            agents: args.agents,
            apps: args.apps,
        })
    }

    /// All agents of the fleet that could be enrolled in time, in the order of their numbers.
    pub(crate) async fn recruit_all(
        self: &Arc<Self>,
        interrupted: &CancellationToken,
    ) -> Vec<Recruit> {
        let tracker = TaskTracker::new();
        let permits = Arc::new(Semaphore::new(ENROLLING_MAX));
        let mut tasks = Vec::new();
        for number in 0..self.agents {
            // Nobody closes the semaphore, so there is a permit in the end. Taken before the task is
            // made: a hundred thousand that wait would be memory for nothing. It is held while the
            // first snapshot is packed as well: more of that at once than there are cores would only
            // make each slower.
            let permit = select! {
                permit = Arc::clone(&permits).acquire_owned() => permit,
                () = interrupted.cancelled() => break,
            };
            let (recruiter, interrupted) = (Arc::clone(self), interrupted.clone());
            tasks.push(tracker.spawn(async move {
                let _permit = permit;
                select! {
                    recruit = recruiter.recruit(number) => recruit,
                    () = interrupted.cancelled() => None,
                }
            }));
        }
        let mut recruits = Vec::with_capacity(tasks.len());
        // In the order of their numbers, and not as they end: an agent's place must not depend on
        // luck.
        for task in tasks {
            // A task that panicked is an agent that is missing, which the summary counts.
            recruits.extend(task.await.ok().flatten());
        }
        recruits
    }

    /// The `number`th agent, known from an earlier run or enrolled now.
    pub(crate) async fn recruit(&self, number: u32) -> Option<Recruit> {
        let host = Host::new(number, self.apps, &self.random);
        // Apart from the host's own part, which is its number alone.
        let mut random = self.random.fork(u64::from(number) | 1 << 32);
        let identity = match self.identity(&host, &mut random).await {
            Ok(identity) => identity,
            Err(error) => {
                self.context.stats.error(format!("enrol: {error:#}"));
                return None;
            }
        };
        let mut model = Model::new(host, identity.epoch);
        // Both are 32 bits, so their product fits.
        if u64::from(self.agents) * u64::from(self.apps) <= RECORDS_AHEAD_MAX {
            let now_ms = self.context.clock.unix_ms();
            let (stock, mut packer) = self.context.workshop(number);
            if let Err(error) = model.begin_epoch(now_ms, (stock, &mut packer)) {
                let text = format!("pack a snapshot: {error}");
                self.context.stats.error(text);
                return None;
            }
        }
        Some(Recruit { number, identity, model, random })
    }

    /// The identity that an earlier run has left, or a new one.
    async fn identity(&self, host: &Host, random: &mut Random) -> anyhow::Result<Identity> {
        if let Some(state) = &self.state
            && let Some(identity) = state.take(host.number)
        {
            return Ok(identity);
        }
        self.enrol(host, random).await
    }

    /// A new identity for a host, whether it had one or not.
    pub(crate) async fn enrol(&self, host: &Host, random: &mut Random) -> anyhow::Result<Identity> {
        // By its number, so that an agent is of the same company in each run.
        let place = usize::try_from(host.number)? % self.tokens.len().max(1);
        let token = self.tokens.get(place);
        let token = token.ok_or_else(|| anyhow::anyhow!("there is no token"))?;
        let mut wait = Duration::from_millis(250);
        loop {
            let error = match enrol(&self.context, token, host.number, &host.name()).await {
                Ok(identity) => return self.keep(host.number, identity),
                Err(error) => error,
            };
            let Some(asked) = error.retry_after() else {
                return Err(error.into());
            };
            let pause = random.at_least(asked, wait);
            // Given up now and not after the pause: nothing would come of it but waiting.
            if self.context.clock.now() + pause > self.until {
                return Err(error.into());
            }
            sleep(pause).await;
            wait = (wait * 2).min(RETRY_MAX);
        }
    }

    fn keep(&self, number: u32, identity: Identity) -> anyhow::Result<Identity> {
        let Some(state) = &self.state else {
            return Ok(identity);
        };
        state.keep(number, &identity)?;
        // New agents use the epochs of this run as well, which no other run will.
        let epoch: Epoch = state.epoch();
        Ok(Identity { epoch, ..identity })
    }
}

#[cfg(test)]
mod tests;
