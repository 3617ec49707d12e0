//! `[http]`: the API's listener.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::section::section;
use super::{ConfigError, in_range};

section! {
    /// The HTTP API, with `/metrics`, `/healthz` and `/readyz`. Where it is reached over a network, give it a
    /// certificate or put a proxy with TLS before it: without either it speaks plain HTTP.
    "http" RawHttp {
        /// Where it listens.
        listen: SocketAddr = "127.0.0.1:7080";
        /// The certificate that it is reached with (PEM: its own first, then what signed it), for HTTPS and nothing
        /// else. Taken anew within a minute when the file changes, so that an ACME client may renew it.
        certificate_file: Option<PathBuf> => "/etc/muster/web.pem";
        /// The certificate's key (PEM), which no other account may read.
        key_file: Option<PathBuf> => "/etc/muster/web.key";
        /// How long one request may take, in seconds. A document that is brought has ten minutes more to come in.
        request_timeout_s: u32 = 30;
        /// Bytes of a request's body.
        body_bytes_max: u32 = 1_048_576;
        /// Bytes of a document (SBOM, VEX) that is imported. An SBOM lies in the database until it is applied.
        document_bytes_max: u32 = 33_554_432;
        /// Requests at once; more wait.
        requests_max: u32 = 256;
        /// Connections at once; more wait.
        connections_max: u32 = 2048;
        /// How long a request's head may take to come, and a connection be idle, in seconds.
        head_timeout_s: u32 = 15;
        /// Requests a minute of one API key or person, all of which may come at once. Counted by each node.
        principal_requests_per_minute: u32 = 6000;
        /// Requests a minute in one company, all of which may come at once. Counted by each node.
        company_requests_per_minute: u32 = 30000;
        /// How long a session may be idle, in seconds.
        session_idle_s: u32 = 28800;
        /// How long a session lasts in all, in seconds.
        session_s: u32 = 604800;
        /// Addresses of proxies whose `X-Forwarded-For` says who asks, such as `["10.0.0.1"]`.
        proxies: Vec<String> = [];
        /// Origins of other sites whose pages may call the API with a key, such as `["https://tools.example"]`.
        /// None may use a session.
        cors_origins: Vec<String> = [];
    }
}

/// The HTTP API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpConfig {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Its own certificate; `None` for plain HTTP.
    pub tls: Option<WebTls>,
    /// How long one request may take, but for documents that come in.
    pub request_timeout: Duration,
    /// Bytes of a request's body.
    pub body_bytes_max: u32,
    /// Bytes of a document that is imported.
    pub document_bytes_max: u32,
    /// Requests at once.
    pub requests_max: u32,
    /// Connections at once.
    pub connections_max: u32,
    /// How long a request's head may take to come, and a connection be idle.
    pub head_timeout: Duration,
    /// Requests a minute of one key or person.
    pub principal_requests_per_minute: u32,
    /// Requests a minute in one company.
    pub company_requests_per_minute: u32,
    /// How long a session may be idle.
    pub session_idle: Duration,
    /// How long a session lasts in all.
    pub session: Duration,
    /// Addresses of proxies that say who asks.
    pub proxies: Vec<IpAddr>,
    /// Origins of other sites whose pages may call the API.
    pub cors_origins: Vec<String>,
}

/// Where the API's own certificate lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebTls {
    /// The certificate, with what signed it (PEM).
    pub certificate: PathBuf,
    /// Its key (PEM).
    pub key: PathBuf,
}

impl TryFrom<RawHttp> for HttpConfig {
    type Error = ConfigError;

