//! A slice of distributions' advisories, as OSV records with just what is used.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Result;
use enrichment::advisory::{Advisory, Affected, End, Place, Span, Verdict};
use enrichment::cve::{CveId, CveRecord};
use enrichment::feeds::{self, FeedSink, SinkError};
use serde_json::{Value, json};

/// Releases that machines of today run: `ID`, release, and the ecosystem's name.
const RELEASES: [(&str, &str, &str); 9] = [
    ("alpine", "3.20", "Alpine:v3.20"),
    ("alpine", "3.21", "Alpine:v3.21"),
    ("debian", "12", "Debian:12"),
    ("debian", "13", "Debian:13"),
    ("rhel", "9", "Red Hat:enterprise_linux:9::baseos"),
    ("rocky", "9", "Rocky Linux:9"),
    ("ubuntu", "22.04", "Ubuntu:22.04:LTS"),
    ("ubuntu", "24.04", "Ubuntu:24.04:LTS"),
    ("ubuntu", "20.04", "Ubuntu:20.04:LTS"),
];

/// What Ubuntu's tracker says has no instant of its own; this is the tracker's.
const TRACKER_AS_OF: &str = "2024-08-09T00:00:00Z";

/// CVEs from this year on; what was repaired before is repaired on these releases.
const SINCE: u16 = 2022;

/// Keeps the newest of each advisory that says something of the releases above.
#[derive(Default)]
pub(crate) struct Advisories(BTreeMap<(String, String), Advisory>);

impl FeedSink for Advisories {
    fn cve(&mut self, _: CveRecord) -> Result<(), SinkError> {
        Ok(())
    }

    fn advisory(&mut self, mut advisory: Advisory) -> Result<(), SinkError> {
        advisory.affected.retain(is_wanted);
        let is_recent = advisory.cves.iter().any(|cve| cve.year() >= SINCE);
        if advisory.is_withdrawn || advisory.affected.is_empty() || !is_recent {
            return Ok(());
        }
        let key = (advisory.publisher.as_str().to_owned(), advisory.id.clone());
        let is_newest = self.0.get(&key).is_none_or(|other| other.modified <= advisory.modified);
        if is_newest {
            self.0.insert(key, advisory);
        }
        Ok(())
    }
}

/// An OSV record has words for what is vulnerable and what repairs it, and for nothing else.
fn is_wanted(affected: &Affected) -> bool {
    affected.verdict == Verdict::Affected
        && !affected.spans.is_empty()
        && ecosystem(affected).is_some()
}

fn ecosystem(affected: &Affected) -> Option<&'static str> {
    let Place::Distribution { id, release, channel } = &affected.place else {
        return None;
    };
    RELEASES
        .iter()
        .find(|(its, of, _)| id == its && release == of && channel.is_empty())
        .map(|(.., ecosystem)| *ecosystem)
}

impl Advisories {
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let mut advisories = Self::default();
        feeds::read_path(folder, &mut advisories)?;
        Ok(advisories)
    }

    /// The CVEs that are named.
    pub(crate) fn cves(&self) -> BTreeSet<CveId> {
        let all = self.0.values().flat_map(|advisory| &advisory.cves);
        all.copied().collect()
    }

    pub(crate) fn to_lines(&self) -> Vec<u8> {
        let mut lines = Vec::new();
        for advisory in self.0.values() {
            lines.extend_from_slice(to_osv(advisory).to_string().as_bytes());
            lines.push(b'\n');
        }
        lines
    }
}

fn to_osv(advisory: &Advisory) -> Value {
    let modules: Vec<&str> = advisory
        .affected
        .iter()
        .map(|affected| affected.module.as_str())
        .filter(|module| !module.is_empty())
        .collect();
    let mut osv = json!({
        "id": advisory.id,
        "modified": advisory.modified.map_or_else(|| TRACKER_AS_OF.to_owned(), |at| at.to_string()),
        "upstream": advisory.cves,
        "affected": advisory.affected.iter().map(package).collect::<Vec<_>>(),
    });
    if !advisory.severity.is_empty() {
        osv["database_specific"] = json!({"severity": advisory.severity});
    }
    // The title is where the stream of a module stands.
    if let Some(module) = modules.first() {
        osv["summary"] = json!(format!("Security: {module} update"));
    }
    osv
}

fn package(affected: &Affected) -> Value {
    let mut package = json!({
        "package": {"ecosystem": ecosystem(affected), "name": affected.package},
        "ranges": affected.spans.iter().map(range).collect::<Vec<_>>(),
    });
    if !affected.note.is_empty() && affected.note.bytes().all(|byte| byte.is_ascii_lowercase()) {
        package["ecosystem_specific"] = json!({"urgency": affected.note});
    }
    package
}

fn range(span: &Span) -> Value {
    let mut events = vec![json!({"introduced": span.introduced.as_deref().unwrap_or("0")})];
    match &span.end {
        Some(End::Fixed(version)) => events.push(json!({"fixed": version})),
        Some(End::LastAffected(version)) => events.push(json!({"last_affected": version})),
        None => {}
    }
    json!({"type": "ECOSYSTEM", "events": events})
}
