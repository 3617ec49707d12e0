//! When the session asks for a certificate, and what it does with one.

use std::time::Duration;

use protocol::limits::RENEW_WITHIN_S_MAX;
use protocol::message::Capabilities;

use super::action::{Action, Parting};
use super::link::{Link, Open};
use super::{REKEY_AGAIN_AFTER, Session};

impl Session {
    /// The collector's clock has said when it is due.
    pub(super) fn certificate_due(&mut self, renew_at: Duration) {
        // One that was asked for and never came is not asked for with every connection.
        let renew_at = self.renew_by.map_or(renew_at, |by| by.min(renew_at));
        self.renew_at = renew_at.max(self.renew_not_before);
    }

    /// The authority that signed the certificate gives way to another one.
    pub(super) fn renew_within(&mut self, now: Duration, within_s: u32) {
        let within = Duration::from_secs(within_s.min(RENEW_WITHIN_S_MAX).into());
        // Once: every connection says it again, and a moment that is drawn anew each time would never come
        // for an agent that only visits.
        let drawn = self.jitter.between(now, now + within);
        let by = *self.renew_by.get_or_insert(drawn);
        self.certificate_due(self.renew_at.min(by));
    }

    pub(super) fn certificate_installed(&mut self, now: Duration, renew_at: Duration) {
        self.renew_at = renew_at;
        self.renew_by = None;
        self.renew_not_before = Duration::ZERO;
        if matches!(self.link, Link::Open(_)) {
            let wait = self.jitter.between(Duration::ZERO, Duration::from_secs(5));
            // TLS 1.3 has no way to change a client's certificate on a connection that stands, so a
            // new one is made.
            self.part(now, Parting::CertificateRenewed, wait);
        }
    }

    pub(super) fn renew_not_before(&mut self, at: Duration) {
        self.renew_at = at;
        self.renew_not_before = at;
    }

    /// Asks for another identity, and again as long as none comes: until then this host shares a key with others, and a
    /// connection that holds would keep it so.
    pub(super) fn rekey_if_due(&mut self, now: Duration, open: &mut Open) {
        if open.rekey_at.is_some_and(|at| now >= at) {
            open.rekey_at = Some(now + self.jitter.around(REKEY_AGAIN_AFTER));
            self.actions.push(Action::Rekey);
        }
    }

    pub(super) fn renewal_at(&self, open: &Open) -> Option<Duration> {
        open.capabilities.has(Capabilities::RENEW).then_some(self.renew_at)
    }
}
