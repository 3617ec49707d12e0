//! A client of the API: bounded answers, problems as errors, and writes that are sent again under the same word.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use protocol::ids::CompanyId;
use reqwest::{Method, StatusCode, redirect};
use serde_json::Value;
use uuid::Uuid;

use crate::config::Secret;
use crate::feeds::tls_config;

/// How long an answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// Bytes of an answer.
const ANSWER_BYTES_MAX: usize = 16 << 20;
/// Pages of a list: more than any kind can have.
const PAGES_MAX: usize = 100;
/// How often something is asked that gets no answer.
const TRIES: u32 = 4;
/// How long is waited before it is asked again, unless the collector says.
const AGAIN_AFTER: Duration = Duration::from_secs(2);
/// How long a collector may have us wait.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// A client with a key.
#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    server: String,
    key: Secret,
    company: Option<CompanyId>,
}

/// An answer that is no problem.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) json: Value,
    /// The version that a change names.
    pub(super) tag: Option<String>,
}

/// One attempt's end.
enum Tried {
    Answered(Answer),
    /// It may be asked again, after so long at least.
    Again(anyhow::Error, Option<Duration>),
}

impl Client {
    /// A client of a collector.
    ///
    /// # Errors
    ///
    /// When the file of certificates cannot be used.
    pub(super) fn new(
        server: String,
        key: Secret,
        company: Option<CompanyId>,
        ca_file: Option<&Path>,
    ) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            // A redirect would take the key elsewhere.
            .redirect(redirect::Policy::none())
            .tls_backend_preconfigured(tls_config("--ca-file", ca_file)?)
            .user_agent(concat!("muster-collector/", env!("CARGO_PKG_VERSION")))
            .timeout(ANSWER_WITHIN)
            .build()
            .context("make the client")?;
        Ok(Self { http, server, key, company })
    }

    /// What there is at a path of the API.
    ///
    /// # Errors
    ///
    /// When the collector does not answer, or with a problem.
    pub(super) async fn get(&self, path: &str) -> anyhow::Result<Answer> {
        self.send(Method::GET, path, None, None).await
    }

    /// All items of a list.
    ///
    /// # Errors
    ///
    /// As [`Self::get`].
    pub(super) async fn list(&self, path: &str) -> anyhow::Result<Vec<Value>> {
        let (mut items, mut token) = (Vec::new(), None::<String>);
        for _ in 0..PAGES_MAX {
            let and = if path.contains('?') { '&' } else { '?' };
            let mut page = format!("{path}{and}limit=1000");
            if let Some(token) = &token {
                let token: String = form_urlencoded::byte_serialize(token.as_bytes()).collect();
                page = format!("{page}&page_token={token}");
            }
            let mut answer = self.get(&page).await?.json;
            let some = answer["items"].take();
            let Value::Array(some) = some else { bail!("GET {path} is answered with no list") };
            items.extend(some);
            token = answer["next_page_token"].as_str().map(str::to_owned);
            if token.is_none() {
                return Ok(items);
            }
        }
        bail!("GET {path} has no end")
    }

    /// Changes something: `tag` is the version that is changed.
    ///
    /// # Errors
    ///
    /// As [`Self::get`].
    pub(super) async fn write(
        &self,
        method: Method,
        path: &str,
        tag: Option<&str>,
        body: Option<&Value>,
    ) -> anyhow::Result<Answer> {
        self.send(method, path, tag, body).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        tag: Option<&str>,
        body: Option<&Value>,
    ) -> anyhow::Result<Answer> {
        // One word for all attempts: what was done and not heard of is not done again.
        let word = Uuid::new_v4().to_string();
        let what = format!("{method} {path}");
        for number in 1.. {
            let mut request =
                self.http.request(method.clone(), format!("{}/api/v1{path}", self.server));
            request = request.bearer_auth(self.key.expose());
            if let Some(company) = self.company {
                request = request.header("Muster-Company", company.to_string());
            }
            if method != Method::GET {
                request = request.header("Idempotency-Key", &word);
            }
            if let Some(tag) = tag {
                request = request.header("If-Match", tag);
            }
            if let Some(body) = body {
                request = request.header("Content-Type", "application/json").body(body.to_string());
            }
            match try_once(request).await.with_context(|| what.clone())? {
                Tried::Answered(answer) => return Ok(answer),
                Tried::Again(error, _) if number >= TRIES => return Err(error.context(what)),
                Tried::Again(_, after) => {
                    tokio::time::sleep(after.unwrap_or(AGAIN_AFTER).min(WAIT_MAX)).await;
                }
            }
        }
        bail!("{what} was asked too often")
    }
}

async fn try_once(request: reqwest::RequestBuilder) -> anyhow::Result<Tried> {
    let mut answer = match request.send().await {
        Ok(answer) => answer,
        Err(error) => return Ok(Tried::Again(error.into(), None)),
    };
    let status = answer.status();
    let header = |name: &str| {
        answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    };
    let (tag, after) = (header("ETag"), header("Retry-After"));
    let after = after.and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
    let mut bytes = Vec::new();
    loop {
        match answer.chunk().await {
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(error) => return Ok(Tried::Again(error.into(), None)),
        }
        ensure!(bytes.len() <= ANSWER_BYTES_MAX, "the answer is longer than any of the API's");
    }
    let json = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    if status.is_success() {
        return Ok(Tried::Answered(Answer { json, tag }));
    }
    // What else is wrong stays wrong.
    let may_pass = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE];
    let problem = problem(status, &json);
    if may_pass.contains(&status) {
        return Ok(Tried::Again(problem, after));
    }
    Err(problem)
}

/// What a problem document says.
fn problem(status: StatusCode, json: &Value) -> anyhow::Error {
    let detail = json["detail"].as_str().unwrap_or("that is no answer of a collector's API");
    anyhow::anyhow!("{}: {detail}", status.as_u16())
}
