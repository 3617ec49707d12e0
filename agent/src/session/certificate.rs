//! When the session asks for a certificate, and what it does with one.

use std::time::Duration;

use protocol::limits::RENEW_WITHIN_S_MAX;
use protocol::message::Capabilities;

use super::Session;
use super::action::Parting;
use super::link::{Link, Open};

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

    pub(super) fn renewal_at(&self, open: &Open) -> Option<Duration> {
        open.capabilities.has(Capabilities::RENEW).then_some(self.renew_at)
    }
}
