//! Streams of events over HTTP: what they say, where they go on, and when they end.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::{Method, Request, StatusCode, header};
use enrichment::evaluation::Evaluation;
use futures_util::StreamExt as _;
use protocol::fingerprint::SoftwareKey;
use store::events::company;
use store::findings;

use super::harness::{Api, NOW, Tenant, evaluation};

const PATIENCE: Duration = Duration::from_secs(30);

fn request(key: &str, last: Option<&str>) -> Request<Body> {
    let mut request =
        Request::get("/api/v1/events").header(header::AUTHORIZATION, format!("Bearer {key}"));
    if let Some(last) = last {
        request = request.header("Last-Event-ID", last);
    }
    request.body(Body::empty()).unwrap()
}

/// A stream under way.
struct Reader {
    body: BodyDataStream,
    text: String,
}

impl Reader {
    async fn new(api: &Api, key: &str, last: Option<&str>) -> Self {
        let response = api.begin(request(key, last)).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
        let mut reader =
            Self { body: response.into_body().into_data_stream(), text: String::new() };
        reader.until("retry: ").await;
        reader
    }

    /// Reads until a text was said.
    async fn until(&mut self, text: &str) {
        let reading = async {
            while !self.text.contains(text) {
                let piece = self.body.next().await.expect("the stream goes on").unwrap();
                self.text.push_str(std::str::from_utf8(&piece).unwrap());
            }
        };
        let read = tokio::time::timeout(PATIENCE, reading).await;
        assert!(read.is_ok(), "no {text:?} in {:?}", self.text);
    }

    /// Reads to the end.
    async fn read_on(&mut self) {
        let reading = async { while self.body.next().await.is_some() {} };
        tokio::time::timeout(PATIENCE, reading).await.unwrap();
    }

    fn last_id(&self) -> &str {
        let after = self.text.rsplit_once("id: ").unwrap().1;
        after.split_once('\n').unwrap().0
    }
}

