//! A small company beside a large one: what it waits while the large one is quiet, and while all of
//! the large one's hosts change again and again.

use super::{Played, Stage};
use crate::fleet::stats::{Measured, float};

/// The names of the figures, without and with the noise.
const NAMES: [[&str; 5]; 2] = [
    [
        "quiet_ack_p50_ms",
        "quiet_ack_p99_ms",
        "quiet_end_to_end_p50_ms",
        "quiet_end_to_end_p99_ms",
        "quiet_changes",
    ],
    [
        "noisy_ack_p50_ms",
        "noisy_ack_p99_ms",
        "noisy_end_to_end_p50_ms",
        "noisy_end_to_end_p99_ms",
        "noisy_changes",
    ],
];

pub(super) async fn play(stage: &Stage<'_>, played: &mut Played) {
    let Some(small) = stage.second else {
        return played.fail("there is no small company");
    };
    let stats = &small.context.stats;
    let began_at = stage.now();
    // Over both halves and alike: only the neighbour makes the difference.
    stage.change(small, began_at + stage.seconds());
    // What came before, the first inventories, is no change but has latencies.
    stats.turn();
    stage.sleep_until(began_at + stage.seconds() / 2).await;
    let quiet = stats.turn();
    let noise = stage.crew.context.stats.changes.get();
    let noise_at = stage.now();
    stage.change(stage.crew, began_at + stage.seconds());
    stage.sleep_until(began_at + stage.seconds()).await;
    let noisy = stats.turn();
    let noise = stage.crew.context.stats.changes.get() - noise;
    let seconds = (stage.now() - noise_at).as_secs_f64();
    played.figure("noise_changes_per_second", float(noise) / seconds.max(0.001));
    for (names, measured) in NAMES.iter().zip([&quiet, &noisy]) {
        tell(played, names, measured);
    }
    // Percentiles of nothing are zero, and would look like the best of all.
    if quiet.change_ack_ms.count == 0 || noisy.change_ack_ms.count == 0 {
        played.fail("the small company did not change in both halves");
    }
}

fn tell(played: &mut Played, names: &[&'static str; 5], measured: &Measured) {
    let (ack, visible) = (&measured.change_ack_ms, &measured.end_to_end_ms);
    let values = [ack.p50, ack.p99, visible.p50, visible.p99, float(ack.count)];
    for (name, value) in names.iter().zip(values) {
        played.figure(name, value);
    }
}
