//! Real processes and random faults: collectors, a database with its synchronous standby and fleets of
//! agents on hosts of their own, while nodes, disks, clocks, links and servers break.
//!
//! After it the question is from outside and the only one that matters: are a company's rows what its
//! agents have? It must never mend what it is there to find: whatever it does to a site, an
//! administrator or an accident could do.

mod database;
mod fault;
mod fleet;
mod host;
mod links;
mod network;
mod node;
mod process;
mod progress;
mod report;
mod shell;
mod site;

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::fault::Fault;
use self::fleet::{Fleet, Size};
use self::progress::{Longest, Present};
pub use self::report::Report;
use self::report::Suffered;
use self::site::{Programs, Site};
use crate::cli::ChaosArgs;
use crate::clock::Clock;
use crate::random::Random;

/// Time between two faults at most. Some come at once, when what broke before has hardly come back.
const REST_MS: usize = 2_500;
/// How long fleets change before the first fault and after the last.
const CALM: Duration = Duration::from_secs(5);
/// The two companies of a run.
const COMPANIES: [&str; 2] = ["one", "other"];

/// Builds a site, breaks it as often as asked, and compares in the end.
///
/// # Errors
///
/// When the site cannot be built or a fault cannot be done: without root, without PostgreSQL. What the
/// collector does wrong is no error but stands in the report.
pub fn run(args: &ChaosArgs) -> anyhow::Result<Report> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(suffer(args))
}

async fn suffer(args: &ChaosArgs) -> anyhow::Result<Report> {
    let clock = Clock;
    // Said first, because a run that does not come to its report has to be had again as well.
    let seed = args.seed.unwrap_or_else(|| clock.unix_ms());
    let random = Random::new(seed);
    say(format_args!("{} nodes, seed {seed}", args.nodes));
    let folder = args.folder.as_path();
    std::fs::create_dir_all(folder)?;
    let programs = Programs {
        collector: args.collector.clone(),
        postgres: args.postgres.clone(),
        clock: args.faketime.clone(),
        feeds: args.feeds.clone(),
    };
    // Parts of their own (1 the network, 2 the pauses, 3 the faults): how many packets were drawn
    // for must not change which fault comes next.
    let mut site = Site::build(args.nodes, folder, &programs, random.fork(1)).await?;
    let mut fleets = fleets(args, folder).await?;
    site.database.sql(&fleet::heartbeats()).await?;
    let present = Present::default();
    let (longest, watching) = watch(&fleets, clock, &present);
    let began = clock.now();
    let suffered = break_it(args, &mut site, (clock, &random, &present)).await?;
    let broken = clock.now() - began;
    present.set("nothing, afterwards".to_owned());
    let mut shown = Vec::new();
    let mut ended_afterwards = 0;
    while fleets.iter_mut().any(Fleet::is_running) {
        // A fleet whose agents wait for a node that has ended would otherwise wait for its whole
        // time to settle.
        for host in site.revive()? {
            say(format_args!("{host} had ended and is started again"));
            ended_afterwards += 1;
        }
        sleep(Duration::from_millis(250)).await;
    }
    // Before the results are read: nothing is to be got on with any more, and the time would count.
    watching.cancel();
    for fleet in &mut fleets {
        shown.push(fleet.shown().await?);
    }
    let dead_letters = site.database.sql("SELECT count(*) FROM dead_letters").await?;
    // Of companies that are there; nobody revokes here, and a mark is for good.
    let cloned = "SELECT count(*) FROM agents WHERE cloned_at IS NOT NULL";
    let cloned = site.database.sql(cloned).await?;
    let standstill = longest.into_iter().map(|longest| longest.get());
    let report = Report {
        nodes: args.nodes,
        seed,
        asked: args.faults,
        broken_s: broken.as_secs_f64(),
        suffered,
        ended_afterwards,
        dead_letters: dead_letters.trim().parse().context("count dead letters")?,
        cloned: cloned.trim().parse().context("count agents that were taken for clones")?,
        is_without_clocks: args.faketime.is_none(),
        standstill: standstill.max_by_key(|still| still.lasted).unwrap_or_default(),
        fleets: shown,
    };
    site.remove().await?;
    Ok(report)
}

async fn fleets(args: &ChaosArgs, folder: &Path) -> anyhow::Result<Vec<Fleet>> {
    let size = Size { agents: args.agents, apps: args.apps, seconds: args.seconds };
    let mut fleets = Vec::new();
    for name in COMPANIES {
        let fleet = Fleet::start(name, folder, &args.collector, args.nodes, size).await;
        fleets.push(fleet.with_context(|| format!("start the fleet of company {name}"))?);
    }
    Ok(fleets)
}

/// Watches whether all companies get on.
fn watch(fleets: &[Fleet], clock: Clock, present: &Present) -> (Vec<Longest>, CancellationToken) {
    let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
    let watch = |fleet: &Fleet| {
        let longest = Longest::default();
        let told = (longest.clone(), present.clone());
        let watching = progress::watch(fleet.company, fleet.apis.clone(), clock, told);
        tracker.spawn(stop.clone().run_until_cancelled_owned(watching));
        longest
    };
    (fleets.iter().map(watch).collect(), stop)
}

/// Does one fault after the other, until there were as many as asked and as long as fleets change.
async fn break_it(
    args: &ChaosArgs,
    site: &mut Site,
    (clock, random, present): (Clock, &Random, &Present),
) -> anyhow::Result<Vec<Suffered>> {
    // As long as the fleets change: a fault while nobody says anything proves nothing.
    let until = clock.now() + Duration::from_secs(args.seconds.into());
    let mut rests = random.fork(2);
    let faults = random.fork(3);
    let mut suffered = Vec::new();
    sleep(CALM).await;
    // The last fault ends, or nearly, before the changes do, so that some of them come after it.
    while clock.now() + CALM < until && suffered.len() < usize::from(args.faults) {
        let fault = Fault::draw(suffered.len(), args.nodes, &faults);
        say(format_args!("{:>3}  {fault}", suffered.len() + 1));
        // Before the fault is done, for a standstill belongs to what was going on when it began.
        present.set(fault.to_string());
        let began = clock.now();
        site.suffer(fault).await.with_context(|| fault.to_string())?;
        // After every fault and not at the end: which one a node did not survive is what is asked.
        let ended_alone = site.revive()?;
        for host in &ended_alone {
            say(format_args!("{host} had ended and is started again"));
        }
        suffered.push(Suffered {
            kind: fault.kind(),
            took: clock.now() - began,
            ended_alone: ended_alone.len(),
        });
        let rest = u64::try_from(rests.below(REST_MS)).unwrap_or(0);
        sleep(Duration::from_millis(rest)).await;
    }
    Ok(suffered)
}

#[expect(clippy::print_stderr, reason = "a run of minutes tells whoever waits for it where it is")]
fn say(what: std::fmt::Arguments<'_>) {
    eprintln!("chaos: {what}");
}
