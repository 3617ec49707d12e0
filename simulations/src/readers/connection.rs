//! A connection to the API that stays, as a browser's does.

use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, HOST, HeaderValue};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use protocol::ids::CompanyId;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::api;

/// Bytes of an answer that are read.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How long one answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// A connection.
pub(super) struct Connection {
    sender: SendRequest<Empty<Bytes>>,
    /// What carries the bytes; it works while an answer is waited for, and rests between.
    driver: Pin<Box<http1::Connection<TokioIo<TcpStream>, Empty<Bytes>>>>,
    authority: String,
    authorization: HeaderValue,
}

impl Connection {
    /// Connects with the key that a file holds: an operator's, who may ask for any company.
    pub(super) async fn open(url: &str, key_file: &Path) -> anyhow::Result<Self> {
        let (authority, prefix) = api::parse_url(url)?;
        ensure!(prefix.is_empty(), "{url} has a path: name the host alone");
        let authorization = api::authorization(key_file)?;
        let stream = TcpStream::connect(&authority)
            .await
            .with_context(|| format!("connect to the API at {authority}"))?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        Ok(Self { sender, driver: Box::pin(connection), authority, authorization })
    }

    /// The whole answer.
    pub(super) async fn get(
        &mut self,
        company: Option<CompanyId>,
        path: &str,
    ) -> anyhow::Result<Bytes> {
        timeout(ANSWER_WITHIN, self.exchange(company, path))
            .await
            .with_context(|| format!("{path}: the API does not answer in time"))?
            .with_context(|| path.to_owned())
    }

    async fn exchange(&mut self, company: Option<CompanyId>, path: &str) -> anyhow::Result<Bytes> {
        let mut request = Request::get(path)
            .header(HOST, &self.authority)
            .header(AUTHORIZATION, self.authorization.clone());
        if let Some(company) = company {
            request = request.header("muster-company", company.to_string());
        }
        let request = request.body(Empty::new())?;
        let sender = &mut self.sender;
        let exchange = async move {
            sender.ready().await?;
            let answer = sender.send_request(request).await?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
            anyhow::Ok((status, body.map_err(anyhow::Error::from_boxed)?.to_bytes()))
        };
        let (status, body) = tokio::select! {
            exchanged = exchange => exchanged?,
            ended = &mut self.driver => {
                ended?;
                bail!("the API closed the connection");
            }
        };
        ensure!(
            status == StatusCode::OK,
            "the API answers {status}: {}",
            String::from_utf8_lossy(&body)
        );
        Ok(body)
    }
}
