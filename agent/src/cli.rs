//! The agent's command line: what was typed, what it means, and what the process ends with.
//!
//! 0 is done, 1 is failed, 2 is wrong use. Results go to stdout, everything else to stderr, and a
//! secret to neither.

mod args;
mod ask;
mod check;
mod diagnostics;
mod enrol;
mod inventory;
mod owner;
#[cfg(windows)]
mod service;
mod unenroll;
mod visit;
mod waiting;

use std::ffi::OsString;
use std::fmt;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;

use ring::rand::{SecureRandom as _, SystemRandom};

use self::args::{Args, Command};
use crate::backoff::Jitter;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
#[cfg(not(windows))]
use crate::config::environment;
use crate::logging::Log;
use crate::memory;
use crate::run::{Agent, Until};
// What the installer was told counts for every command: `check` and `unenroll` have to reach the collector that the
// service reaches.
#[cfg(windows)]
use crate::service::environment;

/// What every command gets.
struct Context {
    config: Config,
    clock: Arc<dyn Clock>,
    log: Log,
}

/// Why a command failed, for people.
struct Failure(String);

impl<E: fmt::Display> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// Runs the command line.
pub fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let args = match Args::parse(arguments) {
        Ok(args) => args,
        Err(why) => {
            complain(&format!("{why}\nrun `muster-agent help` to see what it takes"));
            return ExitCode::from(2);
        }
    };
    match execute(args) {
        Ok(code) => code,
        Err(Failure(why)) => {
            complain(&why);
            ExitCode::FAILURE
        }
    }
}

fn execute(args: Args) -> Result<ExitCode, Failure> {
    match args.command {
        // Before a configuration is read: a broken one must not keep the help from helping.
        Command::Help => return print(args::HELP),
        Command::Version => {
            return print(&format!("muster-agent {}", env!("CARGO_PKG_VERSION")));
        }
        Command::Enroll(_)
        | Command::Unenroll
        | Command::Run
        | Command::Scan
        | Command::Status { .. }
        | Command::Check
        | Command::Inventory { .. }
        | Command::Diagnostics { .. } => {}
        // It reads a configuration of its own: the installer's values belong to it.
        #[cfg(windows)]
        Command::Service => return service::service(),
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let config = Config::load(args.config.as_deref(), &environment, args.raw);
    if let Command::Diagnostics { out } = &args.command {
        // With a configuration that is wrong as well: that may be what help is needed for.
        return diagnostics::diagnostics(config, args.config.as_deref(), clock, out.as_deref());
    }
    let config = config?;
    let log = Log::new(config.log_level, Arc::clone(&clock));
    for warning in &config.warnings {
        log.warn(format_args!("{warning}"));
    }
    let context = Context { config, clock, log };
    match args.command {
        Command::Enroll(wanted) => enrol::enrol(&context, &wanted),
        Command::Unenroll => unenroll::unenroll(&context),
        Command::Run => {
            waiting::use_up(&context)?;
            run(context, Until::Stopped).map(|()| ExitCode::SUCCESS)
        }
        Command::Scan => ask::scan(context),
        Command::Status { json } => ask::status(&context, json),
        Command::Check => check::check(&context),
        Command::Inventory { json } => inventory::inventory(&context, json),
        // Answered above.
        Command::Help | Command::Version | Command::Diagnostics { .. } => Ok(ExitCode::SUCCESS),
        #[cfg(windows)]
        Command::Service => Ok(ExitCode::SUCCESS),
    }
}

/// Runs the agent until a signal or the end of its work.
fn run(context: Context, until: Until) -> Result<(), Failure> {
    let Context { config, clock, log } = context;
    // Before anything makes a thread, which would keep the arena that it got.
    memory::be_frugal();
    let jitter = Jitter::seeded(seed()?);
    runtime()?.block_on(async {
        // Before anything that takes time, so that an early stop is a stop as well.
        let stop = asked_to_stop()?;
        let agent = Agent::open(config, clock, log, jitter)?;
        agent.run(until, stop).await.map_err(Failure::from)
    })
}

/// Waits until the system asks the process to end. What comes from the call on is not missed.
#[cfg(unix)]
fn asked_to_stop() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Waits until the system asks the process to end. What comes from the call on is not missed.
#[cfg(windows)]
fn asked_to_stop() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close, ctrl_shutdown};

    let (mut interrupt, mut end) = (ctrl_c()?, ctrl_break()?);
    let (mut close, mut shutdown) = (ctrl_close()?, ctrl_shutdown()?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = end.recv() => {}
            _ = close.recv() => {}
            _ = shutdown.recv() => {}
        }
    })
}

/// One thread; another only while a name is being resolved.
fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(2)
        // Gone right after the look-up: an idle agent is one thread, and the budget counts them.
        .thread_keep_alive(std::time::Duration::from_millis(10))
        .build()
}

fn seed() -> Result<u64, Failure> {
    // From the system, and not from the time or the host's name: machines that were cloned from one
    // image and started in one second must not draw the same waits.
    let mut bytes = [0; 8];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Failure("the system gives no random bytes".to_owned()))?;
    Ok(u64::from_le_bytes(bytes))
}

/// Writes a result. Somebody who stops reading, such as `head`, is no failure.
fn print(text: &str) -> Result<ExitCode, Failure> {
    match writeln!(io::stdout(), "{}", text.trim_end()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::from(error)),
        Ok(()) | Err(_) => Ok(ExitCode::SUCCESS),
    }
}

fn complain(why: &str) {
    // Nobody is left to tell when stderr is closed.
    writeln!(io::stderr(), "muster-agent: {why}").ok();
}
