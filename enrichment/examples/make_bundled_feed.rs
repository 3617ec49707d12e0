//! Makes `data/feed`, the small real feed of the demo and the tests, out of a folder with complete
//! feeds: `cargo run --release --example make_bundled_feed -- FEEDS`.
//!
//! `FEEDS` holds `nvd/` (feed files, and a list of popular products' records whose name begins
//! with `subset-popular`), `kev/`, `epss/` and `distro/` (advisories). Taken are the popular
//! products' records, those of the products in `products.txt`, those of the language packages that
//! identities are known for, the advisories of the releases that machines of today run, and how bad
//! the CVEs are that those name. The same input gives the same bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use enrichment::cpe::{Attribute, Cpe};
use enrichment::cve::{
    Configuration, CveId, CveRecord, Cvss, EpssEntry, KevEntry, Node, RecordSource,
};
use enrichment::feeds::{self, FeedSink, SinkError};
use serde_json::{Value, json};

#[path = "make_bundled_feed/advisories.rs"]
mod advisories;
#[path = "make_bundled_feed/ratings.rs"]
mod ratings;

use advisories::Advisories;
use ratings::Ratings;

/// What the repository may carry.
const BYTES_MAX: usize = 6_000_000;
const PRODUCTS: &str = include_str!("make_bundled_feed/products.txt");
const LANGUAGE_PACKAGES: &str = include_str!("../data/identity/language.tsv");

fn main() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let Some(input) = arguments.next() else {
        bail!("usage: make_bundled_feed FEEDS [OUT]");
    };
    let out =
        arguments.next().unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("data/feed"));
    let advisories = Advisories::read(&input.join("distro"))?;
    let mut selection = Selection::new(Ratings::of(advisories.cves()));
    for path in popular_first(&input.join("nvd"))? {
        selection.takes_all = is_popular(&path);
        feeds::read_path(&path, &mut selection)?;
    }
    let mut scores = Scores(BTreeMap::new());
    feeds::read_path(&input.join("epss"), &mut scores)?;

    std::fs::create_dir_all(&out)?;
    let catalogue = std::fs::read(input.join("kev/known_exploited_vulnerabilities.json"))?;
    let written = [
        write_packed(&out, "advisories.jsonl.xz", &advisories.to_lines())?,
        write_packed(&out, "cves.jsonl.xz", &selection.to_lines())?,
        write_packed(&out, "epss.csv.xz", &selection.scores_to_lines(&scores))?,
        write_packed(&out, "ratings.jsonl.xz", &selection.ratings_to_lines())?,
        write_packed(&out, "known_exploited_vulnerabilities.json.xz", &catalogue)?,
    ];
    let total: usize = written.iter().sum();
    if total > BYTES_MAX {
        bail!("{total} bytes are more than the {BYTES_MAX} that the repository may carry");
    }
    Ok(())
}

fn is_popular(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("subset-popular"))
}

/// The entries of a folder, the list of popular products' records before all others, and without
/// the samples of other projects.
fn popular_first(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = std::fs::read_dir(folder)
        .with_context(|| format!("listing {}", folder.display()))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    paths.retain(|path| !path.ends_with("v2-fixtures"));
    paths.sort_by_key(|path| (!is_popular(path), path.clone()));
    Ok(paths)
}

/// Keeps the newest record of each CVE and source that is about a selected product.
struct Selection {
    products: BTreeSet<String>,
    /// Whether the file that is read holds nothing but what is wanted.
    takes_all: bool,
    records: BTreeMap<(CveId, RecordSource), CveRecord>,
    ratings: Ratings,
}

impl Selection {
    fn new(ratings: Ratings) -> Self {
        let programs = PRODUCTS.lines().filter(|line| !line.starts_with('#'));
        let packages = LANGUAGE_PACKAGES.lines().flat_map(|line| line.split('\t').skip(1));
        Self {
            products: programs.chain(packages).map(str::to_owned).collect(),
            takes_all: false,
            records: BTreeMap::new(),
            ratings,
        }
    }

