//! `status` and `scan`: what the running agent says and does, and what can be done without one.

use std::process::ExitCode;
use std::time::Duration;

use super::{Context, Failure, owner, print, run, runtime};
use crate::control::{self, Request};
use crate::identity::Identity;
use crate::lock::Glance;
use crate::run::Until;
use crate::spool::Spool;
use crate::status::{Enrolment, SpoolStatus, State, Status};

/// How long the running agent may take to say how it stands.
const STATUS_WITHIN: Duration = Duration::from_secs(5);
/// How long it may take to scan: every source its time box.
// Sixteen sources that all hang take five and a half minutes at the default.
const SCAN_WITHIN: Duration = Duration::from_secs(600);
/// How long `scan` without a running agent tries to deliver.
const DELIVER_WITHIN: Duration = Duration::from_secs(60);

/// Says how the agent stands.
pub(super) fn status(context: &Context, json: bool) -> Result<ExitCode, Failure> {
    let status = standing(context)?;
    if json {
        print(&serde_json::to_string_pretty(&status)?)?;
    } else {
        print(&status.to_string())?;
    }
    Ok(if status.is_running() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// How the agent stands, by its own word or by its state folder.
pub(super) fn standing(context: &Context) -> Result<Status, Failure> {
    match ask(context, Request::Status, STATUS_WITHIN)? {
        Some(status) => Ok(status),
        None => without_agent(context),
    }
}

/// Lets the running agent scan, or scans and delivers without one.
pub(super) fn scan(context: Context) -> Result<ExitCode, Failure> {
    // Nobody listens, so no agent runs: this process becomes one for as long as the scan takes,
    // with the same lock and the same spool.
    let Some(status) = ask(&context, Request::Scan, SCAN_WITHIN)? else {
        owner::refuse_to_make(&context.config.state_dir, "scan")?;
        run(context, Until::Delivered(DELIVER_WITHIN))?;
        return print("scanned and delivered");
    };
    let Some(scan) = status.last_scan else {
        return Err(Failure("the agent has not scanned; see its log".to_owned()));
    };
    if let Some(problem) = scan.problem {
        return Err(Failure(format!("the scan cannot be recorded: {problem}")));
    }
    let waiting = status.spool.waiting_reports;
    print(&format!(
        "scanned {} records: {} new or changed, {} gone; {waiting} reports wait for the collector",
        scan.records, scan.upserts, scan.removes
    ))
}

/// What the running agent answers; `None` when none runs.
pub(super) fn ask(
    context: &Context,
    request: Request,
    within: Duration,
) -> Result<Option<Status>, Failure> {
    let path = context.config.control_path();
    let answer = runtime()?.block_on(control::ask(&path, request, within)).map_err(|error| {
        Failure(format!(
            "ask the running agent at {}: {error}; run as the agent's user",
            path.display()
        ))
    })?;
    Ok(answer.map(|bytes| serde_json::from_slice(&bytes)).transpose()?)
}

/// What the state folder says.
fn without_agent(context: &Context) -> Result<Status, Failure> {
    let config = &context.config;
    let mut status = Status { version: env!("CARGO_PKG_VERSION").to_owned(), ..Status::default() };
    let Some(identity) = Identity::load(&config.state_dir)? else {
        return Ok(status);
    };
    status.state = State::Stopped;
    status.enrolment = Some(Enrolment::of(identity.certificate()));
    status.connection.collectors = config.collectors_or(identity.collectors()).to_vec();
    // An agent that is between its start and its socket has the spool.
    let Some(_glance) = Glance::into(&config.state_dir)? else {
        status.state = State::Starting;
        return Ok(status);
    };
    let path = config.spool_path();
    // Opening it would make one, and status changes nothing.
    if path.exists() {
        let mut spool = Spool::open(&path, config.spool_bytes_max)?;
        status.spool = SpoolStatus::of(&spool);
        status.sources = spool.told()?.unwrap_or_default().sources;
        status.heartbeat_every_s = spool.settings().heartbeat_every_s;
        status.scan_every_s = spool.settings().scan_every_s;
    }
    Ok(status)
}
