//! Records, lines, files and sinks that fail: what is skipped, what ends the reading, and what is said.

use super::*;

#[test]
fn yaml_that_is_none_or_too_long_is_skipped_with_the_reason() {
    let long = format!("id: PYSEC-1\ndetails: {}\n", "x".repeat(1 << 20));
    let bomb = "id: PYSEC-1\na: &a [x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]\n\
        c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]\nd: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c]\n\
        e: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d]\nf: &f [*e, *e, *e, *e, *e, *e, *e, *e, *e]\n\
        g: [*f, *f, *f, *f, *f, *f, *f, *f, *f]\n";
    for text in ["id: PYSEC-1\n  x: [", "id: PYSEC-1\n", bomb, &long] {
        let taken = stream(text.as_bytes());
        let skipped = taken.0.map_or(1, |report| report.skipped);
        assert_eq!(skipped, 1, "{}", &text[..30.min(text.len())]);
        assert!(taken.1.cves.is_empty());
    }
}

#[test]
fn words_that_a_feed_chooses_do_not_fill_the_memory() {
    let mut lines = String::new();
    for n in 0..1500 {
        lines += &format!(
            "{{\"id\":\"X-{n}\",\"modified\":\"2024-01-01T00:00:00Z\",\"affected\":[{{\"package\":{{\"ecosystem\":\"E{n}\",\"name\":\"x\"}}}}]}}\n"
        );
    }
    let report = stream(lines.as_bytes()).0.unwrap();
    assert_eq!((report.not_used, report.left_out.len()), (1500, 1001));
    assert_eq!(report.left_out["others"], 500);
}

#[test]
fn a_document_of_lists_is_cut_where_it_is_a_record_itself() {
    // NVD's `vulnerabilities` are the records, Red Hat's are a part of one.
    let page = br#"{"format":"NVD_CVE","vulnerabilities":[{"cve":{"id":"CVE-2024-0001"}}]}"#;
    assert_eq!(stream(page).0.unwrap().kind, FeedKind::Nvd);
    let vex =
        br#"{"document":{"csaf_version":"2.0","publisher":{"namespace":"x"},"tracking":{"id":"y"}},
        "vulnerabilities":[{"cve":"CVE-2024-0001"}]}"#;
    let report = stream(vex).0.unwrap();
    assert_eq!((report.kind, report.not_used), (FeedKind::RedHatVex, 1));
}

#[test]
fn skips_a_bad_record_and_says_which() {
    let page = br#"{"format":"NVD_CVE","vulnerabilities":[{"cve":{"id":"CVE-2024-0001"}},
        {"cve":{"id":"CVE-2024-0002","published":7}},{"cve":{"id":"x"}},{"cve":{"id":"CVE-2024-0003"}}]}"#;
    let (report, taken) = stream(page);
    let report = report.unwrap();
    assert_eq!((report.records, report.skipped), (2, 2));
    assert_eq!(report.problems[0].record, "CVE-2024-0002");
    assert_eq!(report.problems[1].record, "x");
    assert_eq!(taken.cves[1].id, CveId::new(2024, 3));
}

#[test]
fn skips_a_broken_line_and_reads_the_next() {
    let lines = b"{\"cve\":{\"id\":\"CVE-2024-0001\"}}\n{\"cve\":{\"id\":\"CVE-2\n\n{\"cve\":{\"id\":\"CVE-2024-0003\"}}";
    let (report, taken) = stream(lines);
    let report = report.unwrap();
    assert_eq!((report.records, report.skipped), (2, 1));
    assert_eq!(report.problems[0].record, "record 2");
    assert_eq!(taken.cves.len(), 2);
}

#[test]
fn skips_a_record_that_is_too_long_and_reads_the_next() {
    let long = format!(
        "{{\"cve\":{{\"id\":\"CVE-2024-0001\",\"x\":\"{}\"}}}}",
        "x".repeat(RECORD_BYTES_MAX)
    );
    let short = r#"{"cve":{"id":"CVE-2024-0002"}}"#;
    let lines = format!("{long}\n{short}\n");
    let page = format!(r#"{{"format":"NVD_CVE","vulnerabilities":[{long},{short}]}}"#);
    for text in [lines, page] {
        let (report, taken) = stream(text.as_bytes());
        let report = report.unwrap();
        assert_eq!((report.records, report.skipped), (1, 1));
        assert!(report.problems[0].reason.contains("more than"));
        assert_eq!(taken.cves[0].id, CveId::new(2024, 2));
    }
}

#[test]
fn names_few_problems_and_counts_all() {
    let text = "{\"cve\":{}}\n".repeat(100);
    let report = stream(text.as_bytes()).0;
    // Not one record tells what the file is, so it is none.
    assert!(matches!(report, Err(FeedError::NotAFeed { .. })));
    let text = format!("{{\"cve\":{{\"id\":\"CVE-2024-0001\"}}}}\n{text}");
    let report = stream(text.as_bytes()).0.unwrap();
    assert_eq!((report.skipped, report.problems.len()), (100, 20));
}

#[test]
fn a_page_that_was_cut_gives_its_records_and_an_error() {
    let page = br#"{"format":"NVD_CVE","vulnerabilities":[{"cve":{"id":"CVE-2024-0001"}},{"cve":{"id":"CVE-2"#;
    let (report, taken) = stream(page);
    let error = report.unwrap_err();
    assert!(matches!(error, FeedError::Damaged { records: 1, .. }), "{error}");
    assert_eq!(taken.cves.len(), 1);
}

#[test]
fn a_packed_file_that_was_cut_is_damaged() {
    let whole = std::fs::read(data("nvdcve-2.0-2002.json.gz")).unwrap();
    let (report, _) = stream(&whole[..whole.len() / 2]);
    assert!(matches!(report, Err(FeedError::Damaged { .. })), "{report:?}");
    let (report, _) = stream(&whole[..1]);
    assert!(matches!(report, Err(FeedError::NotAFeed { .. })), "{report:?}");
}

#[test]
fn what_is_no_feed_is_refused_by_name() {
    for text in [
        "# A read-me",
        "",
        "<xml/>",
        r#"{"matchStrings":[{"matchString":{"criteria":"x"}}]}"#,
        r#"{"format":"NVD_CPE","products":[]}"#,
        "cve,summary\n",
    ] {
        let report = stream(text.as_bytes()).0;
        assert!(matches!(report, Err(FeedError::NotAFeed { .. })), "{text}");
    }
}

#[test]
fn a_missing_file_is_named() {
    let error = read_path(Path::new("/nowhere/feed"), &mut Taken::default()).unwrap_err();
    assert!(error.to_string().contains("/nowhere/feed"), "{error}");
}

#[test]
fn a_full_sink_ends_the_reading() {
    let mut taken = Taken { is_full: true, ..Taken::default() };
    let error = read_path(&data("nvd-page.json"), &mut taken).unwrap_err();
    assert!(matches!(error, FeedError::Sink { .. }));
    assert!(error.to_string().contains("the disk is full"), "{error}");
}
