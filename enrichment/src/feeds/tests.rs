//! Whole files: real cuts of every feed, folders of them, and damaged ones.

use std::io::{Cursor, Write};

use super::*;
use crate::cve::{CveId, RecordSource};

/// Counts what comes, and may refuse it.
#[derive(Default)]
struct Taken {
    cves: Vec<CveRecord>,
    kevs: Vec<KevEntry>,
    scores: Vec<EpssEntry>,
    is_full: bool,
}

impl FeedSink for Taken {
    fn cve(&mut self, record: CveRecord) -> Result<(), SinkError> {
        if self.is_full {
            return Err("the disk is full".into());
        }
        self.cves.push(record);
        Ok(())
    }

    fn kev(&mut self, entry: KevEntry) -> Result<(), SinkError> {
        self.kevs.push(entry);
        Ok(())
    }

    fn epss(&mut self, entry: EpssEntry) -> Result<(), SinkError> {
        self.scores.push(entry);
        Ok(())
    }
}

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/feeds")
        .join(name)
}

/// A real file, which has to be read without a problem.
fn real(name: &str) -> (FileReport, Taken) {
    let mut taken = Taken::default();
    let mut report = read_path(&data(name), &mut taken).unwrap();
    let file = report.files.remove(0);
    assert_eq!(file.skipped, 0, "{file:?}");
    (file, taken)
}

fn stream(bytes: &[u8]) -> (Result<FileReport, FeedError>, Taken) {
    let mut taken = Taken::default();
    let report = read_stream(Path::new("page"), &mut Cursor::new(bytes), &mut taken);
    (report, taken)
}

#[test]
fn reads_a_page_of_the_api() {
    let (file, taken) = real("nvd-page.json");
    assert_eq!((file.kind, file.records), (FeedKind::Nvd, 3));
    let first = &taken.cves[0];
    assert_eq!(first.id.to_string(), "CVE-2023-36014");
    assert_eq!(first.status, "Received");
    assert_eq!(first.preferred_cvss().unwrap().severity, "high");
    assert!(file.newest >= first.modified);
}

#[test]
fn reads_a_feed_file_of_a_year() {
    let (file, taken) = real("nvdcve-2.0-2002.json.gz");
    assert_eq!((file.kind, file.records), (FeedKind::Nvd, 4));
    assert_eq!(taken.cves[0].status, "Deferred");
    assert!(taken.cves.iter().all(|cve| !cve.configurations.is_empty()));
}

#[test]
fn reads_a_record_with_the_members_of_2026() {
    let (_, taken) = real("log4shell-page.json.xz");
    let record = &taken.cves[0];
    let log4j = &record.cna[0];
    assert_eq!(
        (log4j.source.as_str(), log4j.product.as_str()),
        ("security@apache.org", "Apache Log4j2")
    );
    assert_eq!(log4j.versions[0].less_than.as_deref(), Some("log4j-core*"));
    assert_eq!(log4j.versions[0].changes[4].at, "2.15.0");
    let decision = record.ssvc.as_ref().unwrap();
    assert_eq!(
        [
            &decision.exploitation,
            &decision.automatable,
            &decision.technical_impact
        ],
        ["active", "yes", "total"]
    );
    assert_eq!(record.id, CveId::new(2021, 44228));
    assert!(record.configurations.iter().any(|all| all.all));
    assert_eq!(record.kev.as_ref().unwrap().added_on, "2021-12-10");
}

#[test]
fn reads_a_record_a_line() {
    let (file, taken) = real("nvd-records.jsonl.xz");
    assert_eq!((file.kind, file.records), (FeedKind::Nvd, 21));
    assert!(taken.cves.iter().all(|cve| cve.source == RecordSource::Nvd));
}

#[test]
fn reads_anchores_additions_as_statements_of_their_own() {
    let (file, taken) = real("overrides.jsonl");
    assert_eq!(file.kind, FeedKind::Nvd);
    assert_eq!(taken.cves.len() as u64, file.records);
    for record in &taken.cves {
        assert_eq!(record.source, RecordSource::Anchore, "{}", record.id);
        assert!(!record.configurations.is_empty(), "{}", record.id);
    }
    let corrections = taken.cves.iter().filter(|record| record.is_correction);
    let corrections: Vec<String> = corrections.map(|record| record.id.to_string()).collect();
    assert!(corrections.contains(&"CVE-1999-0037".to_owned()));
    assert!(!corrections.contains(&"CVE-2026-9999".to_owned()));
}

