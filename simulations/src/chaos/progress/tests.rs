//! The longest standstill, and what was going on when it was that long.

use super::*;

#[test]
fn keeps_the_longest_and_what_was_wrong_then() {
    let longest = Longest::default();
    longest.note(Duration::from_secs(3), || "wipe node".to_owned());
    longest.note(Duration::from_secs(2), || "fail over".to_owned());
    let kept = longest.get();
    assert_eq!((kept.lasted.as_secs(), kept.fault.as_str()), (3, "wipe node"));
}

#[test]
fn a_longer_one_takes_the_place_and_one_as_long_does_not() {
    let longest = Longest::default();
    assert_eq!(longest.get().lasted, Duration::ZERO);
    for (seconds, fault) in [(1, "one"), (5, "two"), (5, "three"), (4, "four")] {
        longest.note(Duration::from_secs(seconds), || fault.to_owned());
    }
    let kept = longest.get();
    assert_eq!((kept.lasted.as_secs(), kept.fault.as_str()), (5, "two"));
}

#[test]
fn what_goes_wrong_is_asked_only_when_it_is_kept() {
    let longest = Longest::default();
    longest.note(Duration::from_secs(2), || "kept".to_owned());
    longest.note(Duration::from_secs(1), || panic!("asked for a shorter one"));
}

#[test]
fn a_copy_is_the_same_one() {
    let (longest, present) = (Longest::default(), Present::default());
    let (told, set) = (longest.clone(), present.clone());
    set.set("fail over".to_owned());
    told.note(Duration::from_secs(1), || present.get());
    assert_eq!(longest.get().fault, "fail over");
}

#[tokio::test(start_paused = true)]
async fn a_time_in_which_no_node_answers_is_one_without_progress() {
    let present = Present::default();
    present.set("kill node 1".to_owned());
    let longest = Longest::default();
    // Nodes that are not there at all.
    let watching =
        watch(CompanyId(uuid::Uuid::nil()), Vec::new(), Clock, (longest.clone(), present));
    let over = timeout(Duration::from_secs(60), watching).await;
    assert!(over.is_err(), "it watches until it is dropped");
    let kept = longest.get();
    assert!(kept.lasted >= Duration::from_secs(59), "{:?}", kept.lasted);
    assert_eq!(kept.fault, "kill node 1");
}