    fn is_wanted(&self, record: &CveRecord) -> bool {
        // NVD's shape cannot say that a record is CISA's.
        if record.source == RecordSource::Cisa {
            return false;
        }
        let is_known = [RecordSource::Nvd, RecordSource::Anchore]
            .iter()
            .any(|source| self.records.contains_key(&(record.id, *source)));
        self.takes_all
            || is_known
            || vulnerable_products(record).any(|product| self.products.contains(&product))
    }

    fn to_lines(&self) -> Vec<u8> {
        let rated = self.rated().filter(|record| record.source != RecordSource::Cisa);
        lines(self.records.values().chain(rated).map(to_json))
    }

    /// What only CISA has rated, in the CVE programme's shape.
    fn ratings_to_lines(&self) -> Vec<u8> {
        let rated = self.rated().filter(|record| record.source == RecordSource::Cisa);
        lines(rated.map(ratings::to_json))
    }

    /// How bad the CVEs are that only advisories speak of.
    fn rated(&self) -> impl Iterator<Item = &CveRecord> {
        self.ratings.missing(|id| {
            [RecordSource::Nvd, RecordSource::Anchore]
                .iter()
                .any(|source| self.records.contains_key(&(id, *source)))
        })
    }

    fn scores_to_lines(&self, scores: &Scores) -> Vec<u8> {
        let mut ids: BTreeSet<CveId> = self.records.keys().map(|(id, _)| *id).collect();
        ids.extend(self.ratings.named());
        let mut lines = b"cve,epss,percentile\n".to_vec();
        for id in ids {
            if let Some(entry) = scores.0.get(&id) {
                let line = format!("{id},{},{}\n", entry.score, entry.percentile);
                lines.extend_from_slice(line.as_bytes());
            }
        }
        lines
    }
}

impl FeedSink for Selection {
    fn cve(&mut self, record: CveRecord) -> Result<(), SinkError> {
        self.ratings.add(&record);
        let key = (record.id, record.source);
        let is_newest =
            self.records.get(&key).is_none_or(|other| other.modified <= record.modified);
        if is_newest && self.is_wanted(&record) {
            self.records.insert(key, record);
        }
        Ok(())
    }
}

/// `vendor:product` of everything that a record calls vulnerable.
fn vulnerable_products(record: &CveRecord) -> impl Iterator<Item = String> {
    let nodes = record.configurations.iter().flat_map(|all| &all.nodes);
    let matches = nodes.flat_map(|node| &node.matches);
    matches
        .filter(|cpe| cpe.vulnerable)
        .filter_map(|cpe| Cpe::parse(&cpe.criteria).ok())
        .filter_map(|name| {
            let vendor = name.get(Attribute::Vendor).as_value()?;
            let product = name.get(Attribute::Product).as_value()?;
            Some(format!("{vendor}:{product}"))
        })
}

struct Scores(BTreeMap<CveId, EpssEntry>);

impl FeedSink for Scores {
    fn cve(&mut self, _: CveRecord) -> Result<(), SinkError> {
        Ok(())
    }

    fn kev(&mut self, _: KevEntry) -> Result<(), SinkError> {
        Ok(())
    }

    fn epss(&mut self, entry: EpssEntry) -> Result<(), SinkError> {
        self.0.insert(entry.cve, entry);
        Ok(())
    }
}

fn lines(records: impl Iterator<Item = Value>) -> Vec<u8> {
    let mut lines = Vec::new();
    for record in records {
        lines.extend_from_slice(record.to_string().as_bytes());
        lines.push(b'\n');
    }
    lines
}

