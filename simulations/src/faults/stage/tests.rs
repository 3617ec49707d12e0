//! The judge of a run: each kind of difference, planted, has to be found, and nothing else.

use uuid::Uuid;

use super::*;

fn agent(number: u128) -> AgentId {
    AgentId(Uuid::from_u128(number))
}

/// What was broken by what `play` did.
fn broken(play: impl FnOnce(&Stage)) -> Vec<String> {
    let stage = Stage::new(false);
    play(&stage);
    stage.finish().violations
}

#[track_caller]
fn assert_broken(broken: &[String], what: &str) {
    assert_eq!(broken.len(), 1, "{broken:?}");
    assert!(broken[0].contains(what), "{broken:?} is not {what:?}");
}

#[tokio::test(start_paused = true)]
async fn reports_in_their_order_break_nothing() {
    let broken = broken(|stage| {
        for seq in 1..=5 {
            let position = Position::new(1, seq);
            stage.durable(agent(1), position);
            stage.acknowledged(agent(1), position);
            stage.stored(agent(1), position);
        }
        // A new epoch may leave some out and begins at one.
        stage.stored(agent(1), Position::new(4, 1));
        stage.stored(agent(1), Position::new(4, 2));
    });
    assert_eq!(broken, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn an_acknowledgement_that_no_queue_holds_is_found() {
    let found = broken(|stage| stage.acknowledged(agent(1), Position::new(1, 1)));
    assert_broken(&found, "was acknowledged and no queue holds it");
    // Another agent's report of the same position is no excuse.
    let found = broken(|stage| {
        stage.durable(agent(2), Position::new(1, 1));
        stage.acknowledged(agent(1), Position::new(1, 1));
    });
    assert_broken(&found, "no queue holds it");
}

#[tokio::test(start_paused = true)]
async fn a_report_that_is_stored_twice_is_found() {
    let found = broken(|stage| {
        stage.stored(agent(1), Position::new(1, 1));
        stage.stored(agent(1), Position::new(1, 1));
    });
    assert_broken(&found, "report 1.1 of");
    assert_broken(&found, "was stored twice");
}

#[tokio::test(start_paused = true)]
async fn a_report_that_is_stored_over_a_gap_is_found_once() {
    let found = broken(|stage| {
        stage.stored(agent(1), Position::new(1, 1));
        stage.stored(agent(1), Position::new(1, 3));
        // The line stays before the gap: the one that was missing is right.
        stage.stored(agent(1), Position::new(1, 2));
    });
    assert_broken(&found, "report 1.3");
    assert_broken(&found, "stored over a gap");
}

#[tokio::test(start_paused = true)]
async fn an_epoch_that_does_not_begin_at_one_is_a_gap() {
    let found = broken(|stage| stage.stored(agent(1), Position::new(1, 2)));
    assert_broken(&found, "stored over a gap");
}

#[tokio::test(start_paused = true)]
async fn lines_of_agents_are_their_own() {
    let broken = broken(|stage| {
        stage.stored(agent(1), Position::new(1, 1));
        stage.stored(agent(2), Position::new(1, 1));
        stage.stored(agent(2), Position::new(1, 2));
        stage.stored(agent(1), Position::new(1, 2));
    });
    assert_eq!(broken, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_takes_the_place_of_a_report() {
    let broken = broken(|stage| {
        stage.stored(agent(1), Position::new(1, 1));
        let place = Position::new(1, 2);
        assert_eq!(stage.go_on(agent(1), place), Succession::Next);
        assert_eq!(stage.go_on(agent(1), place), Succession::Seen);
        let beyond = Position::new(1, 9);
        assert_eq!(stage.go_on(agent(1), beyond), Succession::Gap);
        stage.stored(agent(1), Position::new(1, 3));
    });
    assert_eq!(broken, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_broken_promise_stands_in_the_trace_as_well() {
    let stage = Stage::new(true);
    assert!(!stage.is_broken());
    stage.broken("this".to_owned());
    assert!(stage.is_broken());
    let outcome = stage.finish();
    assert_eq!(outcome.violations, ["this"]);
    assert!(outcome.trace[0].ends_with("BROKEN this"), "{:?}", outcome.trace);
}

#[tokio::test(start_paused = true)]
async fn lines_say_the_time_of_the_run_and_not_of_the_machine() {
    let stage = Stage::new(true);
    tokio::time::sleep(Duration::from_millis(61_005)).await;
    stage.note(format_args!("later"));
    let outcome = stage.finish();
    assert_eq!(outcome.trace, ["      61.005 later"]);
    assert_eq!(outcome.simulated, Duration::from_millis(61_005));
}

#[tokio::test(start_paused = true)]
async fn keeps_the_last_lines_and_all_of_them_only_when_asked() {
    for is_traced in [false, true] {
        let stage = Stage::new(is_traced);
        for number in 0..LAST_LINES + 5 {
            stage.note(format_args!("line {number}"));
        }
        let outcome = stage.finish();
        let all = LAST_LINES + 5;
        assert_eq!(outcome.lines, all as u64);
        assert_eq!(outcome.last.len(), LAST_LINES);
        assert!(outcome.last[0].ends_with("line 5"), "{:?}", outcome.last[0]);
        assert_eq!(outcome.trace.len(), if is_traced { all } else { 0 });
    }
}

#[tokio::test(start_paused = true)]
async fn the_hash_of_a_trace_is_of_its_lines_and_their_order() {
    let hash = |lines: &[&str]| {
        let stage = Stage::new(false);
        for line in lines {
            stage.note(format_args!("{line}"));
        }
        stage.finish().hash
    };
    assert_eq!(hash(&["a", "b"]), hash(&["a", "b"]));
    assert_ne!(hash(&["a", "b"]), hash(&["b", "a"]));
    assert_ne!(hash(&["a", "b"]), hash(&["a"]));
    // Lines end somewhere: two are not one long one.
    assert_ne!(hash(&["ab"]), hash(&["a", "b"]));
}

#[tokio::test(start_paused = true)]
async fn counts_faults_by_kind_and_what_processes_counted_over_their_deaths() {
    let stage = Stage::new(false);
    stage.inject(Kind::Cut, format_args!("one"));
    stage.inject(Kind::Cut, format_args!("other"));
    stage.inject(Kind::NodeWiped, format_args!("node"));
    stage.count(vec![("stored".to_owned(), 3), ("gap".to_owned(), 1)]);
    stage.count(vec![("stored".to_owned(), 4)]);
    stage.count_one("gap");
    assert_eq!(stage.counted("stored"), 7);
    assert_eq!(stage.counted("never"), 0);
    let outcome = stage.finish();
    assert_eq!(outcome.injected[&Kind::Cut], 2);
    assert_eq!(outcome.injected[&Kind::NodeWiped], 1);
    assert_eq!(outcome.counted["gap"], 2);
}

#[tokio::test(start_paused = true)]
async fn acknowledged_is_counted_each_time_and_stored_once() {
    let stage = Stage::new(false);
    let place = Position::new(1, 1);
    stage.durable(agent(1), place);
    stage.acknowledged(agent(1), place);
    stage.acknowledged(agent(1), place);
    stage.stored(agent(1), place);
    let outcome = stage.finish();
    assert_eq!((outcome.acknowledged, outcome.stored), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn what_the_rows_lost_when_they_went_back_may_be_stored_again_and_nothing_else() {
    let again = |seq| {
        broken(|stage| {
            for seq in 1..=3 {
                stage.stored(agent(1), Position::new(1, seq));
            }
            stage.went_back(agent(1), Position::new(1, 2));
            stage.stored(agent(1), Position::new(1, seq));
        })
    };
    assert_eq!(again(3), Vec::<String>::new());
    assert_broken(&again(2), "stored twice");
}
