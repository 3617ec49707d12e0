//! A simulated agent's manners: what it does with a collector's answers, and when it comes again.

mod answers;

use protocol::ids::{Epoch, Position, TokenId};
use protocol::limits::{HEARTBEAT_EVERY_S, RETRY_AFTER_MS_MAX};
use protocol::message::{Capabilities, Settings, Welcome};
use protocol::reject::RejectReason;
use protocol::token::EnrolmentToken;
use uuid::Uuid;

use super::*;
use crate::clock::Clock;
use crate::fleet::host::Host;
use crate::fleet::identity::tests::identity;
use crate::fleet::orders::Span;
use crate::fleet::tls::Tls;

/// What a fleet of a hundred thousand has to keep of each agent that rests: beside this its
/// certificate and key, and what changed on its host.
const RESTING_BYTES_MAX: usize = 2_048;

#[tokio::test]
async fn an_agent_at_rest_is_small() {
    let token = EnrolmentToken {
        id: TokenId(Uuid::nil()),
        secret: [0; 32],
        ca_sha256: [0; 32],
        addresses: vec!["127.0.0.1:9".to_owned()],
    };
    let tls = Tls::new(Duration::from_secs(1), false);
    let context = Context::open(Clock, &token, 1, tls).await.expect("open");
    let now = Clock.now();
    let random = Random::new(1);
    let model = Model::new(Host::new(0, 100, &random), Epoch(0));
    let agent = Arc::new(Agent::new(identity(1), model));
    let changes = Changes { every: None, at: now, until: now, probes: None, count: 0 };
    let habits = Habits {
        begins_at: now,
        speed: 1,
        heartbeat_every: None,
        touch: Touch::Visit,
        reconnect_max: RECONNECT.1,
    };
    let shared = Arc::new(context);
    let client = Client::new(0, agent, shared, (changes, habits), random);
    // The future itself, which holds the client: what a task of it takes before it is polled.
    let life = client.run(CancellationToken::new());
    let bytes = size_of_val(&life) + size_of::<Agent>();
    assert!(bytes < RESTING_BYTES_MAX, "{bytes} bytes");
}

#[test]
fn a_large_fleet_waits_longer_so_that_its_calls_in_vain_stay_as_few() {
    for (agents, seconds) in [(1, 10), (5_000, 10), (20_000, 40), (100_000, 200), (1_000_000, 300)]
    {
        assert_eq!(longest_wait(agents), Duration::from_secs(seconds), "{agents}");
    }
}

fn token() -> EnrolmentToken {
    EnrolmentToken {
        id: TokenId(Uuid::nil()),
        secret: [0; 32],
        ca_sha256: [0; 32],
        addresses: vec!["127.0.0.1:9".to_owned()],
    }
}

/// A client with a host of so many records, that has no connection and never gets one.
async fn client(apps: u32, touch: Touch, speed: u32) -> Client {
    let tls = Tls::new(Duration::from_secs(1), false);
    let context = Context::open(Clock, &token(), 1, tls).await.expect("open");
    let (now, random) = (Clock.now(), Random::new(1));
    let model = Model::new(Host::new(0, apps, &random), Epoch(0));
    let changes = Changes {
        every: Some(Duration::from_secs(10)),
        at: now,
        until: now,
        probes: None,
        count: 0,
    };
    let habits =
        Habits { begins_at: now, speed, heartbeat_every: None, touch, reconnect_max: RECONNECT.1 };
    let agent = Arc::new(Agent::new(identity(1), model));
    Client::new(0, agent, Arc::new(context), (changes, habits), random)
}

/// The same, with its first snapshot on its way.
async fn reporting(apps: u32) -> Client {
    let client = client(apps, Touch::Told, 1).await;
    client.begin().map_err(|parted| format!("{parted:?}")).expect("a snapshot");
    while client.model().send_next(Clock.now()).is_some() {}
    client
}

fn settings(heartbeat_every_s: u32) -> Settings {
    Settings { heartbeat_every_s, ..Settings::default() }
}

fn reject(position: Position, reason: RejectReason, retry_after_ms: u32) -> CollectorMessage {
    CollectorMessage::Reject { position, reason, detail: "so".to_owned(), retry_after_ms }
}

fn refuse(reason: RejectReason, retry_after_ms: u32) -> CollectorMessage {
    CollectorMessage::Refuse { reason, detail: "so".to_owned(), retry_after_ms }
}

