//! A collector of a few hundred lines: it enrols, welcomes, keeps what it is told in memory, and
//! answers each report as the test wants.

// By their paths: benches and the footprint include this file from elsewhere.
#[path = "collector/authority.rs"]
mod authority;
#[path = "collector/serving.rs"]
mod serving;
#[path = "collector/wires.rs"]
mod wires;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use agent::delta::Records;
use protocol::enrolment::{EnrolReply, EnrolRequest};
use protocol::frame::Frame;
use protocol::ids::{CompanyId, Position, Succession, TokenId};
use protocol::message::{CollectorMessage, Heartbeat, Hello, Settings};
use protocol::reject::RejectReason;
use protocol::report::{Report, ReportBody};
use protocol::token::EnrolmentToken;
use tokio::sync::mpsc;
use uuid::Uuid;

use self::authority::Authority;
use self::serving::serve;
pub(crate) use self::wires::Wires;
use self::wires::{Peer, Sockets};

/// How long a test waits for something that has to happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// What to do with a report.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    Ack,
    Reject(RejectReason, u32),
    /// Take it, and close before saying so.
    TakeAndClose,
}

/// Decides what to do with a report, from it and the number of reports that came before.
type Judge = Box<dyn FnMut(&Report, usize) -> Answer + Send>;

/// What the collector saw and holds.
#[derive(Default)]
pub(crate) struct Seen {
    /// The inventory that it was told.
    pub(crate) held: Records,
    /// The last report that was applied.
    pub(crate) applied: Position,
    pub(crate) hellos: Vec<Hello>,
    pub(crate) heartbeats: Vec<Heartbeat>,
    /// Every report as it came, redeliveries included.
    pub(crate) reports: Vec<Report>,
    /// The bytes of every position, to be the same each time.
    pub(crate) frames: BTreeMap<Position, Vec<u8>>,
    pub(crate) enrolments: Vec<EnrolRequest>,
    pub(crate) renewals: usize,
    /// Agents that left for good.
    pub(crate) departures: usize,
    /// Certificates that agents came with.
    pub(crate) certificates: Vec<Vec<u8>>,
    /// Connections of agents that stand.
    pub(crate) connections: usize,
    /// What went wrong: a gap, other bytes for a position, a digest that does not fit.
    pub(crate) faults: Vec<String>,
}

impl Seen {
    /// Applies a report as a store does.
    fn take(&mut self, report: &Report, frame: &Frame) {
        let bytes = frame.to_bytes();
        let before = self.frames.entry(report.position).or_insert_with(|| bytes.clone());
        if *before != bytes {
            self.faults.push(format!("{} came with other bytes", report.position));
        }
        let keys = match report.validate() {
            Ok(keys) => keys,
            Err(error) => return self.faults.push(error.to_string()),
        };
        match self.applied.succession(report.position) {
            Succession::Seen => return,
            Succession::Gap => {
                let fault = format!("{} after {}", report.position, self.applied);
                return self.faults.push(fault);
            }
            Succession::Next => {}
        }
        match &report.body {
            ReportBody::Snapshot { from, to, .. } => {
                self.held.retain(|key, _| key < from || to.is_some_and(|to| *key >= to));
            }
            ReportBody::Delta { removes, .. } => self.held.retain(|key, _| !removes.contains(key)),
        }
        // After the removals: what a part names within its range is there again.
        self.held.extend(keys.into_iter().zip(report.body.records().iter().cloned()));
        self.applied = report.position;
        let digest = self
            .held
            .iter()
            .map(|(key, record)| protocol::fingerprint::RecordFingerprint::of(*key, record))
            .collect();
        if report.digest.is_some_and(|said| said != digest) {
            self.faults.push(format!("the digest of {} does not fit", report.position));
        }
    }
}

/// What a test can change while the collector runs.
struct Control {
    judge: Judge,
    refuse: Option<(RejectReason, u32)>,
    enrol: fn(EnrolReply) -> Option<EnrolReply>,
    settings: Settings,
    /// Bytes to send in place of the next welcome.
    garbage: Option<Vec<u8>>,
    /// How old certificates are when they are issued.
    certificate_age: Duration,
    sessions: Vec<mpsc::Sender<CollectorMessage>>,
    live: Vec<Peer>,
}

struct Shared {
    seen: Mutex<Seen>,
    changed: Condvar,
    control: Mutex<Control>,
    authority: Authority,
}

