//! What waits, as gauges, read now and then.

use std::time::Duration;

use metrics::gauge;
use protocol::report::Lane;
use tokio_util::sync::CancellationToken;

use super::dispatcher::Dispatcher;
use crate::clock::Clock;
use crate::metrics::{LABEL_LANE, QUEUE_BYTES, QUEUE_OLDEST_SECONDS, QUEUE_REPORTS};
use crate::queue::Queue;

// More often than anything scrapes; finding the oldest looks at every line that waits, which is a
// hundred thousand at most after an outage.
const EVERY: Duration = Duration::from_secs(5);

/// Sets the gauges until `stopping` is cancelled.
pub(crate) async fn run(
    queue: &Queue,
    dispatcher: &Dispatcher,
    clock: &Clock,
    stopping: &CancellationToken,
) {
    loop {
        set(queue, dispatcher, clock);
        tokio::select! {
            () = stopping.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

fn set(queue: &Queue, dispatcher: &Dispatcher, clock: &Clock) {
    let waiting = dispatcher.waiting();
    for (lane, reports) in [(Lane::Delta, waiting.deltas), (Lane::Snapshot, waiting.snapshots)] {
        gauge!(QUEUE_REPORTS, LABEL_LANE => lane.as_str()).set(to_f64(reports));
    }
    gauge!(QUEUE_BYTES).set(to_f64(queue.stats().file_bytes));
    let oldest = dispatcher.oldest_received_at_ms();
    let age_ms = oldest.map_or(0, |at| clock.now_ms().saturating_sub(at));
    gauge!(QUEUE_OLDEST_SECONDS).set(Duration::from_millis(age_ms).as_secs_f64());
}

/// The number as a gauge takes it. Beyond 2^53 the last digits do not count.
fn to_f64(number: u64) -> f64 {
    // The one conversion in the standard library from `u64` that needs no lossy cast.
    Duration::from_secs(number).as_secs_f64()
}
