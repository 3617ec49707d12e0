//! The running agent: the parts put together, on one thread, until it is told to stop.
//!
//! The composition root. The session decides; here its decisions are carried out, one after another,
//! and what comes of them goes back to it. Only a scan has a thread of its own, for as long as it
//! takes. A stop flushes nothing, because everything that matters is on disk already.

mod act;
mod alarm;
mod events;
mod report;
mod scan;
mod ways;

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protocol::ids::Position;
use protocol::software::SourceStatus;

use self::alarm::Alarm;
use self::scan::ScanThread;
use self::ways::Ways;
use crate::backoff::Jitter;
use crate::clock::Clock;
use crate::collect::{Marker, Scanner};
use crate::config::Config;
use crate::control::{Caller, Control, Request};
use crate::identity::{Identity, IdentityError, NewKey};
use crate::lock::{LockError, StateLock};
use crate::logging::Log;
use crate::session::{Beginning, Event, LinkState, Session};
use crate::spool::{Spool, SpoolError};
use crate::status::{Connection, LastScan};
use crate::uplink::Uplink;

/// Callers that may wait for one scan.
const SCAN_CALLERS_MAX: usize = 8;

/// Why the agent cannot run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The host has no identity.
    #[error("this host is not enrolled: run `muster-agent enroll --token-file FILE` first")]
    NotEnrolled,
    /// The identity cannot be used.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// Another agent runs.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The spool cannot be opened.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// No collector took everything in time.
    #[error("{waiting} reports wait and no collector took them within {} s: {problem}; they will be sent later", within.as_secs())]
    NotDelivered {
        /// Reports that wait.
        waiting: u32,
        /// How long was tried.
        within: Duration,
        /// The last problem of the connection.
        problem: String,
    },
    /// The scan could not be recorded.
    #[error("the scan cannot be recorded: {0}")]
    Scan(String),
}

/// When the agent ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Never.
    Stopped,
    /// When one scan is delivered, or after so long.
    Delivered(Duration),
}

/// The agent, with everything that it holds.
pub struct Agent {
    config: Config,
    clock: Arc<dyn Clock>,
    log: Log,
    identity: Identity,
    /// How to connect, with the tickets of earlier connections; `None` before the first and after a renewal.
    tls: Option<rustls::ClientConfig>,
    collectors: Vec<String>,
    session: Session,
    spool: Arc<Mutex<Spool>>,
    uplink: Uplink,
    ways: Ways,
    /// What time a collector said that it is.
    heard_time: Option<HeardTime>,
    /// This process among all that ever had the identity.
    process: u64,
    alarm: Alarm,
    /// `None` where it could not be opened.
    control: Option<Control>,
    scan: ScanThread,
    marker: Arc<Marker>,
    /// The key of a certificate that was asked for.
    renewal: Option<NewKey>,
    scan_callers: Vec<Caller>,
    seen: Seen,
    _lock: StateLock,
}

/// The time as a collector said it, which is right where the host's clock is not.
#[derive(Clone, Copy, Debug)]
struct HeardTime {
    /// When that was.
    at: Duration,
    /// What it said, in milliseconds since 1970.
    ms: u64,
}

impl HeardTime {
    fn now_ms(self, now: Duration) -> u64 {
        let since = now.saturating_sub(self.at).as_millis();
        self.ms.saturating_add(u64::try_from(since).unwrap_or(u64::MAX))
    }
}

/// What the agent remembers for its status alone.
#[derive(Debug, Default)]
struct Seen {
    started_at_ms: u64,
    connection: Connection,
    last_scan: Option<LastScan>,
    sources: Vec<SourceStatus>,
    spool_problem: Option<String>,
}

impl Seen {
    fn at_start(now_ms: u64, collectors: &[String], spool: &mut Spool) -> Result<Self, SpoolError> {
        Ok(Self {
            started_at_ms: now_ms,
            connection: Connection { collectors: collectors.to_vec(), ..Connection::default() },
            // Until the first scan ends, the status shows how the sources went before the start.
            sources: spool.told()?.unwrap_or_default().sources,
            ..Self::default()
        })
    }
}

