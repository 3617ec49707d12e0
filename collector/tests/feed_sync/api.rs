//! NVD's API 2.0.

use std::time::Duration;

use collector::feeds::{Outcome, SyncError, Wanted};
use enrichment::index::{BuildReport, Index, Rebuilt};
use serde_json::Value;

use crate::server::{Answer, Asked, Server};
use crate::site::{NOW, Site};

/// A page of a set, as it was fetched from NVD.
macro_rules! pages {
    ($set:literal, $($page:literal),*) => {
        [$(($page, include_str!(concat!("../data/nvd/", $set, "/", $page, ".json")))),*]
    };
}

// `0-1` is asked first, for the total alone; eight records in pages of three.
const THREE_PAGES: [(&str, &str); 4] = pages!("3_pages", "0-1", "0-3", "3-3", "6-3");
const INCREASE: [(&str, &str); 4] = pages!("increase", "0-1", "0-3", "3-3", "6-3");
const MODDATE: [(&str, &str); 2] = pages!("moddate", "0-1", "0-3");
const EMPTY: [(&str, &str); 1] = pages!("empty", "0-1");

/// What the query says of a parameter.
fn parameter<'a>(asked: &'a Asked, name: &str) -> Option<&'a str> {
    let query = asked.target.split_once('?')?.1;
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// `0-3` for three records from the first on.
fn page_name(asked: &Asked) -> String {
    let part = |name| parameter(asked, name).unwrap();
    format!("{}-{}", part("startIndex"), part("resultsPerPage"))
}

/// Answers with the pages of a set.
fn replay<const N: usize>(
    pages: [(&'static str, &'static str); N],
) -> impl FnMut(&Asked) -> Answer + Send {
    move |asked| {
        let name = page_name(asked);
        match pages.iter().find(|(page, _)| *page == name) {
            Some((_, text)) => Answer::ok(*text),
            None => Answer::status(400),
        }
    }
}

/// A site whose only source is the API of a server.
async fn site(server: &Server) -> Site {
    Site::new(&format!("sources = [\"nvd\"]\nnvd_url = \"{}/cves/2.0\"", server.url)).await
}

fn ids(lines: &[String]) -> Vec<String> {
    let id = |line: &String| {
        let record: Value = serde_json::from_str(line).unwrap();
        record["cve"]["id"].as_str().unwrap().to_owned()
    };
    lines.iter().map(id).collect()
}

#[tokio::test]
async fn the_first_sync_asks_for_everything_page_by_page() {
    let server = Server::start(replay(THREE_PAGES)).await;
    let site = site(&server).await;
    assert_eq!(site.sync_one().await.0, Outcome::Changed);
    let asked = server.asked();
    let names: Vec<_> = asked.iter().map(page_name).collect();
    assert_eq!(names, ["0-1", "0-3", "3-3", "6-3"]);
    // NVD refuses a window of more than 120 days, so everything is asked for without one.
    assert!(asked.iter().all(|asked| !asked.target.contains("lastMod")));
    assert_eq!(ids(&site.lines("nvd")).len(), 8);
    assert_eq!(site.index().stats().cves, 8);
    let row = site.row("nvd").await;
    assert_eq!((row.records, row.changed, row.skipped, row.failures), (8, 8, 0, 0));
    assert_eq!(row.next_sync_at.unwrap() - row.imported_at, Duration::from_secs(7_200));
}

#[tokio::test]
async fn records_are_kept_as_they_came() {
    let server = Server::start(replay(THREE_PAGES)).await;
    let site = site(&server).await;
    site.sync().await;
    let page: Value = serde_json::from_str(THREE_PAGES[1].1).unwrap();
    for (line, record) in site.lines("nvd").iter().zip(page["vulnerabilities"].as_array().unwrap())
    {
        assert_eq!(&serde_json::from_str::<Value>(line).unwrap(), record);
    }
}

