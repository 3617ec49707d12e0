//! The small real feed that the program carries, so that a first run knows CVEs without a network.
//!
//! `enrichment/data/feed/README.md` says what it is made of and how old it is. It is no substitute
//! for the complete feeds.

/// Names and contents of the files, in the formats that [`crate::feeds`] reads.
pub const FILES: [(&str, &[u8]); 5] = [
    ("advisories.jsonl.xz", include_bytes!("../data/feed/advisories.jsonl.xz")),
    ("cves.jsonl.xz", include_bytes!("../data/feed/cves.jsonl.xz")),
    ("epss.csv.xz", include_bytes!("../data/feed/epss.csv.xz")),
    (
        "known_exploited_vulnerabilities.json.xz",
        include_bytes!("../data/feed/known_exploited_vulnerabilities.json.xz"),
    ),
    ("ratings.jsonl.xz", include_bytes!("../data/feed/ratings.jsonl.xz")),
];
