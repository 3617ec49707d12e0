//! What must hold for any bytes of a feed, an index file or a line: used by the fuzz targets and by
//! the corpus test.
//!
//! Each function takes one input, and panics only when the crate broke a promise.

use std::io::Cursor;
use std::path::Path;

use enrichment::advisory::{Advisory, Verdict};
use enrichment::cpe::Cpe;
use enrichment::cve::{CveId, CveRecord, EpssEntry, KevEntry};
use enrichment::feeds::{self, FeedSink, SinkError};
use enrichment::index::{Builder, Index};
use enrichment::subject::{Platform, Subject};
use enrichment::{lines, matching};

#[path = "checks/extract.rs"]
pub(crate) mod extract;
#[path = "checks/names.rs"]
pub(crate) mod names;
#[path = "checks/packed.rs"]
pub(crate) mod packed;
#[path = "checks/sbom.rs"]
pub(crate) mod sbom;
#[path = "checks/versions.rs"]
pub(crate) mod versions;

/// Bytes that are read; longer inputs only make the fuzzer slow.
const INPUT_BYTES_MAX: usize = 256 * 1024;

#[derive(Clone, Debug, Default, PartialEq)]
struct Records {
    cves: Vec<CveRecord>,
    advisories: Vec<Advisory>,
    exploited: Vec<KevEntry>,
    scores: Vec<EpssEntry>,
}

impl FeedSink for Records {
    fn cve(&mut self, record: CveRecord) -> Result<(), SinkError> {
        self.cves.push(record);
        Ok(())
    }

    fn advisory(&mut self, advisory: Advisory) -> Result<(), SinkError> {
        self.advisories.push(advisory);
        Ok(())
    }

    fn kev(&mut self, entry: KevEntry) -> Result<(), SinkError> {
        self.exploited.push(entry);
        Ok(())
    }

    fn epss(&mut self, entry: EpssEntry) -> Result<(), SinkError> {
        self.scores.push(entry);
        Ok(())
    }
}

/// Whatever a feed says, its advisories keep what their type promises.
fn advisory(advisory: &Advisory) {
    assert!(!advisory.id.is_empty());
    assert!(advisory.cves.windows(2).all(|pair| pair[0] < pair[1]));
    for affected in &advisory.affected {
        assert!(!affected.package.is_empty());
        let is_about_versions = !affected.spans.is_empty() || !affected.versions.is_empty();
        assert_eq!(is_about_versions, affected.verdict != Verdict::NotAffected);
    }
}

/// Whatever a feed says, what is kept of a CVE is what its types promise: databases and lists take it
/// as it is.
fn record(record: &CveRecord) {
    id(record.id);
    let scores = record.cvss.iter().map(|cvss| cvss.score);
    assert!(scores.into_iter().all(|score| (0.0..=10.0).contains(&score)));
    let nodes = record.configurations.iter().flat_map(|all| &all.nodes);
    for range in nodes.flat_map(|node| &node.matches).map(|cpe| &cpe.range) {
        let bounds = [
            &range.start_including,
            &range.start_excluding,
            &range.end_including,
            &range.end_excluding,
        ];
        let is_trimmed = |bound: &String| !bound.is_empty() && bound.trim() == bound;
        assert!(bounds.into_iter().flatten().all(is_trimmed));
    }
}

/// An id has one spelling, because it is a key.
fn id(id: CveId) {
    assert_eq!(id.to_string().parse(), Ok(id));
}

