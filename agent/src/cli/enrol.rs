//! `enroll`: from a token to an identity in the state folder.

use std::io::{self, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use protocol::limits::{FACT_BYTES_MAX, TOKEN_BYTES_MAX};
use protocol::token::EnrolmentToken;

use super::args::Enroll;
use super::{Context, Failure, owner, print, runtime};
use crate::collect::host;
use crate::config::{self, Config};
use crate::enrol::{self, EnrolError, Newcomer};
use crate::identity::Identity;
use crate::lock::StateLock;
use crate::private_file;
use crate::spool::Spool;

pub(super) fn enrol(context: &Context, wanted: &Enroll) -> Result<ExitCode, Failure> {
    owner::refuse_to_make(&context.config.state_dir, "enroll < TOKEN-FILE")?;
    // Before the folder is made: a path that was typed wrongly leaves nothing behind.
    let token = token(wanted)?;
    let said = become_agent(context, &token, wanted.force)??;
    print(&said)
}

/// From a token to an identity in the state folder; what the collector or the network has against it apart
/// from what this host has.
pub(super) fn become_agent(
    context: &Context,
    token: &EnrolmentToken,
    force: bool,
) -> Result<Result<String, EnrolError>, Failure> {
    let config = &context.config;
    private_file::make_folder(&config.state_dir).map_err(|error| {
        Failure(format!(
            "make the folder {}: {error}; run as root or name another one with --state-dir",
            config.state_dir.display()
        ))
    })?;
    let _lock = StateLock::take(&config.state_dir)?;
    refuse_twice(config, force)?;
    let hostname = hostname();
    let host = Newcomer {
        name: &hostname,
        agent_version: env!("CARGO_PKG_VERSION"),
        labels: &config.labels,
    };
    let collectors = config.collectors_or(&token.addresses);
    let enrolling = enrol::enrol(token, collectors, &config.reach, &host);
    let enrolled = match runtime()?.block_on(enrolling) {
        Ok(enrolled) => enrolled,
        Err(error) => return Ok(Err(error)),
    };
    // First the spool, then the identity: a crash in between costs a snapshot and nothing else.
    // What the agent before had told belongs to that agent.
    forget(&config.spool_path())?;
    enrolled.identity.save(&config.state_dir)?;
    let mut spool = Spool::open(&config.spool_path(), config.spool_bytes_max)?;
    spool.save_settings(&enrolled.settings)?;
    let certificate = enrolled.identity.certificate();
    Ok(Ok(format!("enrolled as agent {} of company {}", certificate.agent, certificate.company)))
}

/// An identity that works is not thrown away by accident.
fn refuse_twice(config: &Config, force: bool) -> Result<(), Failure> {
    if force {
        return Ok(());
    }
    match Identity::load(&config.state_dir)? {
        None => Ok(()),
        Some(identity) => Err(Failure(format!(
            "this host is agent {} already; --force makes it a new agent",
            identity.certificate().agent
        ))),
    }
}

fn forget(path: &Path) -> Result<(), Failure> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Failure(format!("remove the old spool {}: {error}", path.display())))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The host's name as far as the collector takes it.
fn hostname() -> String {
    let mut name = host::without_files().hostname;
    while name.len() > FACT_BYTES_MAX {
        // A character and not a byte: the name stays text.
        name.pop();
    }
    name
}

/// The token from where it was said to be. It is never shown, not even when it is wrong.
fn token(wanted: &Enroll) -> Result<EnrolmentToken, Failure> {
    let file = || config::environment("MUSTER_ENROLMENT_TOKEN_FILE").map(PathBuf::from);
    let text = if let Some(token) = &wanted.token {
        token.clone()
    } else if let Some(path) = &wanted.token_file {
        read_file(path)?
    } else if let Some(token) = config::environment("MUSTER_ENROLMENT_TOKEN") {
        token
    } else if let Some(path) = file() {
        read_file(path)?
    } else if io::stdin().is_terminal() {
        return Err(Failure(
            "no enrolment token: name a file with --token-file, or give it on stdin".to_owned(),
        ));
    } else {
        read(io::stdin(), "stdin")?
    };
    Ok(text.parse::<EnrolmentToken>()?)
}

pub(super) fn read_file(path: impl AsRef<Path>) -> Result<String, Failure> {
    let path = path.as_ref();
    if path == Path::new("-") {
        return read(io::stdin(), "stdin");
    }
    let name = path.display().to_string();
    let file = std::fs::File::open(path)
        .map_err(|error| Failure(format!("read the enrolment token from {name}: {error}")))?;
    read(file, &name)
}

fn read(from: impl io::Read, name: &str) -> Result<String, Failure> {
    let mut text = String::new();
    // Twice the limit leaves room for white space around a token, and bounds what is read of a file
    // that was named by mistake.
    let most = u64::try_from(2 * TOKEN_BYTES_MAX).unwrap_or(u64::MAX);
    from.take(most)
        .read_to_string(&mut text)
        .map_err(|error| Failure(format!("read the enrolment token from {name}: {error}")))?;
    if text.trim().is_empty() {
        return Err(Failure(format!("{name} holds no enrolment token")));
    }
    Ok(text)
}
