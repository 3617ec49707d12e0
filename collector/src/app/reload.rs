//! What a running collector takes over when its configuration is read again.
//!
//! Levels of the log, rates, whose connections are held and the API's certificate are what an operator turns while something goes on. The
//! rest is what other parts were built with, and takes a restart, which drains first: it is named and not
//! half taken.

use super::{App, api};
use crate::config::Config;
use crate::ingest;

/// What of a running collector can be told otherwise.
#[derive(Debug, Default)]
pub(super) struct Reloadable {
    pub(super) rates: Option<ingest::Rates>,
    pub(super) api: Option<api::Api>,
}

impl App {
    /// Takes over what may change while it runs, and names the sections of which something waits for a restart.
    /// The level of the log is the process' and taken by whoever installed that.
    pub fn reload(&mut self, next: &Config) -> Vec<&'static str> {
        let now = &mut self.config;
        now.telemetry.level.clone_from(&next.telemetry.level);
        now.ingest.agent_requests_per_minute = next.ingest.agent_requests_per_minute;
        now.ingest.company_requests_per_minute = next.ingest.company_requests_per_minute;
        now.ingest.enrolments_per_minute = next.ingest.enrolments_per_minute;
        now.ingest.handshakes_per_second = next.ingest.handshakes_per_second;
        now.ingest.connections = next.ingest.connections;
        now.ingest.held_max = next.ingest.held_max;
        now.ingest.memory_bytes_max = next.ingest.memory_bytes_max;
        now.ingest.visit_every_s = next.ingest.visit_every_s;
        now.http.principal_requests_per_minute = next.http.principal_requests_per_minute;
        now.http.company_requests_per_minute = next.http.company_requests_per_minute;
        if let Some(rates) = &self.reloadable.rates {
            rates.set(&now.ingest);
        }
        if let Some(running) = &self.reloadable.api {
            running.gate.set_rates(&now.http);
            if let Some(certificate) = &running.certificate {
                api::renew(certificate, "");
            }
        }
        differing(now, next)
    }
}

/// The sections that are not the same.
fn differing(now: &Config, next: &Config) -> Vec<&'static str> {
    let sections = [
        ("node", now.node != next.node),
        ("telemetry", now.telemetry != next.telemetry),
        ("ingest", now.ingest != next.ingest),
        ("queue", now.queue != next.queue),
        ("pipeline", now.pipeline != next.pipeline),
        ("database", now.database != next.database),
        ("enrichment", now.enrichment != next.enrichment),
        ("feeds", now.feeds != next.feeds),
        ("jobs", now.jobs != next.jobs),
        ("http", now.http != next.http),
        ("webhooks", now.webhooks != next.webhooks),
        ("oidc", now.oidc != next.oidc),
        ("mail", now.mail != next.mail),
    ];
    sections.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Layers;

    #[test]
    fn every_section_that_changed_is_named() {
        let read = |text: &str| {
            Config::from_layers(Layers::defaults().with_table(text.parse().unwrap())).unwrap()
        };
        let before = read("");
        for (section, text) in [
            ("node", "stop_timeout_s = 7"),
            ("telemetry", "format = 'json'"),
            ("ingest", "handshakes_max = 7"),
            ("queue", "bytes_max = 1073741824"),
            ("pipeline", "workers = 7"),
            ("database", "connections_max = 7"),
            ("enrichment", "cache_entries = 7"),
            ("feeds", "sync = false"),
            ("jobs", "workers = 7"),
            ("http", "requests_max = 7"),
            ("webhooks", "requests_max = 7"),
            ("oidc", "allow_http = true"),
            (
                "mail",
                "host = 'smtp.example.org'\nfrom = 'm@example.org'\n[oidc]\npublic_url = 'https://m.example'",
            ),
        ] {
            let after = read(&format!("[{section}]\n{text}"));
            assert!(differing(&before, &after).contains(&section), "{section}");
        }
        assert!(differing(&before, &before.clone()).is_empty());
    }
}
