//! Sources that are one file: CISA's catalogue, FIRST's scores, archives.

use std::io::Write as _;

use collector::feeds::{Outcome, SyncError, Wanted};
use serde_json::json;

use crate::server::{Answer, Asked, Server};
use crate::site::Site;

pub(crate) fn catalogue(cves: &[&str]) -> String {
    let entries = cves.iter().map(|cve| {
        json!({
            "cveID": cve, "vendorProject": "x", "product": "y", "vulnerabilityName": "z",
            "dateAdded": "2023-11-01", "shortDescription": "", "requiredAction": "Apply updates.",
            "dueDate": "2023-11-22", "knownRansomwareCampaignUse": "Known", "notes": ""
        })
    });
    let entries: Vec<_> = entries.collect();
    json!({ "title": "CISA Catalog", "catalogVersion": "2023.11.01", "count": entries.len(),
            "dateReleased": "2023-11-01T00:00:00.0Z", "vulnerabilities": entries })
    .to_string()
}

/// A site whose only source is a server's, under any of the names of such sources.
pub(crate) async fn site(server: &Server, source: &str) -> Site {
    Site::new(&format!("sources = [\"{source}\"]\n{source}_url = \"{}/file\"", server.url)).await
}

pub(crate) fn with_etag(body: String) -> impl FnMut(&Asked) -> Answer {
    move |asked| match asked.header("if-none-match") {
        Some("\"1\"") => Answer::status(304),
        _ => Answer::ok(body.clone())
            .header("ETag", "\"1\"")
            .header("Last-Modified", "Wed, 01 Nov 2023 00:00:00 GMT"),
    }
}

#[tokio::test]
async fn a_file_that_did_not_change_is_not_sent_again_unless_it_is_forced() {
    let server = Server::start(with_etag(catalogue(&["CVE-2023-4966"]))).await;
    let site = site(&server, "kev").await;
    assert_eq!(site.sync_one().await.0, Outcome::Changed);
    assert_eq!(site.sync_one().await.0, Outcome::Unchanged);
    let asked = server.asked();
    assert_eq!(asked[1].header("if-modified-since"), Some("wed, 01 nov 2023 00:00:00 gmt"));
    site.syncer().sync(&Wanted::All, true).await.unwrap();
    assert_eq!(server.asked()[0].header("if-none-match"), None);
    let row = site.row("kev").await;
    assert_eq!((row.records, row.failures), (1, 0));
    assert!(!site.paths().index.exists(), "no index is made of it");
}

#[tokio::test]
async fn wrong_content_never_takes_the_place_of_the_last_good_file() {
    let cves = ["CVE-2023-4966", "CVE-2023-20198", "CVE-2023-22515", "CVE-2023-46747"];
    let good = catalogue(&cves);
    let server = Server::start(with_etag(good.clone())).await;
    let site = site(&server, "kev").await;
    site.sync().await;
    let before = site.manifest();
    let wrong = [
        ("<html>please sign in</html>".to_owned(), "no feed"),
        (String::new(), "no feed"),
        ("cve,epss,percentile\nCVE-2023-4966,0.5,0.9\n".to_owned(), "Epss where Kev"),
        (good[..good.len() - 40].to_owned(), "damaged"),
        (catalogue(&[]), "no record"),
        // One of four, which is less than half.
        (catalogue(&cves[..1]), "feed sync --force kev"),
    ];
    for (body, why) in wrong {
        server.replace(move |_| Answer::ok(body.clone()));
        let (outcome, error) = site.sync_one().await;
        assert_eq!(outcome, Outcome::Failed, "{why}");
        assert!(error.contains(why), "{why}: {error}");
        assert_eq!(site.manifest(), before, "{why}");
    }
    let row = site.row("kev").await;
    assert_eq!((row.failures, row.records), (6, 4));
}

#[tokio::test]
async fn what_is_suspiciously_small_is_taken_when_it_is_forced_and_replaces_the_whole() {
    let server = Server::start(with_etag(catalogue(&["CVE-2023-1", "CVE-2023-4966"]))).await;
    let site = site(&server, "kev").await;
    let ids = ["CVE-2023-4966", "CVE-2023-20198", "CVE-2023-22515", "CVE-2023-46747"];
    server.replace(with_etag(catalogue(&ids)));
    site.sync().await;
    server.replace(|_| Answer::ok(catalogue(&["CVE-2023-4966"])));
    let report = site.syncer().sync(&Wanted::All, true).await.unwrap();
    assert_eq!(report.sources[0].outcome, Outcome::Changed);
    // The three others are taken back.
    assert_eq!(report.sources[0].changed, 3);
}

