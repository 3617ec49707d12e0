//! The client of the API against a server that says what it is told to.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

#[test]
fn takes_urls_with_and_without_a_port_and_a_path() {
    let parsed = |url| parse_url(url).expect("a URL");
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(parsed("http://127.0.0.1:7080"), pair("127.0.0.1:7080", ""));
    assert_eq!(parsed("http://muster/base/"), pair("muster:80", "/base"));
    assert_eq!(parsed("http://[::1]:7080/"), pair("[::1]:7080", ""));
}

#[test]
fn refuses_urls_that_it_cannot_use() {
    for url in ["https://muster", "muster:7080", "http://", "http:///api"] {
        assert!(parse_url(url).is_err(), "{url}");
    }
}

#[test]
fn escapes_what_means_something_in_a_query() {
    assert_eq!(escape("libstdc++6 & ä"), "libstdc%2B%2B6%20%26%20%C3%A4");
}

fn client(url: &str) -> Api {
    // Gone when this returns: the key is read once, and never again for a request.
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("key");
    std::fs::write(&file, "msk_1_topsecret\n").expect("writes");
    Api::new(url, &file).expect("a client")
}

#[tokio::test]
async fn an_api_that_says_nothing_is_given_up() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await;
    let silent = silent.expect("a port");
    let address = silent.local_addr().expect("an address");
    let mut api = client(&format!("http://{address}"));
    api.answer_within = Duration::from_millis(20);
    let asked = api.records_applied(CompanyId(Uuid::nil()));
    // The connection stands, in the kernel's queue, and nobody ever answers.
    let answer = timeout(Duration::from_secs(20), asked).await;
    let error = format!("{:#}", answer.expect("given up").expect_err("no answer"));
    assert!(error.contains("does not answer in time"), "{error}");
}

#[test]
fn never_shows_its_key() {
    let api = client("http://127.0.0.1:1");
    assert!(!format!("{api:?}").contains("topsecret"));
}

/// A server that gives these answers to one connection each, and what it was asked.
async fn server(answers: Vec<String>) -> (String, tokio::task::JoinHandle<Vec<String>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let serving = async move {
        let mut asked = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().await.expect("a caller");
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(stream.read_u8().await.expect("a request"));
            }
            stream.write_all(answer.as_bytes()).await.expect("an answer");
            asked.push(String::from_utf8(request).expect("text"));
        }
        asked
    };
    #[expect(clippy::disallowed_methods, reason = "a server that the test waits for")]
    let task = tokio::spawn(serving);
    (url, task)
}

fn answer(status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
}

const COMPANY: CompanyId = CompanyId(Uuid::from_u128(0xc0));
const AGENT: AgentId = AgentId(Uuid::from_u128(0xa0));

fn row(number: u128) -> String {
    format!(r#"{{"id":"{}","name":"x"}}"#, Uuid::from_u128(number))
}

#[tokio::test]
async fn pages_are_asked_for_until_there_are_no_more_and_what_stands_twice_stays_twice() {
    let page = |rows: &str, next: &str| {
        answer("200 OK", &format!(r#"{{"items":[{rows}],"next_page_token":{next}}}"#))
    };
    let (url, asked) =
        server(vec![page(&format!("{},{}", row(1), row(2)), r#""a+b/c=""#), page(&row(2), "null")])
            .await;
    let keys = client(&url).software(COMPANY, AGENT, Some("libstdc++6")).await;
    let expected = [1, 2, 2].map(|number| SoftwareKey::from_uuid(Uuid::from_u128(number)));
    assert_eq!(keys.expect("keys"), expected);
    let asked = asked.await.expect("served");
    assert!(asked[0].contains("query=libstdc%2B%2B6"), "{}", asked[0]);
    assert!(!asked[0].contains("page_token"), "{}", asked[0]);
    // A token is opaque, and may hold whatever means something in a query.
    assert!(asked[1].contains("page_token=a%2Bb%2Fc%3D"), "{}", asked[1]);
}

#[tokio::test]
async fn every_request_says_whose_it_is_and_with_which_key() {
    let (url, asked) = server(vec![answer("200 OK", r#"{"records":42,"more":1}"#)]).await;
    let records = client(&format!("{url}/base/")).records_applied(COMPANY).await;
    assert_eq!(records.expect("a number"), 42);
    let asked = asked.await.expect("served").remove(0);
    assert!(asked.starts_with("GET /base/api/v1/pipeline HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains("authorization: Bearer msk_1_topsecret\r\n"), "{asked}");
    assert!(asked.contains(&format!("muster-company: {COMPANY}\r\n")), "{asked}");
}

#[tokio::test]
async fn a_host_that_is_not_known_has_nothing_and_a_pipeline_that_is_not_is_an_error() {
    let nothing = || answer("404 Not Found", "{}");
    let (url, _) = server(vec![nothing(), nothing()]).await;
    let api = client(&url);
    assert_eq!(api.software(COMPANY, AGENT, None).await.expect("none"), []);
    let error = api.records_applied(COMPANY).await.expect_err("no such page");
    assert!(format!("{error:#}").contains("does not know /api/v1/pipeline"));
}

#[tokio::test]
async fn a_refusal_is_said_with_its_status_and_its_words() {
    for (status, body) in [
        ("403 Forbidden", r#"{"detail":"another company"}"#),
        ("500 Internal Server Error", "later"),
        ("204 No Content", ""),
    ] {
        let (url, _) = server(vec![answer(status, body)]).await;
        let error = client(&url).records_applied(COMPANY).await.expect_err("refused");
        let error = format!("{error:#}");
        assert!(error.contains(&status[..3]) && error.contains(body), "{error}");
    }
}

#[tokio::test]
async fn an_answer_that_is_no_page_is_an_error_that_names_the_request() {
    for body in ["", "[]", "{\"items\":[{\"id\":\"no uuid\"}]}", "<html>"] {
        let (url, _) = server(vec![answer("200 OK", body)]).await;
        let error = client(&url).software(COMPANY, AGENT, None).await;
        let error = format!("{:#}", error.expect_err("no page"));
        assert!(error.contains(&format!("/hosts/{AGENT}/software")), "{error}");
    }
}

#[tokio::test]
async fn an_answer_that_is_cut_is_an_error_and_not_a_short_page() {
    let whole = answer("200 OK", r#"{"records":42}"#);
    let (url, _) = server(vec![whole[..whole.len() - 5].to_owned()]).await;
    assert!(client(&url).records_applied(COMPANY).await.is_err());
}

#[tokio::test]
async fn an_api_that_is_not_there_is_named() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let api = client(&format!("http://{address}"));
    let error = api.records_applied(COMPANY).await.expect_err("nobody");
    assert!(format!("{error:#}").contains(&format!("connect to the API at {address}")));
}

#[test]
fn a_key_that_no_header_takes_or_no_file_has_is_refused_without_showing_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("key");
    let missing = Api::new("http://127.0.0.1:1", &file).expect_err("no file");
    assert!(format!("{missing:#}").contains("read the API key"));
    std::fs::write(&file, "top\nsecret").expect("writes");
    let broken = Api::new("http://127.0.0.1:1", &file).expect_err("two lines");
    assert!(!format!("{broken:#}").contains("secret"), "{broken:#}");
}