#[tokio::test]
async fn records_that_arrive_while_paging_are_on_the_last_page() {
    let server = Server::start(replay(INCREASE)).await;
    let site = site(&server).await;
    assert_eq!(site.sync_one().await.0, Outcome::Changed);
    assert_eq!(ids(&site.lines("nvd")).len(), 8);
    assert!(ids(&site.lines("nvd")).contains(&"CVE-2023-47800".to_owned()));
}

#[tokio::test]
async fn later_syncs_ask_for_windows_of_what_changed_with_both_dates() {
    let server = Server::start(replay(THREE_PAGES)).await;
    let site = site(&server).await;
    site.sync().await;
    // NVD's own time of the first answer, and not this clock's.
    assert_eq!(site.manifest()["sources"]["nvd"]["watermark"], "2023-11-10T08:41:24.983Z");
    server.asked();
    server.replace(replay(MODDATE));
    assert_eq!(site.sync_one().await.0, Outcome::Unchanged, "they are all here");
    let asked = server.asked();
    assert_eq!(page_name(&asked[0]), "0-1");
    for asked in &asked {
        let (from, to) = (parameter(asked, "lastModStartDate"), parameter(asked, "lastModEndDate"));
        assert_eq!(from, Some("2023-11-10T07:41:24.983%2B00:00"), "less an hour");
        assert!(to.unwrap().starts_with("2023-11-11T12:"), "{to:?}");
    }
}

#[tokio::test]
async fn nothing_new_moves_the_watermark_and_rebuilds_nothing() {
    let server = Server::start(replay(THREE_PAGES)).await;
    let site = site(&server).await;
    site.sync().await;
    let (index, files) = (std::fs::metadata(site.paths().index).unwrap(), site.lines("nvd").len());
    server.replace(replay(EMPTY));
    let report = site.sync().await;
    assert_eq!(report.sources[0].outcome, Outcome::Unchanged);
    assert!(report.index.is_none());
    let after = std::fs::metadata(site.paths().index).unwrap();
    assert_eq!(after.modified().unwrap(), index.modified().unwrap());
    assert_eq!(site.lines("nvd").len(), files);
    assert_eq!(site.row("nvd").await.records, 8, "what is here, not what came");
}

#[tokio::test]
async fn a_mirror_that_is_a_year_old_is_brought_up_in_windows() {
    let server = Server::start(replay(THREE_PAGES)).await;
    let site = site(&server).await;
    site.sync().await;
    server.asked();
    // The real answer is of 2023; with the times of these, the clock is what counts.
    server.replace(|_| {
        Answer::ok("{\"totalResults\":0,\"format\":\"NVD_CVE\",\"vulnerabilities\":[]}")
    });
    site.pass(365 * 24);
    site.sync().await;
    let asked = server.asked();
    // 120 days each, the longest that NVD takes: three and a rest.
    assert_eq!(asked.len(), 4);
    for pair in asked.windows(2) {
        let (to, from) =
            (parameter(&pair[0], "lastModEndDate"), parameter(&pair[1], "lastModStartDate"));
        assert!(from.unwrap() < to.unwrap(), "windows overlap");
    }
    assert_eq!(site.sync_one().await.0, Outcome::Unchanged);
    assert_eq!(server.asked().len(), 1, "it goes on from the last window");
}

#[tokio::test]
async fn a_window_that_does_not_come_whole_leaves_the_watermark_of_the_one_before() {
    let server = Server::start(replay(THREE_PAGES)).await;
    let site = site(&server).await;
    site.sync().await;
    let mut answers = 0;
    server.replace(move |_| {
        answers += 1;
        if answers == 1 {
            Answer::ok("{\"totalResults\":0,\"format\":\"NVD_CVE\",\"vulnerabilities\":[]}")
        } else {
            Answer::status(400)
        }
    });
    site.pass(200 * 24);
    let (outcome, error) = site.sync_one().await;
    assert_eq!(outcome, Outcome::Failed);
    assert!(error.contains("400"), "{error}");
    let manifest = site.manifest();
    let watermark = manifest["sources"]["nvd"]["watermark"].as_str().unwrap();
    // The end of the first window, which came whole: the next sync begins there and not a year
    // back.
    assert!(watermark.starts_with("2024-03-09"), "{watermark}");
    assert_eq!(site.lines("nvd").len(), 8, "what was there stays");
}

