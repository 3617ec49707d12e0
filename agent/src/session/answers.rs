//! What the session does with the collector's messages.
//!
//! Answers come in the order of the reports, but not at once: those to reports that a reject has
//! already taken back may still come, and must not be taken for answers to what was sent again.

use std::time::Duration;

use protocol::ids::Position;
use protocol::message::CollectorMessage;
use protocol::reject::{RejectReason, Remedy};

use super::action::StartOver;
use super::link::Link;
use super::{ANSWER_WITHIN, Action, Parting, Session};

/// A collector's "no" in its own words.
struct Refusal {
    reason: RejectReason,
    detail: String,
    retry_after_ms: u32,
}

impl Session {
    pub(super) fn received(&mut self, now: Duration, message: CollectorMessage) {
        let is_open = match self.link {
            Link::Open(_) => true,
            Link::Greeting { .. } => false,
            // Left over from a connection that the session has ended.
            Link::Waiting { .. } | Link::Away { .. } | Link::Connecting => return,
        };
        match message {
            CollectorMessage::Welcome(welcome) if !is_open => self.welcomed(now, welcome),
            CollectorMessage::Refuse { reason, detail, retry_after_ms } => {
                self.refused(now, Refusal { reason, detail, retry_after_ms });
            }
            CollectorMessage::Welcome(_) => self.violated(now, "a second welcome"),
            message if is_open => self.received_open(now, message),
            CollectorMessage::Ack { .. }
            | CollectorMessage::Reject { .. }
            | CollectorMessage::SendSnapshot
            | CollectorMessage::ScanNow { .. }
            | CollectorMessage::Settings(_)
            | CollectorMessage::Attend(_)
            | CollectorMessage::Certificate { .. }
            | CollectorMessage::Gone
            | CollectorMessage::Rekey
            | CollectorMessage::Rekeyed { .. }
            | CollectorMessage::Authorities { .. } => {
                self.violated(now, "something else before its welcome");
            }
        }
    }

    fn received_open(&mut self, now: Duration, message: CollectorMessage) {
        if let Link::Open(open) = &mut self.link {
            open.stays(now);
        }
        match message {
            CollectorMessage::Ack { position } => self.acknowledged(now, position),
            CollectorMessage::Reject { position, reason, detail, retry_after_ms } => {
                self.rejected(now, position, Refusal { reason, detail, retry_after_ms });
            }
            CollectorMessage::SendSnapshot => self.snapshot_asked(now),
            CollectorMessage::ScanNow { request } => self.scans.ask(now, request),
            CollectorMessage::Settings(settings) => self.use_settings(now, settings),
            CollectorMessage::Attend(attendance) => self.attend(attendance),
            CollectorMessage::Certificate { chain } => {
                self.actions.push(Action::InstallCertificate(chain));
            }
            CollectorMessage::Rekey => self.rekey_asked(now),
            CollectorMessage::Rekeyed { agent, chain } => {
                self.actions.push(Action::BecomeAgent(agent, chain));
                // What was reported as the agent before is nothing that this one has said.
                self.start_over(now, StartOver::Rekeyed);
            }
            CollectorMessage::Authorities { roots, renew_within_s } => {
                self.actions.push(Action::TrustAuthorities(roots));
                if let Some(within_s) = renew_within_s {
                    self.renew_within(now, within_s);
                }
            }
            // It is the answer to a farewell that a session never says.
            CollectorMessage::Gone => self.violated(now, "a farewell"),
            // `received` has seen to these.
            CollectorMessage::Welcome(_) | CollectorMessage::Refuse { .. } => {}
        }
    }

    fn rekey_asked(&mut self, now: Duration) {
        // Not for each time that it is said: the greeting and a signal may both say it, and a second key would
        // make the answer to the first one useless.
        if let Link::Open(open) = &mut self.link
            && open.rekey_at.is_none()
        {
            open.rekey_at = Some(now);
        }
    }

    fn acknowledged(&mut self, now: Duration, position: Position) {
        let Link::Open(open) = &mut self.link else {
            return;
        };
        // An answer to a report of an epoch that is over changes nothing any more.
        let Some((first, _)) = self.spool.pending else {
            return;
        };
        if position < first {
            return;
        }
        // An acknowledgement of what was never sent would delete reports that nobody has. Whoever
        // sends one is broken or hostile, and is not believed in anything.
        let Some(sent) = open.sent.filter(|sent| position <= *sent) else {
            self.violated(now, "an answer to a report that was not sent");
            return;
        };
        // What is still under way gets its full time again: the collector is answering.
        open.silent_at = (position < sent).then_some(now + ANSWER_WITHIN);
        // An answer shows that the collector is well, whatever it said before.
        self.pause.reset();
        self.reconnect.reset();
        self.actions.push(Action::Acknowledge(position));
    }

