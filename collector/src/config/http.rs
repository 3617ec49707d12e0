//! `[http]`: the API's listener.

use std::net::SocketAddr;
use std::time::Duration;

use super::section::section;
use super::{ConfigError, in_range};

section! {
    /// The HTTP API, with `/metrics`, `/healthz` and `/readyz`. It speaks plain HTTP: put a proxy with TLS before
    /// it where it is reached over a network.
    "http" RawHttp {
        /// Where it listens.
        listen: SocketAddr = "127.0.0.1:7080";
        /// How long one request may take, in seconds.
        request_timeout_s: u32 = 30;
        /// Bytes of a request's body.
        body_bytes_max: u32 = 1_048_576;
        /// Requests at once; more wait.
        requests_max: u32 = 256;
    }
}

/// The HTTP API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpConfig {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// How long one request may take.
    pub request_timeout: Duration,
    /// Bytes of a request's body.
    pub body_bytes_max: u32,
    /// Requests at once.
    pub requests_max: u32,
}

impl TryFrom<RawHttp> for HttpConfig {
    type Error = ConfigError;

    fn try_from(raw: RawHttp) -> Result<Self, ConfigError> {
        let timeout_s = in_range("http.request_timeout_s", raw.request_timeout_s, 1..=3_600)?;
        Ok(Self {
            listen: raw.listen,
            request_timeout: Duration::from_secs(timeout_s.into()),
            body_bytes_max: in_range(
                "http.body_bytes_max",
                raw.body_bytes_max,
                1_024..=1_073_741_824,
            )?,
            requests_max: in_range("http.requests_max", raw.requests_max, 1..=100_000)?,
        })
    }
}
