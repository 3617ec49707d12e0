//! `unenroll`: the host is an agent no longer. The collector is told first, then everything is deleted.
//!
//! A host without a network can leave as well: nothing here waits for a collector that does not answer,
//! and what could not be said is said to whoever typed the command.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use protocol::message::{AgentMessage, Capabilities, CollectorMessage};

use super::visit::{NoVisit, Visit};
use super::{Context, Failure, complain, print, runtime};
use crate::identity::{self, Identity};
use crate::lock::StateLock;
use crate::tls;
use crate::uplink::{CONNECT_WITHIN, Plan};

/// Leaves; fails where the collector was not told, though the host is an agent no longer all the same.
pub(super) fn unenroll(context: &Context) -> Result<ExitCode, Failure> {
    let config = &context.config;
    let identity_path = config.state_dir.join(identity::FILE);
    // A folder that is closed to whoever asks says nothing of what is in it, and the host would go on as an agent.
    let is_enrolled = identity_path.try_exists().map_err(|error| {
        Failure(format!(
            "look for {}: {error}; run as root or as the user that owns the folder",
            identity_path.display()
        ))
    })?;
    if !is_enrolled {
        return print("this host is not enrolled");
    }
    // Refused while the agent runs, which would go on with a key that is deleted.
    let _lock = StateLock::take(&config.state_dir)?;
    // One that is damaged cannot say anything to anybody, and is deleted like any other.
    let told = match Identity::load(&config.state_dir) {
        Ok(Some(identity)) => tell(context, &identity)?,
        Ok(None) => Err("it has no identity".to_owned()),
        Err(error) => Err(error.to_string()),
    };
    // The key first: whatever happens after that, nobody can speak for this agent any more.
    for path in [identity_path, config.spool_path(), config.marker_path()] {
        forget(&path)?;
    }
    match told {
        Ok(()) => print("this host is an agent no longer, and its collector knows"),
        Err(why) => {
            complain(&format!(
                "this host is an agent no longer, and its collector was not told: {why}; it will \
                 show the host as missing until somebody removes it there"
            ));
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Tells the first collector that listens.
fn tell(context: &Context, identity: &Identity) -> Result<Result<(), String>, Failure> {
    let reach = &context.config.reach;
    let mut addresses = context.config.collectors_or(identity.collectors()).to_vec();
    let runtime = runtime()?;
    let mut outcome = Err("no collector is known".to_owned());
    while !addresses.is_empty() {
        let plan = |address: &String| Plan::fresh(address, reach, CONNECT_WITHIN);
        let plans = addresses.iter().map(plan).collect();
        // One is enough: the collectors of a site share their rows (decision 24).
        let Err(no) = runtime.block_on(tell_one(plans, identity)) else {
            return Ok(Ok(()));
        };
        outcome = Err(no.why);
        // One that answers and is of no use leaves the others; that nobody answers is all there is to say.
        match no.at {
            Some(at) => addresses.retain(|address| *address != at),
            None => break,
        }
    }
    Ok(outcome)
}

async fn tell_one(plans: Vec<Plan>, identity: &Identity) -> Result<(), NoVisit> {
    let config = tls::session_config(identity)
        .map_err(|error| NoVisit { at: None, why: error.to_string() })?;
    let mut visit = Visit::begin(plans, config).await?;
    let told = if visit.welcome.capabilities.has(Capabilities::LEAVE) {
        let is_gone = |answer: &CollectorMessage| matches!(answer, CollectorMessage::Gone);
        visit.ask(&AgentMessage::Leave, is_gone).await
    } else {
        Err("it is of a version that does not know of departures".to_owned())
    };
    let at = Some(visit.address().to_owned());
    visit.end("gone").await;
    told.map_err(|why| NoVisit { at, why })
}

fn forget(path: &Path) -> Result<(), Failure> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Failure(format!("remove {}: {error}", path.display())))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