/// For how long a client that was refused stays away at least.
#[track_caller]
fn stays_away(parted: &Parted) -> Duration {
    match parted {
        Parted::Broken { wait, .. } => *wait,
        Parted::Cut | Parted::Done => panic!("{parted:?} is no refusal"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_collector_that_says_nothing_for_longer_than_a_session_has_not_held_one() {
    let mut client = client(1, Touch::Told, 1).await;
    client.attendance = Attendance::Hold { return_within_s: 600 };
    // Called, and no welcome within all the time that a greeting may take.
    // Under paused time: these move the clock, and nothing waits.
    tokio::time::sleep(GREET_WITHIN).await;
    assert!(!client.has_held());
    assert_eq!(client.spread_after(), Duration::ZERO);
    client.welcomed_at = Some(Clock.now());
    tokio::time::sleep(RECONNECT.1).await;
    assert!(!client.has_held(), "just as long is no longer");
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert!(client.has_held());
}

#[tokio::test(start_paused = true)]
async fn only_who_held_as_it_was_told_comes_back_at_any_moment_within_the_time() {
    let held = |touch, attendance, speed| async move {
        let mut client = client(1, touch, speed).await;
        client.attendance = attendance;
        client.welcomed_at = Some(Clock.now());
        // Under paused time, as above.
        tokio::time::sleep(Duration::from_secs(60)).await;
        let waits = (0..200).map(|_| client.spread_after());
        waits.max().unwrap_or_default()
    };
    let hold = Attendance::Hold { return_within_s: 100 };
    let longest = held(Touch::Told, hold, 1).await;
    assert!(longest < Duration::from_secs(100) && longest > Duration::from_secs(90));
    let longest = held(Touch::Told, hold, 10).await;
    assert!(longest < Duration::from_secs(10), "ten times as fast: {longest:?}");
    for touch in [Touch::Hold, Touch::Visit] {
        assert_eq!(held(touch, hold, 1).await, Duration::ZERO, "{touch:?}");
    }
    let visit = Attendance::Visit { every_s: 3_600 };
    assert_eq!(held(Touch::Told, visit, 1).await, Duration::ZERO);
    let own = Attendance::Hold { return_within_s: 0 };
    assert_eq!(held(Touch::Told, own, 1).await, Duration::ZERO);
}

#[tokio::test]
async fn says_that_it_can_be_told_to_visit_only_when_it_does_as_it_is_told() {
    for (touch, can) in [(Touch::Told, true), (Touch::Hold, false), (Touch::Visit, false)] {
        let client = client(1, touch, 1).await;
        let capabilities = client.capabilities();
        let whole = Capabilities::current().without(Capabilities::AUTHORITIES);
        assert_eq!(capabilities == whole, can, "{touch:?}");
        if !can {
            assert_eq!(capabilities, whole.without(Capabilities::ATTEND));
        }
    }
}

#[tokio::test]
async fn a_welcome_sets_the_heartbeat_by_the_speed_and_within_the_protocols_bounds() {
    for (told_s, speed, expected_s) in [
        (600, 1, 600.0),
        (600, 60, 10.0),
        (0, 1, f64::from(*HEARTBEAT_EVERY_S.start())),
        (u32::MAX, 1, f64::from(*HEARTBEAT_EVERY_S.end())),
    ] {
        let mut client = client(1, Touch::Told, speed).await;
        let welcome = Welcome {
            version: 1,
            capabilities: Capabilities::current(),
            now_ms: 0,
            settings: settings(told_s),
            extension: Vec::new(),
        };
        let welcomed = client.welcomed(CollectorMessage::Welcome(welcome));
        assert!(welcomed.is_ok());
        let every = client.heartbeat_every.as_secs_f64();
        assert!((every - expected_s).abs() < 1e-9, "{told_s} at {speed}: {every}");
    }
}

#[tokio::test]
async fn what_the_arguments_say_of_heartbeats_wins_over_what_it_is_told() {
    let mut client = client(1, Touch::Told, 2).await;
    client.habits.heartbeat_every = Some(Duration::from_secs(30));
    let answered = client.answered(CollectorMessage::Settings(settings(600)));
    assert!(matches!(answered, Ok(Next::GoOn)));
    assert_eq!(client.heartbeat_every, Duration::from_secs(15));
}

#[tokio::test(start_paused = true)]
async fn changes_come_within_their_span_and_never_without_a_pace() {
    let (now, mut random) = (Clock.now(), Random::new(1));
    let span = Span { from: now, until: now + Duration::from_secs(100) };
    let mut changes = Changes {
        every: Some(Duration::from_secs(10)),
        at: now,
        until: now,
        probes: None,
        count: 0,
    };
    assert_eq!(changes.next_at(), None, "an empty span has no change");
    for _ in 0..100 {
        changes.begin(span, &mut random);
        let first = changes.next_at().expect("a change") - now;
        assert!(first >= Duration::from_secs(5) && first <= Duration::from_secs(15));
    }
    changes.at = span.until;
    assert_eq!(changes.next_at(), None, "the end is not inside");
    changes.every = None;
    changes.begin(span, &mut random);
    assert_eq!(changes.next_at(), None);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_changes_by_itself_waits_about_its_turn_and_counts_what_it_did() {
    let mut client = reporting(50).await;
    for _ in 0..20 {
        client.change();
        let next = client.changes.at - Clock.now();
        assert!(next >= Duration::from_secs(5) && next <= Duration::from_secs(15));
    }
    let stats = &client.context.stats;
    assert_eq!(stats.changes.get() + stats.changes_skipped.get(), 20);
    assert!(stats.changes.get() > 10);
    let reports = stats.changes.get() + 1;
    assert_eq!(client.model().unanswered() as u64, reports);
    client.changes.every = None;
    client.change();
    assert_eq!(client.changes.count, 20, "a host without a pace does not change");
}

#[tokio::test]
async fn orders_are_obeyed_and_only_a_cut_cuts() {
    let mut client = reporting(50).await;
    let package =
        *client.context.stock.pool(crate::fleet::catalogue::Pool::Debian).first().expect("one");
    assert!(client.obey(Order::Cut));
    assert!(!client.obey(Order::Upgrade { package, number: 9 }));
    assert_eq!(client.context.stats.changes.get(), 1);
    // The same version once more is no change.
    assert!(!client.obey(Order::Upgrade { package, number: 9 }));
    assert_eq!(client.context.stats.changes_skipped.get(), 1);
    assert!(!client.is_leaving);
    assert!(!client.obey(Order::Leave));
    assert!(client.is_leaving);
}
