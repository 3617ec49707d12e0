//! A fleet: many simulated agents that enrol, report, change and, in the end, are compared with
//! what the collector holds.
//!
//! The walk: every agent gets an identity and a model; a client for each keeps a session; after the
//! time is over the hosts stop changing, and what is on its way is awaited before anything is judged.

pub(crate) mod catalogue;
mod changes;
mod client;
mod commits;
mod context;
mod enrol;
mod identity;
mod inbox;
mod inventory;
mod model;
mod recruit;
mod stats;
mod summary;
mod tls;
mod verify;
mod visibility;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use protocol::fingerprint::SoftwareKey;
use protocol::token::EnrolmentToken;
use tokio::select;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::client::{Changes, Client};
use self::commits::Looker;
use self::context::Context;
use self::identity::Identity;
use self::model::Model;
use self::recruit::{Recruit, Recruiter};
use self::summary::End;
pub use self::summary::Summary;
use self::verify::Difference;
#[cfg(test)]
pub(crate) use self::{commits::Commits, summary::tests::summary};
use crate::api::Api;
use crate::cli::FleetArgs;
use crate::clock::Clock;
use crate::random::Random;

/// How often it is looked whether reports still wait for answers.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A simulated agent, apart from its connection.
#[derive(Debug)]
pub(crate) struct Agent {
    /// Who it is.
    pub(crate) identity: Arc<Identity>,
    model: Arc<Mutex<Model>>,
}

