//! What the world tells the agent, as the session understands it.

use super::scan::Scanned;
use super::{Agent, SCAN_CALLERS_MAX};
use crate::control::{Caller, Request};
use crate::memory;
use crate::session::Event;
use crate::uplink::UplinkEvent;

impl Agent {
    pub(super) fn on_uplink(&mut self, event: UplinkEvent) {
        let event = match event {
            UplinkEvent::Connected(address) => {
                self.log
                    .debug(format_args!("a connection to {address} stands"));
                self.seen.connection.address = Some(address.to_string());
                Event::Connected
            }
            UplinkEvent::Failed(error) => {
                self.problem(&error.to_string());
                Event::ConnectFailed
            }
            UplinkEvent::Received(frame) => self.unpack(&frame),
            UplinkEvent::Garbled(error) => {
                self.problem(&error.to_string());
                Event::Garbled
            }
            UplinkEvent::Closed(why) => {
                self.problem(&format!("the connection ended: {why}"));
                Event::Closed
            }
            UplinkEvent::Drained => return self.pump(),
        };
        let was_connected = self.is_connected();
        self.give(event);
        if self.is_connected() && !was_connected {
            self.seen.connection.last_problem = None;
            self.log.info(format_args!(
                "connected to {}",
                self.seen.connection.address.as_deref().unwrap_or_default()
            ));
        }
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
                self.log
                    .info(format_args!("a scan was asked for on this host"));
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