/// Waits until what happened when the company was made shows: a stream that begins before would tell it.
async fn past(tenant: &Tenant) {
    let waiting = async {
        let begin = "0-0".parse().unwrap();
        while company::after(&tenant.scope, begin, 10).await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap();
}

async fn judge(tenant: &Tenant, evaluation: Evaluation) {
    let judged = [(SoftwareKey::from_uuid(tenant.software), evaluation)];
    findings::replace(&tenant.scope, &judged, 1, NOW).await.unwrap();
}

fn nothing() -> Evaluation {
    Evaluation { findings: Vec::new(), ..evaluation() }
}

#[tokio::test]
async fn a_stream_tells_what_happens_and_goes_on_after_the_last_id() {
    let api = Api::streaming().await;
    past(&api.ours).await;
    let mut first = Reader::new(&api, &api.ours.viewer, None).await;
    judge(&api.ours, nothing()).await;
    first.until("\n\n").await;
    first.until("event: finding.resolved\n").await;
    first.until("\"cve\":\"CVE-2024-0001\"").await;
    assert!(!first.text.contains("finding.opened"), "{}", first.text);
    let last = first.last_id().to_owned();
    drop(first);
    judge(&api.ours, evaluation()).await;
    let mut second = Reader::new(&api, &api.ours.viewer, Some(&last)).await;
    second.until("event: finding.opened\n").await;
    assert!(!second.text.contains("finding.resolved"));
    assert!(!second.text.contains("event: gap"));
}

#[tokio::test]
async fn who_loses_the_line_before_anything_happens_misses_nothing() {
    let api = Api::streaming().await;
    past(&api.ours).await;
    let first = Reader::new(&api, &api.ours.viewer, None).await;
    let begun = first.last_id().to_owned();
    drop(first);
    judge(&api.ours, nothing()).await;
    let mut second = Reader::new(&api, &api.ours.viewer, Some(&begun)).await;
    second.until("event: finding.resolved\n").await;
    assert!(!second.text.contains("event: gap"), "{}", second.text);
    assert!(!second.text.contains("finding.opened"), "{}", second.text);
    // So long after that some of it may be forgotten.
    api.hand.advance(Duration::from_secs(30 * 86_400));
    let mut late = Reader::new(&api, &api.ours.viewer, Some(&begun)).await;
    late.until("event: gap\n").await;
}

#[tokio::test]
async fn another_company_is_told_nothing_even_with_an_id_of_this_one() {
    let api = Api::streaming().await;
    past(&api.ours).await;
    past(&api.theirs).await;
    let mut ours = Reader::new(&api, &api.ours.viewer, None).await;
    let mut theirs = Reader::new(&api, &api.theirs.viewer, None).await;
    judge(&api.ours, nothing()).await;
    ours.until("event: finding.resolved\n").await;
    judge(&api.theirs, nothing()).await;
    theirs.until("event: finding.resolved\n").await;
    assert_eq!(theirs.text.matches("event: ").count(), 1);
    assert!(theirs.text.contains(&api.theirs.software.to_string()));
    assert!(!theirs.text.contains(&api.ours.software.to_string()));
    let last = ours.last_id().to_owned();
    let mut with_ours = Reader::new(&api, &api.theirs.viewer, Some(&last)).await;
    with_ours.until("event: gap\n").await;
    with_ours.until("event: finding.resolved\n").await;
    assert!(!with_ours.text.contains(&api.ours.software.to_string()));
}

#[tokio::test]
async fn a_place_that_is_forgotten_is_said_and_what_is_kept_follows() {
    let api = Api::streaming().await;
    let mut reader = Reader::new(&api, &api.ours.viewer, Some("1-1")).await;
    reader.until("event: gap\n").await;
    reader.until("event: finding.opened\n").await;
    // One of a time that a restore has taken back is ahead of everything.
    past(&api.ours).await;
    let mut ahead = Reader::new(&api, &api.ours.viewer, Some("9000000000000-1")).await;
    ahead.until("event: gap\n").await;
    judge(&api.ours, nothing()).await;
    ahead.until("event: finding.resolved\n").await;
    assert!(!ahead.text.contains("finding.opened"), "{}", ahead.text);
    let refused = api.answer(request(&api.ours.viewer, Some("yesterday"))).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_silent_stream_says_that_it_is_there() {
    let api = Api::streaming().await;
    let mut reader = Reader::new(&api, &api.ours.viewer, None).await;
    api.hand.advance(Duration::from_secs(15));
    reader.until(": still here\n\n").await;
}

#[tokio::test]
async fn a_stream_ends_with_the_key_that_it_was_opened_with() {
    let api = Api::streaming().await;
    let mut reader = Reader::new(&api, &api.ours.viewer, None).await;
    let keys = api.get("/api/v1/api-keys", &api.ours.admin).await.json();
    let keys = keys["items"].as_array().unwrap();
    let viewer = keys.iter().find(|key| key["role"] == "viewer").unwrap();
    let path = format!("/api/v1/api-keys/{}", viewer["id"].as_str().unwrap());
    let revoked = api.send(Method::DELETE, &path, Some(&api.ours.admin), None).await;
    assert_eq!(revoked.status, StatusCode::NO_CONTENT, "{}", revoked.text);
    api.hand.advance(Duration::from_secs(9));
    reader.read_on().await;
}

#[tokio::test]
async fn nobody_has_more_streams_than_they_may() {
    let api = Api::streaming().await;
    let mut readers = Vec::new();
    for _ in 0..5 {
        readers.push(Reader::new(&api, &api.ours.viewer, None).await);
    }
    let refused = api.answer(request(&api.ours.viewer, None)).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.headers[header::RETRY_AFTER], "30");
    readers.pop();
    Reader::new(&api, &api.ours.viewer, None).await;
}
