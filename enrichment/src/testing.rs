//! What tests of several modules need: records and indexes made of a few words.

use std::io::Cursor;
use std::path::Path;

use crate::cve::{CveRecord, Timestamp};
use crate::feeds::{self, FeedSink, SinkError};
use crate::index::{Builder, Index};

/// A record of NVD with the configurations that the JSON says.
pub(crate) fn record(id: &str, modified: i64, configurations: &str) -> CveRecord {
    let line = format!(
        r#"{{"cve":{{"id":"{id}","vulnStatus":"Analyzed","lastModified":"{}","configurations":{configurations}}}}}"#,
        Timestamp(modified).to_string().trim_end_matches('Z'),
    );
    let mut records = Records::default();
    let report = feeds::read_stream(Path::new("record"), &mut Cursor::new(line), &mut records);
    assert!(report.is_ok(), "{report:?}");
    records.0.remove(0)
}

/// Configurations of one node with these vulnerable CPEs, each with its bounds as JSON members.
pub(crate) fn any_of(matches: &[(&str, &str)]) -> String {
    format!(r#"[{{"nodes":[{}]}}]"#, node(true, matches))
}

/// Configurations of a vulnerable node and a node that has to hold too.
pub(crate) fn on(matches: &[(&str, &str)], partners: &[&str]) -> String {
    let partners: Vec<_> = partners.iter().map(|partner| (*partner, "")).collect();
    format!(
        r#"[{{"operator":"AND","nodes":[{},{}]}}]"#,
        node(true, matches),
        node(false, &partners)
    )
}

fn node(vulnerable: bool, matches: &[(&str, &str)]) -> String {
    let matches: Vec<String> = matches
        .iter()
        .map(|(cpe, bounds)| {
            let cpe = cpe.replace('\\', "\\\\");
            let bounds = if bounds.is_empty() { String::new() } else { format!(",{bounds}") };
            format!(r#"{{"vulnerable":{vulnerable},"criteria":"{cpe}"{bounds}}}"#)
        })
        .collect();
    format!(r#"{{"operator":"OR","cpeMatch":[{}]}}"#, matches.join(","))
}

/// An application's CPE: `vendor:product:version`, `vendor:product:version:update` and so on,
/// filled up with `*`.
pub(crate) fn app(name: &str) -> String {
    name_of("a", name)
}

/// The same for an operating system.
pub(crate) fn system(name: &str) -> String {
    name_of("o", name)
}

/// The same for any part.
pub(crate) fn name_of(part: &str, name: &str) -> String {
    let given = name.replace("\\:", "").matches(':').count() + 1;
    format!("cpe:2.3:{part}:{name}{}", ":*".repeat(10 - given))
}

/// An index of these records.
pub(crate) fn index_of(records: &[CveRecord]) -> Index {
    let mut builder = Builder::new();
    for record in records {
        builder.add(record).unwrap();
    }
    Index::from_bytes(builder.into_bytes().unwrap()).unwrap()
}

/// Takes CVE records as they come.
#[derive(Default)]
pub(crate) struct Records(pub(crate) Vec<CveRecord>);

impl FeedSink for Records {
    fn cve(&mut self, record: CveRecord) -> Result<(), SinkError> {
        self.0.push(record);
        Ok(())
    }
}
