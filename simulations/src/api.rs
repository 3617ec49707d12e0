//! The collector's HTTP API, as far as the simulator asks it something.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper::header::{ACCEPT, AUTHORIZATION, HOST, HeaderValue};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use protocol::fingerprint::SoftwareKey;
use protocol::ids::{AgentId, CompanyId};
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::time::timeout;
use uuid::Uuid;

/// Bytes of an answer that are read.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How long one request may take. A fleet's end waits for these answers, and an API that accepts a
/// connection and says nothing must not hold it for good.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// Rows of one page.
const PAGE_ROWS: u32 = 500;

/// A client of the API.
#[derive(Clone)]
pub(crate) struct Api {
    authority: String,
    prefix: String,
    authorization: HeaderValue,
    answer_within: Duration,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Api(http://{}{})", self.authority, self.prefix)
    }
}

/// A page of a host's software; only the keys are read.
#[derive(Debug, Deserialize)]
struct SoftwarePage {
    items: Vec<SoftwareRow>,
    next_page_token: Option<String>,
}

#[derive(Debug, Deserialize)]
struct SoftwareRow {
    id: Uuid,
}

/// How a company's reports get on; only the records are read.
#[derive(Debug, Deserialize)]
struct Pipeline {
    records: u64,
}

impl Api {
    /// A client of the API at `url`, with the key that a file holds.
    ///
    /// # Errors
    ///
    /// When the URL is none that it can use, or the key cannot be read.
    pub(crate) fn new(url: &str, key_file: &Path) -> anyhow::Result<Self> {
        let (authority, prefix) = parse_url(url)?;
        let authorization = authorization(key_file)?;
        Ok(Self { authority, prefix, authorization, answer_within: ANSWER_WITHIN })
    }

    /// The keys of the software of a host whose name contains a text, in the API's order: one that
    /// stands twice there stands twice here.
    ///
    /// # Errors
    ///
    /// When the API cannot be reached or says no.
    pub(crate) async fn software(
        &self,
        company: CompanyId,
        agent: AgentId,
        name: Option<&str>,
    ) -> anyhow::Result<Vec<SoftwareKey>> {
        let mut keys = Vec::new();
        let mut token = String::new();
        loop {
            let mut path = format!("/api/v1/hosts/{agent}/software?limit={PAGE_ROWS}");
            for (field, value) in [("query", name.unwrap_or("")), ("page_token", &token)] {
                if !value.is_empty() {
                    path.push_str(&format!("&{field}={}", escape(value)));
                }
            }
            let Some(body) = self.get(company, &path).await? else {
                // A host that is not known is a host without software: between its first ack and
                // its first row every host is one.
                return Ok(Vec::new());
            };
            let page: SoftwarePage =
                serde_json::from_slice(&body).with_context(|| format!("read {path}"))?;
            keys.extend(page.items.iter().map(|row| SoftwareKey::from_uuid(row.id)));
            match page.next_page_token {
                Some(next) => token = next,
                None => return Ok(keys),
            }
        }
    }

    /// Records of a company's reports that are in the rows, ever.
    ///
    /// # Errors
    ///
    /// When the API cannot be reached or says no.
    pub(crate) async fn records_applied(&self, company: CompanyId) -> anyhow::Result<u64> {
        let path = "/api/v1/pipeline";
        let body = self.get(company, path).await?;
        let body = body.with_context(|| format!("the API does not know {path}"))?;
        let pipeline: Pipeline =
            serde_json::from_slice(&body).with_context(|| format!("read {path}"))?;
        Ok(pipeline.records)
    }

    /// The body of a page; `None` when there is no such thing.
    async fn get(&self, company: CompanyId, path: &str) -> anyhow::Result<Option<Bytes>> {
        timeout(self.answer_within, self.exchange(company, path))
            .await
            .with_context(|| format!("{path}: the API does not answer in time"))?
    }

    async fn exchange(&self, company: CompanyId, path: &str) -> anyhow::Result<Option<Bytes>> {
        // A connection a request: lookers ask a few dozen times a second, and a pool would be
        // another thing to be measured by mistake.
        let stream = TcpStream::connect(&self.authority)
            .await
            .with_context(|| format!("connect to the API at {}", self.authority))?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let request = Request::get(format!("{}{path}", self.prefix))
            // HTTP/1.1 wants it (RFC 9112, section 3.2), and a bare connection of hyper's adds
            // nothing by itself.
            .header(HOST, &self.authority)
            .header(ACCEPT, "application/json")
            .header(AUTHORIZATION, self.authorization.clone())
            .header("muster-company", company.to_string())
            .body(Empty::<Bytes>::new())?;
        let exchange = async move {
            // The sender goes with this block, and with it the connection ends.
            let answer = sender.send_request(request).await?;
            let status = answer.status();
            // Bounded, for whatever listens there may answer.
            let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
            let body = body.map_err(anyhow::Error::from_boxed)?.to_bytes();
            anyhow::Ok((status, body))
        };
        // Together, for without its connection's future the exchange stands still. What that one
        // says at its end is of no interest any more.
        let (exchanged, _) = tokio::join!(exchange, connection);
        match exchanged.with_context(|| format!("read {path}"))? {
            (StatusCode::OK, body) => Ok(Some(body)),
            (StatusCode::NOT_FOUND, _) => Ok(None),
            // The problem document says why, for people.
            (status, body) => {
                let text = String::from_utf8_lossy(&body);
                Err(anyhow!("the API answers {status}").context(format!("{path}: {text}")))
            }
        }
    }
}

/// The header of the key that a file holds.
///
/// # Errors
///
/// When the file cannot be read or holds no key.
pub(crate) fn authorization(key_file: &Path) -> anyhow::Result<HeaderValue> {
    let key = std::fs::read_to_string(key_file)
        .with_context(|| format!("read the API key {}", key_file.display()))?;
    // Trimmed, for the file ends with a line end.
    let mut authorization = HeaderValue::from_str(&format!("Bearer {}", key.trim()))
        .context("the API key holds characters that no key has")?;
    // hyper leaves it out of its own debug output and out of HPACK's tables.
    authorization.set_sensitive(true);
    Ok(authorization)
}

/// `host:port` and what stands before every path.
pub(crate) fn parse_url(url: &str) -> anyhow::Result<(String, String)> {
    let rest = url.strip_prefix("http://").with_context(|| {
        format!("{url} does not begin with http://, which is all that is spoken")
    })?;
    let (authority, prefix) = match rest.split_once('/') {
        Some((authority, prefix)) => (authority, format!("/{prefix}")),
        None => (rest, String::new()),
    };
    ensure!(!authority.is_empty(), "{url} names no host");
    // Behind the last colon and a number: an IPv6 address in brackets has colons of its own.
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let authority = if has_port { authority.to_owned() } else { format!("{authority}:80") };
    Ok((authority, prefix.trim_end_matches('/').to_owned()))
}

/// A value in a query (RFC 3986, section 2.1).
fn escape(value: &str) -> String {
    let mut escaped = String::new();
    // A letter beyond ASCII is escaped as the bytes of its UTF-8 (RFC 3986, section 2.5).
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
