//! What the world tells the agent, as the session understands it.

use std::net::SocketAddr;

use protocol::message::CollectorMessage;
use protocol::way::Path;

use super::scan::Scanned;
use super::{Agent, HeardTime, SCAN_CALLERS_MAX};
use crate::control::{Caller, Request};
use crate::memory;
use crate::session::Event;
use crate::uplink::UplinkEvent;

impl Agent {
    pub(super) fn on_uplink(&mut self, event: UplinkEvent) {
        let event = match event {
            UplinkEvent::Connected { to, address, path } => {
                self.note_connection(to, address, path);
                Event::Connected
            }
            UplinkEvent::Failed(error) => {
                self.connection_problem(&error.to_string());
                Event::ConnectFailed
            }
            UplinkEvent::Probed(probed) => return self.on_probed(probed),
            UplinkEvent::Received(frame) => {
                let event = self.unpack(&frame);
                self.hear_time(&event);
                event
            }
            UplinkEvent::Garbled(error) => {
                self.problem(&error.to_string());
                Event::Garbled
            }
            UplinkEvent::Closed(why) => {
                self.connection_problem(&format!("the connection ended: {why}"));
                self.ways.disconnected();
                Event::Closed
            }
            UplinkEvent::Dead => {
                self.connection_problem("the connection ended: the network path is dead");
                self.ways.died(self.clock.elapsed());
                Event::Closed
            }
            UplinkEvent::Drained => return self.pump(),
        };
        let was_connected = self.is_connected();
        self.give(event);
        // A connection that stands is none yet: only a welcome makes it one, and takes back what was
        // wrong before.
        if self.is_connected() && !was_connected {
            self.seen.connection.last_problem = None;
            self.log_connection();
        }
    }

    fn note_connection(&mut self, to: String, address: SocketAddr, path: Path) {
        self.log.debug(format_args!("a connection to {address} stands"));
        self.seen.connection.address = Some(address.to_string());
        self.seen.connection.path = Some(path);
        self.ways.connected(to, path, self.clock.elapsed());
    }

    fn log_connection(&self) {
        let path = self.ways.path();
        let why = path.not_quic;
        self.log.info(format_args!(
            "connected to {} by {}{}",
            self.seen.connection.address.as_deref().unwrap_or_default(),
            path.way.as_str(),
            why.map_or_else(String::new, |why| format!(" (QUIC: {})", why.as_str()))
        ));
    }

    fn connection_problem(&mut self, what: &str) {
        let certificate = self.identity.certificate();
        // No collector takes it; whether it has ended they know, and this host only by its clock.
        if certificate.has_expired(self.clock.now_ms()) {
            self.problem(&format!(
                "{what}; by this host's clock the certificate has expired: enrol again with \
                 `muster-agent enroll --force`, or correct the clock"
            ));
        } else {
            self.problem(what);
        }
    }

    /// Learns from a welcome what time it is, and by it when the certificate is due: this host's own
    /// clock may be years off.
    fn hear_time(&mut self, event: &Event) {
        let Event::Received(CollectorMessage::Welcome(welcome)) = event else {
            return;
        };
        self.heard_time = Some(HeardTime { at: self.clock.elapsed(), ms: welcome.now_ms });
        // Before the welcome itself, with which the certificate may be asked for.
        let renew_at = self.renew_at();
        self.give(Event::CertificateDue { renew_at });
    }

    pub(super) fn on_scanned(&mut self, scanned: Scanned) {
        let now_ms = self.clock.now_ms();
        let recorded = self.note_scan(scanned, now_ms);
        memory::give_back();
        let view = self.spool().view();
        // Before the end of the scan is told: the session decides by the spool's state whether
        // another scan is due.
        self.give(Event::SpoolChanged(view));
        self.give(Event::ScanFinished { recorded });
        // Whoever asked while the scan ran is answered by the one that has just begun for it.
        if !self.session.is_scanning() {
            let status = self.status();
            for caller in std::mem::take(&mut self.scan_callers) {
                if let Some(control) = &mut self.control {
                    control.answer(caller, &status);
                }
            }
        }
    }

    pub(super) fn on_request(&mut self, request: Request, caller: Caller) {
        match request {
            Request::Scan if self.scan_callers.len() < SCAN_CALLERS_MAX => {
                self.log.info(format_args!("a scan was asked for on this host"));
                self.scan_callers.push(caller);
                self.give(Event::ScanRequested);
            }
            Request::Scan | Request::Status => {
                let status = self.status();
                if let Some(control) = &mut self.control {
                    control.answer(caller, &status);
                }
            }
        }
    }
}