/// A feed: reading it twice is the same, and what it holds compiles to one index in any order.
pub(crate) fn feed(input: &[u8]) {
    let input = &input[..input.len().min(INPUT_BYTES_MAX)];
    let read = || {
        let mut records = Records::default();
        let stream = Cursor::new(input);
        let report = feeds::read_seekable(Path::new("input"), stream, &mut records);
        (report.map_err(|error| error.to_string()), records)
    };
    let (report, records) = read();
    assert_eq!(read(), (report.clone(), records.clone()));
    if let Ok(report) = report {
        let entries = records.cves.len() + records.exploited.len() + records.scores.len();
        assert!(entries as u64 <= report.records);
        let statements: usize = records.advisories.iter().map(|of| of.affected.len()).sum();
        assert_eq!(statements as u64, report.statements);
    }
    records.advisories.iter().for_each(advisory);
    records.cves.iter().for_each(record);
    for entry in &records.exploited {
        id(entry.cve);
        assert_eq!(entry.added_on.len(), "2024-07-01".len());
    }
    for entry in &records.scores {
        id(entry.cve);
        assert!((0.0..=1.0).contains(&entry.score) && (0.0..=1.0).contains(&entry.percentile));
    }
    let build = |is_backward: bool| {
        let mut builder = Builder::new();
        let (mut cves, mut advisories) = (records.cves.clone(), records.advisories.clone());
        if is_backward {
            cves.reverse();
            advisories.reverse();
        }
        for record in &cves {
            builder.add(record).ok()?;
        }
        for advisory in &advisories {
            builder.add_advisory(advisory).ok()?;
        }
        builder.into_bytes().ok()
    };
    let forward = build(false);
    // What came first must not matter: a mirror's files are read in the order of their names.
    assert_eq!(forward, build(true));
    let index = forward.and_then(|bytes| Index::from_bytes(bytes).ok());
    assert!(index.is_some(), "what was built opens");
}

/// An index: whatever stands under a right checksum, it opens and answers, or it does not open.
pub(crate) fn index(input: &[u8]) {
    const CHECKSUM_AT: usize = 12;
    let mut bytes = input[..input.len().min(INPUT_BYTES_MAX)].to_vec();
    if let Some(place) = bytes.get_mut(CHECKSUM_AT..CHECKSUM_AT + 4) {
        // Put right, because a fuzzer would else never get behind the checksum.
        place.fill(0);
        let checksum = crc32fast::hash(&bytes);
        bytes[CHECKSUM_AT..CHECKSUM_AT + 4].copy_from_slice(&checksum.to_le_bytes());
    }
    let Ok(index) = Index::from_bytes(bytes) else {
        return;
    };
    let platform = Platform { family: "linux", id: "debian", version: "12" };
    for name in [
        "cpe:2.3:a:openbsd:openssh:9.2:p1:*:*:*:*:*:*",
        "cpe:2.3:a:google:chrome:147.0:*:*:*:*:*:*:*",
        "cpe:2.3:o:linux:linux_kernel:6.1:*:*:*:*:*:*:*",
    ] {
        let Ok(name) = Cpe::parse(name) else {
            return;
        };
        let evaluation = matching::evaluate_cpe(&index, &name, platform);
        let sorted = evaluation.findings.windows(2);
        assert!(sorted.into_iter().all(|pair| pair[0].cve != pair[1].cve));
        for cve in ["CVE-2024-6387", "CVE-2026-9999"] {
            assert_eq!(matching::why_not_cpe(&index, &name, platform, cve).cve, cve);
        }
    }
    for (source, name, version) in [
        ("deb", "openssh", "1:9.2p1-2+deb12u2"),
        ("rpm", "kernel-core", "4.18.0-305.el8"),
        ("python", "requests", "2.30.0"),
    ] {
        let subject = Subject { source, name, version, platform, ..Subject::default() };
        let evaluation = matching::evaluate(&index, &subject);
        let neighbours = evaluation.findings.windows(2);
        assert!(neighbours.into_iter().all(|pair| pair[0].cve != pair[1].cve));
        let cve = "CVE-2024-6387";
        assert_eq!(matching::why_not(&index, &subject, cve).cve, cve);
    }
}

/// A line: every command gives one line of JSON with an id for it.
pub(crate) fn lines(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let Some(index) =
        Builder::new().into_bytes().ok().and_then(|bytes| Index::from_bytes(bytes).ok())
    else {
        return;
    };
    for answer in [
        lines::match_line(&index, text, Some("CVE-2024-6387")),
        lines::cpe_match_line(text),
        lines::version_compare_line(text),
    ] {
        assert!(!answer.contains('\n'));
        let answer: Option<serde_json::Value> = serde_json::from_str(&answer).ok();
        assert!(answer.is_some_and(|answer| answer.get("id").is_some()));
    }
}
