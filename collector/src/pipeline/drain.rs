//! The end of a node's work: what waits in its queue is stored before the workers stop.
//!
//! A node that is restarted would find it again, but nobody knows whether this one comes back. It
//! must never hold up a stop for a database that is away: then everything stays in the queue.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::dispatcher::Dispatcher;

/// How often it is looked whether something still waits.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Cancels `drained` after `stopping` was: once nothing waits any more, the database is away or
/// `within` has passed.
pub(crate) async fn run(
    dispatcher: &Dispatcher,
    within: Duration,
    stopping: &CancellationToken,
    drained: &CancellationToken,
) {
    // Cancelled however this ends: workers that nobody stops would be dropped at the deadline.
    let _ended = drained.clone().drop_guard();
    stopping.cancelled().await;
    let draining = async {
        while dispatcher.is_draining() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    let began = dispatcher.waiting();
    // A database that is away ends it at once: `is_draining` looks at the breaker as well.
    let in_time = tokio::time::timeout(within, draining).await.is_ok();
    let left = dispatcher.waiting();
    tracing::info!(
        in_time,
        waited = began.deltas + began.snapshots,
        left = left.deltas + left.snapshots,
        "drained the queue"
    );
}