#[tokio::test]
async fn every_word_for_throttling_is_waited_out() {
    let server = Server::start(replay(THREE_PAGES)).await;
    let site = site(&server).await;
    server.first([
        // NVD's firewall says 403 where the API would say 429, and its API has said 404 and 408
        // under load.
        Answer::status(403),
        Answer::status(404),
        Answer::status(408),
        Answer::status(429),
        Answer::status(503).header("Retry-After", "11"),
        Answer::status(429).header("retry-after", "Sat, 11 Nov 2023 12:10:00 GMT"),
    ]);
    assert_eq!(site.sync_one().await.0, Outcome::Changed);
    let slept: Vec<_> = site.sleeper.slept().iter().map(Duration::as_secs).collect();
    // Six for the first failure, doubled for the next two; NVD's usual thirty; what it asks for.
    assert_eq!(slept[..5], [6, 12, 24, 30, 11]);
    assert!(slept[5] > 60, "until the instant that it names: {slept:?}");
}

#[tokio::test]
async fn a_server_that_stays_away_is_given_up_after_twenty_tries_and_tried_again_later() {
    let server = Server::start(|_| Answer::status(503)).await;
    let site = site(&server).await;
    let (outcome, error) = site.sync_one().await;
    assert_eq!(outcome, Outcome::Failed);
    assert!(error.contains("503") && error.contains("20 tries"), "{error}");
    assert_eq!(server.asked().len(), 20);
    let row = site.row("nvd").await;
    assert_eq!((row.failures, row.last_success_at), (1, None));
    assert_eq!(row.next_sync_at.unwrap() - row.imported_at, Duration::from_secs(300));
    assert_eq!(row.error.unwrap(), error);
}

#[tokio::test]
async fn an_answer_that_ends_early_is_asked_for_again() {
    let server = Server::start(replay(THREE_PAGES)).await;
    let site = site(&server).await;
    let page = THREE_PAGES[0].1;
    let half = page.len() / 2;
    server.first([
        // The connection is closed early,
        Answer::ok(page).cut(half),
        // or the server itself got only half of it and says that this is all.
        Answer::ok(&page[..half]),
    ]);
    assert_eq!(site.sync_one().await.0, Outcome::Changed);
    assert_eq!(site.lines("nvd").len(), 8);
}

#[tokio::test]
async fn a_page_in_the_middle_that_is_not_full_is_asked_for_again() {
    let server = Server::start(replay(THREE_PAGES)).await;
    let site = site(&server).await;
    let mut short: Value = serde_json::from_str(THREE_PAGES[1].1).unwrap();
    short["vulnerabilities"].as_array_mut().unwrap().pop();
    server.first([Answer::ok(THREE_PAGES[0].1), Answer::ok(short.to_string())]);
    assert_eq!(site.sync_one().await.0, Outcome::Changed);
    assert_eq!(site.lines("nvd").len(), 8);
}

#[tokio::test]
async fn an_answer_that_shrinks_is_begun_anew() {
    let server = Server::start(replay(THREE_PAGES)).await;
    let site = site(&server).await;
    let shrunk = THREE_PAGES[2]
        .1
        // A record was withdrawn between two pages: those behind it moved up by one, and one of
        // them fell between the pages.
        .replace("\"totalResults\": 8", "\"totalResults\": 7");
    assert_ne!(shrunk, THREE_PAGES[2].1);
    server.first([Answer::ok(THREE_PAGES[0].1), Answer::ok(THREE_PAGES[1].1), Answer::ok(shrunk)]);
    assert_eq!(site.sync_one().await.0, Outcome::Changed);
    let names: Vec<_> = server.asked().iter().map(page_name).collect();
    assert_eq!(names, ["0-1", "0-3", "3-3", "0-1", "0-3", "3-3", "6-3"]);
    assert_eq!(site.lines("nvd").len(), 8);
}

