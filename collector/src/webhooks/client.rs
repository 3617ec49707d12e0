//! The way out for messages: connects to addresses that may be reached, and takes little back.
//!
//! A name is asked for once, each of its addresses is judged, and the connection goes to one of those that
//! were judged: a name that answers otherwise the next time gains nothing. There is no proxy, which would
//! ask for the name itself, and no redirect.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{StatusCode, redirect};

use super::reach::{Reach, Unreachable};
use crate::causes::Causes;
use crate::config::WebhooksConfig;
use crate::feeds::{HttpError, tls_config};

/// How long a server may take for all of its answer.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Bytes of an answer that are read.
const ANSWER_BYTES_MAX: usize = 1_024;
/// Connections to one host that are kept for the next message.
const IDLE_MAX: usize = 2;
/// Characters of an error's text.
const ERROR_CHARS_MAX: usize = 300;

/// What sends messages. Clones share their connections.
#[derive(Clone, Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    patience: Duration,
    reach: Reach,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// A setting cannot be used.
    #[error(transparent)]
    Setting(#[from] HttpError),
    /// The client cannot be made.
    #[error("make the client: {0}")]
    Client(#[from] reqwest::Error),
}

/// A message on its way.
#[derive(Debug)]
pub(super) struct Message {
    /// Its id.
    pub(super) id: String,
    /// The signature of its bytes.
    pub(super) signature: String,
    /// Its bytes.
    pub(super) body: Vec<u8>,
}

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// Its status.
    pub(super) status: u16,
    /// The answer's beginning.
    pub(super) beginning: String,
    /// How long it asks to wait.
    pub(super) retry_after: Option<Duration>,
}

impl Answer {
    /// Whether the message was taken.
    pub(super) fn is_taken(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether the server has trouble of its own, so that another message would fare no better.
    pub(super) const fn is_in_trouble(&self) -> bool {
        self.status >= 500 || self.status == 429
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SendError {
    /// Messages may not go there.
    #[error("{0}")]
    Unreachable(#[from] Unreachable),
    /// No answer came in time.
    #[error("no answer within {} s", .0.as_secs_f32())]
    Silent(Duration),
    /// The server cannot be reached.
    #[error("{0}")]
    Broken(String),
}

impl Client {
    /// A client that reaches what an operator lets it reach, and waits so long for all of an answer.
    ///
    /// # Errors
    ///
    /// When the file of certificates cannot be used.
    pub(super) fn new(config: &WebhooksConfig, patience: Duration) -> Result<Self, ClientError> {
        let reach = Reach::new(config);
        let http = judging(&reach, ("webhooks.ca_file", config.ca_file.as_deref()), patience)?;
        Ok(Self { http, patience, reach })
    }

    /// Sends a message.
    ///
    /// # Errors
    ///
    /// When no answer comes.
    ///
    /// # Cancel safety
    ///
    /// The message may have been taken.
    pub(super) async fn send(&self, url: &str, message: Message) -> Result<Answer, SendError> {
        let url = self.reach.check(url)?;
        let asking = self
            .http
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header("Muster-Delivery", message.id)
            .header("Muster-Signature", message.signature)
            .body(message.body);
        let answer = asking.send().await;
        let mut answer = answer.map_err(|error| match error.is_timeout() {
            true => SendError::Silent(self.patience),
            false => broken(error),
        })?;
        let status = answer.status();
        let retry_after = retry_after(&answer);
        let mut beginning = Vec::new();
        // A part is enough for people, and one that breaks off is an answer all the same.
        while beginning.len() < ANSWER_BYTES_MAX {
            match answer.chunk().await {
                Ok(Some(chunk)) => beginning.extend_from_slice(&chunk),
                Ok(None) | Err(_) => break,
            }
        }
        beginning.truncate(ANSWER_BYTES_MAX);
        Ok(Answer {
            status: status.as_u16(),
            beginning: plain(&String::from_utf8_lossy(&beginning)),
            retry_after,
        })
    }
}

/// A client that connects only to what may be reached, by whatever name. An address that stands in numbers has to
/// be checked before: no name is looked up for it.
///
/// # Errors
///
/// When the setting's file of certificates cannot be used.
pub(crate) fn judging(
    reach: &Reach,
    (setting, ca_file): (&'static str, Option<&Path>),
    patience: Duration,
) -> Result<reqwest::Client, ClientError> {
    let http = reqwest::Client::builder()
        // Neither the environment's nor the system's: a proxy would connect for us, unjudged.
        .no_proxy()
        .dns_resolver(Arc::new(Judging(reach.clone())))
        .redirect(redirect::Policy::none())
        .referer(false)
        .tls_backend_preconfigured(tls_config(setting, ca_file)?)
        .user_agent(concat!("muster-collector/", env!("CARGO_PKG_VERSION")))
        .timeout(patience)
        .pool_max_idle_per_host(IDLE_MAX)
        .build()?;
    Ok(http)
}

/// Characters of control would break whatever shows it.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn retry_after(answer: &reqwest::Response) -> Option<Duration> {
    let asks = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE];
    if !asks.contains(&answer.status()) {
        return None;
    }
    let seconds = answer.headers().get(RETRY_AFTER)?.to_str().ok()?;
    seconds.trim().parse().ok().map(Duration::from_secs)
}

fn broken(error: reqwest::Error) -> SendError {
    // Without the address: Slack's and Teams' are secrets of their own.
    let error = anyhow::Error::new(error.without_url());
    let refused = error.chain().find_map(|cause| cause.downcast_ref::<Unreachable>());
    match refused {
        Some(refused) => SendError::Unreachable(refused.clone()),
        None => {
            let text = plain(&Causes(&error).to_string());
            SendError::Broken(text.chars().take(ERROR_CHARS_MAX).collect())
        }
    }
}

/// Asks the system for a name's addresses and gives those that may be reached.
struct Judging(Reach);

impl Resolve for Judging {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let addresses = judge(&reach, found)?;
            Ok::<Addrs, _>(Box::new(addresses.into_iter()))
        })
    }
}

/// Those addresses that may be reached.
///
/// # Errors
///
/// When it is none of them.
fn judge(
    reach: &Reach,
    found: impl Iterator<Item = SocketAddr>,
) -> Result<Vec<SocketAddr>, Unreachable> {
    let (mut addresses, mut refused) = (Vec::new(), None);
    for address in found {
        match reach.check_address(address.ip()) {
            Ok(()) => addresses.push(address),
            Err(error) => refused = Some(error),
        }
    }
    match refused {
        Some(refused) if addresses.is_empty() => Err(refused),
        _ => Ok(addresses),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_names_addresses_only_those_are_left_that_may_be_reached() {
        let reach = Reach::new(&WebhooksConfig::default());
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let (public, private) = (address("8.8.8.8:0"), address("127.0.0.1:0"));
        let mixed = judge(&reach, [private, public].into_iter()).unwrap();
        assert_eq!(mixed, [public]);
        let refused = judge(&reach, [private].into_iter()).unwrap_err();
        assert_eq!(refused, Unreachable::NotPublic(private.ip(), "webhooks"));
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_not_connected_to() {
        let config = WebhooksConfig { allow_http: true, ..WebhooksConfig::default() };
        let message = Message { id: "1".to_owned(), signature: String::new(), body: Vec::new() };
        let client = Client::new(&config, ANSWER_WITHIN).unwrap();
        let refused = client.send("http://localhost:9/", message).await;
        let refused = refused.unwrap_err();
        assert!(matches!(refused, SendError::Unreachable(_)), "{refused}");
    }
}