#[tokio::test]
async fn a_cut_download_is_tried_again_and_a_missing_file_is_not() {
    let good = catalogue(&["CVE-2023-4966"]);
    let server = Server::start(with_etag(good.clone())).await;
    let site = site(&server, "kev").await;
    server.first([Answer::ok(good).cut(100), Answer::status(502)]);
    assert_eq!(site.sync_one().await.0, Outcome::Changed);
    assert_eq!(server.asked().len(), 3);
    server.replace(|_| Answer::status(404));
    let (outcome, error) = site.sync_one().await;
    assert_eq!(outcome, Outcome::Failed);
    assert!(error.contains("404 Not Found (1 tries)"), "{error}");
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn one_source_that_fails_stops_no_other_and_rests_for_a_while() {
    let server = Server::start(|asked| match asked.target.as_str() {
        "/kev" => Answer::status(404),
        _ => Answer::ok("cve,epss,percentile\nCVE-2023-4966,0.5,0.9\n"),
    })
    .await;
    let url = &server.url;
    let site = Site::new(&format!(
        "sources = [\"kev\", \"epss\"]\nkev_url = \"{url}/kev\"\nepss_url = \"{url}/epss\""
    ))
    .await;
    let syncer = site.syncer();
    let outcomes = async || {
        let report = syncer.sync(&Wanted::Due, false).await.unwrap();
        let names = report.sources.into_iter().map(|source| (source.source, source.outcome));
        names.collect::<Vec<_>>()
    };
    assert_eq!(
        outcomes().await,
        [("kev".to_owned(), Outcome::Failed), ("epss".to_owned(), Outcome::Changed)]
    );
    assert_eq!(outcomes().await, [], "nothing is due");
    // Behind the first failure's five minutes.
    site.hand.advance(std::time::Duration::from_secs(301));
    assert_eq!(outcomes().await, [("kev".to_owned(), Outcome::Failed)]);
    assert_eq!(site.row("kev").await.failures, 2);
    site.pass(6);
    assert_eq!(outcomes().await.len(), 2);
}

#[tokio::test]
async fn an_archive_becomes_records_and_a_damaged_one_nothing() {
    // As Anchore writes it: NVD's shape, told apart by its annotation.
    let record = |id: &str| {
        format!(
            r#"{{"_annotation":{{"cve_id":"{id}"}},"cve":{{"id":"{id}","configurations":[{{"nodes":[{{
                "operator":"OR","negate":false,"cpeMatch":[{{"vulnerable":true,"matchCriteriaId":"0",
                "criteria":"cpe:2.3:a:lodash:lodash:*:*:*:*:*:node.js:*:*",
                "versionEndExcluding":"4.17.21"}}]}}]}}]}}}}"#
        )
    };
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for id in ["CVE-2026-0001", "CVE-2026-0002"] {
        let options = zip::write::SimpleFileOptions::default();
        zip.start_file(format!("main/data/{id}.json"), options).unwrap();
        zip.write_all(record(id).as_bytes()).unwrap();
    }
    let zip = zip.finish().unwrap().into_inner();
    let whole = zip.clone();
    let server = Server::start(move |_| Answer::ok(whole.clone())).await;
    let site = site(&server, "anchore").await;
    assert_eq!(site.sync_one().await.0, Outcome::Changed);
    assert_eq!(site.index().stats().cves, 2);
    server.replace(move |_| Answer::ok(&zip[..zip.len() - 50]));
    let (outcome, error) = site.sync_one().await;
    assert_eq!(outcome, Outcome::Failed);
    assert!(error.contains("no whole archive"), "{error}");
    assert_eq!(site.lines("anchore").len(), 2);
}

#[tokio::test]
async fn what_was_fetched_and_not_taken_in_is_taken_in_by_the_next_sync() {
    let server = Server::start(with_etag(catalogue(&["CVE-2023-4966"]))).await;
    let site = site(&server, "kev").await;
    site.sync().await;
    // As after a crash between the mirror and the database.
    std::fs::remove_file(site.paths().mirror.join("applied.json")).unwrap();
    let report = site.sync().await;
    assert_eq!(report.sources[0].records, 1);
    let report = site.sync().await;
    assert_eq!(report.sources[0].records, 0);
}

#[tokio::test]
async fn a_source_that_is_none_is_refused_by_its_name_and_nothing_is_fetched() {
    let server = Server::start(with_etag(catalogue(&["CVE-2023-4966"]))).await;
    let site = site(&server, "kev").await;
    let wanted = Wanted::Named(vec!["kev".to_owned(), "cve".to_owned()]);
    let error = site.syncer().sync(&wanted, false).await.unwrap_err();
    assert!(matches!(error, SyncError::Unknown { .. }), "{error}");
    assert!(error.to_string().contains("\"cve\""), "{error}");
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn a_proxy_is_asked_instead_and_hosts_that_need_none_are_not() {
    let proxy = Server::start(with_etag(catalogue(&["CVE-2023-4966"]))).await;
    // Asked directly it refuses, so that only the proxy's answer can be a good one.
    let server = Server::start(|_| Answer::status(500)).await;
    for (except, asked_proxy) in [("internal.example", 1), ("127.0.0.1", 0)] {
        let mut site = site(&server, "kev").await;
        site.config.proxy.http = Some(collector::config::Secret::new(&proxy.url));
        site.config.proxy.except = except.to_owned();
        site.sync().await;
        let asked = proxy.asked();
        assert_eq!(asked.len(), asked_proxy, "{except}");
        if let Some(asked) = asked.first() {
            // A proxy is asked for whole addresses (RFC 9112, section 3.2.2).
            assert_eq!(asked.target, format!("{}/file", server.url));
        }
    }
}
