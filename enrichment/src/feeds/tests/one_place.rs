//! Real records of every format, damaged in one place: the record is skipped and counted or read for what it
//! still says, and its neighbours are as if nothing had been.

use serde_json::{Value, json};

use super::*;

/// Two records that are right; whatever is tried stands between them.
const FIRST: &str = r#"{"cve":{"id":"CVE-2024-0001"}}"#;
const LAST: &str = r#"{"cve":{"id":"CVE-2024-0002"}}"#;
/// Entries of a list that are tried; the others have the same members.
const ENTRIES_MAX: usize = 2;

/// Everything that came, as text, in its order.
#[derive(Default)]
struct All(Vec<String>);

impl FeedSink for All {
    fn cve(&mut self, record: CveRecord) -> Result<(), SinkError> {
        self.0.push(format!("{record:?}"));
        Ok(())
    }

    fn advisory(&mut self, advisory: Advisory) -> Result<(), SinkError> {
        self.0.push(format!("{advisory:?}"));
        Ok(())
    }

    fn kev(&mut self, entry: KevEntry) -> Result<(), SinkError> {
        self.0.push(format!("{entry:?}"));
        Ok(())
    }
}

/// A record of each format, each on a line.
fn real() -> Vec<(&'static str, Vec<u8>)> {
    let text = |name: &str| std::fs::read_to_string(data("..").join(name)).unwrap();
    let mut records = Vec::new();
    for name in [
        "feeds/overrides.jsonl",
        "feeds/cve-program.jsonl",
        "advisories/vulnrichment.jsonl",
        "advisories/debian-osv.jsonl",
        "advisories/alpine-osv.jsonl",
        "advisories/redhat-osv.jsonl",
        "advisories/suse-osv.jsonl",
        "advisories/rocky-osv.jsonl",
        "advisories/go-osv.jsonl",
        "advisories/ubuntu-tracker.jsonl",
    ] {
        let lines = text(name);
        // The first two: what follows has the same shape. One of Ubuntu's has no CVE's id yet.
        let right = lines.lines().filter(|line| !line.contains("CVE-2006-NNN0"));
        records.extend(right.take(2).map(|line| (name, line.as_bytes().to_vec())));
    }
    for (name, list) in
        [("feeds/nvd-page.json", "vulnerabilities"), ("feeds/kev.json", "vulnerabilities")]
    {
        let page: Value = serde_json::from_str(&text(name)).unwrap();
        records.push((name, page[list][0].to_string().into_bytes()));
    }
    records
}

/// Reads a record between the two that are right, of which nothing may be lost.
fn read_between(name: &str, record: &[u8]) -> (FileReport, usize) {
    let lines = [FIRST.as_bytes(), record, LAST.as_bytes()].join(&b'\n');
    let mut all = All::default();
    let report = read_stream(Path::new(name), &mut Cursor::new(lines), &mut all).unwrap();
    let first = all.0.first().unwrap();
    assert!(first.contains("year: 2024, number: 1 "), "{name}: {first}");
    let last = all.0.last().unwrap();
    assert!(last.contains("year: 2024, number: 2 "), "{name}: {last}");
    (report, all.0.len() - 2)
}

