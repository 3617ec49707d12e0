//! A database that answers and is late.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_locked_for_long_makes_no_dead_letters() {
    let rig = Rig::new();
    // More often than a report may fail, as behind an index that is built for minutes.
    rig.sink.play(Trick::IsLate("slow", 2 * CONFIG.attempts_max));
    rig.append([entry((1, 1), 1, "slow"), entry((1, 1), 2, "fine")]).await;
    rig.work_until_empty().await;
    assert_eq!(rig.sink.stored(agent(1)), seqs(1..=2));
    assert!(rig.sink.letters().is_empty());
}
