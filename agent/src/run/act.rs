//! What the session decided, done.

use std::time::Duration;

use protocol::frame::{Frame, Packing, Unpacker};
use protocol::ids::{AgentId, Position};
use protocol::message::{AgentMessage, CollectorMessage, Hello, Presence, Settings};

use super::Agent;
use crate::identity::NewKey;
use crate::logging::sanitise;
use crate::memory;
use crate::session::{Action, Event, Parting};
use crate::spool::SpoolError;
use crate::tls;

impl Agent {
    /// Does one thing, and says what came of it where something did at once.
    pub(super) fn act(&mut self, action: Action) -> Option<Event> {
        match action {
            Action::Connect { attempt } => return self.connect(attempt),
            Action::Greet(hello) => {
                let presence = Presence { path: self.ways.path(), process: self.process };
                let authorities = self.identity.roots().iter().map(AsRef::as_ref);
                let extension =
                    Hello::extension_with(presence, protocol::authorities::number(authorities));
                self.send(&AgentMessage::Hello(Hello { extension, ..hello }));
            }
            Action::Beat(heartbeat) => self.send(&AgentMessage::Heartbeat(heartbeat)),
            Action::Renew => self.ask_for_certificate(|csr| AgentMessage::Renew { csr }),
            Action::Rekey => self.ask_for_certificate(|csr| AgentMessage::Rekey { csr }),
            Action::BecomeAgent(agent, chain) => return Some(self.become_agent(agent, chain)),
            Action::TrustAuthorities(roots) => self.trust(roots),
            Action::Disconnect(parting) => self.disconnect(&parting),
            Action::StartScan { request } => self.start_scan(request),
            Action::Acknowledge(position) => return Some(self.acknowledge(position)),
            Action::StartOver(why) => {
                self.log.warn(format_args!("begins anew with a snapshot: {why}"));
                let started = self.spool().start_over(why.seen());
                return Some(self.after_spool(started));
            }
            Action::SaveSettings(settings) => self.save_settings(&settings),
            Action::InstallCertificate(chain) => return Some(self.install_certificate(chain)),
        }
        None
    }

    fn disconnect(&mut self, parting: &Parting) {
        if parting.is_problem() {
            self.problem(&parting.to_string());
        }
        self.uplink.hang_up(&parting.to_string());
        if *parting == Parting::NoWelcome {
            // Whether it is the collector or the way there is not to be told from here, and another way is worth a try.
            self.ways.died(self.clock.elapsed());
        } else {
            self.ways.disconnected();
        }
    }

    /// Remembers what is wrong with the connection, and logs it.
    pub(super) fn problem(&mut self, what: &str) {
        let what = sanitise(what);
        self.log.warn(format_args!("{what}"));
        self.seen.connection.last_problem = Some(what);
    }

    /// What a change of the spool, or its failure, means for the session.
    pub(super) fn after_spool(&mut self, outcome: Result<(), SpoolError>) -> Event {
        match outcome {
            Ok(()) => {
                self.seen.spool_problem = None;
                Event::SpoolChanged(self.spool().view())
            }
            Err(error) => {
                self.log.error(format_args!("{error}"));
                self.seen.spool_problem = Some(error.to_string());
                Event::SpoolFailed
            }
        }
    }

    /// A message out of a frame.
    pub(super) fn unpack(&mut self, frame: &Frame) -> Event {
        // Made for one message and dropped: messages from a collector are few, and it is large.
        let unpacked = match frame.packing {
            Packing::Plain => Ok(frame.payload.clone()),
            Packing::Zstd1 => {
                Unpacker::new().map_err(|error| error.to_string()).and_then(|mut unpacker| {
                    unpacker
                        .unpack(frame.packing, &frame.payload)
                        .map_err(|error| error.to_string())
                })
            }
        };
        let message = unpacked
            .and_then(|bytes| CollectorMessage::decode(&bytes).map_err(|error| error.to_string()));
        match message {
            Ok(message) => {
                self.log.debug(format_args!("received {}", name(&message)));
                Event::Received(message)
            }
            Err(why) => {
                self.problem(&why);
                Event::Garbled
            }
        }
    }

    fn connect(&mut self, attempt: usize) -> Option<Event> {
        let addresses = if self.uplink.has_better() {
            // What was tried beside the connection is made already, and to where that one went.
            vec![self.ways.to().to_owned()]
        } else {
            // All of them, beginning with another one each time: a collector that is away costs a moment, and one
            // that shakes hands and is then of no use does not come first again.
            let mut addresses = self.collectors.clone();
            let first = attempt % addresses.len().max(1);
            addresses.rotate_left(first);
            addresses
        };
        if addresses.is_empty() {
            self.problem("no collector is known: set `collectors` in the configuration");
            return Some(Event::ConnectFailed);
        }
        let Some(config) = self.tls_config() else {
            return Some(Event::ConnectFailed);
        };
        self.log.debug(format_args!("connects to {}", addresses.join(", ")));
        let plans = self.ways.plans(&addresses, self.clock.elapsed());
        self.uplink.connect(plans, config);
        None
    }

    /// How to shake hands, with the ticket of the connection before.
    pub(super) fn tls_config(&mut self) -> Option<rustls::ClientConfig> {
        let config = match self.tls.take() {
            Some(config) => Ok(config),
            None => tls::session_config(&self.identity),
        };
        match config {
            Ok(config) => {
                self.tls = Some(config.clone());
                Some(config)
            }
            Err(error) => {
                self.problem(&format!("the identity cannot be used: {error}"));
                None
            }
        }
    }

