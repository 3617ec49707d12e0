//! Tests of what goes to the database, in which pages and under whose name.

use enrichment::advisory::Publisher;

use super::*;

/// Keeps nothing.
#[derive(Debug)]
struct Nothing;

impl Keep for Nothing {
    fn keep(&mut self, _: &FileReport, _: &Builder) -> Result<(), SinkError> {
        Ok(())
    }
}

/// A sink, and what it sends. There is room for all of it, so that no test waits for itself.
fn sink() -> (Sink<Nothing>, mpsc::Receiver<(String, Page)>) {
    let (sender, pages) = mpsc::channel(100);
    (Sink::new(sender, Nothing), pages)
}

fn id(number: u32) -> CveId {
    CveId::new(2024, number)
}

fn word(publisher: Publisher, severity: &str, cves: &[u32]) -> Advisory {
    Advisory {
        id: "any".to_owned(),
        publisher,
        cves: cves.iter().map(|number| id(*number)).collect(),
        modified: None,
        is_withdrawn: false,
        severity: severity.to_owned(),
        affected: Vec::new(),
    }
}

fn score(number: u32) -> EpssEntry {
    EpssEntry { cve: id(number), score: 0.5, percentile: 0.9 }
}

fn exploited(number: u32) -> KevEntry {
    KevEntry {
        cve: id(number),
        name: String::new(),
        added_on: "2024-01-01".to_owned(),
        due_on: String::new(),
        required_action: String::new(),
        ransomware: false,
    }
}

/// What came, as the source and how many of what.
fn sent(pages: &mut mpsc::Receiver<(String, Page)>) -> Vec<(String, &'static str, usize)> {
    std::iter::from_fn(|| pages.try_recv().ok())
        .map(|(source, page)| match page {
            Page::Cves(records) => (source, "cves", records.len()),
            Page::Kev(entries) => (source, "kev", entries.len()),
            Page::Epss(entries) => (source, "epss", entries.len()),
            Page::Ratings(ratings) => (source, "ratings", ratings.len()),
        })
        .collect()
}

/// The words that came, as source, number of the CVE and severity.
fn words(pages: &mut mpsc::Receiver<(String, Page)>) -> Vec<(String, u32, &'static str)> {
    std::iter::from_fn(|| pages.try_recv().ok())
        .flat_map(|(source, page)| match page {
            Page::Ratings(ratings) => ratings
                .into_iter()
                .map(|(cve, rating)| (source.clone(), cve.number(), rating.severity))
                .collect(),
            Page::Cves(_) | Page::Kev(_) | Page::Epss(_) => Vec::new(),
        })
        .collect()
}

fn named(source: &str, number: u32, severity: &'static str) -> (String, u32, &'static str) {
    (source.to_owned(), number, severity)
}

#[test]
fn each_sources_words_go_to_the_database_under_its_own_name() {
    let (mut sink, mut pages) = sink();
    sink.begin("osv-debian").unwrap();
    sink.advisory(word(Publisher::Debian, "low", &[1])).unwrap();
    sink.begin("osv-npm").unwrap();
    sink.advisory(word(Publisher::GitHub, "high", &[2])).unwrap();
    sink.begin("kev").unwrap();
    sink.kev(exploited(3)).unwrap();
    sink.finish().unwrap();
    assert_eq!(words(&mut pages), [named("osv-debian", 1, "low"), named("osv-npm", 2, "high")]);
}

#[test]
fn of_two_sources_about_one_cve_the_one_whose_word_counts_is_named_whichever_came_first() {
    let debian = ("osv-debian", word(Publisher::Debian, "low", &[1]));
    let red_hat = ("osv-red-hat", word(Publisher::RedHat, "important", &[1]));
    for order in [[&debian, &red_hat], [&red_hat, &debian]] {
        let (mut sink, mut pages) = sink();
        for (source, advisory) in order {
            sink.begin(source).unwrap();
            sink.advisory(advisory.clone()).unwrap();
        }
        sink.finish().unwrap();
        assert_eq!(words(&mut pages), [named("osv-red-hat", 1, "high")]);
    }
}

#[test]
fn of_equal_words_the_source_that_came_first_is_named() {
    let (mut sink, mut pages) = sink();
    for source in ["redhat-vex", "osv-red-hat"] {
        sink.begin(source).unwrap();
        sink.advisory(word(Publisher::RedHat, "critical", &[1])).unwrap();
    }
    sink.finish().unwrap();
    assert_eq!(words(&mut pages), [named("redhat-vex", 1, "critical")]);
}

#[test]
fn a_source_that_comes_again_is_one_source() {
    let (mut sink, mut pages) = sink();
    for (source, number) in [("a", 1), ("b", 2), ("a", 3)] {
        sink.begin(source).unwrap();
        sink.advisory(word(Publisher::Debian, "low", &[number])).unwrap();
    }
    sink.finish().unwrap();
    let ratings = |source: &str, count| (source.to_owned(), "ratings", count);
    assert_eq!(sent(&mut pages), [ratings("a", 2), ratings("b", 1)]);
}

#[test]
fn words_come_behind_all_records_because_a_score_stands_before_them() {
    let (mut sink, mut pages) = sink();
    sink.begin("osv-debian").unwrap();
    sink.advisory(word(Publisher::Debian, "low", &[1])).unwrap();
    sink.begin("epss").unwrap();
    sink.epss(score(1)).unwrap();
    sink.finish().unwrap();
    assert_eq!(
        sent(&mut pages),
        [("epss".to_owned(), "epss", 1), ("osv-debian".to_owned(), "ratings", 1)]
    );
}

#[test]
fn scores_go_in_pages_and_what_is_left_at_the_end() {
    let (mut sink, mut pages) = sink();
    sink.begin("epss").unwrap();
    for number in 0..=u32::try_from(PAGE_RECORDS).unwrap() {
        sink.epss(score(number)).unwrap();
    }
    // Before the end: a feed of gigabytes is never in memory as a whole.
    assert_eq!(sent(&mut pages), [("epss".to_owned(), "epss", PAGE_RECORDS)]);
    sink.finish().unwrap();
    assert_eq!(sent(&mut pages), [("epss".to_owned(), "epss", 1)]);
}

#[test]
fn cisas_catalogue_is_one_page_however_long_it_is() {
    let (mut sink, mut pages) = sink();
    sink.begin("kev").unwrap();
    for number in 0..=u32::try_from(PAGE_RECORDS).unwrap() {
        sink.kev(exploited(number)).unwrap();
    }
    assert_eq!(sent(&mut pages), [], "a part of it would take back the rest");
    sink.begin("epss").unwrap();
    assert_eq!(sent(&mut pages), [("kev".to_owned(), "kev", PAGE_RECORDS + 1)]);
}

#[test]
fn files_of_one_source_share_a_page_and_those_of_two_do_not() {
    let (mut sink, mut pages) = sink();
    for source in ["by-hand", "by-hand", "epss"] {
        sink.begin(source).unwrap();
        sink.epss(score(1)).unwrap();
    }
    sink.finish().unwrap();
    assert_eq!(
        sent(&mut pages),
        [("by-hand".to_owned(), "epss", 2), ("epss".to_owned(), "epss", 1)]
    );
}

#[test]
fn reading_ends_when_nobody_takes_the_pages_any_more() {
    let (mut sink, pages) = sink();
    sink.begin("epss").unwrap();
    sink.epss(score(1)).unwrap();
    drop(pages);
    assert!(sink.begin("kev").is_err());
    sink.epss(score(2)).unwrap();
    assert!(sink.finish().is_err());
}