    fn try_from(raw: RawHttp) -> Result<Self, ConfigError> {
        let timeout_s = in_range("http.request_timeout_s", raw.request_timeout_s, 1..=3_600)?;
        Ok(Self {
            listen: raw.listen,
            tls: tls(raw.certificate_file, raw.key_file)?,
            request_timeout: Duration::from_secs(timeout_s.into()),
            body_bytes_max: in_range(
                "http.body_bytes_max",
                raw.body_bytes_max,
                1_024..=1_073_741_824,
            )?,
            document_bytes_max: in_range(
                "http.document_bytes_max",
                raw.document_bytes_max,
                // A value of PostgreSQL's has at most a gigabyte, on its way too.
                1_024..=268_435_456,
            )?,
            requests_max: in_range("http.requests_max", raw.requests_max, 1..=100_000)?,
            connections_max: in_range("http.connections_max", raw.connections_max, 1..=1_000_000)?,
            head_timeout: seconds("http.head_timeout_s", raw.head_timeout_s, 1..=3_600)?,
            principal_requests_per_minute: in_range(
                "http.principal_requests_per_minute",
                raw.principal_requests_per_minute,
                1..=100_000_000,
            )?,
            company_requests_per_minute: in_range(
                "http.company_requests_per_minute",
                raw.company_requests_per_minute,
                1..=100_000_000,
            )?,
            session_idle: seconds("http.session_idle_s", raw.session_idle_s, 60..=31_536_000)?,
            session: seconds("http.session_s", raw.session_s, 60..=31_536_000)?,
            proxies: proxies(&raw.proxies)?,
            cors_origins: origins(raw.cors_origins)?,
        })
    }
}

fn seconds(
    setting: &'static str,
    value: u32,
    range: RangeInclusive<u32>,
) -> Result<Duration, ConfigError> {
    let seconds = in_range(setting, value, range)?;
    Ok(Duration::from_secs(seconds.into()))
}

fn tls(certificate: Option<PathBuf>, key: Option<PathBuf>) -> Result<Option<WebTls>, ConfigError> {
    match (certificate, key) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => Ok(Some(WebTls { certificate, key })),
        (Some(_), None) => {
            Err(ConfigError::value("http.key_file", "http.certificate_file has none: set it too"))
        }
        (None, Some(_)) => {
            Err(ConfigError::value("http.certificate_file", "http.key_file has none: set it too"))
        }
    }
}

fn proxies(texts: &[String]) -> Result<Vec<IpAddr>, ConfigError> {
    let address = |text: &String| {
        text.parse()
            .map_err(|_| ConfigError::value("http.proxies", format!("{text:?} is no IP address")))
    };
    texts.iter().map(address).collect()
}

fn origins(texts: Vec<String>) -> Result<Vec<String>, ConfigError> {
    for text in &texts {
        // An origin is a scheme and a host: with a path, or a star, it would never be the one that a
        // browser sends, or be everybody's.
        let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let is_origin = host.is_some_and(|host| {
            !host.is_empty()
                && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b))
        });
        if !is_origin {
            let detail = format!("{text:?} is no origin, such as https://tools.example");
            return Err(ConfigError::value("http.cors_origins", detail));
        }
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_scheme_and_a_host_and_no_more() {
        let is_taken = |text: &str| origins(vec![text.to_owned()]).is_ok();
        assert!(is_taken("https://tools.example") && is_taken("http://[::1]:8080"));
        for other in ["*", "https://", "https://a.example/", "tools.example", "https://*.example"] {
            assert!(!is_taken(other), "{other}");
        }
    }

    #[test]
    fn a_certificate_and_its_key_are_named_together() {
        let file = || Some(PathBuf::from("/etc/muster/web.pem"));
        assert_eq!(tls(None, None).unwrap(), None);
        assert!(tls(file(), file()).unwrap().is_some());
        let error = |certificate, key| tls(certificate, key).unwrap_err().to_string();
        assert!(error(file(), None).starts_with("http.key_file"));
        assert!(error(None, file()).starts_with("http.certificate_file"));
    }

    #[test]
    fn a_proxy_is_an_address() {
        assert!(proxies(&["10.0.0.1".to_owned(), "::1".to_owned()]).is_ok());
        assert!(proxies(&["proxy.example".to_owned()]).is_err());
    }
}
