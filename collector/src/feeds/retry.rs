//! When to ask again: how often, after how long, and never faster than a server allows.
//!
//! Pure: instants come in, waits go out. The figures for NVD are those that its users have found to
//! work: the API throttles by 403, 404, 408, 429 and 503 alike, and mostly recovers in a minute.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use super::http::Refusal;

/// A server that asks for more than this is not waited for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(600);

/// How patient a client is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// How often it asks, the first time included.
    pub(super) tries: u32,
    /// The wait after the first failure; it doubles from then on.
    pub(super) first: Duration,
    /// The longest wait of that kind, and the one after a server that says it is asked too often.
    pub(super) most: Duration,
    /// Whether 403 and 404 mean that it is asked too often.
    pub(super) is_throttled_by_403: bool,
}

/// NVD's API.
pub(super) const NVD_API: Patience = Patience {
    tries: 20,
    first: Duration::from_secs(6),
    most: Duration::from_secs(30),
    is_throttled_by_403: true,
};

/// Files.
pub(super) const FILES: Patience = Patience {
    tries: 5,
    first: Duration::from_secs(2),
    most: Duration::from_secs(30),
    is_throttled_by_403: false,
};

/// Why a try came to nothing.
#[derive(Debug)]
pub(super) enum Miss<'a> {
    /// The connection broke, or the answer was not whole.
    Broken,
    /// The server answered with something else.
    Refused(&'a Refusal),
}

impl Patience {
    /// The wait before the next try after `tries` of them; `None` when another one makes no sense.
    pub(super) fn wait(self, tries: u32, miss: &Miss<'_>, now: OffsetDateTime) -> Option<Duration> {
        if tries >= self.tries {
            return None;
        }
        let doubled =
            self.first.saturating_mul(2_u32.saturating_pow(tries.saturating_sub(1))).min(self.most);
        let Miss::Refused(refusal) = miss else {
            return Some(doubled);
        };
        if !self.may_recover(refusal) {
            return None;
        }
        match refusal.retry_after.as_deref().map(|text| retry_after(text, now)) {
            // The next sync comes by the clock; until then the other sources are not kept waiting.
            Some(Some(wait)) if wait > RETRY_AFTER_MAX => None,
            // At least a second: "0", and an instant that has passed, would be a loop without a
            // pause.
            Some(Some(wait)) => Some(wait.max(Duration::from_secs(1))),
            // Not said, or not understood.
            Some(None) | None if matches!(refusal.status, 429 | 503) => Some(self.most),
            Some(None) | None => Some(doubled),
        }
    }

    fn may_recover(self, refusal: &Refusal) -> bool {
        match refusal.status {
            // NVD answers 404 to a key that it does not know, and says so.
            403 | 404 => self.is_throttled_by_403 && !refusal.message.contains("Invalid apiKey"),
            408 | 425 | 429 | 500 | 502 | 503 | 504 => true,
            _ => false,
        }
    }
}

/// What `Retry-After` says: seconds, or an instant (RFC 9110, 10.2.3).
fn retry_after(text: &str, now: OffsetDateTime) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = OffsetDateTime::parse(text, &Rfc2822).ok()?;
    Some(Duration::try_from(at - now).unwrap_or(Duration::ZERO))
}

/// Keeps requests below a number in any stretch of time, and apart from each other.
#[derive(Debug)]
pub(super) struct Pace {
    requests: usize,
    window: Duration,
    sent: VecDeque<Instant>,
}

impl Pace {
    /// A pace of so many requests in any `window`.
    pub(super) fn new(requests: usize, window: Duration) -> Self {
        Self { requests: requests.max(1), window, sent: VecDeque::new() }
    }

    /// The wait before the next request may be sent.
    pub(super) fn wait(&mut self, now: Instant) -> Duration {
        while let Some(first) = self.sent.front()
            && now.duration_since(*first) >= self.window
        {
            self.sent.pop_front();
        }
        let until = |at: Instant| at.saturating_duration_since(now);
        // NVD asks its users to sleep between two requests, six seconds without a key, and not to
        // send all at once.
        let apart = self.window / u32::try_from(self.requests).unwrap_or(u32::MAX);
        let after_last = self.sent.back().map_or(Duration::ZERO, |last| until(*last + apart));
        if self.sent.len() < self.requests {
            return after_last;
        }
        let room = self.sent.front().map_or(Duration::ZERO, |first| until(*first + self.window));
        room.max(after_last)
    }

