//! `[webhooks]`: where messages about events may go.

use std::path::PathBuf;

use super::section::section;
use super::{ConfigError, Network, in_range};

section! {
    /// Messages about events to addresses that companies name.
    "webhooks" RawWebhooks {
        /// Whether addresses may be plain `http://`: anybody on the way could read what is sent.
        allow_http: bool = false;
        /// Networks that messages may go to although they are not public, such as `["10.20.0.0/16"]`. What
        /// listens there is open to whoever may write webhooks in any company.
        allowed_networks: Vec<String> = [];
        /// A file of certificates (PEM) that are believed beside the public authorities'.
        ca_file: Option<PathBuf> => "/etc/muster/webhooks-ca.pem";
        /// Messages that this node sends at once; of one company a quarter of them, and eight at most.
        requests_max: u32 = 64;
    }
}

/// Messages about events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebhooksConfig {
    /// Whether addresses may be plain HTTP.
    pub allow_http: bool,
    /// Networks that are let in although they are not public.
    pub allowed_networks: Vec<Network>,
    /// Certificates that are believed beside the public ones.
    pub ca_file: Option<PathBuf>,
    /// Messages at once.
    pub requests_max: u32,
}

impl TryFrom<RawWebhooks> for WebhooksConfig {
    type Error = ConfigError;

    fn try_from(raw: RawWebhooks) -> Result<Self, ConfigError> {
        let network = |text: &String| {
            text.parse().map_err(|error| {
                ConfigError::value("webhooks.allowed_networks", format!("{text:?}: {error}"))
            })
        };
        let allowed_networks = raw.allowed_networks.iter().map(network);
        Ok(Self {
            allow_http: raw.allow_http,
            allowed_networks: allowed_networks.collect::<Result<_, _>>()?,
            ca_file: raw.ca_file,
            requests_max: in_range("webhooks.requests_max", raw.requests_max, 1..=10_000)?,
        })
    }
}