#[test]
fn reads_the_catalogue_alike_as_json_and_as_a_table() {
    let (json, from_json) = real("kev.json");
    let (table, from_table) = real("kev.csv");
    assert_eq!((json.kind, json.records), (FeedKind::Kev, 3));
    assert_eq!((table.kind, table.records), (FeedKind::Kev, 3));
    assert_eq!(from_json.kevs, from_table.kevs);
}

#[test]
fn reads_scores_in_either_layout() {
    let (file, taken) = real("epss.csv");
    assert_eq!((file.kind, file.records), (FeedKind::Epss, 5));
    let text: String = taken
        .scores
        .iter()
        .map(|entry| format!("{};{};{}\n", entry.cve, entry.score, entry.percentile))
        .collect();
    let (report, again) = stream(text.as_bytes());
    assert_eq!(report.unwrap().records, 5);
    assert_eq!(again.scores, taken.scores);
}

#[test]
fn reads_the_cve_programmes_records_where_cisa_has_added_to_them() {
    let (file, taken) = real("cve-program.jsonl");
    assert_eq!((file.kind, file.records), (FeedKind::CveProgram, 1));
    let record = &taken.cves[0];
    assert_eq!(record.source, RecordSource::Cisa);
    assert_eq!(record.preferred_cvss().unwrap().score, 9.8);
    let plain =
        br#"{"dataType":"CVE_RECORD","cveMetadata":{"cveId":"CVE-2024-0001"},"containers":{}}"#;
    let (report, taken) = stream(plain);
    let report = report.unwrap();
    assert_eq!((report.kind, report.not_used), (FeedKind::CveProgram, 1));
    assert!(taken.cves.is_empty());
}

/// Every fixture of advisories, by the kind that its content says.
#[test]
fn tells_advisories_of_every_format_by_their_content() {
    for (name, kind, records, skipped) in [
        ("debian-osv.jsonl", FeedKind::Osv, 5, 0),
        ("ubuntu-osv.json", FeedKind::Osv, 3, 0),
        ("almalinux-osv.zip", FeedKind::Osv, 4, 0),
        ("pypa.yaml", FeedKind::Osv, 1, 0),
        ("ubuntu-tracker.jsonl", FeedKind::UbuntuTracker, 5, 1),
        ("redhat-vex-2023-6228.json", FeedKind::RedHatVex, 1, 0),
        ("alpine-secdb.json", FeedKind::AlpineSecdb, 1, 0),
        ("vulnrichment.jsonl", FeedKind::CveProgram, 5, 0),
    ] {
        let path = data("../advisories").join(name);
        let report = read_path(&path, &mut Taken::default()).unwrap();
        let file = &report.files[0];
        assert_eq!(
            (file.kind, file.records, file.skipped),
            (kind, records, skipped),
            "{name}"
        );
    }
}

#[test]
fn reads_the_python_authoritys_records_as_they_are_kept() {
    let path = data("../advisories").join("pypa.yaml");
    let cairosvg = &advisories(&path)[0][0];
    assert_eq!(cairosvg.package, "cairosvg");
    // The commits say nothing about what is installed, and the listed versions nothing new.
    assert_eq!(cairosvg.spans.len(), 1);
    assert!(cairosvg.versions.is_empty(), "{:?}", cairosvg.versions);
}

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
fn counts_what_advisories_say_and_what_is_left_out() {
    let path = data("../advisories").join("suse-osv.jsonl");
    let report = read_path(&path, &mut Taken::default()).unwrap();
    assert_eq!(report.records(FeedKind::Osv), 4);
    let statements: usize = advisories(&path).iter().map(Vec::len).sum();
    assert_eq!(report.statements(), statements as u64);
    assert_eq!(
        report.left_out(),
        report.files[0].left_out.values().sum::<u64>()
    );
    assert_eq!(report.files[0].left_out["SUSE:OpenStack Cloud 8"], 1);
}

