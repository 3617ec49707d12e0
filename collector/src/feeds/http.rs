//! The way out: one HTTP client for all feeds, with bounds on everything that comes back.
//!
//! Beside webhooks it is the one place of the collector that opens connections to the internet. TLS is rustls with
//! Mozilla's roots; redirects are followed for files, never for an address that is sent a key, and
//! never from TLS to plain text. Addresses are printed without names, passwords and queries.

mod answer;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH,
};
use reqwest::{NoProxy, Proxy, StatusCode, Url, redirect};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

pub(super) use self::answer::Body;
use crate::config::{FeedsConfig, ProxyConfig, Secret};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a server may say nothing.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(60);
const REDIRECTS_MAX: usize = 5;
/// NVD's header for keys.
const API_KEY: HeaderName = HeaderName::from_static("apikey");

/// The client. Clones share their connections.
#[derive(Clone, Debug)]
pub(super) struct Http {
    /// Follows redirects.
    files: reqwest::Client,
    /// Follows none: a header of ours would be sent to wherever they lead.
    api: reqwest::Client,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Request<'a> {
    /// Its address.
    pub(super) url: &'a str,
    /// The version that is here already.
    pub(super) etag: Option<&'a str>,
    /// When that one was changed.
    pub(super) last_modified: Option<&'a str>,
    /// The kind of content that is wanted, where a server has several.
    pub(super) accept: Option<&'static str>,
    /// A key to be sent along; the answer is then asked for compressed, and no redirect followed.
    pub(super) api: Option<ApiAccess<'a>>,
}

impl Request<'_> {
    /// Whether the server may answer that nothing changed.
    pub(super) const fn has_condition(&self) -> bool {
        self.etag.is_some() || self.last_modified.is_some()
    }
}

/// How an API is asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct ApiAccess<'a> {
    /// Its key.
    pub(super) key: Option<&'a Secret>,
}

/// What came back.
#[derive(Debug)]
pub(super) enum Reply {
    /// What is here already is the newest.
    NotModified,
    /// What was asked for.
    Found(Body),
    /// Something else.
    Refused(Refusal),
}

/// An answer that is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// HTTP's status.
    pub(super) status: u16,
    /// What the server says to it: NVD has a header for that.
    pub(super) message: String,
    /// How long it asks to wait, as it is written.
    pub(super) retry_after: Option<String>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// A setting cannot be used.
    #[error("{setting}: {message}")]
    Setting {
        /// Which one.
        setting: &'static str,
        /// What is wrong.
        message: String,
    },
    /// The server cannot be reached, or the answer ended early.
    #[error("{url}: {reason}")]
    Broken {
        /// What was asked for.
        url: String,
        /// What happened, with its causes.
        reason: String,
    },
    /// The answer is larger than it may be.
    #[error("{url}: the answer has more than {bytes_max} bytes")]
    TooLarge {
        /// What was asked for.
        url: String,
        /// The bound.
        bytes_max: u64,
    },
    /// The disk does not take it.
    #[error("keep an answer: {0}")]
    Disk(#[from] std::io::Error),
}

impl Http {
    /// A client with an operator's settings.
    ///
    /// # Errors
    ///
    /// When a proxy's address or the file of certificates cannot be used.
    pub(super) fn new(config: &FeedsConfig) -> Result<Self, HttpError> {
        let tls = tls_config("feeds.ca_file", config.ca_file.as_deref())?;
        // Two clients, because reqwest keeps the policy for redirects with the client and not the
        // request.
        let build = |policy: redirect::Policy| -> Result<reqwest::Client, HttpError> {
            // The environment was read with the configuration; nothing is looked up beside it.
            let mut builder = reqwest::Client::builder()
                .no_proxy()
                .tls_backend_preconfigured(tls.clone())
                .user_agent(concat!("muster-collector/", env!("CARGO_PKG_VERSION")))
                .connect_timeout(CONNECT_TIMEOUT)
                .read_timeout(SILENCE_TIMEOUT)
                .redirect(policy);
            for proxy in proxies(&config.proxy)? {
                builder = builder.proxy(proxy);
            }
            builder.build().map_err(|error| setting("feeds", error.to_string()))
        };
        Ok(Self {
            files: build(redirect::Policy::custom(follow))?,
            api: build(redirect::Policy::none())?,
        })
    }