#[tokio::test]
async fn what_is_no_answer_of_nvd_changes_nothing() {
    let server = Server::start(replay(THREE_PAGES)).await;
    let site = site(&server).await;
    site.sync().await;
    let before = site.manifest();
    // With status 200, as captive portals and proxies do.
    server.replace(|_| Answer::ok("<html>please sign in to the hotel's network</html>"));
    site.pass(3);
    assert_eq!(site.sync_one().await.0, Outcome::Failed);
    assert_eq!(site.manifest(), before);
}

#[tokio::test]
async fn five_requests_are_sent_in_thirty_seconds_and_fifty_with_a_key() {
    for (with_key, at_least_s) in [(false, 18), (true, 1)] {
        let server = Server::start(replay(THREE_PAGES)).await;
        let mut site = site(&server).await;
        if with_key {
            site.config.nvd_api_key = Some(collector::config::Secret::new("0f1e-hush"));
        }
        site.sync().await;
        let slept: Duration = site.sleeper.slept().iter().sum();
        let seconds = slept.as_secs();
        assert!(
            // Four requests: three pauses of six seconds, or of six tenths with a key.
            (at_least_s..at_least_s + 2).contains(&seconds),
            "{seconds} s"
        );
        let asked = server.asked();
        let key = asked[0].header("apikey");
        assert_eq!(key, with_key.then_some("0f1e-hush"));
    }
}

#[tokio::test]
async fn a_key_is_never_sent_on_to_where_a_redirect_leads() {
    let elsewhere = Server::start(replay(THREE_PAGES)).await;
    let server = Server::start(replay(THREE_PAGES)).await;
    let mut site = site(&server).await;
    site.config.nvd_api_key = Some(collector::config::Secret::new("0f1e-hush"));
    let to = elsewhere.url.clone();
    // Most clients follow a redirect and take their headers along; only `Authorization` is dropped
    // by habit, and NVD's key has a header of its own.
    server.replace(move |_| Answer::status(302).header("location", &to));
    let (outcome, error) = site.sync_one().await;
    assert_eq!(outcome, Outcome::Failed);
    assert!(!error.contains("hush"), "{error}");
    assert!(elsewhere.asked().is_empty());
}

#[tokio::test]
async fn a_key_that_nvd_does_not_know_is_said_at_once() {
    // The same 404 as for throttling, told apart by this header. Twenty tries with a wrong key
    // would take ten minutes to say so.
    let server = Server::start(|_| Answer::status(404).header("message", "Invalid apiKey.")).await;
    let site = site(&server).await;
    let (outcome, error) = site.sync_one().await;
    assert_eq!(outcome, Outcome::Failed);
    assert!(error.contains("Invalid apiKey"), "{error}");
    assert_eq!(server.asked().len(), 1);
}

/// A record as NVD first publishes it and as it is after somebody took its configurations back.
fn record(day: u32, has_configuration: bool) -> String {
    let said = if has_configuration {
        r#"[{"nodes":[{"operator":"OR","negate":false,"cpeMatch":[{"vulnerable":true,
            "criteria":"cpe:2.3:a:lodash:lodash:*:*:*:*:*:node.js:*:*",
            "versionEndExcluding":"4.17.21","matchCriteriaId":"0"}]}]}]"#
    } else {
        "[]"
    };
    format!(
        r#"{{"totalResults":1,"startIndex":0,"format":"NVD_CVE","timestamp":"2023-11-{day:02}T12:00:00.000",
            "vulnerabilities":[{{"cve":{{"id":"CVE-2021-23337","vulnStatus":"Modified",
            "published":"2021-02-15T13:15:12.560","lastModified":"2023-11-{day:02}T00:00:00.000",
            "descriptions":[],"references":[],"metrics":{{}},"configurations":{said}}}}}]}}"#
    )
}

