//! When a message is tried again, and when it is given up. Pure.

use std::time::Duration;

use store::webhooks::{Attempt, Outcome};
use time::OffsetDateTime;

use super::client::{Answer, SendError};

const WAIT_MIN: Duration = Duration::from_secs(10);
const WAIT_MAX: Duration = Duration::from_secs(15 * 60);
/// The longest wait that a server may ask for.
const ASKED_MAX: Duration = Duration::from_secs(3_600);

/// What follows of an attempt, the `number`th of its message. `random` is any number.
pub(super) fn judge(
    result: Result<Answer, SendError>,
    number: u32,
    gives_up_at: OffsetDateTime,
    random: u32,
    now: OffsetDateTime,
) -> Attempt {
    let (status, answer, error, asked) = match result {
        Ok(answer) if answer.is_taken() => {
            return Attempt {
                outcome: Outcome::Delivered,
                status: Some(answer.status),
                answer: Some(answer.beginning),
                error: None,
            };
        }
        Ok(answer) => {
            let error = format!("answered with {}", answer.status);
            let beginning = Some(answer.beginning);
            (Some(answer.status), beginning, error, answer.retry_after)
        }
        Err(error) => (None, None, error.to_string(), None),
    };
    let again = now + wait(number, asked, random);
    // Tried until its time is over, and once more than that would be too late.
    let (outcome, error) = if again < gives_up_at {
        (Outcome::Retry(again), error)
    } else {
        (Outcome::Dead, format!("{error}; given up after {number} attempts"))
    };
    Attempt { outcome, status, answer, error: Some(error) }
}

/// The wait after the `number`th attempt: doubled with each, between a half and the whole of it, so that
/// what failed together does not come again together.
fn wait(number: u32, asked: Option<Duration>, random: u32) -> Duration {
    let doubled = WAIT_MIN.saturating_mul(1 << number.saturating_sub(1).min(16));
    let most = doubled.min(WAIT_MAX);
    let half = most / 2;
    let jittered = half + half.mul_f64(f64::from(random) / f64::from(u32::MAX));
    // Never sooner than it is asked, within reason.
    jittered.max(asked.unwrap_or_default().min(ASKED_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    fn answered(status: u16) -> Answer {
        Answer { status, beginning: "so".to_owned(), retry_after: None }
    }

    fn judged(result: Result<Answer, SendError>, number: u32, lives_s: i64) -> Attempt {
        let gives_up_at = NOW + time::Duration::seconds(lives_s);
        judge(result, number, gives_up_at, u32::MAX, NOW)
    }

    #[test]
    fn only_a_success_is_one() {
        for status in [200, 202, 204] {
            let attempt = judged(Ok(answered(status)), 1, 86_400);
            assert_eq!(attempt.outcome, Outcome::Delivered);
        }
        // A redirect is followed nowhere, and says that the message was not taken.
        for status in [301, 302, 307, 400, 404, 410, 429, 500, 503] {
            let attempt = judged(Ok(answered(status)), 1, 86_400);
            let next = NOW + Duration::from_secs(10);
            assert_eq!(attempt.outcome, Outcome::Retry(next), "{status}");
            assert_eq!(attempt.status, Some(status));
        }
    }

    #[test]
    fn waits_grow_to_a_bound_and_differ() {
        let longest: Vec<u64> = (1..=9).map(|n| wait(n, None, u32::MAX).as_secs()).collect();
        assert_eq!(longest, [10, 20, 40, 80, 160, 320, 640, 900, 900]);
        assert_eq!(wait(4_000_000_000, None, u32::MAX), WAIT_MAX);
        assert_eq!(wait(1, None, 0), WAIT_MIN / 2);
        assert!(wait(5, None, 1_000_000_000) < wait(5, None, 3_000_000_000));
    }

    #[test]
    fn a_server_may_ask_for_a_longer_wait_and_not_for_any() {
        let asked = |s| wait(1, Some(Duration::from_secs(s)), 0).as_secs();
        assert_eq!((asked(1), asked(120), asked(1_000_000)), (5, 120, 3_600));
    }

    #[test]
    fn what_could_only_be_sent_too_late_is_given_up_with_its_reason() {
        let attempt = judged(Err(SendError::Silent(Duration::from_secs(10))), 90, 900);
        assert_eq!(attempt.outcome, Outcome::Dead);
        let error = attempt.error.unwrap();
        assert!(error.contains("10 s") && error.contains("90"), "{error}");
    }
}
