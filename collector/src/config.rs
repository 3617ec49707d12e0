//! Configuration: what an operator may decide, read once, checked once, then constant.
//!
//! Defaults < file < environment < flags. Every setting is written down in one place, its
//! section's file in `config/`, and that place gives the raw struct, the default, the shipped
//! default file and the name of the environment variable. Secrets are named by the path of a file
//! that holds them and are never printed.

mod database;
mod document;
mod enrichment;
mod feeds;
mod http;
mod ingest;
mod jobs;
mod layers;
mod mail;
mod network;
mod node;
mod oidc;
mod pipeline;
mod queue;
mod secret;
mod section;
mod telemetry;
mod webhooks;

use std::path::PathBuf;

use serde::Deserialize;

pub use self::database::{DatabaseConfig, DatabaseServer, PrivateServer};
pub use self::document::default_file;
pub use self::enrichment::EnrichmentConfig;
pub use self::feeds::{FeedSource, FeedSourceKind, FeedsConfig, ProxyConfig};
pub use self::http::{HttpConfig, WebTls};
pub use self::ingest::{Connections, IngestConfig, TcpListen};
pub use self::jobs::JobsConfig;
pub use self::layers::{Environment, Layers};
pub use self::mail::{MailConfig, MailTls};
pub use self::network::{Network, NoNetwork};
pub use self::node::{NodeConfig, Role, Roles};
pub use self::oidc::OidcConfig;
pub use self::pipeline::PipelineConfig;
pub use self::queue::QueueConfig;
pub use self::secret::Secret;
pub use self::telemetry::{LogFormat, TelemetryConfig, TracesConfig};
pub use self::webhooks::WebhooksConfig;

use self::section::Section;

/// Everything that a collector is told, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// This process.
    pub node: NodeConfig,
    /// Logs.
    pub telemetry: TelemetryConfig,
    /// Agents' connections.
    pub ingest: IngestConfig,
    /// The durable queue.
    pub queue: QueueConfig,
    /// Batches and workers.
    pub pipeline: PipelineConfig,
    /// PostgreSQL.
    pub database: DatabaseConfig,
    /// The match index and its cache.
    pub enrichment: EnrichmentConfig,
    /// CVE feeds.
    pub feeds: FeedsConfig,
    /// Work by the clock.
    pub jobs: JobsConfig,
    /// The HTTP API.
    pub http: HttpConfig,
    /// Messages about events.
    pub webhooks: WebhooksConfig,
    /// Companies' own providers of identities.
    pub oidc: OidcConfig,
    /// The server that takes mail to people; `None` where none is named.
    pub mail: Option<MailConfig>,
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("read {path}: {error}", path = path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{path} is not valid TOML: {error}", path = path.display())]
    Syntax {
        /// Which file.
        path: PathBuf,
        /// Where and why.
        error: Box<toml::de::Error>,
    },
    /// A setting is unknown, or its value is of the wrong kind.
    #[error("{0}")]
    Setting(Box<toml::de::Error>),
    /// A variable of the environment names no setting, or its value is of the wrong kind.
    #[error("{variable}: {message}")]
    Variable {
        /// Which variable.
        variable: String,
        /// What is wrong.
        message: String,
    },
    /// A value is not one that the setting may have.
    #[error("{setting}: {message}")]
    Value {
        /// The setting, as `section.name`.
        setting: &'static str,
        /// What is wrong and what to do.
        message: String,
    },
}

impl ConfigError {
    fn value(setting: &'static str, message: impl Into<String>) -> Self {
        Self::Value { setting, message: message.into() }
    }
}

/// The sections in the order of the default file.
const SECTIONS: [&Section; 13] = [
    &node::RawNode::SECTION,
    &telemetry::RawTelemetry::SECTION,
    &ingest::RawIngest::SECTION,
    &queue::RawQueue::SECTION,
    &pipeline::RawPipeline::SECTION,
    &database::RawDatabase::SECTION,
    &enrichment::RawEnrichment::SECTION,
    &feeds::RawFeeds::SECTION,
    &jobs::RawJobs::SECTION,
    &http::RawHttp::SECTION,
    &webhooks::RawWebhooks::SECTION,
    &oidc::RawOidc::SECTION,
    &mail::RawMail::SECTION,
];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    node: node::RawNode,
    telemetry: telemetry::RawTelemetry,
    ingest: ingest::RawIngest,
    queue: queue::RawQueue,
    pipeline: pipeline::RawPipeline,
    database: database::RawDatabase,
    enrichment: enrichment::RawEnrichment,
    feeds: feeds::RawFeeds,
    jobs: jobs::RawJobs,
    http: http::RawHttp,
    webhooks: webhooks::RawWebhooks,
    oidc: oidc::RawOidc,
    mail: mail::RawMail,
}

impl Config {
    /// The configuration that the layers come to.
    ///
    /// # Errors
    ///
    /// The first setting that is unknown, of the wrong kind or out of its range.
    pub fn from_layers(layers: Layers) -> Result<Self, ConfigError> {
        // Beside the table, because they are secrets: a table is printed with the error about it.
        let database_url = layers.database_url();
        let proxy = layers.proxy();
        let raw: Raw = layers
            .into_table()
            .try_into()
            .map_err(|error| ConfigError::Setting(Box::new(error)))?;
        let node = NodeConfig::try_from(raw.node)?;
        let oidc = OidcConfig::try_from(raw.oidc)?;
        Ok(Self {
            telemetry: raw.telemetry.try_into()?,
            ingest: raw.ingest.try_into()?,
            queue: QueueConfig::new(&raw.queue, &node)?,
            pipeline: raw.pipeline.try_into()?,
            database: DatabaseConfig::new(raw.database, database_url, &node)?,
            enrichment: EnrichmentConfig::new(raw.enrichment, &node)?,
            feeds: FeedsConfig::new(raw.feeds, proxy)?,
            jobs: JobsConfig::try_from(raw.jobs)?,
            http: raw.http.try_into()?,
            webhooks: raw.webhooks.try_into()?,
            mail: MailConfig::new(raw.mail, oidc.public_url.as_deref())?,
            oidc,
            node,
        })
    }
}

/// Refuses a number outside of its range.
fn in_range<T: PartialOrd + std::fmt::Display + Copy>(
    setting: &'static str,
    value: T,
    range: std::ops::RangeInclusive<T>,
) -> Result<T, ConfigError> {
    if range.contains(&value) {
        Ok(value)
    } else {
        Err(ConfigError::value(
            setting,
            format!("{value} is not between {} and {}", range.start(), range.end()),
        ))
    }
}

#[cfg(test)]
mod tests;