impl std::fmt::Debug for Agent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Agent")
            .field("identity", &self.identity)
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}

impl Agent {
    /// Takes the state folder and everything in it. Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// When the host is not enrolled, another agent runs, or the state folder cannot be used.
    pub fn open(
        config: Config,
        clock: Arc<dyn Clock>,
        log: Log,
        mut jitter: Jitter,
    ) -> Result<Self, RunError> {
        // Before the lock and everything else: a host that is not enrolled is left as it is.
        let identity = Identity::load(&config.state_dir)?.ok_or(RunError::NotEnrolled)?;
        let lock = StateLock::take(&config.state_dir)?;
        let mut spool = Spool::open(&config.spool_path(), config.spool_bytes_max)?;
        if let Some(why) = spool.set_aside() {
            log.warn(format_args!("the spool is damaged and begins anew: {why}"));
        }
        // After the lock: opening it removes the socket that is there, which must be nobody's.
        let control = open_control(&config, &log);
        let collectors = config.collectors_or(identity.collectors()).to_vec();
        let (now, now_ms) = (clock.elapsed(), clock.now_ms());
        let seen = Seen::at_start(now_ms, &collectors, &mut spool)?;
        // A fleet that was installed in one minute shall not scan in one minute for ever after.
        let session_jitter = Jitter::seeded(jitter.draw());
        let ways = Ways::new(config.reach.clone(), Jitter::seeded(jitter.draw()));
        let beginning = Beginning {
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            // An attempt tries all of them.
            addresses: 1,
            settings: spool.settings().clone(),
            spool: spool.view(),
            scan_done: spool.scan_done(),
            renew_at: now + identity.certificate().renew_after(now_ms),
        };
        let session = Session::new(now, beginning, session_jitter);
        let marker = Arc::new(Marker::new(config.marker_path()));
        let options = config.scan_options(&session.settings().sources_off);
        let scanner = Scanner::new(options).marking(Arc::clone(&marker));
        Ok(Self {
            config,
            clock,
            log,
            identity,
            tls: None,
            collectors,
            session,
            spool: Arc::new(Mutex::new(spool)),
            uplink: Uplink::default(),
            ways,
            heard_time: None,
            process: jitter.draw(),
            alarm: Alarm::default(),
            control,
            scan: ScanThread::new(scanner),
            marker,
            renewal: None,
            scan_callers: Vec::new(),
            seen,
            _lock: lock,
        })
    }

    /// Runs until `stop` is ready, or until the work is done.
    ///
    /// # Errors
    ///
    /// When the work could not be done; never when it was stopped.
    pub async fn run(
        mut self,
        until: Until,
        stop: impl Future<Output = ()>,
    ) -> Result<(), RunError> {
        self.announce();
        let give_up_at = match until {
            Until::Stopped => None,
            Until::Delivered(within) => Some(self.clock.elapsed() + within),
        };
        tokio::pin!(stop);
        // Nothing is due by itself at the start, because now is when everything is due.
        self.give(Event::Tick);
        let outcome = loop {
            if let Some(outcome) = self.is_done(until, give_up_at) {
                break outcome;
            }
            let deadline = [self.session.deadline(), give_up_at, self.looks_for_a_better_way_at()]
                .into_iter()
                .flatten()
                .min();
            tokio::select! {
                // Every branch is cancel safe, so a branch that loses loses nothing: what each
                // keeps is said where it stands.
                () = &mut stop => break Ok(()),
                event = self.uplink.next() => self.on_uplink(event),
                scanned = self.scan.finished() => self.on_scanned(scanned),
                (request, caller) = next_request(&mut self.control) => {
                    self.on_request(request, caller);
                }
                () = self.alarm.wait_until(deadline, &*self.clock) => {
                    self.give(Event::Tick);
                    self.look_for_a_better_way();
                }
            }
        };
        self.log.info(format_args!("muster-agent stops"));
        self.uplink.farewell().await;
        self.marker.finish();
        outcome
    }

