//! Which refusals of an enrolment are for good, and what is tried again.

use super::*;

fn refused(reason: RejectReason, retry_after_ms: u64) -> EnrolError {
    EnrolError::Refused {
        reason,
        detail: "so".to_owned(),
        retry_after: Duration::from_millis(retry_after_ms),
    }
}

#[test]
fn a_refusal_without_a_wait_is_for_good_and_one_with_a_wait_is_not() {
    for reason in RejectReason::ALL {
        assert_eq!(refused(reason, 0).retry_after(), None, "{reason}");
        let wait = Duration::from_millis(1);
        assert_eq!(refused(reason, 1).retry_after(), Some(wait), "{reason}");
    }
}

#[test]
fn whatever_else_goes_wrong_is_tried_again_in_half_a_second() {
    let failed = EnrolError::from(anyhow::anyhow!("no route").context("connect"));
    assert_eq!(failed.retry_after(), Some(Duration::from_millis(500)));
    assert_eq!(failed.to_string(), "connect: no route");
}

#[test]
fn says_why_it_was_refused() {
    let text = refused(RejectReason::TokenSpent, 0).to_string();
    assert_eq!(text, format!("refused: {}: so", RejectReason::TokenSpent));
}
