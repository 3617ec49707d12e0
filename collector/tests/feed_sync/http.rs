//! What servers and proxies on the way do, seen from a source that is one file.

use std::time::Duration;

use collector::config::Secret;
use collector::feeds::Outcome;

use crate::files::{catalogue, site, with_etag};
use crate::server::{Answer, Server};

const CVE: &str = "CVE-2023-4966";

fn good() -> Answer {
    Answer::ok(catalogue(&[CVE]))
}

fn seconds(slept: &[Duration]) -> Vec<u64> {
    slept.iter().map(Duration::as_secs).collect()
}

#[tokio::test]
async fn a_moved_file_is_followed_five_times_and_not_for_ever() {
    // The number of steps is in the path, as `/5`.
    let server = Server::start(|asked| {
        let left: u32 = asked.target.trim_start_matches('/').parse().unwrap();
        match left {
            0 => good(),
            left => Answer::status(302).header("location", &format!("/{}", left - 1)),
        }
    })
    .await;
    for (steps, outcome) in [(5, Outcome::Changed), (6, Outcome::Failed)] {
        let mut site = site(&server, "kev").await;
        site.config.sources[0].url = format!("{}/{steps}", server.url);
        let (found, error) = site.sync_one().await;
        assert_eq!(found, outcome, "{steps}: {error}");
        let is_told = outcome == Outcome::Changed || error.contains("it leads on and on");
        assert!(is_told, "{error}");
    }
}

#[tokio::test]
async fn an_answer_that_nothing_changed_is_none_where_nothing_is_here() {
    let server = Server::start(|_| Answer::status(304)).await;
    let site = site(&server, "kev").await;
    let (outcome, error) = site.sync_one().await;
    assert_eq!(outcome, Outcome::Failed, "it would be up to date with nothing");
    assert!(error.contains("304 to no condition"), "{error}");
    // Once there is something, it is asked for with its condition, and the same answer is good.
    server.replace(with_etag(catalogue(&[CVE])));
    assert_eq!(site.sync_one().await.0, Outcome::Changed);
    server.replace(|_| Answer::status(304));
    assert_eq!(site.sync_one().await.0, Outcome::Unchanged);
}

#[tokio::test]
async fn a_part_of_a_file_is_not_taken_for_the_file() {
    let body = catalogue(&[CVE]);
    let server = Server::start(move |_| Answer { status: 206, ..Answer::ok(body.clone()) }).await;
    let site = site(&server, "kev").await;
    let (outcome, error) = site.sync_one().await;
    assert_eq!(outcome, Outcome::Failed);
    assert!(error.contains("206 Partial Content (1 tries)"), "{error}");
    assert!(!site.paths().mirror.join("kev.partial").exists());
}