#[tokio::test]
async fn what_nvd_takes_back_stays_as_a_fallback_and_counts_again_once_it_is_said_again() {
    let server = Server::start(|_| Answer::ok(record(10, true))).await;
    let site = site(&server).await;
    let id = "CVE-2021-23337".parse().unwrap();
    site.sync().await;
    assert!(!site.index().cve(id).unwrap().is_fallback);
    server.replace(|_| Answer::ok(record(11, false)));
    site.pass(24);
    site.sync().await;
    let cve = site.index().cve(id).unwrap();
    assert!(cve.is_fallback);
    assert_eq!(cve.products, ["lodash:lodash"]);
    // Often enough that files are merged on the way.
    for day in 12..30 {
        server.replace(move |_| Answer::ok(record(day, false)));
        site.pass(24);
        site.sync().await;
    }
    assert!(site.lines("nvd").len() < 10, "files pile up");
    assert!(site.index().cve(id).unwrap().is_fallback, "merging has lost it");
    server.replace(|_| Answer::ok(record(30, true)));
    site.pass(24);
    site.sync().await;
    assert!(!site.index().cve(id).unwrap().is_fallback);
}

/// A sync that makes an index.
async fn build(site: &Site, server: &Server, day: u32, has_configuration: bool) -> BuildReport {
    server.replace(move |_| Answer::ok(record(day, has_configuration)));
    site.pass(24);
    site.sync().await.index.unwrap()
}

/// Why all of an index was made anew; nothing where it was not.
fn reason(report: &BuildReport) -> &'static str {
    match report.rebuilt {
        Rebuilt::All { reason } => reason,
        Rebuilt::Changed { .. } => "",
    }
}

/// The content of an index that was made of all that a site has, out of nothing.
async fn anew(site: &Site) -> u64 {
    let (index, aside) = (site.paths().index, site.dir.path().join("aside"));
    std::fs::rename(&index, &aside).unwrap();
    site.sync().await;
    let generation = Index::open(&index).unwrap().generation();
    std::fs::rename(&aside, &index).unwrap();
    generation
}

#[tokio::test]
async fn what_a_sync_brings_is_all_that_is_judged_anew() {
    let server = Server::start(replay(THREE_PAGES)).await;
    let site = site(&server).await;
    let first = site.sync().await.index.unwrap();
    assert!(reason(&first).contains("no index before"), "{first:?}");
    for day in 12..30 {
        // Files are merged on the way.
        let report = build(&site, &server, day, day % 2 == 0).await;
        let one = Rebuilt::Changed { cves: 1, advisories: 0 };
        assert_eq!(report.rebuilt, one, "day {day}");
        assert_eq!(report.stats.cves, 9);
    }
    server.replace(|_| Answer::ok(EMPTY[0].1));
    let generation = site.index().generation();
    assert_eq!(anew(&site).await, generation);
}

#[tokio::test]
async fn without_extracts_or_with_damaged_ones_feeds_are_read_again() {
    let server = Server::start(replay(THREE_PAGES)).await;
    let site = site(&server).await;
    site.sync().await;
    let folder = site.paths().mirror.join("extracts");
    for (day, damage) in [(12, 0), (13, 10), (14, usize::MAX)] {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            match damage {
                usize::MAX => std::fs::remove_file(&path).unwrap(),
                cut => std::fs::write(&path, &bytes[..bytes.len() - 1 - cut]).unwrap(),
            }
        }
        let report = build(&site, &server, day, true).await;
        assert_eq!(report.stats.cves, 9, "day {day}");
        assert_eq!(reason(&report), "", "what stays in the mirror was read again");
    }
    server.replace(|_| Answer::ok(EMPTY[0].1));
    let generation = site.index().generation();
    assert_eq!(anew(&site).await, generation);
}

