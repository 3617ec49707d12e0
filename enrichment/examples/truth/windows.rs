//! Updates of Windows against builds that Microsoft gave elsewhere.
//!
//! Microsoft, as the CVEs' assigner, names in their records the build that repairs each release. The
//! table of updates in the index has no builds. A host with the one update of a build must lack what
//! is repaired by later builds and nothing of what is repaired by its own or earlier ones: so the walk
//! over replaced updates is measured against numbers that it cannot see.

use std::collections::{BTreeMap, BTreeSet};

use enrichment::advisory::Advisory;
use enrichment::cve::CveRecord;
use enrichment::feeds::{self, FeedSink, SinkError};
use enrichment::lines;
use enrichment::version::{self, Scheme};
use serde_json::{Value, json};

use super::score::{Case, Score, Verdict};
use super::{Bench, Failure, answer, text};

/// Releases as Microsoft's CVE records call them, and as a host does: name and version.
const RELEASES: [(&str, &str, &str); 8] = [
    ("Windows 10 Version 1809", "Windows 10 Enterprise LTSC", "10.0.17763"),
    ("Windows 10 Version 22H2", "Windows 10 Pro", "10.0.19045"),
    ("Windows 11 Version 23H2", "Windows 11 Pro", "10.0.22631"),
    ("Windows Server 2016", "Windows Server 2016 Standard", "10.0.14393"),
    ("Windows Server 2019", "Windows Server 2019 Standard", "10.0.17763"),
    ("Windows Server 2022", "Windows Server 2022 Standard", "10.0.20348"),
    ("Windows Server 2012", "Windows Server 2012 Standard", "6.2.9200"),
    ("Windows Server 2012 R2", "Windows Server 2012 R2 Standard", "6.3.9600"),
];
/// A number that no update has: a host that lists it lists updates, and none that counts.
const NO_UPDATE: &str = "KB1000000";

/// The build that repairs a CVE in a release.
type Builds = BTreeMap<(String, String), String>;

/// Collects the builds of Microsoft's own records.
#[derive(Debug, Default)]
struct Assigned(Builds);

impl FeedSink for Assigned {
    fn cve(&mut self, record: CveRecord) -> Result<(), SinkError> {
        for product in &record.cna {
            let mut fixes = product.versions.iter().filter_map(|range| range.less_than.clone());
            if let (true, Some(fix)) = (product.vendor == "Microsoft", fixes.next_back()) {
                self.0.insert((product.product.clone(), record.id.to_string()), fix);
            }
        }
        Ok(())
    }

    fn advisory(&mut self, _: Advisory) -> Result<(), SinkError> {
        Ok(())
    }
}

/// Every release with each of its updates.
pub(crate) fn updates(bench: &Bench) -> Result<Vec<Score>, Failure> {
    let mut since_10 = Score::new("windows_updates/since 10");
    // Up to 8.1 an update of security alone holds one month, and is wrong here by design of this measure;
    // and a chain of rollups that Microsoft has broken stays broken.
    let mut before = Score::new("windows_updates/before");
    let mut assigned = Assigned::default();
    let folder = bench.truth.join("../nvd");
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("vulnrichment") {
            feeds::read_path(&path, &mut assigned)?;
        }
    }
    for (product, name, version) in RELEASES {
        let of_release = |((of, cve), build): (&(String, String), &String)| {
            // Some records give a build of another release.
            let is_own = of == product && build.starts_with(version);
            is_own.then(|| (cve.clone(), build.clone()))
        };
        let builds: BTreeMap<String, String> = assigned.0.iter().filter_map(of_release).collect();
        let score = if version.starts_with("10.") { &mut since_10 } else { &mut before };
        release(bench, (name, version), &builds, score);
    }
    Ok(vec![since_10, before])
}

/// Asks a release with each update alone.
fn release(
    bench: &Bench,
    host: (&str, &str),
    builds: &BTreeMap<String, String>,
    score: &mut Score,
) {
    // Which update repairs a CVE, as the findings of a host without any say it.
    let all = ask(bench, host, NO_UPDATE);
    let mut by_build: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (cve, build) in builds {
        if let Some(update) = all.get(cve) {
            by_build.entry(build).or_default().insert(update.clone());
        }
    }
    for (installed, updates) in by_build {
        // Updates of one build are a rollup and one of security alone, of which the first holds more.
        let Some(update) = updates.first().filter(|_| updates.len() == 1) else {
            continue;
        };
        let found = ask(bench, host, update);
        for (cve, build) in builds.iter().filter(|(cve, _)| all.contains_key(*cve)) {
            let order = version::compare(Scheme::Windows, installed, build);
            let is_affected = order.is_ok_and(std::cmp::Ordering::is_lt);
            let verdict = match (is_affected, found.contains_key(cve)) {
                (true, true) | (false, false) => Verdict::Correct,
                (false, true) => Verdict::Wrong,
                (true, false) => Verdict::Missing,
            };
            let case = Case {
                what: &format!("{} with {update} ({installed})", host.0),
                expected: &format!("{cve} repaired in {build}"),
                got: found.get(cve).map_or("nothing", String::as_str),
                why: "",
            };
            score.count(verdict, is_affected, &case);
        }
    }
}

/// The CVEs by Microsoft's word of a host with one update, each with the update that repairs it.
fn ask(bench: &Bench, (name, version): (&str, &str), update: &str) -> BTreeMap<String, String> {
    let os = json!({"family": "windows", "arch": "x86_64", "kbs": [update]});
    let question = json!({"id": 0, "source": "os", "name": name, "version": version, "os": os});
    let answer = answer(&lines::match_line(&bench.index, &question.to_string(), None));
    let findings = answer["findings"].as_array().cloned().unwrap_or_default();
    findings
        .iter()
        .filter(|finding| text(finding, "source") == "microsoft")
        .map(|finding: &Value| {
            let update = text(finding, "fixed_in").split(' ').next().unwrap_or_default();
            (text(finding, "cve").to_owned(), update.to_owned())
        })
        .collect()
}
