//! A fleet that lives: its agents, each with a client, and what scenarios can do with them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use protocol::token::EnrolmentToken;
use tokio::sync::mpsc::Sender;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::agent::Agent;
use super::client::{Changes, Client, Habits, longest_wait};
use super::context::Context;
use super::identity::Identity;
use super::link::{self, Line};
use super::model::Model;
use super::orders::Span;
use super::recruit::{Recruit, Recruiter};
use super::tls::Tls;
use super::visibility::{self, Probe};
use crate::api::Api;
use crate::cli::FleetArgs;
use crate::clock::Clock;
use crate::random::Random;

/// How often it is looked whether something has come about.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A fleet that lives.
#[derive(Debug)]
pub(crate) struct Crew {
    /// What it is and does.
    pub(crate) args: FleetArgs,
    /// What its agents share.
    pub(crate) context: Arc<Context>,
    recruiter: Arc<Recruiter>,
    agents: Mutex<Vec<Arc<Agent>>>,
    probes: Option<Sender<Probe>>,
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Crew {
    /// A fleet without agents.
    ///
    /// # Errors
    ///
    /// When the arguments cannot be used, or the system gives no sockets.
    pub(crate) async fn open(
        args: FleetArgs,
        tokens: Vec<EnrolmentToken>,
        api: Option<&Api>,
    ) -> anyhow::Result<Self> {
        let clock = Clock;
        let idle = Duration::from_secs(args.idle_s.into());
        let tls = Tls::new(idle, !args.full_handshakes);
        let first = tokens.first().context("there is no token")?;
        let context = Arc::new(Context::open(clock, first, args.sockets, tls).await?);
        let recruiter = Arc::new(Recruiter::new(&args, Arc::clone(&context), tokens)?);
        let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
        let probes = api.map(|api| lookers(api, &context, &tracker, &stop));
        Ok(Self { args, context, recruiter, agents: Mutex::default(), probes, tracker, stop })
    }

    /// All agents, those that have left included.
    pub(crate) fn agents(&self) -> Vec<Arc<Agent>> {
        let agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        agents.clone()
    }

    /// Gives every agent of the arguments its identity.
    pub(crate) async fn recruit_all(&self, interrupted: &CancellationToken) -> Vec<Recruit> {
        self.recruiter.recruit_all(interrupted).await
    }

    /// One more agent; `None` when it cannot be enrolled.
    pub(crate) async fn recruit(&self, number: u32) -> Option<Recruit> {
        self.recruiter.recruit(number).await
    }

    /// The host of an agent after another installation, as an agent of its own.
    ///
    /// # Errors
    ///
    /// When it cannot be enrolled.
    pub(crate) async fn reinstall(&self, agent: &Agent) -> anyhow::Result<Recruit> {
        let host = agent.with_model(|model| model.host().reinstalled());
        // Parts of their own, here and below, so that what a scenario draws for an agent does not
        // depend on what it drew before.
        let mut random = self.fork(host.number, 2);
        let identity = self.recruiter.enrol(&host, &mut random).await?;
        Ok(Recruit {
            number: host.number,
            model: Model::new(host, identity.epoch),
            identity,
            random,
        })
    }

    /// Another host with the key of an agent.
    pub(crate) fn copy(&self, agent: &Agent) -> Recruit {
        // Before there are two of it: from the first report of the copy on, its rows are anyone's.
        agent.share();
        let host = agent.with_model(|model| model.host().clone());
        let identity = Identity::clone(&agent.identity);
        Recruit {
            number: host.number,
            random: self.fork(host.number, 3),
            model: Model::new(host, identity.epoch),
            identity,
        }
    }

    fn fork(&self, number: u32, part: u64) -> Random {
        let own = Random::new(self.args.seed).fork(number.into());
        own.fork(part << 32)
    }

    /// Puts every agent behind a line of its own.
    ///
    /// # Errors
    ///
    /// When the system gives no sockets.
    pub(crate) async fn slow_down(&self, line: Line) -> anyhow::Result<()> {
        let mut near_ends = Vec::new();
        // Sockets are opened before the fleet connects, so that a system without enough of them
        // says so at once.
        for number in 0..self.args.agents {
            let (_, collector) = self.context.route(number);
            let random = self.fork(number, 4);
            let tasks = (&self.tracker, &self.stop);
            let near = link::open(line, collector, &random, tasks).await;
            near_ends.push(near.context("open a slow line")?);
        }
        self.context.lay(near_ends);
        Ok(())
    }

    /// Brings an agent to life.
    pub(crate) fn launch(&self, recruit: Recruit, span: Span) -> Arc<Agent> {
        let mut random: Random = recruit.random;
        let every = Duration::from_secs(self.args.change_every_s.into()) / self.args.speed;
        // Zero between two changes means that there are none.
        let every = Some(every).filter(|every| !every.is_zero());
        let mut changes = Changes {
            every,
            at: span.from,
            until: span.until,
            probes: self.probes.clone(),
            // Epochs are reserved by runs, so no run makes a version that an earlier one has made.
            count: u64::from(recruit.identity.epoch.0) << 32,
        };
        changes.begin(span, &mut random);
        let ramp = Duration::from_secs(self.args.ramp_s.into());
        let own = self.args.heartbeat_every_s;
        let habits = Habits {
            begins_at: self.context.clock.now() + random.below_time(ramp),
            speed: self.args.speed,
            heartbeat_every: own.map(|seconds| Duration::from_secs(seconds.into())),
            touch: self.args.touch,
            reconnect_max: longest_wait(self.args.agents),
        };
        // Kept before its client runs: whoever looks at all agents must not miss one that reports.
        let agent = Arc::new(Agent::new(recruit.identity, recruit.model));
        self.agents.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&agent));
        let client = Client::new(
            recruit.number,
            Arc::clone(&agent),
            Arc::clone(&self.context),
            (changes, habits),
            random,
        );
        self.tracker.spawn(client.run(self.stop.clone()));
        agent
    }

    /// Waits until every report is answered, or the time is over; gives those that are not.
    pub(crate) async fn settle(&self, until: Instant, interrupted: &CancellationToken) -> u64 {
        let agents = self.agents();
        // Only those that had something open are looked at again: most of a large fleet has not.
        let mut open: Vec<_> = agents.iter().collect();
        loop {
            open.retain(|agent| agent.with_model(|model| !model.is_settled()));
            let is_over = self.context.clock.now() >= until || interrupted.is_cancelled();
            if open.is_empty() || is_over {
                // At least one each: an agent that has not begun has nothing pending, and is open
                // all the same.
                let unanswered = |agent: &&Arc<Agent>| agent.with_model(Model::unanswered).max(1);
                let unanswered: usize = open.iter().map(unanswered).sum();
                return unanswered.try_into().unwrap_or(u64::MAX);
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Ends all clients, and waits until their goodbyes are said.
    pub(crate) async fn close(&self) {
        // The clients end where they are; what they had to say was awaited before.
        self.stop.cancel();
        // Closed first, for an open tracker never ends to wait.
        self.tracker.close();
        self.tracker.wait().await;
        self.context.close().await;
    }
}

fn lookers(
    api: &Api,
    context: &Arc<Context>,
    tracker: &TaskTracker,
    stop: &CancellationToken,
) -> Sender<Probe> {
    // Room for one: a probe that waited in a queue would count the queue's time as the collector's.
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    let receiver = Arc::new(tokio::sync::Mutex::new(receiver));
    for _ in 0..visibility::LOOKERS {
        tracker.spawn(visibility::look(
            Arc::clone(context),
            api.clone(),
            Arc::clone(&receiver),
            stop.clone(),
        ));
    }
    sender
}
