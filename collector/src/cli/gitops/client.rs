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
/// How often something is asked again that gets no answer.
const AGAIN_MAX: u32 = 3;
/// How often something is asked again that the collector is still at: for two minutes and a half, as it takes two until
/// another node does what one began that is no more.
const RUNNING_MAX: u32 = 75;
/// What a collector says of a request that it is still at.
const RUNNING: &str = "urn:muster:problem:running";
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
    Again(Why, anyhow::Error, Option<Duration>),
}

/// Why something is asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// Nobody answered, or not now.
    Away,
    /// What was asked before, under the same word, is being done.
    Running,
}

/// How often something may still be asked again.
#[derive(Debug)]
struct Patience {
    away: u32,
    running: u32,
}

impl Patience {
    const fn new() -> Self {
        Self { away: AGAIN_MAX, running: RUNNING_MAX }
    }

    /// How long to wait before it is asked again; `None` when that is enough.
    fn wait(&mut self, why: Why, asked: Option<Duration>) -> Option<Duration> {
        let asked = asked.map(|asked| asked.min(WAIT_MAX));
        match why {
            Why::Away => {
                self.away = self.away.checked_sub(1)?;
                Some(asked.unwrap_or(AGAIN_AFTER))
            }
            // Asking each second, as the collector would have it, would soon be enough.
            Why::Running => {
                self.running = self.running.checked_sub(1)?;
                Some(asked.map_or(AGAIN_AFTER, |asked| asked.max(AGAIN_AFTER)))
            }
        }
    }
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
        let mut patience = Patience::new();
        loop {
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
                Tried::Again(why, error, after) => match patience.wait(why, after) {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None => return Err(error.context(what)),
                },
            }
        }
    }
}

async fn try_once(request: reqwest::RequestBuilder) -> anyhow::Result<Tried> {
    let mut answer = match request.send().await {
        Ok(answer) => answer,
        Err(error) => return Ok(Tried::Again(Why::Away, error.into(), None)),
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
            Err(error) => return Ok(Tried::Again(Why::Away, error.into(), None)),
        }
        ensure!(bytes.len() <= ANSWER_BYTES_MAX, "the answer is longer than any of the API's");
    }
    let json = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    if status.is_success() {
        return Ok(Tried::Answered(Answer { json, tag }));
    }
    let problem = problem(status, &json);
    match why_again(status, &json) {
        Some(why) => Ok(Tried::Again(why, problem, after)),
        None => Err(problem),
    }
}

/// Why something that was answered so may be asked again; `None` where what is wrong stays wrong.
fn why_again(status: StatusCode, json: &Value) -> Option<Why> {
    if [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE].contains(&status) {
        return Some(Why::Away);
    }
    (status == StatusCode::CONFLICT && json["type"] == RUNNING).then_some(Why::Running)
}

/// What a problem document says.
fn problem(status: StatusCode, json: &Value) -> anyhow::Error {
    let detail = json["detail"].as_str().unwrap_or("that is no answer of a collector's API");
    anyhow::anyhow!("{}: {detail}", status.as_u16())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_collector_is_still_at_is_asked_again() {
        let problem = |kind: &str| json!({ "type": format!("urn:muster:problem:{kind}") });
        let why = |status: StatusCode, kind: &str| why_again(status, &problem(kind));
        assert_eq!(why(StatusCode::CONFLICT, "running"), Some(Why::Running));
        assert_eq!(why(StatusCode::CONFLICT, "conflict"), None);
        assert_eq!(why(StatusCode::SERVICE_UNAVAILABLE, "unavailable"), Some(Why::Away));
        assert_eq!(why(StatusCode::TOO_MANY_REQUESTS, "too-many"), Some(Why::Away));
        assert_eq!(why(StatusCode::UNPROCESSABLE_ENTITY, "running"), None);
        assert_eq!(why_again(StatusCode::CONFLICT, &Value::Null), None);
    }

    #[test]
    fn what_is_being_done_is_waited_for_longer_than_what_nobody_answers() {
        let in_all = |why: Why, asked: Option<Duration>| {
            let mut patience = Patience::new();
            std::iter::from_fn(|| patience.wait(why, asked)).sum::<Duration>()
        };
        let second = Some(Duration::from_secs(1));
        assert_eq!(in_all(Why::Running, second), Duration::from_secs(150));
        assert_eq!(in_all(Why::Away, None), Duration::from_secs(6));
        assert_eq!(in_all(Why::Away, Some(Duration::MAX)), Duration::from_secs(180));
        // The one takes nothing from the other.
        let mut patience = Patience::new();
        while patience.wait(Why::Away, None).is_some() {}
        assert_eq!(patience.wait(Why::Running, second), Some(AGAIN_AFTER));
    }
}
