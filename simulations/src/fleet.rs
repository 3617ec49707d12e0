//! A fleet: many simulated agents that enrol, report, change and, in the end, are compared with
//! what the collector holds.
//!
//! The walk: every agent gets an identity and a model; a client for each keeps a session; a scenario
//! says what happens while the hosts change; then what is on its way is awaited before anything is
//! judged.

mod agent;
pub(crate) mod catalogue;
mod changes;
mod client;
mod commits;
mod context;
mod crew;
mod enrol;
mod host;
mod identity;
mod inbox;
mod inventory;
mod link;
mod model;
mod orders;
mod process;
mod recruit;
mod scenario;
mod second;
mod state;
mod stats;
mod stock;
mod summary;
mod tls;
mod verify;
mod visibility;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use protocol::token::EnrolmentToken;
use tokio::select;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::commits::Looker;
use self::crew::Crew;
use self::orders::Span;
use self::process::{Parts, Processes, Usage};
use self::recruit::Recruit;
use self::scenario::Stage;
pub(crate) use self::stats::float;
use self::summary::End;
pub use self::summary::Summary;
#[cfg(test)]
pub(crate) use self::{commits::Commits, summary::tests::summary};
use crate::api::Api;
use crate::cli::{FleetArgs, Scenario};
use crate::clock::Clock;

/// How often it is looked what the collectors take.
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// Runs a fleet to its end, which takes as long as the arguments say and a little more.
///
/// # Errors
///
/// When the arguments cannot be used, or the system gives no sockets or threads.
pub fn run(args: &FleetArgs) -> anyhow::Result<Summary> {
    let tokens = read_tokens(args)?;
    // On all cores: a simulator that is slower than its collector measures itself.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("start the runtime")?;
    runtime.block_on(drive(args, tokens))
}

fn read_tokens(args: &FleetArgs) -> anyhow::Result<Vec<EnrolmentToken>> {
    if let Some(token) = &args.token {
        return Ok(vec![token.parse()?]);
    }
    anyhow::ensure!(
        !args.token_file.is_empty(),
        "an enrolment token is needed: --token-file or MUSTER_TOKEN"
    );
    args.token_file.iter().map(|path| read_token(path)).collect()
}

fn read_token(path: &Path) -> anyhow::Result<EnrolmentToken> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("read the token {}", path.display()))?;
    Ok(text.trim().parse()?)
}

async fn drive(args: &FleetArgs, tokens: Vec<EnrolmentToken>) -> anyhow::Result<Summary> {
    let clock = Clock;
    let api = match (&args.api, &args.api_key_file) {
        (Some(url), Some(key)) => Some(Api::new(url, key)?),
        (None, _) | (_, None) => None,
    };
    let (stop, tracker) = (CancellationToken::new(), TaskTracker::new());
    // Before anything that takes long, so that Ctrl-C ends an enrolment as well.
    let interrupted = interruption(&tracker, &stop);
    let processes = Arc::new(Mutex::new(Processes::new(&args.collector_run)));
    watch(&processes, &tracker, &stop);

    let second = second::open(args, &tokens, api.as_ref()).await?;
    // Where two are measured beside each other, the lookers are for the one that waits.
    let probing = api.as_ref().filter(|_| args.scenario != Scenario::NoisyNeighbour);
    let crew = Crew::open(second::first(args), tokens, probing).await?;
    let crews: Vec<&Crew> = std::iter::once(&crew).chain(&second).collect();

    let mut end = End::default();
    let began_at = clock.now();
    let mut parts = Parts::begin(began_at);
    let mut part_ends = |name| parts.end(name, clock.now(), &look(&processes));
    let mut recruits = Vec::new();
    for crew in &crews {
        recruits.push(crew.recruit_all(&interrupted).await);
    }
    end.enrol_seconds = (clock.now() - began_at).as_secs_f64();
    end.enrolled = recruits.iter().map(|some| some.len() as u64).sum();
    part_ends("enrolment");
    // Before the first report goes out, or the counter's start would hold some of this fleet's
    // records.
    let looker = match api.clone().filter(|_| args.committed) {
        Some(api) => Some(Looker::begin(api, companies(&recruits)).await?),
        None => None,
    };
    launch(&crews, recruits, args);
    let stage = Stage {
        crew: &crew,
        second: second.as_ref(),
        looker: looker.as_ref(),
        interrupted: &interrupted,
    };
    let played = scenario::play(&stage).await;
    part_ends("scenario");
    let tells = args.after_inventories || args.scenario != Scenario::Steady;
    end.played = Some(played).filter(|_| tells);
    judge(&stage, api.as_ref(), &mut end).await;
    part_ends("settling and comparison");
    // What watches ends first, then the clients: their goodbyes are no part of the run.
    stop.cancel();
    for crew in &crews {
        crew.close().await;
    }
    tracker.close();
    tracker.wait().await;
    if !args.collector_run.is_empty() {
        end.collector = Some(look(&processes));
        end.parts = parts.all();
    }
    Ok(Summary::new(args, &stage.contexts(), end))
}

