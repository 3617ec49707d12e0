//! `check`: whether everything is as it should be, with what to do where it is not.

use std::process::ExitCode;
use std::time::Duration;

use protocol::frame::{Frame, Packing, Unpacker};
use protocol::message::{
    AgentMessage, Capabilities, CollectorMessage, Hello, VERSION_MAX, VERSION_MIN,
};
use rustls::ClientConfig;

use super::{Context, Failure, ask, print, runtime};
use crate::control::Request;
use crate::identity::Identity;
use crate::logging::{rfc3339, sanitise};
use crate::private_file;
use crate::spool::Spool;
use crate::status::State;
use crate::tls;
use crate::uplink::{FrameReader, dial};

/// How long a collector may take to welcome the agent.
const WELCOME_WITHIN: Duration = Duration::from_secs(15);
/// How long a running agent may take to answer.
const STATUS_WITHIN: Duration = Duration::from_secs(5);

/// One thing that was looked at.
struct Finding {
    what: &'static str,
    outcome: Result<String, String>,
}

/// Looks at everything, and fails when anything is wrong.
pub(super) fn check(context: &Context) -> Result<ExitCode, Failure> {
    // Whatever is wrong before this is reached is wrong with the configuration, and said.
    let mut findings = vec![
        Finding {
            what: "configuration",
            outcome: Ok("valid".to_owned()),
        },
        Finding {
            what: "state folder",
            outcome: state_dir(context),
        },
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
    let identity = identity.ok().flatten();
    if let Some(running) = &running {
        let problem = running.spool.problem.clone();
        findings.push(Finding {
            what: "spool",
            outcome: problem.map_or_else(|| Ok("in use by the running agent".to_owned()), Err),
        });
    } else if identity.is_some() {
        let spool = Spool::open(&context.config.spool_path(), context.config.spool_bytes_max);
        findings.push(Finding {
            what: "spool",
            outcome: match spool {
                Ok(spool) => Ok(format!("{} reports wait", spool.waiting().0)),
                Err(error) => Err(error.to_string()),
            },
        });
    }
    match (running, &identity) {
        // A second session would take the place of the running agent's.
        (Some(running), _) => findings.push(Finding {
            what: "collector",
            outcome: if running.state == State::Connected {
                let address = running.connection.address.unwrap_or_default();
                Ok(format!("the running agent is connected to {address}"))
            } else {
                let problem = running.connection.last_problem;
                Err(problem.unwrap_or_else(|| "the running agent is connecting".to_owned()))
            },
        }),
        (None, Some(identity)) => findings.extend(collectors(context, identity)?),
        (None, None) => {}
    }
    let is_well = findings.iter().all(|finding| finding.outcome.is_ok());
    for Finding { what, outcome } in findings {
        match outcome {
            Ok(detail) => print(&format!("ok      {what}: {detail}"))?,
            Err(why) => print(&format!("failed  {what}: {why}"))?,
        };
    }
    Ok(if is_well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn state_dir(context: &Context) -> Result<String, String> {
    let path = &context.config.state_dir;
    let failed = |error: std::io::Error| {
        format!("{}: {error}; run as the user that owns it", path.display())
    };
    private_file::make_folder(path).map_err(failed)?;
    let probe = path.join("check");
    private_file::replace(&probe, b"check").map_err(failed)?;
    std::fs::remove_file(&probe).map_err(failed)?;
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
    Ok(format!(
        "agent {}, certificate until {until}",
        certificate.agent
    ))
}

/// Shakes hands with every collector for real.
fn collectors(context: &Context, identity: &Identity) -> Result<Vec<Finding>, Failure> {
    let addresses = if context.config.collectors.is_empty() {
        identity.collectors()
    } else {
        &context.config.collectors
    };
    let runtime = runtime()?;
    let mut findings = Vec::new();
    for address in addresses {
        let greeted = runtime.block_on(async {
            let config = tls::session_config(identity).map_err(|error| error.to_string())?;
            tokio::time::timeout(WELCOME_WITHIN, greet(address, config))
                .await
                .map_err(|_| format!("{address} does not welcome the agent in time"))?
        });
        findings.push(Finding {
            what: "collector",
            outcome: greeted,
        });
    }
    Ok(findings)
}

async fn greet(address: &str, config: ClientConfig) -> Result<String, String> {
    let text = |error: &dyn std::fmt::Display| sanitise(&format!("{address}: {error}"));
    let mut dialled = dial(address.to_owned(), config)
        .await
        .map_err(|error| error.to_string())?;
    let hello = AgentMessage::Hello(Hello {
        version_min: VERSION_MIN,
        version_max: VERSION_MAX,
        capabilities: Capabilities::current(),
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        acknowledged: protocol::ids::Position::default(),
        scan_done: 0,
        extension: Vec::new(),
    });
    let frame = Frame {
        packing: Packing::Plain,
        payload: hello.encode(),
    };
    dialled
        .send
        .write_all(&frame.to_bytes())
        .await
        .map_err(|error| text(&error))?;
    let frame = FrameReader::default()
        .read(&mut dialled.recv)
        .await
        .map_err(|error| text(&error))?
        .ok_or_else(|| format!("{address} ends the connection without a word"))?;
    let message = Unpacker::new()
        .map_err(|error| text(&error))?
        .unpack(frame.packing, &frame.payload)
        .map_err(|error| text(&error))?;
    dialled.connection.close(0_u32.into(), b"checked");
    dialled.endpoint.wait_idle().await;
    match CollectorMessage::decode(&message).map_err(|error| text(&error))? {
        CollectorMessage::Welcome(welcome) => Ok(format!(
            "{address} welcomes the agent, protocol version {}",
            welcome.version
        )),
        CollectorMessage::Refuse { reason, detail, .. } => {
            Err(text(&format_args!("refused: {reason} {detail}")))
        }
        CollectorMessage::Ack { .. }
        | CollectorMessage::Reject { .. }
        | CollectorMessage::SendSnapshot
        | CollectorMessage::ScanNow { .. }
        | CollectorMessage::Settings(_)
        | CollectorMessage::Certificate { .. } => {
            Err(format!("{address} answers the hello with something else"))
        }
    }
}
