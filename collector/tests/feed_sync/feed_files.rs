//! NVD's feed files, with `ETag` and `.meta`.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Arc, Mutex};

use collector::feeds::Outcome;
use ring::digest::{SHA256, digest};
use serde_json::Value;

use crate::server::{Answer, Asked, Server};
use crate::site::Site;

const YEAR: &str = include_str!("../data/nvd/deltas/2020.json");
const MODIFIED_1: &str = include_str!("../data/nvd/deltas/modified-1.json");
const MODIFIED_2: &str = include_str!("../data/nvd/deltas/modified-2.json");
const NOTHING: &str = r#"{"totalResults":0,"format":"NVD_CVE","vulnerabilities":[]}"#;

/// The files of a server, by name: `2020`, `modified`.
type Files = Arc<Mutex<BTreeMap<String, String>>>;

fn gz(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn sha256(text: &str) -> String {
    let digest = digest(&SHA256, text.as_bytes());
    digest
        .as_ref()
        .iter()
        // In capitals, as NVD writes it.
        .map(|byte| format!("{byte:02X}"))
        .collect()
}

fn meta(text: &str) -> String {
    format!(
        "lastModifiedDate:2023-11-10T03:00:00-05:00\r\nsize:{}\r\nzipSize:1\r\ngzSize:1\r\nsha256:{}\r\n",
        text.len(),
        sha256(text)
    )
}

fn answer(files: &Files, asked: &Asked) -> Answer {
    let name = asked.target.strip_prefix("/feeds/nvdcve-2.0-").unwrap();
    let (name, ending) = name.split_once('.').unwrap();
    let files = files.lock().unwrap();
    // Every year is there, as at NVD; most have nothing in them, which keeps the test quick.
    let text = files.get(name).map_or(NOTHING, String::as_str);
    if ending == "meta" {
        return Answer::ok(meta(text));
    }
    let etag = format!("\"{}\"", &sha256(text)[..8]);
    if asked.header("if-none-match") == Some(etag.to_ascii_lowercase().as_str()) {
        return Answer::status(304);
    }
    Answer::ok(gz(text)).header("ETag", &etag)
}

/// A server with files, and a site whose only source it is.
async fn served(texts: &[(&str, &str)]) -> (Server, Files, Site) {
    let texts = texts.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    let files: Files = Arc::new(Mutex::new(texts.collect()));
    let serving = Arc::clone(&files);
    let server = Server::start(move |asked| answer(&serving, asked)).await;
    let feeds = format!("sources = [\"nvd-feeds\"]\nnvd_feeds_url = \"{}/feeds/\"", server.url);
    let site = Site::new(&feeds).await;
    (server, files, site)
}

fn put(files: &Files, name: &str, text: &str) {
    files.lock().unwrap().insert(name.to_owned(), text.to_owned());
}

#[tokio::test]
async fn every_year_and_what_was_modified_is_fetched_and_checked() {
    let (server, _files, site) = served(&[("2020", YEAR), ("modified", MODIFIED_1)]).await;
    assert_eq!(site.sync_one().await.0, Outcome::Changed);
    let asked = server.asked();
    // From 2002 to 2023 and the modified ones; each with its note.
    assert_eq!(asked.len(), 2 * 23);
    assert_eq!(site.index().stats().cves, 5);
    let part = &site.manifest()["sources"]["nvd-feeds"]["parts"]["2020"];
    assert_eq!(part["until"], "2023-11-10T08:00:00Z");
    assert_eq!(part["records"], 3);
}

#[tokio::test]
async fn files_whose_notes_say_the_same_are_not_fetched_again() {
    let (server, _files, site) = served(&[("2020", YEAR)]).await;
    site.sync().await;
    server.asked();
    assert_eq!(site.sync_one().await.0, Outcome::Unchanged);
    assert!(server.asked().iter().all(|asked| asked.target.ends_with(".meta")));
}

#[tokio::test]
async fn a_file_that_the_server_says_is_the_same_is_not_sent_again() {
    let (server, files, site) = served(&[("2020", YEAR)]).await;
    site.sync().await;
    server.asked();
    // The note is renewed before the file is.
    let serving = Arc::clone(&files);
    server.replace(move |asked| match asked.target.ends_with("2020.meta") {
        true => Answer::ok(meta("another")),
        false => answer(&serving, asked),
    });
    assert_eq!(site.sync_one().await.0, Outcome::Unchanged);
    let asked = server.asked();
    let file = asked.iter().find(|asked| asked.target.ends_with("2020.json.gz")).unwrap();
    assert!(file.header("if-none-match").is_some());
}

#[tokio::test]
async fn a_file_that_is_not_as_its_note_says_is_refused_and_the_old_one_stays() {
    let (server, files, site) = served(&[("2020", YEAR)]).await;
    site.sync().await;
    let before = site.lines("nvd-feeds");
    put(&files, "2020", MODIFIED_2);
    // Only the hash can tell the two apart.
    let same_size = MODIFIED_2.replacen("CVE-2020-8492", "CVE-2020-8493", 1);
    for (noted, why) in [(same_size.as_str(), "SHA-256"), ("short", "bytes")] {
        let (serving, noted) = (Arc::clone(&files), meta(noted));
        server.asked();
        server.replace(move |asked| match asked.target.ends_with("2020.meta") {
            true => Answer::ok(noted.clone()),
            false => answer(&serving, asked),
        });
        let (outcome, error) = site.sync_one().await;
        assert_eq!(outcome, Outcome::Failed);
        assert!(error.contains(why) && error.contains("2020"), "{error}");
        let asked = server.asked();
        let tries = asked.iter().filter(|asked| asked.target.ends_with("2020.json.gz"));
        assert_eq!(tries.count(), 3, "it may be renewed at this moment");
        assert_eq!(site.lines("nvd-feeds"), before);
    }
}

#[tokio::test]
async fn a_cut_file_and_a_note_that_is_none_are_refused() {
    let (server, files, site) = served(&[("2020", YEAR)]).await;
    for wrong_note in [true, false] {
        let serving = Arc::clone(&files);
        server.replace(move |asked| {
            if asked.target.ends_with("2020.meta") && wrong_note {
                return Answer::ok("<html>sign in</html>");
            }
            if asked.target.ends_with("2020.json.gz") {
                let whole = gz(YEAR);
                return Answer::ok(&whole[..whole.len() - 20]);
            }
            answer(&serving, asked)
        });
        let (outcome, error) = site.sync_one().await;
        assert_eq!(outcome, Outcome::Failed);
        assert!(error.contains("2020"), "{error}");
    }
}

#[tokio::test]
async fn files_that_came_before_one_that_does_not_stay() {
    let (server, files, site) = served(&[("2002", YEAR), ("2020", YEAR)]).await;
    let serving = Arc::clone(&files);
    server.replace(move |asked| match asked.target.contains("2010") {
        true => Answer::status(500),
        false => answer(&serving, asked),
    });
    assert_eq!(site.sync_one().await.0, Outcome::Failed);
    assert_eq!(site.lines("nvd-feeds").len(), 3, "2002 is here");
    assert_eq!(site.index().stats().cves, 3, "and counts");
    server.asked();
    server.replace(move |asked| answer(&files, asked));
    assert_eq!(site.sync_one().await.0, Outcome::Changed);
    let asked = server.asked();
    assert!(!asked.iter().any(|asked| asked.target.contains("2002.json.gz")));
}

#[tokio::test]
async fn delta_feeds_in_their_order_end_at_the_newest_of_each_record() {
    let (_server, files, site) = served(&[("2020", YEAR), ("modified", MODIFIED_1)]).await;
    site.sync().await;
    let cve = |id: &str| site.index().cve(id.parse().unwrap());
    assert!(cve("CVE-2019-16384").unwrap().products.is_empty(), "not analysed yet");
    put(&files, "modified", MODIFIED_2);
    assert_eq!(site.sync_one().await.0, Outcome::Changed);
    assert!(!cve("CVE-2019-16384").unwrap().products.is_empty());
    assert!(cve("CVE-2020-10749").is_some());
    // It is in the first of them alone: eight days later it would be in no file of changes.
    assert!(cve("CVE-2019-20810").is_some());
    assert_eq!(site.index().stats().cves, 6);
}

#[tokio::test]
async fn what_a_new_year_file_takes_back_stays_as_a_fallback() {
    let (_server, files, site) = served(&[("2020", YEAR)]).await;
    site.sync().await;
    let id = "CVE-2020-0001".parse().unwrap();
    assert!(!site.index().cve(id).unwrap().is_fallback);
    let mut year: Value = serde_json::from_str(YEAR).unwrap();
    let cve = &mut year["vulnerabilities"][0]["cve"];
    assert_eq!(cve["id"], "CVE-2020-0001");
    cve["configurations"] = Value::Array(Vec::new());
    // Again and again: each new file has to take the kept record over from the one before.
    for round in 1..4 {
        let cve = &mut year["vulnerabilities"][0]["cve"];
        cve["lastModified"] = format!("2023-11-0{round}T00:00:00.000").into();
        put(&files, "2020", &year.to_string());
        assert_eq!(site.sync_one().await.0, Outcome::Changed);
        assert!(site.index().cve(id).unwrap().is_fallback, "lost in round {round}");
    }
    put(&files, "2020", YEAR);
    let mut back: Value = serde_json::from_str(YEAR).unwrap();
    back["vulnerabilities"][0]["cve"]["lastModified"] = "2023-11-12T00:00:00.000".into();
    put(&files, "2020", &back.to_string());
    site.sync().await;
    assert!(!site.index().cve(id).unwrap().is_fallback);
}

#[tokio::test]
async fn the_api_goes_on_from_where_the_files_end() {
    let (server, files, mut site) = served(&[("2020", YEAR)]).await;
    let api = format!("{}/cves/2.0", server.url);
    site.config.sources.push(collector::config::FeedSource {
        name: "nvd".to_owned(),
        kind: collector::config::FeedSourceKind::NvdApi,
        url: api,
        every: std::time::Duration::from_secs(7_200),
    });
    server.replace(move |asked| match asked.target.starts_with("/cves/") {
        true => Answer::ok(NOTHING),
        false => answer(&files, asked),
    });
    let report = site.sync().await;
    assert_eq!(report.sources[1].outcome, Outcome::Unchanged);
    let asked = server.asked();
    let window = &asked.last().unwrap().target;
    assert!(window.contains("lastModStartDate=2023-11-10T07:00:00.000%2B00:00"), "{window}");
}

#[tokio::test]
async fn the_new_years_file_may_be_missing_and_an_old_one_may_not() {
    let (server, files, site) = served(&[("2020", YEAR)]).await;
    for (missing, expected) in [("2023", Outcome::Changed), ("2011", Outcome::Failed)] {
        let serving = Arc::clone(&files);
        server.replace(move |asked| match asked.target.contains(missing) {
            true => Answer::status(404),
            false => answer(&serving, asked),
        });
        // From nothing each time: a file that is here already would not be asked for.
        std::fs::remove_dir_all(site.paths().mirror).ok();
        assert_eq!(site.sync_one().await.0, expected, "{missing}");
    }
}

#[tokio::test]
async fn a_record_that_is_too_long_is_passed_over_counted_and_stops_no_later_sync() {
    let (_server, files, site) = served(&[]).await;
    let mut year: Value = serde_json::from_str(YEAR).unwrap();
    let mut long = year["vulnerabilities"][0].clone();
    long["cve"]["id"] = "CVE-2020-9999".into();
    // One string of as many bytes as a whole record may have.
    long["cve"]["evaluatorComment"] = "x".repeat(enrichment::feeds::RECORD_BYTES_MAX).into();
    year["vulnerabilities"].as_array_mut().unwrap().insert(0, long);
    put(&files, "2020", &year.to_string());
    let report = site.sync().await;
    assert_eq!(report.sources[0].outcome, Outcome::Changed);
    assert_eq!(report.sources[0].skipped, 1);
    assert_eq!(site.row("nvd-feeds").await.skipped, 1, "and `feed status` shows it");
    assert_eq!(site.lines("nvd-feeds").len(), 3);
    // The file here is read again when the next one is compared with it.
    year["vulnerabilities"][1]["cve"]["lastModified"] = "2023-11-10T00:00:00.000".into();
    put(&files, "2020", &year.to_string());
    assert_eq!(site.sync_one().await.0, Outcome::Changed);
    assert_eq!(site.index().stats().cves, 3);
}

#[tokio::test]
async fn a_note_that_did_not_change_is_no_answer_to_a_question_without_a_condition() {
    let (server, files, site) = served(&[("2020", YEAR)]).await;
    server.replace(move |asked| match asked.target.ends_with("2023.meta") {
        // The present year's, whose absence would be taken for January.
        true => Answer::status(304),
        false => answer(&files, asked),
    });
    let (outcome, error) = site.sync_one().await;
    assert_eq!(outcome, Outcome::Failed);
    assert!(error.contains("2023.meta: 304 to no condition"), "{error}");
}
