//! The way into the queue: what is refused before it is full, and whose.
//!
//! What a queue has room for is one number for everybody, so in an outage one company with many hosts would fill it, and
//! those of all others would be refused. The last fifth is therefore not given to whoever comes first: first no
//! parts of snapshots are taken, which can be cut again, then nothing of companies that have more than
//! their part of what waits, and at last nothing at all, while there is still room for what is under way.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use protocol::ids::CompanyId;
use protocol::report::Lane;

use crate::ingest::agents::ReportQueue;
use crate::pipeline::{Dispatcher, Portion};
use crate::queue::{AppendError, Entry, Queue, QueueLimits, QueueStats};

/// From which fill on parts of snapshots are refused, in thousandths.
const NO_SNAPSHOTS: u64 = 800;
/// From which fill on companies are refused that have more than their part.
const NO_MORE_THAN_A_PART: u64 = 900;
/// From which fill on everybody is.
const NOTHING: u64 = 980;

/// The wait at [`NO_SNAPSHOTS`].
const WAIT_MIN: Duration = Duration::from_secs(2);
/// The wait when there is no room at all.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// A queue, and what waits in it.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    pub(super) queue: Queue,
    pub(super) dispatcher: Arc<Dispatcher>,
}

impl ReportQueue for Gate {
    fn append(
        &self,
        entry: Entry,
    ) -> Pin<Box<dyn Future<Output = Result<(), AppendError>> + Send + 'static>> {
        ReportQueue::append(&self.queue, entry)
    }

    fn refuses(&self, company: CompanyId, lane: Lane) -> Option<Duration> {
        let fill = fill(self.queue.stats(), self.queue.limits());
        // The lanes are asked only when it matters: their lock is everybody's.
        if fill < NO_SNAPSHOTS {
            return None;
        }
        is_refused(fill, lane, self.dispatcher.portion(company)).then(|| wait(fill))
    }
}

/// How full a queue is, by whichever bound is nearer, in thousandths.
fn fill(stats: QueueStats, limits: QueueLimits) -> u64 {
    let thousandths = |used: u64, most: u64| {
        let part = u128::from(used) * 1_000 / u128::from(most.max(1));
        u64::try_from(part).unwrap_or(u64::MAX)
    };
    // A segment is reserved whole when it is begun: the one that is written to counts as empty.
    let bytes = stats.file_bytes.saturating_sub(limits.segment_bytes);
    thousandths(stats.entries, limits.entries_max).max(thousandths(bytes, limits.bytes_max))
}

fn is_refused(fill: u64, lane: Lane, portion: Portion) -> bool {
    if fill >= NOTHING || (fill >= NO_SNAPSHOTS && lane == Lane::Snapshot) {
        return true;
    }
    // Of one company all is its part: it is refused when everybody is.
    let part = portion.all.div_ceil(portion.companies.max(1));
    fill >= NO_MORE_THAN_A_PART && portion.own > part
}

/// How long to wait: the longer, the less room there is.
fn wait(fill: u64) -> Duration {
    let above = u32::try_from(fill.clamp(NO_SNAPSHOTS, 1_000) - NO_SNAPSHOTS).unwrap_or(0);
    let all = u32::try_from(1_000 - NO_SNAPSHOTS).unwrap_or(1);
    WAIT_MIN + (WAIT_MAX - WAIT_MIN) / all * above
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: QueueLimits = QueueLimits {
        bytes_max: 4 << 30,
        entries_max: 1_000_000,
        segment_bytes: 32 << 20,
        disk_free_bytes_min: 0,
    };

    const NOISY: Portion = Portion { own: 800_000, all: 900_000, companies: 11 };
    const QUIET: Portion = Portion { own: 10_000, all: 900_000, companies: 11 };

    fn filled(entries: u64, file_bytes: u64) -> u64 {
        fill(QueueStats { entries, file_bytes, ..QueueStats::default() }, LIMITS)
    }

    #[test]
    fn a_queue_is_as_full_as_the_nearer_of_its_bounds() {
        assert_eq!(filled(0, 32 << 20), 0, "a segment that was begun");
        assert_eq!(filled(850_000, 1 << 30), 850);
        assert_eq!(filled(10, (4 << 30) - (32 << 20)), 984);
        assert!(filled(u64::MAX, u64::MAX) > 1_000);
    }

    #[test]
    fn snapshots_go_first_then_whoever_has_more_than_a_part_then_all() {
        let refused = |fill| {
            [(Lane::Snapshot, QUIET), (Lane::Delta, NOISY), (Lane::Delta, QUIET)]
                .map(|(lane, portion)| is_refused(fill, lane, portion))
        };
        assert_eq!(refused(799), [false, false, false]);
        assert_eq!(refused(800), [true, false, false]);
        assert_eq!(refused(900), [true, true, false]);
        assert_eq!(refused(979), [true, true, false]);
        assert_eq!(refused(980), [true, true, true]);
    }

    #[test]
    fn a_company_alone_may_fill_it() {
        let alone = Portion { own: 950_000, all: 950_000, companies: 1 };
        assert!(!is_refused(950, Lane::Delta, alone));
        let newcomer = Portion { own: 0, ..alone };
        assert!(!is_refused(950, Lane::Delta, newcomer));
    }

    #[test]
    fn the_wait_grows_with_the_fill_to_a_bound() {
        let waits: Vec<Duration> = (800..=1_100).map(wait).collect();
        assert!(waits.is_sorted());
        assert_eq!((waits[0], waits[200], waits[300]), (WAIT_MIN, WAIT_MAX, WAIT_MAX));
    }
}
