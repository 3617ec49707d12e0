//! A reader of the API on this machine: HTTP/1.0, so that an answer ends with its connection.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Bytes of an answer at most.
const ANSWER_BYTES_MAX: u64 = 16 << 20;
/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A reader with a key.
#[derive(Debug)]
pub(super) struct Client {
    address: SocketAddr,
    key: String,
}

impl Client {
    /// A reader of the API at an address.
    pub(super) fn new(address: SocketAddr, key: &str) -> Self {
        Self { address, key: key.to_owned() }
    }

    /// The JSON of an object or a list.
    ///
    /// # Errors
    ///
    /// When the API does not answer, or answers with a problem.
    pub(super) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.send("GET", path, "").await
    }

    /// The JSON of what was made.
    ///
    /// # Errors
    ///
    /// As [`Self::get`].
    pub(super) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.send("POST", path, &body.to_string()).await
    }

    async fn send(&self, method: &str, path: &str, body: &str) -> anyhow::Result<Value> {
        let answer = tokio::time::timeout(TIMEOUT, self.exchange(method, path, body))
            .await
            .with_context(|| format!("{method} {path} gets no answer"))?
            .with_context(|| format!("{method} {path}"))?;
        let (head, body) = answer.split_once("\r\n\r\n").context("the answer is cut short")?;
        let status = head.split(' ').nth(1).unwrap_or_default();
        // A redirect is an error as well: the API has none.
        ensure!(status.starts_with('2'), "{method} {path} is answered {status}: {body}");
        serde_json::from_str(body).with_context(|| format!("{method} {path} is no JSON"))
    }

    async fn exchange(&self, method: &str, path: &str, body: &str) -> anyhow::Result<String> {
        let mut stream = TcpStream::connect(self.address).await?;
        let request = format!(
            "{method} {path} HTTP/1.0\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: \
             application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            self.key,
            body.len()
        );
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream
            // HTTP/1.0 without keep-alive ends with the connection (RFC 9112, section 6.3), so a
            // bound is needed.
            .take(ANSWER_BYTES_MAX)
            .read_to_string(&mut answer)
            .await?;
        Ok(answer)
    }
}
