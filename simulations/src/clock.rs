//! The clock, handed to everything that needs the time.

use std::time::{SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// The system's clock. The only place of the simulator that reads one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clock;

#[expect(clippy::disallowed_methods, reason = "this is the clock that everything else takes")]
impl Clock {
    /// Now, for measuring and waiting.
    pub(crate) fn now(self) -> Instant {
        Instant::now()
    }

    /// Now, in milliseconds since 1970.
    pub(crate) fn unix_ms(self) -> u64 {
        // A machine that stands before 1970 gets zero, which only marks what was made and orders
        // nothing.
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .ok()
            .and_then(|since| u64::try_from(since.as_millis()).ok())
            .unwrap_or(0)
    }
}
