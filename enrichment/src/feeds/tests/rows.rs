//! Tables with rows that are wrong, and what the report and the errors of a file say.

use super::*;

const KEV: &str =
    "cveID,vulnerabilityName,dateAdded,dueDate,requiredAction,knownRansomwareCampaignUse";

/// The numbers of the CVEs of a catalogue as a table, and its report.
fn catalogue(rows: &[&str]) -> (FileReport, Vec<u32>) {
    let (report, taken) = stream([&[KEV], rows].concat().join("\n").as_bytes());
    let numbers = taken.kevs.iter().map(|entry| entry.cve.number()).collect();
    (report.unwrap(), numbers)
}

fn row(number: u32) -> String {
    format!("CVE-2024-{number:04},a name,2024-01-01,2024-02-01,update,Unknown")
}

#[test]
fn a_bad_row_of_the_catalogue_is_skipped_under_its_place_and_the_others_stay() {
    let (first, last) = (row(1), row(3));
    for (bad, reason) in [
        ("CVE-2024-0002", "1 fields are too few"),
        ("CVE-2024-0002,a,2024-01-01,2024-02-01", "4 fields are too few"),
        ("CVE-24-2,a,2024-01-01,2024-02-01,b,Known", "is no CVE id"),
        (",a,2024-01-01,2024-02-01,b,Known", "is no CVE id"),
        ("CVE-2024-0002,a,,2024-02-01,b,Known", "\"\" is no date"),
        ("CVE-2024-0002,a,2024-13-01,2024-02-01,b,Known", "\"2024-13-01\" is no date"),
        ("CVE-2024-0002,a,2024-01-01,soon,b,Known", "\"soon\" is no date"),
        ("CVE-2024-0002,a,01/02/2024,2024-02-01,b,Known", "\"01/02/2024\" is no date"),
    ] {
        let (report, numbers) = catalogue(&[&first, bad, &last]);
        assert_eq!(numbers, [1, 3], "{bad}");
        assert_eq!((report.records, report.skipped), (2, 1), "{bad}");
        assert_eq!(report.problems[0].record, "record 2");
        assert!(report.problems[0].reason.contains(reason), "{:?}", report.problems);
    }
}

#[test]
fn what_a_row_of_the_catalogue_has_besides_does_not_count() {
    let (report, numbers) = catalogue(&[
        "CVE-2024-0001,\"a, \"\"b\"\"\nc\",2024-01-01 00:00:00,,\"\",KNOWN,more,and,more",
    ]);
    assert_eq!((report.skipped, numbers), (0, vec![1]));
    let (_, taken) = stream(format!("{KEV}\n{}", row(7).replace("Unknown", "known")).as_bytes());
    assert!(taken.kevs[0].ransomware);
}

#[test]
fn a_quote_that_is_never_closed_costs_what_stands_behind_it_and_is_counted() {
    let (first, last) = (row(1), row(3));
    let (report, numbers) =
        catalogue(&[&first, "CVE-2024-0002,\"a name,2024-01-01,,update,Known", &last]);
    assert_eq!((report.skipped, numbers), (1, vec![1]));
    // However much that is: it is read to its end and not kept.
    let many = vec![last.as_str(); 5_000];
    let rows = [&[first.as_str(), "CVE-2024-0002,\"a"], many.as_slice()].concat();
    let (report, numbers) = catalogue(&rows);
    assert_eq!(numbers, [1]);
    assert_eq!(report.problems[0].reason, "it has more than 65536 bytes");
}

#[test]
fn a_bad_score_is_skipped_and_the_others_stay() {
    for bad in [
        "CVE-2024-0002",
        "CVE-2024-0002,0.5",
        "CVE-2024-0002,1.0001,0.5",
        "CVE-2024-0002,-0.1,0.5",
        "CVE-2024-0002,inf,0.5",
        "CVE-2024-0002,0.5,NaN",
        "CVE-2024-0002,half,0.5",
        "CVE-2024-2,0.5,0.5",
    ] {
        let table = format!("cve,epss,percentile\nCVE-2024-0001,0,1\n{bad}\nCVE-2024-0003,1,0\n");
        let (report, taken) = stream(table.as_bytes());
        let report = report.unwrap();
        assert_eq!((report.records, report.skipped), (2, 1), "{bad}");
        // The line of columns is a row of the file too.
        assert_eq!(report.problems[0].record, "record 3", "{bad}");
        let numbers: Vec<u32> = taken.scores.iter().map(|entry| entry.cve.number()).collect();
        assert_eq!(numbers, [1, 3]);
    }
}

#[test]
fn a_table_without_the_columns_that_count_is_damaged_and_says_which_is_missing() {
    for column in ["vulnerabilityName", "dateAdded", "dueDate", "requiredAction"] {
        let table = format!("{}\n{}", KEV.replace(column, "other"), row(1));
        let said = match stream(table.as_bytes()).0 {
            Err(FeedError::Damaged { reason, .. }) => reason,
            // Without the columns that tell it, it is no table of the catalogue at all.
            Err(FeedError::NotAFeed { .. }) => format!("there is no column {column}"),
            other => panic!("{column}: {other:?}"),
        };
        assert_eq!(said, format!("there is no column {column}"));
    }
}

