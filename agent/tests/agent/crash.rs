//! The agent killed at any moment, as by `kill -9` or a power button: nothing is lost, nothing comes
//! with other bytes, and the collector ends up with what the host has.

use std::time::Duration;

use agent::backoff::Jitter;
use agent::status::State;
use protocol::ids::Position;

use super::collector::{Answer, Collector};
use super::host::Host;

#[test]
fn killed_at_any_moment_it_loses_and_doubles_nothing() {
    let collector = Collector::start();
    let host = Host::enrolled(300, &collector);
    // Slow answers leave more moments in between.
    collector.answer(|_, count| if count % 5 == 4 { Answer::TakeAndClose } else { Answer::Ack });
    let mut dice = Jitter::seeded(20_261_121);
    let mut packages = 300;
    for round in 0..25_usize {
        // Neither number is a multiple of a report's hundred records, so kills meet full reports,
        // half ones and the seams between them.
        packages += 37;
        let first = round * 11;
        host.install(first..packages, if round % 3 == 0 { "1.0-1" } else { "1.1-1" });
        let running = host.start();
        let moment = dice.between(Duration::ZERO, Duration::from_millis(120));
        // The moment of the crash is what the test draws: nothing is waited for.
        std::thread::sleep(moment);
        running.kill();
    }
    collector.answer(|_, _| Answer::Ack);
    let _running = host.start();
    let expected = host.inventory();
    collector.wait_for("the host's inventory", |seen| {
        (seen.held == expected && seen.applied > Position::default()).then_some(())
    });
    assert_eq!(collector.seen().faults, Vec::<String>::new(), "{}", host.log());
}

#[test]
fn an_agent_starts_while_others_ask_for_its_status() {
    let collector = Collector::start();
    let host = Host::enrolled(20, &collector);
    for _ in 0..10 {
        let running = host.start();
        // From the first moment on, whatever the agent does at that time.
        let state = std::iter::repeat_with(|| host.status().state)
            .take(1_000)
            .inspect(|state| assert_ne!(*state, State::NotEnrolled))
            .find(|state| !matches!(state, State::Stopped | State::Starting));
        assert!(state.is_some(), "it never ran:\n{}", host.log());
        running.kill();
    }
}