    fn announce(&self) {
        let certificate = self.identity.certificate();
        self.log.info(format_args!(
            "muster-agent {} runs as agent {} of company {}",
            env!("CARGO_PKG_VERSION"),
            certificate.agent,
            certificate.company
        ));
    }

    /// Tells the session what happened and does what it wants, until it wants nothing more.
    fn give(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        // A queue and not a recursion: one action can lead to an event, and a chain of them must
        // not grow the stack.
        while let Some(event) = events.pop_front() {
            for action in self.session.handle(self.clock.elapsed(), event) {
                events.extend(self.act(action));
            }
        }
        self.pump();
    }

    /// Sends as many reports as the session lets go and the connection takes.
    fn pump(&mut self) {
        while self.uplink.has_room() {
            let Some(position) = self.session.next_report(self.clock.elapsed()) else {
                return;
            };
            let frame = self.spool().frame(position);
            match frame {
                Ok(Some(frame)) => self.uplink.send(&frame),
                Ok(None) => {
                    let event = self.missing(position);
                    return self.give(event);
                }
                Err(error) => {
                    let event = self.after_spool(Err(error));
                    return self.give(event);
                }
            }
        }
    }

    /// A report that the session wants to send is not in the spool: as a rule because a scan has
    /// just begun an epoch there, which the session does not know yet.
    fn missing(&mut self, position: Position) -> Event {
        let view = self.spool().view();
        let is_lost = view.pending.is_some_and(|(first, last)| (first..=last).contains(&position));
        if !is_lost {
            return Event::SpoolChanged(view);
        }
        self.log.error(format_args!(
            "report {position} is not in the spool; a snapshot takes its place"
        ));
        let started = self.spool().start_over(position);
        self.after_spool(started)
    }

    /// Whether the work is done, and how it went.
    fn is_done(&self, until: Until, give_up_at: Option<Duration>) -> Option<Result<(), RunError>> {
        let Until::Delivered(within) = until else {
            return None;
        };
        let scan = self.seen.last_scan.as_ref();
        if let Some(problem) = scan.and_then(|scan| scan.problem.clone()) {
            return Some(Err(RunError::Scan(problem)));
        }
        let (waiting, _) = self.spool().waiting();
        if scan.is_some() && waiting == 0 && !self.session.is_scanning() {
            return Some(Ok(()));
        }
        let is_late = give_up_at.is_some_and(|at| self.clock.elapsed() >= at);
        is_late.then(|| {
            let problem = self.seen.connection.last_problem.clone();
            Err(RunError::NotDelivered {
                waiting,
                within,
                problem: problem.unwrap_or_else(|| "no answer".to_owned()),
            })
        })
    }

    fn is_connected(&self) -> bool {
        matches!(self.session.link_state(), LinkState::Connected { .. })
    }

    /// The spool. A panic while it was held, which a test may survive, leaves it whole: every change
    /// is one transaction.
    fn spool(&self) -> MutexGuard<'_, Spool> {
        self.spool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens the socket for `status` and `scan`. An agent reports without one as well: on Windows any program of the
/// host may have taken the pipe's name, and must not keep the agent from its work by that.
fn open_control(config: &Config, log: &Log) -> Option<Control> {
    let path = config.control_path();
    let opened = Control::open(&path);
    let warn = |error: io::Error| {
        log.warn(format_args!(
            "nobody can ask this agent: open the socket {}: {error}; name a shorter --state-dir if its path is long",
            path.display()
        ));
    };
    opened.map_err(warn).ok()
}

async fn next_request(control: &mut Option<Control>) -> (Request, Caller) {
    match control {
        Some(control) => control.next().await,
        None => std::future::pending().await,
    }
}
