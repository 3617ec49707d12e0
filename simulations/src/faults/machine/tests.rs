//! A machine's clock and its paths.

use uuid::Uuid;

use super::*;
use crate::faults::seat::Seat;
use crate::random::Random;

fn machine() -> Arc<Machine> {
    let (company, agent) = (CompanyId(Uuid::nil()), AgentId(Uuid::nil()));
    Seat::new(0, company, agent, &Random::new(1)).machine
}

#[tokio::test(start_paused = true)]
async fn a_right_clock_goes_with_the_run_and_a_wrong_one_beside_it() {
    let (machine, stage) = (machine(), Stage::new(false));
    let began = machine.now_ms(&stage);
    let expected = u64::try_from(BEGINNING.unix_timestamp()).expect("after 1970") * 1_000;
    assert_eq!(began, expected);
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(machine.now_ms(&stage), began + 1_500);
    machine.wrong_ms.store(-3_600_000, Ordering::Relaxed);
    assert_eq!(machine.now_ms(&stage), began + 1_500 - 3_600_000);
}

#[tokio::test(start_paused = true)]
async fn a_clock_before_1970_says_1970() {
    let (machine, stage) = (machine(), Stage::new(false));
    machine.wrong_ms.store(i64::MIN / 2, Ordering::Relaxed);
    assert_eq!(machine.now_ms(&stage), 0);
}

#[tokio::test(start_paused = true)]
async fn a_path_of_which_nothing_is_known_is_open_and_quick() {
    let path = PathState::default();
    assert!(path.blocked_until <= Clock.now());
    assert_eq!(path.delay, Duration::from_millis(20));
}

#[test]
fn a_lock_outlives_the_panic_of_its_holder() {
    let mutex = Mutex::new(1);
    let holding = std::panic::AssertUnwindSafe(|| {
        let mut held = mutex.lock().expect("free");
        *held = 2;
        std::panic::resume_unwind(Box::new("dies while it holds it"));
    });
    assert!(std::panic::catch_unwind(holding).is_err());
    assert_eq!(*lock(&mutex), 2);
}
