//! From a number to an agent that is ready to report: identity, inventory, first snapshot.

use std::sync::Arc;
use std::time::Duration;

use protocol::software::SoftwareRecord;
use protocol::token::EnrolmentToken;
use tokio::select;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::catalogue::{Catalogue, Pool};
use super::context::Context;
use super::enrol::enrol;
use super::identity::{Identity, StateDir};
use super::inventory::{self, Profile};
use super::model::Model;
use crate::cli::FleetArgs;
use crate::random::Random;

/// Hosts that enrol at once.
const ENROLLING_MAX: usize = 32;
/// The longest wait between two tries.
const RETRY_MAX: Duration = Duration::from_secs(10);

/// An agent that is ready to report.
#[derive(Debug)]
pub(crate) struct Recruit {
    /// Its number in the fleet.
    pub(crate) number: u32,
    /// Who it is.
    pub(crate) identity: Identity,
    /// What it has, and its first snapshot.
    pub(crate) model: Model,
    /// What can be installed on it.
    pub(crate) installable: Arc<[SoftwareRecord]>,
    /// Its own random numbers.
    pub(crate) random: Random,
    /// Above the numbers of its changes in earlier runs, so that every version is new.
    pub(crate) first_change: u64,
}

/// Makes recruits.
#[derive(Debug)]
pub(crate) struct Recruiter {
    context: Arc<Context>,
    token: EnrolmentToken,
    catalogue: Catalogue,
    installable: Arc<[SoftwareRecord]>,
    state: Option<StateDir>,
    random: Random,
    agents: u32,
    apps: usize,
    until: Instant,
}

impl Recruiter {
    /// For the fleet that the arguments describe.
    ///
    /// # Errors
    ///
    /// When the state directory cannot be used.
    pub(crate) fn new(
        args: &FleetArgs,
        context: Arc<Context>,
        token: EnrolmentToken,
    ) -> anyhow::Result<Self> {
        let catalogue = Catalogue::load()?;
        let other = catalogue.pool(Pool::DebianOther);
        let installable = other.into_iter().cloned().collect();
        Ok(Self {
            until: context.clock.now() + Duration::from_secs(args.enrol_s.into()),
            context,
            token,
            catalogue,
            installable,
            state: args.state.as_deref().map(StateDir::open).transpose()?,
            random: Random::new(args.seed),
            agents: args.agents,
            apps: args.apps.try_into()?,
        })
    }

    /// All agents of the fleet that could be enrolled in time, in the order of their numbers.
    pub(crate) async fn recruit_all(
        self: &Arc<Self>,
        interrupted: &CancellationToken,
    ) -> Vec<Recruit> {
        let tracker = TaskTracker::new();
        let permits = Arc::new(Semaphore::new(ENROLLING_MAX));
        let tasks: Vec<_> = (0..self.agents)
            .map(|number| {
                let (recruiter, permits) = (Arc::clone(self), Arc::clone(&permits));
                let interrupted = interrupted.clone();
                tracker.spawn(async move {
                    // Nobody closes the semaphore, so there is a permit in the end. It is held
                    // while the first snapshot is packed as well: more of that at once than there
                    // are cores would only make each slower.
                    let _permit = permits.acquire().await;
                    select! {
                        recruit = recruiter.recruit(number) => recruit,
                        () = interrupted.cancelled() => None,
                    }
                })
            })
            .collect();
        let mut recruits = Vec::with_capacity(tasks.len());
        for task in tasks {
            // A task that panicked is an agent that is missing, which the summary counts.
            recruits.extend(task.await.ok().flatten());
        }
        recruits
    }

    async fn recruit(&self, number: u32) -> Option<Recruit> {
        let mut random = self.random.fork(number.into());
        let profile = Profile::draw(&mut random);
        let hostname = format!("sim-{number:05}");
        let identity = match self.identity(number, &hostname, &mut random).await {
            Ok(identity) => identity,
            Err(error) => {
                self.context.stats.error(format!("enrol: {error:#}"));
                return None;
            }
        };
        let records = inventory::draw(&self.catalogue, profile, self.apps, &mut random);
        let mut model = Model::new(profile.facts(&hostname), records, identity.epoch);
        let now_ms = self.context.clock.unix_ms();
        let snapshot = model.begin_epoch(now_ms, &mut self.context.packer(number));
        if let Err(error) = snapshot {
            self.context
                .stats
                .error(format!("pack a snapshot: {error}"));
            return None;
        }
        Some(Recruit {
            number,
            // Epochs are reserved by runs, so no run makes a version that an earlier one has made.
            first_change: u64::from(identity.epoch.0) << 32,
            identity,
            model,
            installable: Arc::clone(&self.installable),
            random,
        })
    }

    /// The identity that an earlier run has left, or a new one.
    async fn identity(
        &self,
        number: u32,
        hostname: &str,
        random: &mut Random,
    ) -> anyhow::Result<Identity> {
        if let Some(state) = &self.state
            && let Some(identity) = state.take(number)?
        {
            return Ok(identity);
        }
        let mut wait = Duration::from_millis(250);
        loop {
            let error = match enrol(&self.context, &self.token, number, hostname).await {
                Ok(identity) => {
                    if let Some(state) = &self.state {
                        state.keep(number, &identity)?;
                    }
                    return Ok(identity);
                }
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
}
