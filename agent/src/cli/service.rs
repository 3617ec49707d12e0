//! `service`: what Windows' service control manager starts.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot::Receiver;

use super::{Context, Failure, runtime, seed, waiting};
use crate::backoff::Jitter;
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, Raw};
use crate::identity::Identity;
use crate::logging::Log;
use crate::private_file;
use crate::run::{Agent, Until};
use crate::service::{self, LogFile};

/// How often a host that has no token yet looks for one, or for somebody who has typed `enroll`.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Serves until the service manager stops it.
pub(super) fn service() -> Result<ExitCode, Failure> {
    service::dispatch(|stopped| serve(stopped).map_err(|Failure(why)| why)).map_err(|error| {
        Failure(format!(
            "{error}; this command is for the service manager: use `sc start {}`",
            service::NAME
        ))
    })?;
    Ok(ExitCode::SUCCESS)
}

fn serve(mut stopped: Receiver<()>) -> Result<(), Failure> {
    let config = Config::load(None, &service::environment, Raw::default())?;
    private_file::make_folder(&config.state_dir)?;
    let mut log_file = service::log_to(&config.state_dir)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let log = Log::new(config.log_level, Arc::clone(&clock));
    for warning in &config.warnings {
        log.warn(format_args!("{warning}"));
    }
    let context = Context { config, clock, log };
    let outcome = (|| {
        if let Err(error) = service::limit() {
            context.log.warn(format_args!("the job object with its limits is refused: {error}"));
        }
        if !become_agent(&context, &mut stopped, &mut log_file)? {
            return Ok(());
        }
        let Context { config, clock, log } = &context;
        let jitter = Jitter::seeded(seed()?);
        runtime()?.block_on(async {
            let agent = Agent::open(config.clone(), Arc::clone(clock), log.clone(), jitter)?;
            // A manager that is gone stops the service as well.
            let stop = async { drop(stopped.await) };
            tokio::select! {
                outcome = agent.run(Until::Stopped, stop) => outcome.map_err(Failure::from),
                () = log_file.keep_short() => Ok(()),
            }
        })
    })();
    if let Err(Failure(why)) = &outcome {
        context.log.error(format_args!("{why}"));
    }
    outcome
}

/// Waits until this host is an agent; false when the service is stopped before it is one.
///
/// A service that ended for want of a token would be a failure in the system's log every minute,
/// for as long as an image waits for whoever unpacks it.
fn become_agent(
    context: &Context,
    stopped: &mut Receiver<()>,
    log_file: &mut LogFile,
) -> Result<bool, Failure> {
    let runtime = runtime()?;
    let mut is_said = false;
    loop {
        service::take_token(&context.config.state_dir.join(waiting::FILE))?;
        waiting::use_up(context)?;
        if Identity::load(&context.config.state_dir)?.is_some() {
            return Ok(true);
        }
        if !is_said {
            context
                .log
                .info(format_args!("this host is not enrolled: the agent waits for a token"));
            is_said = true;
        }
        let has_stopped = runtime.block_on(async {
            tokio::select! {
                // A manager that is gone stops the service as well.
                _ = &mut *stopped => true,
                () = tokio::time::sleep(LOOK_EVERY) => false,
                () = log_file.keep_short() => false,
            }
        });
        if has_stopped {
            return Ok(false);
        }
    }
}
