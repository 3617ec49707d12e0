//! `check`: whether everything is as it should be, with what to do where it is not.

use std::process::ExitCode;
use std::time::Duration;

use super::visit::Visit;
use super::{Context, Failure, ask, owner, print, runtime};
use crate::config;
use crate::control::Request;
use crate::identity::{self, Identity};
use crate::lock::{self, Glance};
use crate::logging::rfc3339;
use crate::private_file;
use crate::spool::Spool;
use crate::status::{State, Status};
use crate::tls;
use crate::uplink::{CONNECT_WITHIN, Plan};

/// How long a running agent may take to answer.
const STATUS_WITHIN: Duration = Duration::from_secs(5);

/// What lasts in the state folder, in the order in which an agent that starts opens it.
const LASTING: [&str; 4] = [lock::GATE, lock::FILE, identity::FILE, config::SPOOL_FILE];

/// One thing that was looked at.
struct Finding {
    what: &'static str,
    outcome: Result<String, String>,
}

/// Looks at everything, and fails when anything is wrong.
pub(super) fn check(context: &Context) -> Result<ExitCode, Failure> {
    // Whatever is wrong before this is reached is wrong with the configuration, and said.
    let mut findings = vec![
        Finding { what: "configuration", outcome: Ok("valid".to_owned()) },
        Finding { what: "state folder", outcome: state_dir(context) },
    ];
    let running = ask::ask(context, Request::Status, STATUS_WITHIN)?;
    let identity = Identity::load(&context.config.state_dir);
    findings.push(Finding {
        what: "identity",
        outcome: match &identity {
            Ok(Some(identity)) => describe(identity, context.clock.now_ms()),
            Ok(None) => Err("not enrolled: run `muster-agent enroll`".to_owned()),
            Err(error) => Err(error.to_string()),
        },
    });
    match (running, identity) {
        (Some(running), _) => findings.extend(of_running(running)),
        (None, Ok(Some(identity))) => findings.extend(without_agent(context, &identity)?),
        // Without an identity there is neither a spool nor a collector to ask.
        (None, Ok(None) | Err(_)) => {}
    }
    let is_well = findings.iter().all(|finding| finding.outcome.is_ok());
    for Finding { what, outcome } in findings {
        match outcome {
            Ok(detail) => print(&format!("ok      {what}: {detail}"))?,
            Err(why) => print(&format!("failed  {what}: {why}"))?,
        };
    }
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What the running agent knows of its spool and its collector. It is asked and not gone behind: it
/// holds the spool, and a second session would take the place of its own.
fn of_running(running: Status) -> [Finding; 2] {
    let problem = running.spool.problem;
    let spool = problem.map_or_else(|| Ok("in use by the running agent".to_owned()), Err);
    let collector = if running.state == State::Connected {
        let address = running.connection.address.unwrap_or_default();
        Ok(format!("the running agent is connected to {address}"))
    } else {
        let problem = running.connection.last_problem;
        Err(problem.unwrap_or_else(|| "the running agent is connecting".to_owned()))
    };
    [Finding { what: "spool", outcome: spool }, Finding { what: "collector", outcome: collector }]
}

/// Looks at the spool and calls the collectors, where no agent runs to be asked.
fn without_agent(context: &Context, identity: &Identity) -> Result<Vec<Finding>, Failure> {
    let spool = {
        // An agent may be between its start and its socket. It has the spool then, and one that
        // starts while we look waits at the gate instead of finding its spool in use.
        let Some(_glance) = Glance::into(&context.config.state_dir)? else {
            return Ok(vec![Finding {
                what: "agent",
                outcome: Err("it starts at this moment: ask again in a few seconds".to_owned()),
            }]);
        };
        spool(context)
    };
    // Not behind the gate: a collector may take its time, and no agent shall wait for that. One
    // that starts meanwhile takes the session over, as the later of two always does.
    let mut findings = vec![Finding { what: "spool", outcome: spool }];
    findings.extend(collectors(context, identity)?);
    Ok(findings)
}

fn spool(context: &Context) -> Result<String, String> {
    let path = context.config.spool_path();
    // Opening it would make one, which would be root's where root asks about another user's agent.
    if !path.exists() {
        return Ok("none yet: the first scan makes it".to_owned());
    }
    Spool::open(&path, context.config.spool_bytes_max)
        .map(|spool| format!("{} reports wait", spool.waiting().0))
        .map_err(|error| error.to_string())
}

fn state_dir(context: &Context) -> Result<String, String> {
    let path = &context.config.state_dir;
    let failed = |error: std::io::Error| {
        format!("{}: {error}; run as the user that owns it", path.display())
    };
    private_file::make_folder(path).map_err(failed)?;
    // Written for real: owners and modes say nothing of a full disk, or of one that is read-only.
    let probe = path.join("check");
    private_file::replace(&probe, b"check").map_err(failed)?;
    std::fs::remove_file(&probe).map_err(failed)?;
    // Root opens everything, and would find well what the service cannot even lock.
    if let Some(why) = owner::stranger(path, &LASTING).map_err(failed)? {
        return Err(why);
    }
    Ok(format!("{} can be written", path.display()))
}

fn describe(identity: &Identity, now_ms: u64) -> Result<String, String> {
    let certificate = identity.certificate();
    let until = rfc3339(certificate.not_after_ms);
    if certificate.has_expired(now_ms) {
        return Err(format!(
            "its certificate expired at {until}: enrol again with `muster-agent enroll --force`, \
             or correct this host's clock"
        ));
    }
    if now_ms < certificate.not_before_ms {
        return Err(format!(
            "its certificate begins at {}: correct this host's clock",
            rfc3339(certificate.not_before_ms)
        ));
    }
    tls::session_config(identity).map_err(|error| format!("it cannot be used: {error}"))?;
    Ok(format!("agent {}, certificate until {until}", certificate.agent))
}

/// Shakes hands with every collector for real.
fn collectors(context: &Context, identity: &Identity) -> Result<Vec<Finding>, Failure> {
    let addresses = context.config.collectors_or(identity.collectors());
    let runtime = runtime()?;
    let mut findings = Vec::new();
    for address in addresses {
        let greeted = runtime.block_on(async {
            let config = tls::session_config(identity).map_err(|error| error.to_string())?;
            let plan = Plan::fresh(address, &context.config.reach, CONNECT_WITHIN);
            let visit = Visit::begin(vec![plan], config).await.map_err(|no| no.why)?;
            let said = format!(
                "{address} welcomes the agent by {}, protocol version {}",
                visit.way(),
                visit.welcome.version
            );
            visit.end("checked").await;
            Ok(said)
        });
        findings.push(Finding { what: "collector", outcome: greeted });
    }
    Ok(findings)
}
