//! Whole files: real cuts of every feed, folders of them, and damaged ones.

mod damage;
mod folders;
mod one_place;
mod rows;

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
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/feeds").join(name)
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
        [&decision.exploitation, &decision.automatable, &decision.technical_impact],
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
        assert_eq!((file.kind, file.records, file.skipped), (kind, records, skipped), "{name}");
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
fn counts_what_advisories_say_and_what_is_left_out() {
    let path = data("../advisories").join("suse-osv.jsonl");
    let report = read_path(&path, &mut Taken::default()).unwrap();
    assert_eq!(report.records(FeedKind::Osv), 4);
    let statements: usize = advisories(&path).iter().map(Vec::len).sum();
    assert_eq!(report.statements(), statements as u64);
    assert_eq!(report.left_out(), report.files[0].left_out.values().sum::<u64>());
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
fn knows_an_empty_page_for_a_page() {
    let page = br#"{"resultsPerPage":0,"startIndex":0,"totalResults":0,"format":"NVD_CVE","version":"2.0","timestamp":"2023-11-10T07:37:10.823","vulnerabilities":[]}"#;
    let report = stream(page).0.unwrap();
    assert_eq!((report.kind, report.records), (FeedKind::Nvd, 0));
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
