//! An agent that has nothing to do does nothing: it sleeps, answers whoever asks it, and stops when it is told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use agent::backoff::Jitter;
use agent::clock::{Clock, SystemClock};
use agent::config::{Config, Raw};
use agent::logging::{Level, Log};
use agent::run::{Agent, RunError, Until};
use agent::status::State;
use protocol::message::{Attendance, CollectorMessage};
use tokio::sync::oneshot;

use super::collector::{Collector, Wires};
use super::host::Host;

/// More often than this nobody asks a clock who is asleep and is woken up a few times.
const LOOKS_MAX: u64 = 5_000;

/// The host's clock, which a test sets forward. Whoever looks at it without end is ended: an agent that
/// turns in circles would not hear anything else.
#[derive(Default)]
struct Ahead {
    by_s: AtomicU64,
    looks: AtomicU64,
}

impl Ahead {
    /// Lets so much time go by at once, as a suspended machine does.
    fn skip(&self, time: Duration) {
        self.looks.store(0, Ordering::SeqCst);
        self.by_s.fetch_add(time.as_secs(), Ordering::SeqCst);
    }
}

impl Clock for Ahead {
    fn now_ms(&self) -> u64 {
        SystemClock.now_ms() + self.by_s.load(Ordering::SeqCst) * 1_000
    }

    fn elapsed(&self) -> Duration {
        let looks = self.looks.fetch_add(1, Ordering::SeqCst);
        assert!(looks < LOOKS_MAX, "the agent turns in circles");
        SystemClock.elapsed() + Duration::from_secs(self.by_s.load(Ordering::SeqCst))
    }
}

/// An agent on a thread of the test's own.
struct Within {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<Result<(), RunError>>,
}

impl Within {
    fn start(host: &Host, clock: Arc<dyn Clock>) -> Self {
        let raw = Raw {
            state_dir: Some(host.state_dir()),
            scan_root: Some(host.root()),
            ..Raw::default()
        };
        let config = Config::try_from(raw).expect("valid");
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let log = Log::new(Level::Debug, Arc::clone(&clock));
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                let agent = Agent::open(config, clock, log, Jitter::seeded(1))?;
                agent.run(Until::Stopped, async { drop(stopped.await) }).await
            })
        });
        Self { stop, thread }
    }

    fn stop(self) {
        // It may have ended already, which the thread says.
        self.stop.send(()).ok();
        self.thread.join().expect("no panic").expect("stopped");
    }
}

#[test]
fn a_visitor_without_udp_sleeps_when_quic_was_due_between_two_visits() {
    let collector = Collector::start_on(Wires::UdpClosed);
    let host = Host::enrolled(3, &collector);
    let clock = Arc::new(Ahead::default());
    let agent = Within::start(&host, Arc::clone(&clock) as Arc<dyn Clock>);
    collector.wait_for("the inventory", |seen| (seen.held.len() == 3).then_some(()));
    collector.say(&CollectorMessage::Attend(Attendance::Visit { every_s: 86_400 }));
    collector.wait_for("the visit's end", |seen| (seen.connections == 0).then_some(()));
    // Behind the moment at which QUIC was to be tried again beside the connection.
    clock.skip(Duration::from_secs(31 * 60));
    for _ in 0..5 {
        assert_eq!(host.status().state, State::Away);
    }
    agent.stop();
}
