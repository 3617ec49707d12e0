//! When the session scans: on schedule, when asked, and with growing patience after a snapshot was
//! refused, so that one record that a collector cannot take never makes an agent busy.

use std::time::Duration;

use crate::backoff::{Backoff, Jitter};

/// The first and the longest wait after a scan whose outcome could not be recorded.
const RETRY: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(3_600));
/// The waits before the second snapshot in a row, and the longest.
const RESYNC: (Duration, Duration) = (Duration::from_secs(120), Duration::from_secs(21_600));
/// After so long without a new beginning, the next one does not wait.
const RESYNC_FORGOTTEN_AFTER: Duration = Duration::from_secs(86_400);

/// The schedule of scans.
#[derive(Debug)]
pub(super) struct Scans {
    at: Duration,
    /// Scheduled scans wait until then; those that somebody asks for do not.
    held_until: Duration,
    is_urgent: bool,
    is_running: bool,
    /// Somebody asked while a scan was running, which may have passed what they mean.
    again: bool,
    wanted: u64,
    started: u64,
    done: u64,
    retry: Backoff,
}

impl Scans {
    /// The first scan is due at once.
    pub(super) const fn new(now: Duration, done: u64) -> Self {
        Self {
            at: now,
            held_until: Duration::ZERO,
            is_urgent: false,
            is_running: false,
            again: false,
            wanted: done,
            started: done,
            done,
            retry: Backoff::new(RETRY.0, RETRY.1),
        }
    }

    /// The last scan that was asked for and done.
    pub(super) const fn done(&self) -> u64 {
        self.done
    }

    pub(super) const fn is_running(&self) -> bool {
        self.is_running
    }

    /// When the next scan starts; `None` while one runs.
    pub(super) fn due_at(&self) -> Option<Duration> {
        if self.is_running {
            None
        } else if self.is_urgent {
            Some(self.at)
        } else {
            Some(self.at.max(self.held_until))
        }
    }

    /// Starts the scan that is due, and gives the request that it answers.
    pub(super) fn start(&mut self, now: Duration) -> Option<u64> {
        self.due_at().filter(|at| now >= *at)?;
        self.is_running = true;
        self.is_urgent = false;
        // Fixed at the start: a request that comes while the scan runs may be about something that
        // it has already passed.
        self.started = self.wanted;
        Some(self.started)
    }

    /// Takes a collector's request; the same one again changes nothing.
    pub(super) fn ask(&mut self, now: Duration, request: u64) {
        // Requests are numbered and grow, so the same one over a second connection, or an old one
        // out of order, asks for nothing.
        if request > self.wanted {
            self.wanted = request;
            self.request(now);
        }
    }

    /// Scans now, or again when the running scan is over.
    pub(super) fn request(&mut self, now: Duration) {
        if self.is_running {
            self.again = true;
        } else {
            self.at = self.at.min(now);
            self.is_urgent = true;
        }
    }

    /// Puts the next scheduled scan no later than this.
    pub(super) fn not_later_than(&mut self, at: Duration) {
        self.at = self.at.min(at);
    }

    /// Scans at that time and not before.
    pub(super) fn hold(&mut self, at: Duration) {
        self.held_until = at;
        // A scan that runs already will do.
        if !self.is_running {
            self.at = self.at.min(at);
        }
    }

    /// Ends the running scan, and says whether a collector waits to hear of it.
    pub(super) fn finish(
        &mut self,
        now: Duration,
        recorded: bool,
        every: Duration,
        jitter: &mut Jitter,
    ) -> bool {
        // Only what was asked for before the scan began is answered by it.
        let answers = recorded && self.started > self.done;
        self.is_running = false;
        self.at = if recorded {
            self.done = self.started;
            self.retry.reset();
            now + jitter.around(every)
        } else {
            // A full disk may have room in a minute, and should not cost a scan a minute all day.
            now + self.retry.next(jitter).min(every)
        };
        if std::mem::take(&mut self.again) {
            self.at = now;
            // A wish does not wait for the patience that snapshots are given.
            self.is_urgent = self.wanted > self.done || now >= self.held_until;
        }
        answers
    }
}

/// How often an agent begins anew.
#[derive(Debug)]
pub(super) struct Resync {
    waits: Backoff,
    last_at: Option<Duration>,
}

impl Default for Resync {
    fn default() -> Self {
        Self { waits: Backoff::new(RESYNC.0, RESYNC.1), last_at: None }
    }
}

impl Resync {
    /// A new beginning: when its snapshot may be made. The first is made at once.
    pub(super) fn begin(&mut self, now: Duration, jitter: &mut Jitter) -> Duration {
        let is_fresh =
            self.last_at.is_none_or(|last| now.saturating_sub(last) >= RESYNC_FORGOTTEN_AFTER);
        let at = if is_fresh {
            self.waits.reset();
            now
        } else {
            now + self.waits.next(jitter)
        };
        // When the snapshot is made, not when it was asked for: the next patience counts from its
        // making.
        self.last_at = Some(at);
        at
    }
}
