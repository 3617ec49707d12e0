//! An agent's line of reports on one connection: which position may come next. Pure.
//!
//! An acknowledgement speaks for all reports before it, so a report that was not taken takes back
//! those behind it, however many of them are under way already.

use protocol::ids::{Position, Succession};
use protocol::limits::{REASON_BYTES_MAX, RETRY_AFTER_MS_MAX};
use protocol::message::CollectorMessage;
use protocol::reject::{RejectReason, Remedy};

/// A "no" to a report, or to a whole session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// Why.
    pub(super) reason: RejectReason,
    /// For people.
    pub(super) detail: String,
    /// How long to wait, in milliseconds.
    pub(super) retry_after_ms: u32,
}

impl Refusal {
    /// A refusal whose reason says when another try makes sense.
    pub(super) fn new(reason: RejectReason, detail: impl Into<String>) -> Self {
        let mut detail = detail.into();
        if detail.len() > REASON_BYTES_MAX {
            let mut end = REASON_BYTES_MAX;
            // A character has four bytes at most, so this ends.
            while !detail.is_char_boundary(end) {
                end -= 1;
            }
            detail.truncate(end);
        }
        Self { reason, detail, retry_after_ms: retry_after_ms(reason) }
    }

    /// The same with another wait.
    pub(super) fn after(mut self, wait: std::time::Duration) -> Self {
        // Rounded up, so that nobody comes a moment too early.
        let wait_ms = u32::try_from(wait.as_millis().saturating_add(1)).unwrap_or(u32::MAX);
        self.retry_after_ms = wait_ms.min(RETRY_AFTER_MS_MAX);
        self
    }

    /// The answer to a report.
    pub(super) fn to_reject(&self, position: Position) -> CollectorMessage {
        CollectorMessage::Reject {
            position,
            reason: self.reason,
            detail: self.detail.clone(),
            retry_after_ms: self.retry_after_ms,
        }
    }

    /// The end of a session.
    pub(super) fn to_refuse(&self) -> CollectorMessage {
        CollectorMessage::Refuse {
            reason: self.reason,
            detail: self.detail.clone(),
            retry_after_ms: self.retry_after_ms,
        }
    }
}

/// How long to wait for what, where nothing better is known.
const fn retry_after_ms(reason: RejectReason) -> u32 {
    match reason {
        // Long enough for a pipeline that works to have made room. Shorter than it waits for a report
        // that is missing (`pipeline.gap_wait_ms`): of two that were on their way, the second may be
        // in the queue, and must not be given up just when the first comes again.
        RejectReason::QueueFull | RejectReason::StorageUnavailable => 2_000,
        RejectReason::RateLimited | RejectReason::ShuttingDown => 1_000,
        RejectReason::Internal => 10_000,
        RejectReason::CompanySuspended
        | RejectReason::AgentRevoked
        | RejectReason::AgentUnknown
        // A person has to act before another try makes sense; until then the agent looks in now and
        // then.
        | RejectReason::UnsupportedVersion => RETRY_AFTER_MS_MAX,
        RejectReason::FrameTooLarge
        | RejectReason::Undecodable
        | RejectReason::UnexpectedMessage
        | RejectReason::TooManyRecords
        | RejectReason::InvalidRecord
        | RejectReason::Gap
        | RejectReason::TokenUnknown
        | RejectReason::TokenExpired
        | RejectReason::TokenSpent
        | RejectReason::TokenRevoked
        | RejectReason::InvalidRequest => 0,
    }
}

/// The line of one agent on one connection.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// The last report that was taken, or that another connection acknowledged.
    last: Position,
    /// The refusal of the report behind it, if there was one.
    refused: Option<Refusal>,
}

impl Line {
    /// A line that goes on behind a report.
    pub(super) const fn behind(acknowledged: Position) -> Self {
        Self { last: acknowledged, refused: None }
    }

    /// The last report that was taken.
    pub(super) const fn last(&self) -> Position {
        self.last
    }