impl Agent {
    fn with_model<T>(&self, read: impl FnOnce(&Model) -> T) -> T {
        read(&self.model.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Records that it has.
    pub(crate) fn records(&self) -> u64 {
        let records = self.with_model(|model| model.records().len());
        records.try_into().unwrap_or(u64::MAX)
    }

    /// Compares what it has with what the API says.
    pub(crate) fn compare(&self, found: &[SoftwareKey]) -> Difference {
        self.with_model(|model| Difference::between(model.records().keys(), found))
    }
}

/// Runs a fleet to its end, which takes as long as the arguments say and a little more.
///
/// # Errors
///
/// When the arguments cannot be used, or the system gives no sockets or threads.
pub fn run(args: &FleetArgs) -> anyhow::Result<Summary> {
    let token = read_token(args)?;
    // On all cores: a simulator that is slower than its collector measures itself.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("start the runtime")?;
    runtime.block_on(drive(args, token))
}

fn read_token(args: &FleetArgs) -> anyhow::Result<EnrolmentToken> {
    let text = match (&args.token, &args.token_file) {
        (Some(token), _) => token.clone(),
        (None, Some(path)) => std::fs::read_to_string(path)
            .with_context(|| format!("read the token {}", path.display()))?,
        (None, None) => anyhow::bail!("an enrolment token is needed: --token-file or MUSTER_TOKEN"),
    };
    Ok(text.parse()?)
}

async fn drive(args: &FleetArgs, token: EnrolmentToken) -> anyhow::Result<Summary> {
    let clock = Clock;
    let idle = Duration::from_secs(args.idle_s.into());
    let context = Arc::new(Context::open(clock, &token, args.sockets, idle).await?);
    let api = match (&args.api, &args.api_key_file) {
        (Some(url), Some(key)) => Some(Api::new(url, key)?),
        (None, _) | (_, None) => None,
    };
    let stop = CancellationToken::new();
    let tracker = TaskTracker::new();
    let interrupted = interruption(&tracker, &stop);

    let mut end = End::default();
    let began_at = clock.now();
    let recruiter = Arc::new(Recruiter::new(args, Arc::clone(&context), token)?);
    let recruits = recruiter.recruit_all(&interrupted).await;
    end.enrol_seconds = (clock.now() - began_at).as_secs_f64();
    end.enrolled = recruits.len().try_into().unwrap_or(u64::MAX);

    // Before the first report goes out, or the counter's start would hold some of this fleet's
    // records.
    let looker = match (&api, recruits.first()) {
        (Some(api), Some(first)) if args.committed => {
            Some(Looker::begin(api.clone(), first.identity.company).await?)
        }
        (Some(_), Some(_)) | (None, _) | (_, None) => None,
    };

    let until = clock.now() + Duration::from_secs(args.seconds.into());
    let probes = api
        .as_ref()
        .map(|api| lookers(api, &context, &tracker, &stop));
    let agents: Vec<_> = recruits
        .into_iter()
        .map(|recruit| {
            launch(
                recruit,
                args,
                (&context, &tracker, &stop),
                probes.clone(),
                until,
            )
        })
        .collect();
    select! {
        () = sleep_until(until) => {}
        () = interrupted.cancelled() => {}
    }
    let settle_until = clock.now() + Duration::from_secs(args.settle_s.into());
    end.unanswered = settle(&agents, clock, settle_until, &interrupted).await;
    if let Some(looker) = looker {
        let until = (settle_until, &interrupted);
        end.commits = Some(looker.wait(&context, until).await);
    }
    // The clients still run: an agent that is asked for a snapshot has to be able to send it, and a
    // fleet that disagrees may yet come to agree.
    if let Some(api) = api.filter(|_| args.verify) {
        let until = (settle_until, &interrupted);
        let mut verdict = verify::verify(&agents, &api, clock, until).await;
        verdict.seconds = context.stats.seconds_until(clock.now());
        end.verdict = Some(verdict);
    }
    stop.cancel();
    // Closed first, for an open tracker never ends to wait.
    tracker.close();
    tracker.wait().await;
    context.close().await;
    Ok(Summary::new(args, &context, end))
}

/// Is cancelled by the first Ctrl-C, which ends the run early but in order.
fn interruption(tracker: &TaskTracker, stop: &CancellationToken) -> CancellationToken {
    let interrupted = CancellationToken::new();
    let (interrupt, stop) = (interrupted.clone(), stop.clone());
    tracker.spawn(async move {
        select! {
            signal = tokio::signal::ctrl_c() => if signal.is_ok() { interrupt.cancel() },
            () = stop.cancelled() => {}
        }
    });
    interrupted
}

fn lookers(
    api: &Api,
    context: &Arc<Context>,
    tracker: &TaskTracker,
    stop: &CancellationToken,
) -> tokio::sync::mpsc::Sender<visibility::Probe> {
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

fn launch(
    recruit: Recruit,
    args: &FleetArgs,
    (context, tracker, stop): (&Arc<Context>, &TaskTracker, &CancellationToken),
    probes: Option<tokio::sync::mpsc::Sender<visibility::Probe>>,
    until: Instant,
) -> Arc<Agent> {
    let mut random: Random = recruit.random;
    let every = Duration::from_secs(args.change_every_s.into());
    let every = Some(every).filter(|every| !every.is_zero());
    let changes = Changes {
        every,
        // Not all hosts at once, nor all after one whole turn.
        at: context.clock.now() + random.around(every.unwrap_or_default()),
        until,
        installable: recruit.installable,
        probes,
        count: recruit.first_change,
    };
    let agent = Arc::new(Agent {
        identity: Arc::new(recruit.identity),
        model: Arc::new(Mutex::new(recruit.model)),
    });
    let shared = (Arc::clone(&agent.identity), Arc::clone(&agent.model));
    let client = Client::new(recruit.number, shared, Arc::clone(context), changes, random);
    tracker.spawn(client.run(stop.clone()));
    agent
}

/// Waits until every report is answered, or the time is over; gives those that are not.
async fn settle(
    agents: &[Arc<Agent>],
    clock: Clock,
    until: Instant,
    interrupted: &CancellationToken,
) -> u64 {
    loop {
        let unanswered: usize = agents
            .iter()
            .map(|agent| agent.with_model(Model::unanswered))
            .sum();
        if unanswered == 0 || clock.now() >= until || interrupted.is_cancelled() {
            return unanswered.try_into().unwrap_or(u64::MAX);
        }
        sleep(LOOK_EVERY).await;
    }
}