    fn rejected(&mut self, now: Duration, position: Position, refusal: Refusal) {
        let Link::Open(open) = &mut self.link else {
            return;
        };
        let first = self.spool.pending.map(|(first, _)| first);
        let in_flight = first.is_some_and(|first| {
            position >= first && open.sent.is_some_and(|sent| position <= sent)
        });
        if !in_flight {
            // Either it follows a reject that took this report back as well, or it answers the request for a
            // certificate, which is made again in an hour, or for another identity, in minutes.
            if let Some(at) = &mut open.rekey_at {
                *at = now.saturating_add(self.jitter.asked(refusal.retry_after_ms)).max(*at);
            }
            return;
        }
        match refusal.reason.remedy() {
            Remedy::Later => self.pause_from(now, position, refusal.retry_after_ms),
            Remedy::Missing if first.is_some_and(|first| first < position) => {
                // What is missing is still here.
                if let Some(first) = first {
                    self.pause_from(now, first, refusal.retry_after_ms);
                }
            }
            Remedy::Missing | Remedy::Never => {
                // The reports behind this one will be rejected too; their answers are not news.
                open.sent = None;
                open.silent_at = None;
                self.start_over(now, StartOver::Rejected(position, refusal.reason));
            }
            Remedy::Elsewhere | Remedy::NotWelcome => self.refused(now, refusal),
        }
    }

    /// Takes everything from `position` on back, to be sent again after a pause.
    fn pause_from(&mut self, now: Duration, position: Position, retry_after_ms: u32) {
        let asked = self.jitter.asked(retry_after_ms);
        // A collector that asks for no wait at all, again and again, still gets growing ones.
        let wait = asked.max(self.pause.next(&mut self.jitter));
        if let Link::Open(open) = &mut self.link {
            open.sent = previous(position);
            open.silent_at = None;
            open.paused_until = Some(now + wait);
        }
    }

    fn refused(&mut self, now: Duration, refusal: Refusal) {
        let own = match refusal.reason.remedy() {
            Remedy::Later | Remedy::Elsewhere => self.reconnect.next(&mut self.jitter),
            Remedy::NotWelcome | Remedy::Missing | Remedy::Never => {
                self.patience.next(&mut self.jitter)
            }
        };
        let wait = own.max(self.jitter.asked(refusal.retry_after_ms));
        self.drop_unreadable(now, refusal.reason);
        // Another collector of the same company may be better off.
        self.look_elsewhere();
        let parting = Parting::Refused(refusal.reason, refusal.detail);
        self.part(now, parting, wait);
    }

    /// A frame that cannot even be decoded has no position to reject, so the refusal of the session
    /// speaks for a report that was under way; sent again, it would only be refused again.
    fn drop_unreadable(&mut self, now: Duration, reason: RejectReason) {
        let first = self.spool.pending.map(|(first, _)| first);
        let was_sent = match self.link {
            // Nothing sent is less than anything that waits, by the order of `Option`.
            Link::Open(open) => open.sent >= first,
            Link::Waiting { .. } | Link::Away { .. } | Link::Connecting | Link::Greeting { .. } => {
                false
            }
        };
        if let (Some(first), true, Remedy::Never) = (first, was_sent, reason.remedy()) {
            self.start_over(now, StartOver::Rejected(first, reason));
        }
    }

    fn snapshot_asked(&mut self, now: Duration) {
        // A snapshot that is due, or that waits for its answers, is the answer. Until its last part
        // is acknowledged there is no digest, which is how one that is half through is told from
        // changes that wait: to begin it again would send a large host's first half twice.
        let is_on_its_way = self.spool.is_snapshot_due
            || (self.spool.pending.is_some() && self.spool.digest.is_none());
        if !is_on_its_way {
            self.start_over(now, StartOver::Asked);
        }
    }

    pub(super) fn start_over(&mut self, now: Duration, why: StartOver) {
        let at = self.resync.begin(now, &mut self.jitter);
        // The snapshot waits with the scan that makes it; what is in the spool goes at once,
        // because it will never be sent.
        self.scans.hold(at);
        self.actions.push(Action::StartOver(why));
    }
}

/// The position before this one in its epoch; `None` before the first.
fn previous(position: Position) -> Option<Position> {
    let seq = position.seq.0.checked_sub(1).filter(|seq| *seq > 0)?;
    Some(Position::new(position.epoch.0, seq))
}