#[tokio::test]
async fn a_busy_server_is_waited_for_as_long_as_it_says_but_not_a_quarter_of_an_hour() {
    let server = Server::start(|_| good()).await;
    let site = site(&server, "kev").await;
    server.first([
        Answer::status(503).header("Retry-After", "3"),
        Answer::status(429),
        Answer::status(503).header("retry-after", "nonsense"),
    ]);
    assert_eq!(site.sync_one().await.0, Outcome::Changed);
    assert_eq!(seconds(&site.sleeper.slept()), [3, 30, 30]);
    server.asked();
    server.first([Answer::status(503).header("Retry-After", "900")]);
    let (outcome, error) = site.sync_one().await;
    assert_eq!(outcome, Outcome::Failed);
    assert!(error.contains("503 Service Unavailable (1 tries)"), "{error}");
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn a_download_that_is_cut_every_time_is_given_up_and_leaves_nothing_half() {
    let server = Server::start(|_| good().cut(50)).await;
    let site = site(&server, "kev").await;
    let (outcome, error) = site.sync_one().await;
    assert_eq!(outcome, Outcome::Failed);
    assert!(error.contains("(5 tries)"), "{error}");
    assert_eq!(server.asked().len(), 5);
    assert_eq!(seconds(&site.sleeper.slept()), [2, 4, 8, 16]);
    let names = std::fs::read_dir(site.paths().mirror).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let halves: Vec<_> = names.filter(|name| name.ends_with(".partial")).collect();
    assert!(halves.is_empty(), "{halves:?}");
}

#[tokio::test]
async fn a_server_that_vanishes_fails_its_source_and_what_came_before_still_counts() {
    let server = Server::start(with_etag(catalogue(&[CVE]))).await;
    let site = site(&server, "kev").await;
    site.sync().await;
    let before = site.manifest();
    drop(server);
    let (outcome, error) = site.sync_one().await;
    assert_eq!(outcome, Outcome::Failed);
    assert!(error.contains("(5 tries)"), "{error}");
    assert_eq!(site.manifest(), before);
    let row = site.row("kev").await;
    assert_eq!((row.records, row.failures), (1, 1));
    assert!(row.last_success_at.is_some(), "its age goes on from then");
}

#[tokio::test]
async fn what_changed_is_asked_for_by_whatever_the_server_told_the_last_time() {
    let cases = [
        (vec![("ETag", "W/\"a b\"")], Some("w/\"a b\""), None),
        (
            vec![("Last-Modified", "Wed, 01 Nov 2023 00:00:00 GMT")],
            None,
            Some("wed, 01 nov 2023 00:00:00 gmt"),
        ),
        (vec![], None, None),
    ];
    for (told, etag, date) in cases {
        let headers = told.clone();
        let server = Server::start(move |_| {
            let answer = good();
            headers.iter().fold(answer, |answer, (name, value)| answer.header(name, value))
        })
        .await;
        let site = site(&server, "kev").await;
        site.sync().await;
        assert_eq!(site.sync_one().await.0, Outcome::Unchanged, "{told:?}");
        let asked = server.asked();
        assert_eq!(asked[1].header("if-none-match"), etag, "{told:?}");
        assert_eq!(asked[1].header("if-modified-since"), date, "{told:?}");
    }
}

#[tokio::test]
async fn passwords_of_addresses_are_used_and_never_shown() {
    let server = Server::start(|_| Answer::status(403)).await;
    let mut site = site(&server, "kev").await;
    let host = server.url.strip_prefix("http://").unwrap();
    site.config.sources[0].url = format!("http://me:hush@{host}/file?token=hush");
    let (outcome, error) = site.sync_one().await;
    assert_eq!(outcome, Outcome::Failed);
    assert!(error.contains("/file: the server answers 403 Forbidden"), "{error}");
    let row = site.row("kev").await;
    assert!(!format!("{error} {row:?}").contains("hush"), "{error}");
    let asked = server.asked();
    assert_eq!(asked[0].target, "/file?token=hush");
    // `me:hush` in Base64, in the small letters of this server.
    assert_eq!(asked[0].header("authorization"), Some("basic bwu6ahvzaa=="));
}

#[tokio::test]
async fn files_are_asked_for_by_the_programs_name_and_without_the_key_of_an_api() {
    let server = Server::start(|_| good()).await;
    let mut site = site(&server, "kev").await;
    site.config.nvd_api_key = Some(Secret::new("0f1e-hush"));
    site.sync().await;
    let asked = server.asked().remove(0);
    let name = asked.header("user-agent").unwrap();
    assert!(name.starts_with("muster-collector/"), "{name}");
    assert_eq!(asked.header("apikey"), None);
    // Bytes give files their names: nobody may pack them on the way.
    assert_eq!(asked.header("accept-encoding"), None);
}

#[tokio::test]
async fn a_password_of_a_proxy_goes_to_it_and_into_no_error() {
    let proxy = Server::start(|_| Answer::status(407)).await;
    let server = Server::start(|_| good()).await;
    let mut site = site(&server, "kev").await;
    let host = proxy.url.strip_prefix("http://").unwrap();
    site.config.proxy.http = Some(Secret::new(format!("http://me:hush@{host}")));
    let (outcome, error) = site.sync_one().await;
    assert_eq!(outcome, Outcome::Failed);
    assert!(error.contains("407") && !error.contains("hush"), "{error}");
    let asked = proxy.asked();
    assert_eq!(asked[0].header("proxy-authorization"), Some("basic bwu6ahvzaa=="));
    assert_eq!(asked[0].header("authorization"), None);
    drop(proxy);
    let (_, error) = site.sync_one().await;
    assert!(error.contains("(5 tries)") && !error.contains("hush"), "{error}");
    assert!(server.asked().is_empty(), "never past the proxy");
}

#[tokio::test]
async fn a_compressed_file_is_read_and_a_cut_one_is_refused() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, catalogue(&[CVE]).as_bytes()).unwrap();
    let whole = encoder.finish().unwrap();
    let packed = whole.clone();
    let server = Server::start(move |_| Answer::ok(packed.clone())).await;
    let site = site(&server, "kev").await;
    assert_eq!(site.sync_one().await.0, Outcome::Changed);
    let before = site.manifest();
    // The length that the server says is right: the file itself is short.
    for cut in [whole.len() - 4, whole.len() / 2, 5] {
        let packed = whole[..cut].to_vec();
        server.replace(move |_| Answer::ok(packed.clone()));
        let (outcome, error) = site.sync_one().await;
        assert_eq!(outcome, Outcome::Failed, "cut at {cut}");
        assert!(error.contains("what was fetched before stays"), "{error}");
        assert_eq!(site.manifest(), before);
    }
}

#[tokio::test]
async fn a_refusal_is_shown_with_the_servers_words_but_not_with_all_of_them() {
    let words = "quota of your network is used up ".repeat(50);
    let server = Server::start(move |_| Answer::status(400).header("message", &words)).await;
    let site = site(&server, "kev").await;
    let (_, error) = site.sync_one().await;
    assert!(error.contains("400 Bad Request (quota of your network"), "{error}");
    assert!(error.len() < 400, "{error}");
    // A status that HTTP does not know has no name.
    server.replace(|_| Answer::status(599));
    let (_, error) = site.sync_one().await;
    assert!(error.contains("answers 599 "), "{error}");
}
