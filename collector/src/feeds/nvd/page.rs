//! One answer of the API, or one feed file, which are written alike: a head, and a list of records.

use std::fmt;
use std::io::Read;

use enrichment::feeds::Problem;
use serde::Deserialize as _;
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;
use time::OffsetDateTime;
use time::PrimitiveDateTime;
use time::format_description::well_known::Iso8601;

use super::record::Record;

/// Bad records that are named; more are only counted.
const PROBLEMS_MAX: usize = 20;

/// What stands before the records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    /// How many records match the question, on all pages.
    pub(super) total: u64,
    /// Number of the first record on this page.
    pub(super) start: u64,
    /// The server's time.
    pub(super) at: Option<OffsetDateTime>,
    /// Records on this page, good and bad.
    pub(super) listed: u64,
    /// Bad ones, which were passed over.
    pub(super) skipped: u64,
    /// The first bad ones.
    pub(super) problems: Vec<Problem>,
}

/// Reads an answer to its end, and gives its records away one by one.
///
/// # Errors
///
/// Why it is none, or where it ends early, for people. A bad record is no reason.
pub(super) fn read(
    answer: impl Read,
    each: &mut dyn FnMut(Record) -> std::io::Result<()>,
) -> Result<Head, String> {
    let mut head = Head::default();
    let mut json = serde_json::Deserializer::from_reader(answer);
    let page = Page { head: &mut head, each };
    page.deserialize(&mut json)
        // Nothing may follow: an answer with something behind it was put together by somebody else.
        .and_then(|()| json.end())
        .map_err(|error| error.to_string())?;
    Ok(head)
}

/// The same for an answer that is whole in memory.
///
/// # Errors
///
/// As [`read`].
pub(super) fn parse(answer: &[u8]) -> Result<(Head, Vec<Record>), String> {
    let mut records = Vec::new();
    let head = read(answer, &mut |record| {
        records.push(record);
        Ok(())
    })?;
    Ok((head, records))
}

struct Page<'a> {
    head: &'a mut Head,
    each: &'a mut dyn FnMut(Record) -> std::io::Result<()>,
}

impl<'de> DeserializeSeed<'de> for Page<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Page<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an answer of NVD's API 2.0")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut is_cve = false;
        let mut has_list = false;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "totalResults" => self.head.total = map.next_value()?,
                "startIndex" => self.head.start = map.next_value()?,
                "timestamp" => self.head.at = instant(&map.next_value::<String>()?),
                // Whatever their order, which JSON's members do not have.
                "format" => is_cve = map.next_value::<String>()? == "NVD_CVE",
                "vulnerabilities" => {
                    has_list = true;
                    map.next_value_seed(Records { head: &mut *self.head, each: &mut *self.each })?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if is_cve && has_list {
            Ok(())
        } else {
            Err(A::Error::custom("it is no list of NVD's CVE records"))
        }
    }
}

struct Records<'a> {
    head: &'a mut Head,
    each: &'a mut dyn FnMut(Record) -> std::io::Result<()>,
}

impl<'de> DeserializeSeed<'de> for Records<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Records<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        // As text, so that the mirror keeps NVD's own words, fields that nobody here knows
        // included.
        while let Some(raw) = list.next_element_seed(Raw)? {
            self.head.listed += 1;
            match Record::parse(raw.get()) {
                Ok(record) => (self.each)(record).map_err(A::Error::custom)?,
                // Passed over alone. It is JSON and no record; JSON that is broken has ended the
                // reading before.
                Err(reason) => self.head.skip(reason),
            }
        }
        Ok(())
    }
}

struct Raw;

impl<'de> DeserializeSeed<'de> for Raw {
    type Value = Box<RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        Box::<RawValue>::deserialize(deserializer)
    }
}

impl Head {
    /// Says which records of a source were passed over, the first ones.
    pub(super) fn warn(&self, source: &str) {
        for problem in &self.problems {
            tracing::warn!(
                source,
                record = problem.record,
                reason = problem.reason,
                "passing over a bad record"
            );
        }
    }

    fn skip(&mut self, reason: String) {
        self.skipped += 1;
        if self.problems.len() < PROBLEMS_MAX {
            self.problems
                .push(Problem { record: format!("record {}", self.start + self.listed), reason });
        }
    }
}