    /// Asks.
    ///
    /// # Errors
    ///
    /// When no answer comes.
    ///
    /// # Cancel safety
    ///
    /// Safe: the connection is closed.
    pub(super) async fn get(&self, request: &Request<'_>) -> Result<Reply, HttpError> {
        let url: Url = request.url.parse().map_err(|_| broken(request.url, "it is no address"))?;
        let client = match request.api {
            Some(_) => &self.api,
            None => &self.files,
        };
        let answer = client
            .get(url)
            .headers(headers(request)?)
            .send()
            .await
            .map_err(|error| broken(request.url, causes(error)))?;
        let status = answer.status();
        if status == StatusCode::NOT_MODIFIED {
            return Ok(Reply::NotModified);
        }
        // 206 as well: no part was asked for, and a part must not be taken for the whole.
        if status != StatusCode::OK {
            return Ok(Reply::Refused(Refusal::of(&answer)));
        }
        Ok(Reply::Found(Body::new(request.url, answer)))
    }
}

impl Refusal {
    fn of(answer: &reqwest::Response) -> Self {
        let header = |name: &str| {
            let value = answer.headers().get(name)?.to_str().ok()?;
            // It goes into a log and a table, and a server may say anything.
            Some(value.chars().take(200).collect::<String>())
        };
        Self {
            status: answer.status().as_u16(),
            message: header("message").unwrap_or_default(),
            retry_after: header("retry-after"),
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = StatusCode::from_u16(self.status)
            .ok()
            .and_then(|status| status.canonical_reason())
            .unwrap_or_default();
        write!(f, "the server answers {} {name}", self.status)?;
        if self.message.is_empty() { Ok(()) } else { write!(f, " ({})", self.message) }
    }
}

fn headers(request: &Request<'_>) -> Result<HeaderMap, HttpError> {
    let mut headers = HeaderMap::new();
    let mut put = |name: HeaderName, text: Option<&str>| {
        // What is no header's value is left out: without a condition the file is only fetched in
        // full.
        if let Some(value) = text.and_then(|text| HeaderValue::from_str(text).ok()) {
            headers.insert(name, value);
        }
    };
    put(ACCEPT, request.accept);
    put(IF_NONE_MATCH, request.etag);
    put(IF_MODIFIED_SINCE, request.last_modified);
    if let Some(api) = request.api {
        // Asked for by hand, and unpacked where the bound is: what the client unpacks by itself has
        // none. Files are left as they are, because their bytes give them their names.
        put(ACCEPT_ENCODING, Some("gzip"));
        if let Some(key) = api.key {
            let mut value = HeaderValue::from_str(key.expose())
                .map_err(|_| setting("feeds.nvd_api_key_file", "it holds no key"))?;
            // Kept out of whatever prints headers.
            value.set_sensitive(true);
            headers.insert(API_KEY, value);
        }
    }
    Ok(headers)
}

/// Follows a redirect, but not too many of them and not out of TLS.
fn follow(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let came_by_tls = attempt.previous().last().is_some_and(|url| url.scheme() == "https");
    if came_by_tls && attempt.url().scheme() != "https" {
        attempt.error("it leads from TLS to plain text")
    } else if attempt.previous().len() > REDIRECTS_MAX {
        attempt.error("it leads on and on")
    } else {
        attempt.follow()
    }
}

fn proxies(config: &ProxyConfig) -> Result<Vec<Proxy>, HttpError> {
    let except = || NoProxy::from_string(&config.except);
    let mut proxies = Vec::new();
    // What is wrong is not said, because it might hold a password.
    let unusable = |_| setting("feeds.proxy_file", "the proxy's address cannot be used");
    if let Some(url) = &config.https {
        let proxy = Proxy::https(url.expose()).map_err(unusable)?;
        proxies.push(proxy.no_proxy(except()));
    }
    if let Some(url) = &config.http {
        let proxy = Proxy::http(url.expose()).map_err(unusable)?;
        proxies.push(proxy.no_proxy(except()));
    }
    Ok(proxies)
}

/// TLS that believes the public authorities and those of a file that a setting names.
///
/// # Errors
///
/// When the file holds no certificates.
pub(crate) fn tls_config(
    named: &'static str,
    ca_file: Option<&Path>,
) -> Result<rustls::ClientConfig, HttpError> {
    let mut roots = rustls::RootCertStore {
        // An operator's own come on top: a proxy that opens TLS signs with its own, and not every
        // address need go through it.
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    if let Some(path) = ca_file {
        let wrong =
            |error: &dyn std::fmt::Display| setting(named, format!("{}: {error}", path.display()));
        let certificates = CertificateDer::pem_file_iter(path).map_err(|error| wrong(&error))?;
        for certificate in certificates {
            let certificate = certificate.map_err(|error| wrong(&error))?;
            roots.add(certificate).map_err(|error| wrong(&error))?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| setting(named, error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}

fn setting(setting: &'static str, message: impl Into<String>) -> HttpError {
    HttpError::Setting { setting, message: message.into() }
}

fn broken(url: &str, reason: impl Into<String>) -> HttpError {
    HttpError::Broken { url: shown(url), reason: reason.into() }
}

/// An error of the client with its causes, and without the address, which may hold a secret.
fn causes(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// An address for people: without name, password and query.
pub(super) fn shown(url: &str) -> String {
    let Ok(mut url) = url.parse::<Url>() else {
        return "an address that is none".to_owned();
    };
    // A key may stand there, as in a mirror's `?token=`.
    url.set_query(None);
    if url.set_username("").is_err() || url.set_password(None).is_err() {
        // It has no host, and nothing that is fetched has none.
        return "an address without a host".to_owned();
    }
    url.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_shown_without_secrets() {
        let url = "https://me:hush@mirror.example/osv/all.zip?token=hush";
        assert_eq!(shown(url), "https://mirror.example/osv/all.zip");
        assert!(!shown("no address: hush").contains("hush"));
    }

    #[test]
    fn a_key_is_marked_so_that_nothing_prints_it() {
        let key = Secret::new("6b3c-hush");
        let request = Request {
            url: "https://x/",
            api: Some(ApiAccess { key: Some(&key) }),
            ..Request::default()
        };
        let headers = headers(&request).unwrap();
        assert_eq!(headers["apikey"].to_str().unwrap(), "6b3c-hush");
        assert!(!format!("{headers:?} {request:?}").contains("hush"));
    }

    #[test]
    fn a_proxy_that_is_none_is_refused_without_saying_its_password() {
        let config = ProxyConfig {
            // A password in front of a port that is none.
            https: Some(Secret::new("http://me:hush@:::")),
            ..ProxyConfig::default()
        };
        let error = proxies(&config).unwrap_err().to_string();
        assert!(error.contains("proxy") && !error.contains("hush"), "{error}");
    }

    #[test]
    fn a_file_of_certificates_that_holds_none_is_refused_by_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ca.pem");
        let error = tls_config("feeds.ca_file", Some(&path)).unwrap_err().to_string();
        assert!(error.starts_with("feeds.ca_file: ") && error.contains("ca.pem"), "{error}");
        std::fs::write(&path, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
            .unwrap();
        assert!(tls_config("feeds.ca_file", Some(&path)).is_err());
    }
}