#[test]
fn a_record_that_is_too_long_is_named_by_its_own_place() {
    let long =
        format!(r#"{{"cve":{{"id":"CVE-2024-0002","x":"{}"}}}}"#, "x".repeat(RECORD_BYTES_MAX));
    let short = |number: u32| format!(r#"{{"cve":{{"id":"CVE-2024-{number:04}"}}}}"#);
    let lines = [short(1), long.clone(), short(3), "{".to_owned()].join("\n");
    let list = [short(1), long, short(3), r#"{"cve":7}"#.to_owned()].join(",");
    let page = format!(r#"{{"format":"NVD_CVE","vulnerabilities":[{list}]}}"#);
    for text in [lines, page] {
        let report = stream(text.as_bytes()).0.unwrap();
        let places: Vec<&str> =
            report.problems.iter().map(|problem| problem.record.as_str()).collect();
        assert_eq!(places, ["record 2", "record 4"]);
    }
}

#[test]
fn a_record_may_be_as_long_as_it_may_and_not_a_byte_longer() {
    let of_bytes = |bytes: usize| {
        let frame = r#"{"cve":{"id":"CVE-2024-0001","x":""}}"#.len();
        format!(r#"{{"cve":{{"id":"CVE-2024-0001","x":"{}"}}}}"#, "x".repeat(bytes - frame))
    };
    let next = r#"{"cve":{"id":"CVE-2024-0002"}}"#;
    for (bytes, records) in [(RECORD_BYTES_MAX, 2), (RECORD_BYTES_MAX + 1, 1)] {
        let report = stream(format!("{}\n{next}\n", of_bytes(bytes)).as_bytes()).0.unwrap();
        assert_eq!(report.records, records, "{bytes} bytes on a line");
        let page =
            format!(r#"{{"format":"NVD_CVE","vulnerabilities":[{},{next}]}}"#, of_bytes(bytes));
        let report = stream(page.as_bytes()).0.unwrap();
        assert_eq!(report.records, records, "{bytes} bytes in a page");
    }
}

#[test]
fn a_table_of_updates_that_was_cut_says_nothing_at_all() {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    struct None;
    impl FeedSink for None {
        fn cve(&mut self, _: CveRecord) -> Result<(), SinkError> {
            Err("it holds no records of CVEs".into())
        }

        fn advisory(&mut self, advisory: Advisory) -> Result<(), SinkError> {
            Err(format!("half a table says {}", advisory.id).into())
        }
    }
    let table = std::fs::read(data("../advisories/msrc-updates.csv")).unwrap();
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(&table).unwrap();
    let packed = packed.finish().unwrap();
    let cut = &packed[..packed.len() - 12];
    let error = read_stream(Path::new("updates.gz"), &mut Cursor::new(cut), &mut None).unwrap_err();
    assert!(matches!(error, FeedError::Damaged { records: 0, .. }), "{error}");
    let whole = read_stream(Path::new("updates.gz"), &mut Cursor::new(&packed), &mut None);
    assert!(matches!(whole, Err(FeedError::Sink { .. })), "{whole:?}");
}

#[test]
fn errors_say_which_file_and_what_to_do() {
    let refused = |text: &str| stream(text.as_bytes()).0.unwrap_err().to_string();
    assert_eq!(
        refused("words"),
        "page is no feed: expected NVD 2.0 JSON, CVE 5 JSON, KEV JSON or CSV, EPSS CSV, OSV JSON, \
         Red Hat's CSAF VEX, Ubuntu's tracker, Alpine's secdb or Microsoft's updates, plain, compressed or in an archive"
    );
    let said = refused(r#"{"format":"NVD_CVE","vulnerabilities":[{"cve":{"id":"CVE-2024-0001"}},"#);
    assert!(said.starts_with("page is damaged after 1 records: "), "{said}");
    assert!(said.ends_with("; fetch it again"), "{said}");
    let said = read_path(Path::new("/nowhere/feed"), &mut Taken::default()).unwrap_err();
    assert!(said.to_string().starts_with("cannot open /nowhere/feed: "), "{said}");
    let mut full = Taken { is_full: true, ..Taken::default() };
    let text = r#"{"cve":{"id":"CVE-2024-0001"}}"#;
    let error = read_stream(Path::new("page"), &mut Cursor::new(text), &mut full).unwrap_err();
    assert_eq!(error.to_string(), "page cannot be taken in: the disk is full");
}

#[test]
fn what_an_archive_came_to_is_the_sum_of_its_files_and_names_them() {
    let member = |name: &str, kind, records, problems: usize| {
        let mut report = FileReport::new(Path::new(name));
        (report.kind, report.records) = (kind, records);
        for number in 0..problems {
            report.skip(format!("record {number}"), "a reason".to_owned());
        }
        report
    };
    let mut archive = FileReport::new(Path::new("all.zip"));
    archive.take_in(member("README", FeedKind::Unknown, 0, 3));
    archive.take_in(member("a.json", FeedKind::Osv, 2, 15));
    archive.take_in(member("b.json", FeedKind::Osv, 3, 30));
    let mut half = member("c.json", FeedKind::Nvd, 1, 0);
    half.damage = Some("it was cut".to_owned());
    half.newest = Some(crate::cve::Timestamp(7));
    archive.take_in(half);
    assert_eq!((archive.kind, archive.records, archive.skipped), (FeedKind::Osv, 6, 46));
    assert_eq!(archive.problems.len(), 20, "the first ones have names, all are counted");
    assert_eq!(archive.problems[0].record, "a.json: record 0");
    assert_eq!(archive.problems[19].record, "b.json: record 4");
    assert_eq!(archive.newest, Some(crate::cve::Timestamp(7)));
    assert_eq!(archive.damage, None, "one damaged file says nothing of the next");
}