/// NVD's instants have no zone and mean UTC.
pub(super) fn instant(text: &str) -> Option<OffsetDateTime> {
    if let Ok(at) = OffsetDateTime::parse(text, &Iso8601::DEFAULT) {
        return Some(at.to_offset(time::UtcOffset::UTC));
    }
    let at = PrimitiveDateTime::parse(text, &Iso8601::DEFAULT).ok()?;
    Some(at.assume_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &[u8] = include_bytes!("../../../tests/data/nvd/increase/6-3.json");

    #[test]
    fn reads_a_real_page() {
        let (head, records) = parse(PAGE).unwrap();
        assert_eq!((head.start, head.total, head.listed, head.skipped), (6, 8, 2, 0));
        assert_eq!(head.at, Some(time::macros::datetime!(2023-11-10 07:39:23.140 UTC)));
        assert_eq!(records[0].id.to_string(), "CVE-2023-47246");
        assert!(records[0].line.starts_with('{') && !records[0].line.contains('\n'));
    }

    #[test]
    fn an_answer_that_is_cut_anywhere_is_no_answer() {
        for cut in (1..PAGE.trim_ascii_end().len()).step_by(7) {
            assert!(parse(&PAGE[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn a_bad_record_is_counted_and_the_others_are_read() {
        let page = "{\"totalResults\":3,\"format\":\"NVD_CVE\",\"vulnerabilities\":[
            {\"cve\":{\"id\":\"CVE-2024-0001\"}}, {\"cve\":{\"id\":7}}, {\"cve\":{\"id\":\"CVE-2024-0002\"}}]}";
        let (head, records) = parse(page.as_bytes()).unwrap();
        assert_eq!((head.listed, head.skipped, records.len()), (3, 1, 2));
        assert_eq!(head.problems[0].record, "record 2");
    }

    #[test]
    fn other_json_and_a_page_of_a_captive_portal_are_refused() {
        for other in [
            "<html>please sign in</html>",
            "{}",
            "[]",
            "{\"format\":\"NVD_CPE\",\"vulnerabilities\":[]}",
            "{\"format\":\"NVD_CVE\"}",
            "{\"format\":\"NVD_CVE\",\"vulnerabilities\":[]} and more",
        ] {
            assert!(parse(other.as_bytes()).is_err(), "{other}");
        }
    }

    #[test]
    fn instants_are_utc_unless_they_say_otherwise() {
        let at = time::macros::datetime!(2023-11-10 08:41:24.983 UTC);
        assert_eq!(instant("2023-11-10T08:41:24.983"), Some(at));
        assert_eq!(instant("2023-11-10T03:41:24.983-05:00"), Some(at));
        assert_eq!(instant("yesterday"), None);
    }

    #[test]
    fn a_record_that_is_too_long_is_counted_and_shown_and_the_others_are_read() {
        let filling = "x".repeat(enrichment::feeds::RECORD_BYTES_MAX);
        let page = format!(
            "{{\"format\":\"NVD_CVE\",\"vulnerabilities\":[\
             {{\"cve\":{{\"id\":\"CVE-2024-0001\",\"x\":\"{filling}\"}}}},\
             {{\"cve\":{{\"id\":\"CVE-2024-0002\"}}}}]}}"
        );
        let (head, records) = parse(page.as_bytes()).unwrap();
        assert_eq!((head.listed, head.skipped), (2, 1));
        assert!(head.problems[0].reason.contains("CVE-2024-0001"));
        let left: Vec<_> = records.iter().map(|record| record.id.to_string()).collect();
        assert_eq!(left, ["CVE-2024-0002"]);
    }

    #[test]
    fn all_bad_records_are_counted_and_the_first_twenty_named_by_their_place() {
        let bad = ["{}"; PROBLEMS_MAX + 5].join(",");
        // Behind the page before, which had a hundred.
        let page =
            format!("{{\"startIndex\":100,\"format\":\"NVD_CVE\",\"vulnerabilities\":[{bad}]}}");
        let (head, records) = parse(page.as_bytes()).unwrap();
        assert_eq!((head.skipped, records.len()), (25, 0));
        assert_eq!(head.problems.len(), PROBLEMS_MAX);
        assert_eq!(head.problems[0].record, "record 101");
        assert_eq!(head.problems[PROBLEMS_MAX - 1].record, "record 120");
    }

    #[test]
    fn what_cannot_be_kept_ends_the_reading_with_its_reason() {
        let mut full = |_: Record| Err(std::io::Error::from(std::io::ErrorKind::StorageFull));
        let error = read(PAGE, &mut full).unwrap_err();
        assert!(error.contains("no storage space"), "{error}");
    }

    #[test]
    fn numbers_that_are_none_are_refused_by_where_they_stand() {
        for (name, value) in [
            ("totalResults", "-1"),
            ("totalResults", "\"all\""),
            ("startIndex", "1.5"),
            ("format", "7"),
            ("vulnerabilities", "{}"),
            ("vulnerabilities", "null"),
        ] {
            let page = format!("{{\"{name}\":{value}}}");
            let error = parse(page.as_bytes()).unwrap_err();
            assert!(error.contains("line 1 column"), "{name}: {error}");
        }
    }
}