fn companies(recruits: &[Vec<Recruit>]) -> BTreeSet<protocol::ids::CompanyId> {
    let all = recruits.iter().flatten();
    all.map(|recruit| recruit.identity.company).collect()
}

fn launch(crews: &[&Crew], recruits: Vec<Vec<Recruit>>, args: &FleetArgs) {
    for (crew, recruits) in crews.iter().zip(recruits) {
        let from = crew.context.clock.now();
        // In scenarios the hosts change when those say so.
        let seconds = match args.scenario {
            Scenario::Steady if !args.after_inventories => args.seconds,
            Scenario::Steady
            | Scenario::Herd
            | Scenario::Churn
            | Scenario::UpgradeDay
            | Scenario::Clone
            | Scenario::SlowLink
            | Scenario::NoisyNeighbour => 0,
        };
        let until = from + Duration::from_secs(seconds.into());
        for recruit in recruits {
            crew.launch(recruit, Span { from, until });
        }
    }
}

/// Awaits what is on its way, and looks whether everything is where it belongs.
async fn judge(stage: &Stage<'_>, api: Option<&Api>, end: &mut End) {
    let crews = || std::iter::once(stage.crew).chain(stage.second);
    let args = &stage.crew.args;
    let context = &stage.crew.context;
    // One limit for all of it: what one wait takes, the next one has not.
    let settle_until = context.clock.now() + Duration::from_secs(args.settle_s.into());
    for crew in crews() {
        end.unanswered += crew.settle(settle_until, stage.interrupted).await;
    }
    let until = (settle_until, stage.interrupted);
    // Of two hosts with one key, nobody can say whose records are the ones that count.
    if let Some(looker) = stage.looker.filter(|_| args.scenario != Scenario::Clone) {
        end.commits = Some(looker.wait(&stage.contexts(), until).await);
    }
    // The clients still run: an agent that is asked for a snapshot has to be able to send it, and a
    // fleet that disagrees may yet come to agree.
    if let Some(api) = api.filter(|_| args.verify) {
        let agents = crews().flat_map(Crew::agents);
        let agents = agents.filter(|agent| agent.is_one_host()).collect();
        let mut verdict = verify::verify(agents, (api, context), until).await;
        verdict.seconds = context.stats.seconds_until(context.clock.now());
        end.verdict = Some(verdict);
    }
}

/// Is cancelled by the first Ctrl-C, which ends the run early but in order.
fn interruption(tracker: &TaskTracker, stop: &CancellationToken) -> CancellationToken {
    let interrupted = CancellationToken::new();
    let (interrupt, stop) = (interrupted.clone(), stop.clone());
    tracker.spawn(async move {
        select! {
            // Where no signal can be had, the run goes on to its own end.
            signal = tokio::signal::ctrl_c() => if signal.is_ok() { interrupt.cancel() },
            () = stop.cancelled() => {}
        }
    });
    interrupted
}

/// Looks at the collectors from time to time: one that is killed leaves nothing to look at.
fn watch(processes: &Arc<Mutex<Processes>>, tracker: &TaskTracker, stop: &CancellationToken) {
    let (processes, stop) = (Arc::clone(processes), stop.clone());
    tracker.spawn(async move {
        loop {
            select! {
                () = sleep(WATCH_EVERY) => {}
                () = stop.cancelled() => return,
            }
            // Taken behind the wait and let go before the next: the guard must not live over an
            // await.
            let mut processes = processes.lock().unwrap_or_else(PoisonError::into_inner);
            processes.look();
        }
    });
}

fn look(processes: &Mutex<Processes>) -> Usage {
    let mut processes = processes.lock().unwrap_or_else(PoisonError::into_inner);
    processes.usage()
}