/// The statements of each advisory of a file.
fn advisories(path: &Path) -> Vec<Vec<crate::advisory::Affected>> {
    struct All(Vec<Vec<crate::advisory::Affected>>);
    impl FeedSink for All {
        fn cve(&mut self, _record: CveRecord) -> Result<(), SinkError> {
            Ok(())
        }

        fn advisory(&mut self, advisory: Advisory) -> Result<(), SinkError> {
            self.0.push(advisory.affected);
            Ok(())
        }
    }
    let mut all = All(Vec::new());
    read_path(path, &mut all).unwrap();
    all.0
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
fn knows_an_empty_page_for_a_page() {
    let page = br#"{"resultsPerPage":0,"startIndex":0,"totalResults":0,"format":"NVD_CVE","version":"2.0","timestamp":"2023-11-10T07:37:10.823","vulnerabilities":[]}"#;
    let report = stream(page).0.unwrap();
    assert_eq!((report.kind, report.records), (FeedKind::Nvd, 0));
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
    assert!(
        matches!(error, FeedError::Damaged { records: 1, .. }),
        "{error}"
    );
    assert_eq!(taken.cves.len(), 1);
}

#[test]
fn a_packed_file_that_was_cut_is_damaged() {
    let whole = std::fs::read(data("nvdcve-2.0-2002.json.gz")).unwrap();
    let (report, _) = stream(&whole[..whole.len() / 2]);
    assert!(
        matches!(report, Err(FeedError::Damaged { .. })),
        "{report:?}"
    );
    let (report, _) = stream(&whole[..1]);
    assert!(
        matches!(report, Err(FeedError::NotAFeed { .. })),
        "{report:?}"
    );
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
    let mut taken = Taken {
        is_full: true,
        ..Taken::default()
    };
    let error = read_path(&data("nvd-page.json"), &mut taken).unwrap_err();
    assert!(matches!(error, FeedError::Sink { .. }));
    assert!(error.to_string().contains("the disk is full"), "{error}");
}

#[test]
fn walks_folders_in_order_and_passes_over_what_is_no_feed() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        File::create(path)
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
    };
    put("b/2.jsonl", "{\"cve\":{\"id\":\"CVE-2024-0002\"}}");
    put("a.jsonl", "{\"cve\":{\"id\":\"CVE-2024-0001\"}}");
    put(
        "b/1.json",
        "{\"vulnerabilities\":[{\"cve\":{\"id\":\"CVE-2024-0003\"}},",
    );
    put("README.md", "# Text");
    put("other.json", "{\"products\":[]}");
    let mut taken = Taken::default();
    let report = read_path(folder.path(), &mut taken).unwrap();
    let ids: Vec<u32> = taken.cves.iter().map(|cve| cve.id.number()).collect();
    assert_eq!(ids, [1, 3, 2]);
    assert_eq!(report.files.len(), 5);
    assert_eq!(report.records(FeedKind::Nvd), 3);
    assert_eq!(report.skipped(), 0, "what is no feed has no bad records");
    let damaged: Vec<_> = report
        .files
        .iter()
        .filter(|file| file.damage.is_some())
        .collect();
    assert!(damaged[0].path.ends_with("b/1.json"), "{damaged:?}");
}

#[cfg(unix)]
#[test]
fn a_folder_that_is_linked_into_itself_is_walked_once() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("a.jsonl"),
        "{\"cve\":{\"id\":\"CVE-2024-0001\"}}",
    )
    .unwrap();
    std::os::unix::fs::symlink(folder.path(), folder.path().join("again")).unwrap();
    let report = read_path(folder.path(), &mut Taken::default()).unwrap();
    assert_eq!(report.files.len(), 1);
}

#[cfg(unix)]
#[test]
fn what_cannot_be_opened_in_a_folder_is_noted_and_does_not_end_the_walk() {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/nowhere", folder.path().join("a")).unwrap();
    std::fs::write(
        folder.path().join("b.jsonl"),
        "{\"cve\":{\"id\":\"CVE-2024-0001\"}}",
    )
    .unwrap();
    let report = read_path(folder.path(), &mut Taken::default()).unwrap();
    assert!(report.files[0].damage.is_some(), "{report:?}");
    assert_eq!(report.records(FeedKind::Nvd), 1);
}

#[test]
fn reads_feeds_that_begin_with_a_byte_order_mark() {
    for (text, kind) in [
        ("{\"cve\":{\"id\":\"CVE-2024-0001\"}}", FeedKind::Nvd),
        ("cve,epss,percentile\nCVE-2024-0001,0.1,0.2", FeedKind::Epss),
        (
            "cveID,vulnerabilityName,dateAdded,dueDate,requiredAction\nCVE-2024-0001,x,2024-01-01,,y",
            FeedKind::Kev,
        ),
    ] {
        let report = stream(format!("\u{feff}{text}").as_bytes()).0.unwrap();
        assert_eq!((report.kind, report.records), (kind, 1), "{text}");
    }
}

#[test]
fn reads_a_page_of_one_line_whatever_its_first_member_is() {
    let page = br#"{"timestamp":"x","vulnerabilities":[{"cve":{"id":"CVE-2024-0001"}},{"cve":{"id":"CVE-2024-0002"}}]}"#;
    assert_eq!(stream(page).0.unwrap().records, 2);
}