    /// Whether a report may be taken now.
    ///
    /// A report behind one that was refused gets the same refusal, because it will come again with
    /// the first; behind one that can never be taken it is a gap.
    pub(super) fn judge(&self, position: Position) -> Result<(), Refusal> {
        // What was seen before goes to the queue once more: the agent waits for an answer, and the
        // store will find it a duplicate.
        match self.last.succession(position) {
            Succession::Next | Succession::Seen => Ok(()),
            Succession::Gap => match &self.refused {
                Some(refusal) if refusal.reason.remedy() != Remedy::Never => Err(refusal.clone()),
                Some(_) | None => Err(Refusal::new(
                    RejectReason::Gap,
                    format!("{position} does not follow {}", self.last),
                )),
            },
        }
    }

    /// Notes that a report was taken.
    pub(super) fn took(&mut self, position: Position) {
        // A redelivery must not move the line back.
        self.last = self.last.max(position);
        self.refused = None;
    }

    /// Notes that the report behind `last` was refused, whatever had been taken behind it.
    pub(super) fn refuse_behind(&mut self, last: Position, refusal: Refusal) {
        self.last = last;
        self.refused = Some(refusal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(epoch: u32, seq: u32) -> Position {
        Position::new(epoch, seq)
    }

    #[test]
    fn goes_on_behind_what_was_acknowledged_elsewhere() {
        let line = Line::behind(at(2, 7));
        assert_eq!(line.judge(at(2, 8)), Ok(()));
        assert_eq!(line.judge(at(3, 1)), Ok(()));
        assert_eq!(line.judge(at(2, 9)).unwrap_err().reason, RejectReason::Gap);
        assert_eq!(line.judge(at(3, 2)).unwrap_err().reason, RejectReason::Gap);
    }

    #[test]
    fn a_redelivery_is_taken_and_moves_nothing_back() {
        let mut line = Line::behind(at(1, 5));
        assert_eq!(line.judge(at(1, 4)), Ok(()));
        line.took(at(1, 4));
        assert_eq!(line.judge(at(1, 6)), Ok(()));
    }

    #[test]
    fn what_follows_a_report_that_may_come_again_is_told_the_same() {
        let mut line = Line::behind(at(1, 0));
        line.took(at(1, 1));
        let wait = Refusal::new(RejectReason::RateLimited, "slow down");
        line.refuse_behind(at(1, 1), wait.clone());
        assert_eq!(line.judge(at(1, 3)), Err(wait));
        assert_eq!(line.judge(at(1, 2)), Ok(()));
        line.took(at(1, 2));
        assert_eq!(line.judge(at(1, 3)), Ok(()));
    }

    #[test]
    fn what_follows_a_report_that_can_never_be_taken_is_a_gap_until_a_new_epoch() {
        let mut line = Line::behind(at(1, 1));
        line.refuse_behind(at(1, 1), Refusal::new(RejectReason::InvalidRecord, "bad"));
        assert_eq!(line.judge(at(1, 3)).unwrap_err().reason, RejectReason::Gap);
        assert_eq!(line.judge(at(2, 1)), Ok(()));
    }

    #[test]
    fn a_late_refusal_takes_back_what_was_taken_behind_it() {
        let mut line = Line::behind(at(1, 0));
        line.took(at(1, 1));
        line.took(at(1, 2));
        line.refuse_behind(at(1, 0), Refusal::new(RejectReason::QueueFull, ""));
        assert_eq!(line.judge(at(1, 3)).unwrap_err().reason, RejectReason::QueueFull);
        assert_eq!(line.judge(at(1, 1)), Ok(()));
    }

    #[test]
    fn a_detail_is_cut_within_its_limit_and_between_characters() {
        let refusal = Refusal::new(RejectReason::Internal, "ü".repeat(200));
        assert_eq!(refusal.detail.len(), REASON_BYTES_MAX);
        let refusal = Refusal::new(RejectReason::Internal, format!("a{}", "ü".repeat(200)));
        assert_eq!(refusal.detail.len(), REASON_BYTES_MAX - 1);
    }

    #[test]
    fn a_wait_is_rounded_up_and_bounded() {
        let wait =
            |duration| Refusal::new(RejectReason::RateLimited, "").after(duration).retry_after_ms;
        assert_eq!(wait(std::time::Duration::from_micros(1_500)), 2);
        assert_eq!(wait(std::time::Duration::MAX), RETRY_AFTER_MS_MAX);
    }
}