/// The places of a document, as JSON pointers.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Array(entries) => {
            for (number, entry) in entries.iter().enumerate().take(ENTRIES_MAX) {
                places(entry, &format!("{at}/{number}"), found);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                places(member, &format!("{at}/{name}"), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn a_real_record_between_others_is_read() {
    for (name, record) in real() {
        let (report, found) = read_between(name, &record);
        assert_eq!((report.skipped, report.damage), (0, None), "{name}");
        assert!(found > 0 || report.not_used == 1, "{name}");
    }
}

#[test]
fn a_member_of_another_type_costs_its_record_at_most_and_is_counted() {
    let others = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1e300),
        json!("\u{0}\u{202e}"),
        json!([]),
        json!({}),
    ];
    let mut refused = 0;
    for (name, record) in real() {
        let whole: Value = serde_json::from_slice(&record).unwrap();
        let mut all = Vec::new();
        places(&whole, "", &mut all);
        for (place, other) in
            all.iter().flat_map(|place| others.iter().map(move |other| (place, other)))
        {
            let mut damaged = whole.clone();
            *damaged.pointer_mut(place).unwrap() = other.clone();
            let (report, found) = read_between(name, damaged.to_string().as_bytes());
            assert_eq!(report.damage, None, "{name} {place} {other}");
            // Nothing goes without a trace: it is read, known and not used, or skipped with a reason.
            let is_counted = found > 0 || report.not_used + report.skipped > 0;
            assert!(is_counted, "{name}: {place} is {other}, and nobody hears of it");
            assert_eq!(report.problems.len() as u64, report.skipped, "{name} {place} {other}");
            for problem in &report.problems {
                assert!(!problem.record.is_empty() && !problem.reason.is_empty());
                let length = problem.record.len() + problem.reason.len();
                assert!(length < 1_000, "{name} {place}: {problem:?}");
            }
            refused += report.skipped;
        }
    }
    assert!(refused > 500, "only {refused}");
}

#[test]
fn a_member_that_is_missing_costs_its_record_at_most_and_is_counted() {
    for (name, record) in real() {
        let whole: Value = serde_json::from_slice(&record).unwrap();
        let mut all = Vec::new();
        places(&whole, "", &mut all);
        for place in &all {
            let Some((parent, member)) = place.rsplit_once('/') else {
                continue;
            };
            let mut damaged = whole.clone();
            let member = member.replace("~1", "/").replace("~0", "~");
            match damaged.pointer_mut(parent).unwrap() {
                Value::Object(members) => drop(members.remove(&member)),
                Value::Array(entries) => drop(entries.remove(member.parse().unwrap())),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                    panic!("{parent} has no members")
                }
            }
            let (report, found) = read_between(name, damaged.to_string().as_bytes());
            let is_counted = found > 0 || report.not_used + report.skipped > 0;
            assert!(is_counted && report.damage.is_none(), "{name} without {place}");
        }
    }
}

#[test]
fn a_line_that_was_cut_anywhere_is_skipped_under_its_place() {
    for (name, record) in real() {
        let step = record.len() / 40 + 1;
        for end in (1..record.len()).step_by(step) {
            let (report, found) = read_between(name, &record[..end]);
            assert_eq!((report.skipped, found), (1, 0), "{name} cut at {end}");
            assert_eq!(report.problems[0].record, "record 2", "{name} cut at {end}");
        }
    }
}

#[test]
fn bytes_that_are_no_text_and_brackets_that_do_not_fit_stay_in_their_line() {
    for (name, record) in real() {
        let step = record.len() / 25 + 1;
        for (at, byte) in (0..record.len())
            .step_by(step)
            .zip([0xff, 0x00, b'{', b']', b'"', b'\\'].iter().cycle())
        {
            let mut damaged = record.clone();
            damaged[at] = *byte;
            let (report, found) = read_between(name, &damaged);
            assert_eq!(report.damage, None, "{name}: {byte} at {at}");
            let is_counted = found > 0 || report.not_used + report.skipped > 0;
            assert!(is_counted, "{name}: {byte} at {at}");
        }
    }
}

#[test]
fn a_record_that_nests_too_deep_is_skipped_unless_nobody_asks_for_the_depth() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    for (record, expected) in [
        (format!(r#"{{"cve":{{"id":"CVE-2024-0003","x":{deep}}}}}"#), (0, 1)),
        (format!(r#"{{"cve":{{"id":"CVE-2024-0003","configurations":{deep}}}}}"#), (1, 0)),
        (
            format!(r#"{{"id":"DSA-1-1","modified":"2024-01-01T00:00:00Z","affected":{deep}}}"#),
            (1, 0),
        ),
        (deep, (1, 0)),
    ] {
        let (report, found) = read_between("deep", record.as_bytes());
        assert_eq!((report.skipped, found), expected, "{}", &record[..60]);
    }
}