/// The collector, on a thread of its own.
pub(crate) struct Collector {
    shared: Arc<Shared>,
    wires: Wires,
    address: SocketAddr,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Collector {
    pub(crate) fn start() -> Self {
        Self::start_on(Wires::All)
    }

    /// A collector that can be reached in some ways and not in others.
    pub(crate) fn start_on(wires: Wires) -> Self {
        Self::start_in(wires, 0)
    }

    /// A collector that lives in another time than the host.
    pub(crate) fn start_in(wires: Wires, clock_ahead_s: i64) -> Self {
        Self::start_with(
            wires,
            Authority::new(clock_ahead_s),
            (Ipv4Addr::LOCALHOST, 0).into(),
            Seen::default(),
        )
    }

    fn start_with(wires: Wires, authority: Authority, address: SocketAddr, seen: Seen) -> Self {
        let shared = Arc::new(Shared {
            seen: Mutex::new(seen),
            changed: Condvar::new(),
            control: Mutex::new(Control {
                judge: Box::new(|_, _| Answer::Ack),
                refuse: None,
                enrol: Some,
                settings: Settings::default(),
                garbage: None,
                certificate_age: Duration::ZERO,
                sessions: Vec::new(),
                live: Vec::new(),
            }),
            authority,
        });
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let (ready, is_ready) = std::sync::mpsc::sync_channel(1);
        let for_thread = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                let tls = for_thread.authority.tls();
                let sockets = Sockets::open(wires, address, tls).await;
                ready.send(sockets.address).expect("somebody waits");
                tokio::select! {
                    () = serve(&sockets, &for_thread) => {}
                    _ = stopped => {}
                }
            });
        });
        Self {
            shared,
            wires,
            address: is_ready.recv().expect("the collector listens"),
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// Ends without a word, as a machine does that loses power, and starts again with what it held.
    pub(crate) fn restart(mut self) -> Self {
        let seen = std::mem::take(&mut *self.seen());
        let (authority, address) = (self.shared.authority.clone(), self.address);
        let wires = self.wires;
        self.halt();
        Self::start_with(wires, authority, address, seen)
    }

    fn halt(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the collector does not panic");
        }
        // They hold the socket, whose port the next life takes again.
        self.control().live.clear();
    }

    /// Connections that began with a ticket of an earlier one.
    pub(crate) fn resumed(&self) -> usize {
        self.shared.authority.tickets_used.load(Ordering::Relaxed)
    }

    /// Where it is.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// A token as its company's admin gets it.
    pub(crate) fn token(&self) -> EnrolmentToken {
        EnrolmentToken {
            id: TokenId(Uuid::from_u128(7)),
            secret: [9; 32],
            ca_sha256: self.shared.authority.sha256(),
            addresses: vec![self.address.to_string()],
        }
    }

    pub(crate) fn answer(&self, judge: impl FnMut(&Report, usize) -> Answer + Send + 'static) {
        self.control().judge = Box::new(judge);
    }

    /// Refuses every session from now on, or none.
    pub(crate) fn refuse(&self, refuse: Option<(RejectReason, u32)>) {
        self.control().refuse = refuse;
    }

    /// Changes what is answered to an enrolment; `None` closes without an answer.
    pub(crate) fn answer_enrolment(&self, enrol: fn(EnrolReply) -> Option<EnrolReply>) {
        self.control().enrol = enrol;
    }

    pub(crate) fn set_settings(&self, settings: Settings) {
        self.control().settings = settings;
    }

    /// Sends this in place of the next welcome.
    pub(crate) fn babble(&self, bytes: &[u8]) {
        self.control().garbage = Some(bytes.to_vec());
    }

    pub(crate) fn set_certificate_age(&self, age: Duration) {
        self.control().certificate_age = age;
    }

    /// Says something in every session that stands.
    pub(crate) fn say(&self, message: &CollectorMessage) {
        for session in &self.control().sessions {
            // A session that is over hears nothing.
            session.try_send(message.clone()).ok();
        }
    }

    /// Breaks every connection.
    pub(crate) fn hang_up(&self) {
        for peer in self.control().live.drain(..) {
            peer.close();
        }
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.shared.seen.lock().expect("no panic")
    }

    /// Waits until the collector saw what the test waits for.
    #[track_caller]
    pub(crate) fn wait_for<T>(&self, what: &str, seen: impl Fn(&Seen) -> Option<T>) -> T {
        let mut outcome = None;
        let (guard, _) = self
            .shared
            .changed
            .wait_timeout_while(self.seen(), PATIENCE, |now| {
                outcome = seen(now);
                outcome.is_none()
            })
            .expect("no panic");
        outcome.unwrap_or_else(|| {
            panic!(
                "waited in vain for {what}; applied {}, {} records, {} hellos, faults {:?}",
                guard.applied,
                guard.held.len(),
                guard.hellos.len(),
                guard.faults
            )
        })
    }

    fn control(&self) -> MutexGuard<'_, Control> {
        self.shared.control.lock().expect("no panic")
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // Whether it panicked is of no interest any more.
            thread.join().ok();
        }
    }
}

impl Shared {
    fn note(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.seen.lock().expect("no panic"));
        self.changed.notify_all();
    }
}

pub(crate) fn company() -> CompanyId {
    CompanyId(Uuid::from_u128(0xc0))
}
