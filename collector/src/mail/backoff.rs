//! When a message is tried again, and when it is given up. Pure.

use std::time::Duration;

use store::digests::{Attempt, Outcome};
use time::OffsetDateTime;

use super::mailer::SendError;

const WAIT_MIN: Duration = Duration::from_secs(60);
const WAIT_MAX: Duration = Duration::from_secs(3_600);

/// What follows of an attempt, the `number`th of its message. `random` is any number.
pub(crate) fn judge(
    result: Result<u16, &SendError>,
    number: u32,
    gives_up_at: OffsetDateTime,
    random: u32,
    now: OffsetDateTime,
) -> Attempt {
    let error = match result {
        Ok(code) => return Attempt { outcome: Outcome::Sent, code: Some(code), error: None },
        Err(error) => error,
    };
    let (code, text) = (error.code(), error.to_string());
    if matches!(error, SendError::Refused { .. } | SendError::Unwritable(_)) {
        // The server will say the same tomorrow.
        return Attempt { outcome: Outcome::Dead, code, error: Some(text) };
    }
    let again = now + wait(number, random);
    let (outcome, text) = if again < gives_up_at {
        (Outcome::Retry(again), text)
    } else {
        (Outcome::Dead, format!("{text}; given up after {number} attempts"))
    };
    Attempt { outcome, code, error: Some(text) }
}

/// Whether, after what was said to one message, another would fare no better: the server is away, or takes none
/// at all now.
pub(crate) const fn is_trouble(error: &SendError) -> bool {
    match error {
        SendError::Away(_) => true,
        // Some want an account for recipients elsewhere, and none for their own: 530 may be this one's alone.
        SendError::NotLetIn { code, .. } => *code != 530,
        // "Service not available, closing transmission channel" (RFC 5321, section 4.2.3).
        SendError::Deferred { code, .. } => *code == 421,
        SendError::Refused { .. } | SendError::Unwritable(_) => false,
    }
}

/// The wait after the `number`th attempt: doubled with each, between a half and the whole of it, so that
/// what failed together does not come again together.
fn wait(number: u32, random: u32) -> Duration {
    let doubled = WAIT_MIN.saturating_mul(1 << number.saturating_sub(1).min(16));
    let half = doubled.min(WAIT_MAX) / 2;
    half + half.mul_f64(f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    fn judged(error: &SendError, number: u32, lives_s: i64) -> Attempt {
        judge(Err(error), number, NOW + time::Duration::seconds(lives_s), u32::MAX, NOW)
    }

    fn deferred(code: u16) -> SendError {
        SendError::Deferred { code, text: "later".to_owned() }
    }

    #[test]
    fn what_a_server_puts_off_is_tried_again_and_what_it_refuses_is_not() {
        let attempt = judged(&deferred(450), 1, 86_400);
        assert_eq!(attempt.outcome, Outcome::Retry(NOW + Duration::from_secs(60)));
        assert_eq!(attempt.code, Some(450));
        let refused = SendError::Refused { code: 550, text: "no such user".to_owned() };
        let attempt = judged(&refused, 1, 86_400);
        assert_eq!((attempt.outcome, attempt.code), (Outcome::Dead, Some(550)));
        assert!(attempt.error.unwrap().contains("no such user"));
        let away = judged(&SendError::Away("refused".to_owned()), 1, 86_400);
        assert!(matches!(away.outcome, Outcome::Retry(_)));
        let sent = judge(Ok(250), 1, NOW, 0, NOW);
        assert_eq!((sent.outcome, sent.code), (Outcome::Sent, Some(250)));
    }

    #[test]
    fn what_could_only_go_too_late_is_given_up_with_its_reason() {
        let attempt = judged(&deferred(451), 24, 1_800);
        assert_eq!(attempt.outcome, Outcome::Dead);
        let error = attempt.error.unwrap();
        assert!(error.contains("451") && error.contains("24 attempts"), "{error}");
    }

    #[test]
    fn a_wrong_password_is_the_servers_trouble_and_no_messages() {
        let wrong = SendError::NotLetIn { code: 535, text: "no".to_owned() };
        assert!(is_trouble(&wrong));
        assert!(matches!(judged(&wrong, 1, 86_400).outcome, Outcome::Retry(_)));
        assert!(is_trouble(&deferred(421)) && !is_trouble(&deferred(450)));
    }

    #[test]
    fn an_account_that_is_wanted_for_one_recipient_is_that_messages_and_it_is_tried_again() {
        let wanted = SendError::NotLetIn { code: 530, text: "authentication required".to_owned() };
        assert!(!is_trouble(&wanted));
        assert!(matches!(judged(&wanted, 1, 86_400).outcome, Outcome::Retry(_)));
    }

    #[test]
    fn waits_grow_to_a_bound_and_differ() {
        let longest: Vec<u64> = (1..=8).map(|n| wait(n, u32::MAX).as_secs()).collect();
        assert_eq!(longest, [60, 120, 240, 480, 960, 1_920, 3_600, 3_600]);
        assert_eq!(wait(u32::MAX, u32::MAX), WAIT_MAX);
        assert_eq!(wait(1, 0), WAIT_MIN / 2);
    }
}