    /// A request is sent now.
    pub(super) fn note(&mut self, now: Instant) {
        self.sent.push_back(now);
        // As many as may be in the window are remembered, and not one more is ever asked about.
        if self.sent.len() > self.requests {
            self.sent.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    const NOW: OffsetDateTime = time::macros::datetime!(2026-11-21 12:00 UTC);

    fn refusal(status: u16, retry_after: Option<&str>) -> Refusal {
        Refusal { status, message: String::new(), retry_after: retry_after.map(str::to_owned) }
    }

    fn wait(patience: Patience, tries: u32, status: u16, after: Option<&str>) -> Option<u64> {
        let refusal = refusal(status, after);
        let wait = patience.wait(tries, &Miss::Refused(&refusal), NOW);
        wait.map(|wait| wait.as_secs())
    }

    #[test]
    fn waits_grow_from_six_seconds_to_thirty_and_end_after_twenty_tries() {
        let waits: Vec<_> = (1..=20).map(|tries| NVD_API.wait(tries, &Miss::Broken, NOW)).collect();
        let seconds: Vec<_> = waits[..5].iter().map(|wait| wait.unwrap().as_secs()).collect();
        assert_eq!(seconds, [6, 12, 24, 30, 30]);
        assert!(waits[18].is_some() && waits[19].is_none());
    }

    #[test]
    fn nvd_means_throttled_by_each_of_its_words_for_it() {
        for status in [403, 404, 408] {
            assert_eq!(wait(NVD_API, 1, status, None), Some(6), "{status}");
        }
        for status in [429, 503] {
            assert_eq!(wait(NVD_API, 1, status, None), Some(30), "{status}");
        }
        for status in [400, 401, 410, 301] {
            assert_eq!(wait(NVD_API, 1, status, None), None, "{status}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_not_asked_for_again() {
        assert_eq!(wait(FILES, 1, 404, None), None);
        assert_eq!(wait(FILES, 1, 403, None), None);
        assert_eq!(wait(FILES, 1, 502, None), Some(2));
    }

    #[test]
    fn a_key_that_nvd_does_not_know_is_not_tried_for_ten_minutes() {
        let unknown = Refusal { message: "Invalid apiKey.".to_owned(), ..refusal(404, None) };
        assert_eq!(NVD_API.wait(1, &Miss::Refused(&unknown), NOW), None);
    }

    #[test]
    fn what_the_server_asks_for_counts_in_seconds_and_as_an_instant() {
        assert_eq!(wait(NVD_API, 1, 429, Some("7")), Some(7));
        assert_eq!(wait(NVD_API, 9, 403, Some("0")), Some(1));
        let at = "Sat, 21 Nov 2026 12:01:30 GMT";
        assert_eq!(wait(NVD_API, 1, 503, Some(at)), Some(90));
        let past = "Sat, 21 Nov 2026 11:00:00 GMT";
        assert_eq!(wait(NVD_API, 1, 503, Some(past)), Some(1));
        assert_eq!(wait(NVD_API, 1, 503, Some("soon")), Some(30));
        assert_eq!(wait(NVD_API, 1, 503, Some("86400")), None, "come back another time");
    }

    #[test]
    fn no_thirty_seconds_see_more_requests_than_allowed() {
        for allowed in [5, 50] {
            let (clock, hand) = Clock::manual(NOW);
            let window = Duration::from_secs(30);
            let mut pace = Pace::new(allowed, window);
            let mut sent = Vec::new();
            for number in 0..allowed * 3 {
                hand.advance(pace.wait(clock.instant()));
                let now = clock.instant();
                pace.note(now);
                sent.push(now);
                // Answers take a while, and not always as long.
                hand.advance(Duration::from_millis(number as u64 * 37 % 900));
            }
            for (first, last) in sent.iter().zip(&sent[allowed..]) {
                assert!(*last - *first >= window, "{allowed} in 30 s");
            }
        }
    }

    #[test]
    fn a_pause_is_not_saved_up_for_a_burst() {
        let (clock, hand) = Clock::manual(NOW);
        let mut pace = Pace::new(5, Duration::from_secs(30));
        pace.note(clock.instant());
        hand.advance(Duration::from_secs(300));
        assert_eq!(pace.wait(clock.instant()), Duration::ZERO);
        pace.note(clock.instant());
        assert_eq!(pace.wait(clock.instant()), Duration::from_secs(6));
    }
}