#[tokio::test]
async fn an_index_tells_when_it_was_made_and_a_copy_that_is_put_back_is_no_newer() {
    let server = Server::start(|_| Answer::ok(record(10, true))).await;
    let site = site(&server).await;
    site.sync().await;
    let (index, copy) = (site.paths().index, site.dir.path().join("copy"));
    std::fs::copy(&index, &copy).unwrap();
    let before = site.index().made_at().unwrap();
    assert_eq!(u64::try_from(before.0).unwrap(), site.clock.now_ms());
    build(&site, &server, 11, true).await;
    assert!(site.index().made_at().unwrap() > before);
    std::fs::copy(&copy, &index).unwrap();
    assert_eq!(site.index().made_at(), Some(before));
}

#[tokio::test]
async fn merging_files_is_nothing_new_to_the_database_and_the_index() {
    let server = Server::start(|_| Answer::ok(record(10, true))).await;
    let site = site(&server).await;
    for day in 10..30 {
        server.replace(move |_| Answer::ok(record(day, true)));
        site.pass(24);
        let report = site.sync().await;
        assert_eq!((report.sources[0].records, report.sources[0].changed), (1, 1));
    }
}

#[tokio::test]
async fn a_sync_that_is_dropped_anywhere_leaves_whole_records_and_the_next_one_goes_on() {
    let server = Server::start(replay(THREE_PAGES)).await;
    let mut polls = 0;
    loop {
        let site = site(&server).await;
        // Every place at first, then further and further apart: each is a sync of its own, and late
        // ones resemble each other.
        polls += 1 + polls / 5;
        let syncer = site.syncer();
        let mut sync = Box::pin(syncer.sync(&Wanted::All, false));
        let mut left = polls;
        let ended = std::future::poll_fn(|context| {
            if left == 0 {
                return std::task::Poll::Ready(None);
            }
            left -= 1;
            sync.as_mut().poll(context).map(Some)
        })
        .await;
        drop(sync);
        if let Some(report) = ended {
            report.unwrap();
            assert!(polls > 10, "it was dropped nowhere");
            return;
        }
        // Its thread, if one still works, has the mirror until it ends.
        let report = loop {
            match site.syncer().sync(&Wanted::All, false).await {
                Ok(report) => break report,
                Err(SyncError::Import(collector::feeds::ImportError::Busy { .. })) => {
                    tokio::task::yield_now().await;
                }
                Err(error) => panic!("after {polls} polls: {error}"),
            }
        };
        assert_ne!(report.sources[0].outcome, Outcome::Failed, "after {polls} polls");
        assert_eq!(ids(&site.lines("nvd")).len(), 8, "after {polls} polls");
        assert_eq!(site.index().stats().cves, 8, "after {polls} polls");
    }
}

#[tokio::test]
async fn two_syncs_of_one_mirror_are_never_under_way_at_once() {
    let server = Server::start(replay(THREE_PAGES)).await;
    let site = site(&server).await;
    let (one, other) = (site.syncer(), site.syncer());
    let (one, other) = tokio::join!(one.sync(&Wanted::All, false), other.sync(&Wanted::All, false));
    assert_eq!([&one, &other].iter().filter(|result| result.is_ok()).count(), 1);
    let busy = one.and(other).unwrap_err().to_string();
    assert!(busy.contains("is in use"), "{busy}");
}

#[tokio::test]
async fn a_clock_that_is_behind_asks_for_nothing_and_loses_nothing() {
    let server = Server::start(replay(THREE_PAGES)).await;
    let mut site = site(&server).await;
    site.sync().await;
    let (clock, hand) = collector::clock::Clock::manual(NOW - time::Duration::days(30));
    // A virtual machine that was restored, or a battery that is empty: the window would end before
    // it begins.
    (site.clock, site.hand) = (clock, hand);
    let before = site.manifest();
    server.asked();
    assert_eq!(site.sync_one().await.0, Outcome::Unchanged);
    assert!(server.asked().is_empty());
    assert_eq!(site.manifest(), before);
}
