//! Sends spans: OTLP/HTTP with protobuf (opentelemetry.io/docs/specs/otlp), some hundred at a time.
//!
//! Whoever takes them may be away for as long as it likes: what waits is bounded by its channel, and what was
//! tried often enough is lost and counted.

use std::time::Duration;

use metrics::counter;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{StatusCode, redirect};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::span::attribute;
use crate::causes::Causes;
use crate::config::TracesConfig;
use crate::feeds::tls_config;
use crate::metrics::{LABEL_OUTCOME, TRACE_SPANS};

/// Spans of one request, but for the last trace's.
const REQUEST_SPANS: usize = 512;
/// How long a span waits for others.
const GATHER_WITHIN: Duration = Duration::from_secs(1);
/// How long one request may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// The pauses between the attempts of one request.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(4)];

/// Sends spans until the stop.
#[derive(Debug)]
pub struct Exporter {
    receiver: mpsc::Receiver<Vec<Span>>,
    sender: Sender,
}

/// Why spans cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The settings cannot be used.
    #[error("telemetry.traces: {0}")]
    Settings(String),
    /// Whoever should take them cannot be reached.
    #[error("cannot be reached: {0}")]
    Unreachable(String),
    /// Whoever should take them does not.
    #[error("answers {0}")]
    Refused(StatusCode),
}

impl ExportError {
    /// Whether the same may be taken later (OTLP, "Retryable Response Codes").
    const fn is_passing(&self) -> bool {
        match self {
            Self::Settings(_) => false,
            Self::Unreachable(_) => true,
            Self::Refused(status) => matches!(status.as_u16(), 429 | 502 | 503 | 504),
        }
    }
}

#[derive(Debug)]
struct Sender {
    http: reqwest::Client,
    endpoint: String,
}

impl Exporter {
    pub(super) fn new(
        config: &TracesConfig,
        receiver: mpsc::Receiver<Vec<Span>>,
    ) -> Result<Self, ExportError> {
        for outcome in ["sent", "dropped", "failed"] {
            counter!(TRACE_SPANS, LABEL_OUTCOME => outcome).absolute(0);
        }
        Ok(Self { receiver, sender: Sender::new(config)? })
    }

    /// The traces that wait to be sent.
    #[cfg(test)]
    pub(crate) fn taken(&mut self) -> Vec<Vec<Span>> {
        std::iter::from_fn(|| self.receiver.try_recv().ok()).collect()
    }

    /// Sends until nobody is left who could tell anything, and tries nothing twice once a stop was asked for.
    pub async fn run(mut self, stopping: &CancellationToken) {
        let mut was_well = true;
        while let Some(spans) = self.gather().await {
            let count = u64::try_from(spans.len()).unwrap_or(u64::MAX);
            let result = self.sender.deliver(spans, stopping).await;
            let outcome = if result.is_ok() { "sent" } else { "failed" };
            counter!(TRACE_SPANS, LABEL_OUTCOME => outcome).increment(count);
            // Once when it begins and once when it is over: who is away for a day is no line a second.
            match result {
                Ok(()) if !was_well => {
                    tracing::info!(endpoint = self.sender.endpoint, "traces are taken again");
                }
                Err(error) if was_well => {
                    let endpoint = &self.sender.endpoint;
                    tracing::warn!(%error, endpoint, "traces are lost until they are taken");
                }
                Ok(()) | Err(_) => {}
            }
            was_well = outcome == "sent";
        }
    }

    /// The next spans; `None` when nobody is left who could tell any.
    async fn gather(&mut self) -> Option<Vec<Span>> {
        let mut spans = self.receiver.recv().await?;
        let gathering = async {
            while spans.len() < REQUEST_SPANS {
                match self.receiver.recv().await {
                    Some(more) => spans.extend(more),
                    None => return,
                }
            }
        };
        // What came until then is in `spans`, however it ends: a receive takes nothing that it does not give.
        let _is_full = tokio::time::timeout(GATHER_WITHIN, gathering).await;
        Some(spans)
    }
}

impl Sender {
    fn new(config: &TracesConfig) -> Result<Self, ExportError> {
        let wrong = |error: String| ExportError::Settings(error);
        let tls = tls_config("telemetry.traces_ca_file", config.ca_file.as_deref())
            .map_err(|error| wrong(error.to_string()))?;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        for (name, value) in &config.headers {
            let name = HeaderName::try_from(name).map_err(|error| wrong(error.to_string()))?;
            let value = HeaderValue::from_str(value.expose());
            let mut value = value.map_err(|error| wrong(error.to_string()))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .tls_backend_preconfigured(tls)
            .user_agent(concat!("muster-collector/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .timeout(ANSWER_WITHIN)
            .build()
            .map_err(|error| wrong(error.to_string()))?;
        Ok(Self { http, endpoint: config.endpoint.clone() })
    }

    /// Sends spans, again when that may help.
    async fn deliver(
        &self,
        spans: Vec<Span>,
        stopping: &CancellationToken,
    ) -> Result<(), ExportError> {
        let body = request(spans).encode_to_vec();
        let mut pauses = PAUSES.iter();
        loop {
            let Err(error) = self.post(body.clone()).await else {
                return Ok(());
            };
            let Some(pause) = pauses.next().filter(|_| error.is_passing()) else {
                return Err(error);
            };
            tokio::select! {
                () = tokio::time::sleep(*pause) => {}
                () = stopping.cancelled() => return Err(error),
            }
        }
    }

    async fn post(&self, body: Vec<u8>) -> Result<(), ExportError> {
        let answer = self.http.post(&self.endpoint).body(body).send().await;
        let answer = answer.map_err(|error| {
            ExportError::Unreachable(Causes(&error.without_url().into()).to_string())
        })?;
        // What it says of spans that it did not take is its own to show.
        if answer.status().is_success() {
            Ok(())
        } else {
            Err(ExportError::Refused(answer.status()))
        }
    }
}

/// Asks whoever takes traces whether it would, by a request with none.
///
/// # Errors
///
/// Why it would not.
pub(crate) async fn probe(config: &TracesConfig) -> Result<(), ExportError> {
    let sender = Sender::new(config)?;
    sender.post(ExportTraceServiceRequest::default().encode_to_vec()).await
}

fn request(spans: Vec<Span>) -> ExportTraceServiceRequest {
    let text = |key: &str, value: &str| attribute(key, Value::StringValue(value.to_owned()));
    let version = env!("CARGO_PKG_VERSION");
    let resource = Resource {
        attributes: vec![
            text("service.name", "muster-collector"),
            text("service.version", version),
        ],
        ..Resource::default()
    };
    let scope = InstrumentationScope {
        name: "muster".to_owned(),
        version: version.to_owned(),
        ..InstrumentationScope::default()
    };
    let scope_spans = ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() };
    let resource_spans = ResourceSpans {
        resource: Some(resource),
        scope_spans: vec![scope_spans],
        ..ResourceSpans::default()
    };
    ExportTraceServiceRequest { resource_spans: vec![resource_spans] }
}
