//! `unenroll`: the host is an agent no longer. The collector is told first, then everything is deleted.
//!
//! A host without a network can leave as well: nothing here waits for a collector that does not answer,
//! and what could not be said is said to whoever typed the command.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use protocol::message::{AgentMessage, Capabilities, CollectorMessage};

use super::visit::Visit;
use super::{Context, Failure, complain, print, runtime};
use crate::identity::{self, Identity};
use crate::lock::StateLock;
use crate::tls;
use crate::uplink::{CONNECT_WITHIN, CONNECT_WITHIN_OF_SEVERAL, Plan};

/// Leaves; fails where the collector was not told, though the host is an agent no longer all the same.
pub(super) fn unenroll(context: &Context) -> Result<ExitCode, Failure> {
    let config = &context.config;
    let identity_path = config.state_dir.join(identity::FILE);
    if !identity_path.exists() {
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
    let config = &context.config;
    let addresses = config.collectors_or(identity.collectors());
    let within = if addresses.len() > 1 { CONNECT_WITHIN_OF_SEVERAL } else { CONNECT_WITHIN };
    let runtime = runtime()?;
    let mut outcome = Err("no collector is known".to_owned());
    for address in addresses {
        let plan = Plan::fresh(address, &config.reach, within);
        outcome = runtime.block_on(tell_one(plan, identity));
        // One is enough: the collectors of a site share their rows (decision 24).
        if outcome.is_ok() {
            break;
        }
    }
    Ok(outcome)
}

async fn tell_one(plan: Plan, identity: &Identity) -> Result<(), String> {
    let config = tls::session_config(identity).map_err(|error| error.to_string())?;
    let mut visit = Visit::begin(plan, config).await?;
    let told = if visit.welcome.capabilities.has(Capabilities::LEAVE) {
        let is_gone = |answer: &CollectorMessage| matches!(answer, CollectorMessage::Gone);
        visit.ask(&AgentMessage::Leave, is_gone).await
    } else {
        Err("it is of a version that does not know of departures".to_owned())
    };
    visit.end("gone").await;
    told
}

fn forget(path: &Path) -> Result<(), Failure> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Failure(format!("remove {}: {error}", path.display())))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