/// A record in the shape of NVD's API 2.0, with what this project uses.
fn to_json(record: &CveRecord) -> Value {
    let mut cve = json!({"id": record.id});
    let mut put = |name: &str, value: Value| {
        let is_empty = match &value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(list) => list.is_empty(),
            Value::Object(members) => members.is_empty(),
            Value::Bool(_) | Value::Number(_) => false,
        };
        if !is_empty {
            cve[name] = value;
        }
    };
    // Zones are dropped as NVD drops them.
    let instant = |at: Option<enrichment::cve::Timestamp>| {
        at.map(|at| at.to_string().trim_end_matches('Z').to_owned())
    };
    put("published", json!(instant(record.published)));
    put("lastModified", json!(instant(record.modified)));
    put("vulnStatus", json!(record.status));
    put("descriptions", descriptions(&record.summary));
    put("metrics", metrics(&record.cvss));
    put("weaknesses", weaknesses(&record.cwes));
    put("configurations", record.configurations.iter().map(configuration).collect());
    match record.source {
        // CISA's are never selected: `is_wanted`.
        RecordSource::Nvd | RecordSource::Cisa | RecordSource::Assigner => json!({"cve": cve}),
        RecordSource::Anchore => {
            let reason = if record.is_correction {
                "Corrects NVD's record."
            } else {
                "Added because not yet analyzed by NVD."
            };
            json!({"_annotation": {"reason": reason}, "cve": cve})
        }
    }
}

fn descriptions(summary: &str) -> Value {
    if summary.is_empty() {
        return Value::Null;
    }
    json!([{"lang": "en", "value": summary}])
}

fn weaknesses(cwes: &[String]) -> Value {
    let one = |cwe: &String| json!({"description": [{"lang": "en", "value": cwe}]});
    cwes.iter().map(one).collect()
}

/// The vector and what it comes to, as NVD and the CVE programme alike write them.
fn cvss_data(score: &Cvss) -> Value {
    json!({
        "version": score.version,
        "vectorString": score.vector,
        // A 32-bit 9.8 would be written as 9.800000190734863.
        "baseScore": (f64::from(score.score) * 10.0).round() / 10.0,
        "baseSeverity": score.severity.to_uppercase(),
    })
}

fn metrics(scores: &[Cvss]) -> Value {
    let mut metrics = json!({});
    for score in scores {
        let list = match score.version.as_str() {
            "4.0" => "cvssMetricV40",
            "3.1" => "cvssMetricV31",
            "3.0" => "cvssMetricV30",
            _ => "cvssMetricV2",
        };
        let one = json!({
            "source": score.source,
            "type": if score.primary { "Primary" } else { "Secondary" },
            "cvssData": cvss_data(score),
        });
        match metrics[list].as_array_mut() {
            Some(all) => all.push(one),
            None => metrics[list] = json!([one]),
        }
    }
    metrics
}

fn configuration(configuration: &Configuration) -> Value {
    let nodes: Vec<Value> = configuration.nodes.iter().map(node).collect();
    let mut written = json!({"nodes": nodes});
    if configuration.all {
        written["operator"] = json!("AND");
    }
    if configuration.negate {
        written["negate"] = json!(true);
    }
    written
}

fn node(node: &Node) -> Value {
    let matches: Vec<Value> = node
        .matches
        .iter()
        .map(|cpe| {
            let mut one = json!({"vulnerable": cpe.vulnerable, "criteria": cpe.criteria});
            let bounds = [
                ("versionStartIncluding", &cpe.range.start_including),
                ("versionStartExcluding", &cpe.range.start_excluding),
                ("versionEndIncluding", &cpe.range.end_including),
                ("versionEndExcluding", &cpe.range.end_excluding),
            ];
            for (name, bound) in bounds {
                if let Some(bound) = bound {
                    one[name] = json!(bound);
                }
            }
            one
        })
        .collect();
    json!({
        "operator": if node.all { "AND" } else { "OR" },
        "negate": node.negate,
        "cpeMatch": matches,
    })
}

fn write_packed(folder: &Path, name: &str, bytes: &[u8]) -> Result<usize> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 9);
    encoder.write_all(bytes)?;
    let packed = encoder.finish()?;
    let path = folder.join(name);
    std::fs::write(&path, &packed).with_context(|| format!("writing {}", path.display()))?;
    Ok(packed.len())
}