    fn send(&mut self, message: &AgentMessage) {
        // Everything but a report is too short to be worth packing.
        self.uplink.send(&Frame { packing: Packing::Plain, payload: message.encode() });
    }

    fn acknowledge(&mut self, position: Position) -> Event {
        self.ways.carried();
        let done = self.spool().acknowledge(position);
        let event = self.after_spool(done);
        if self.spool().view().pending.is_none() {
            self.log.info(format_args!("everything up to report {position} is delivered"));
            // The spool has just let go of what may have been megabytes.
            memory::give_back();
        }
        event
    }

    fn save_settings(&mut self, settings: &Settings) {
        self.log.info(format_args!(
            "heartbeats every {} s and scans every {} s, as the collector sets it",
            settings.heartbeat_every_s, settings.scan_every_s
        ));
        let saved = self.spool().save_settings(settings);
        if let Err(error) = saved {
            // They come again with the next connection.
            self.log.warn(format_args!("{error}"));
            self.seen.spool_problem = Some(error.to_string());
        }
    }

    fn ask_for_certificate(&mut self, asking: impl FnOnce(Vec<u8>) -> AgentMessage) {
        let made = NewKey::generate().and_then(|key| {
            let request = key.request()?;
            Ok((key, request))
        });
        match made {
            Ok((key, csr)) => {
                self.log.info(format_args!("asks for a new certificate"));
                // In the place of one that was never answered: a certificate that still comes for
                // that one is refused, and asked for again in an hour.
                self.renewal = Some(key);
                self.send(&asking(csr));
            }
            Err(error) => self.log.error(format_args!("make a key: {error}")),
        }
    }

    fn install_certificate(&mut self, chain: Vec<Vec<u8>>) -> Event {
        // The key lives in memory alone until its certificate is there; a restart asks again.
        let Some(key) = self.renewal.take() else {
            self.log.warn(format_args!("a certificate came that was not asked for"));
            return Event::CertificateUnusable;
        };
        let renewed = match self.identity.renewed(key, chain) {
            Ok(renewed) => renewed,
            Err(error) => {
                self.log.error(format_args!("the new certificate cannot be used: {error}"));
                return Event::CertificateUnusable;
            }
        };
        // On disk before it is used: the collector may forget the old certificate as soon as it
        // sees the new one.
        if let Err(error) = renewed.save(&self.config.state_dir) {
            self.log.error(format_args!("{error}"));
            return Event::CertificateUnusable;
        }
        self.identity = renewed;
        // With it go the tickets, which say who the agent was with the old one.
        self.tls = None;
        Event::CertificateInstalled { renew_at: self.renew_at() }
    }

    /// Becomes another agent of the same company, because more than one machine was this one.
    fn become_agent(&mut self, agent: AgentId, chain: Vec<Vec<u8>>) -> Event {
        let Some(key) = self.renewal.take() else {
            self.log.warn(format_args!("an identity came that was not asked for"));
            return Event::CertificateUnusable;
        };
        let became = match self.identity.became(agent, key, chain) {
            Ok(became) => became,
            Err(error) => {
                self.log.error(format_args!("the new identity cannot be used: {error}"));
                return Event::CertificateUnusable;
            }
        };
        if let Err(error) = became.save(&self.config.state_dir) {
            self.log.error(format_args!("{error}"));
            return Event::CertificateUnusable;
        }
        self.log.warn(format_args!(
            "another machine had this agent's identity: this host is agent {agent} from now on"
        ));
        self.identity = became;
        self.tls = None;
        Event::CertificateInstalled { renew_at: self.renew_at() }
    }

    /// Trusts other authorities from the next connection on.
    fn trust(&mut self, roots: Vec<Vec<u8>>) {
        match self.identity.trust(roots, &self.config.state_dir) {
            Ok(false) => {}
            Ok(true) => {
                let count = self.identity.roots().len();
                self.log.info(format_args!("trusts {count} authorities from now on"));
                // The next connection is checked by them.
                self.tls = None;
            }
            // They come again with the next connection.
            Err(error) => self.log.error(format_args!("{error}")),
        }
    }

    /// When the certificate is due, by the collector's clock where that was heard.
    pub(super) fn renew_at(&self) -> Duration {
        let now = self.clock.elapsed();
        let now_ms = self.heard_time.map_or_else(|| self.clock.now_ms(), |heard| heard.now_ms(now));
        now + self.identity.certificate().renew_after(now_ms)
    }
}

/// A message's name, for the log.
const fn name(message: &CollectorMessage) -> &'static str {
    match message {
        CollectorMessage::Welcome(_) => "a welcome",
        CollectorMessage::Refuse { .. } => "a refusal",
        CollectorMessage::Ack { .. } => "an acknowledgement",
        CollectorMessage::Reject { .. } => "a reject",
        CollectorMessage::SendSnapshot => "a wish for a snapshot",
        CollectorMessage::ScanNow { .. } => "a wish for a scan",
        CollectorMessage::Settings(_) => "settings",
        CollectorMessage::Certificate { .. } => "a certificate",
        CollectorMessage::Attend(_) => "whether to hold or to visit",
        CollectorMessage::Gone => "a farewell",
        CollectorMessage::Rekey => "a wish for another key",
        CollectorMessage::Rekeyed { .. } => "another identity",
        CollectorMessage::Authorities { .. } => "whom to trust",
    }
}
