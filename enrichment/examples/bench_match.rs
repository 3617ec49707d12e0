//! Measures the match index on folders of feeds and prints a JSON object a line:
//! `cargo run --release --example bench_match -- [FEEDS…]`; without a folder, on the bundled feed.
//!
//! `against` names what a `ratio` is to: the naive matcher passes over a product's or a package's rows,
//! parsed as structs, and writes the same findings; it is what the index replaces. Both run here, on
//! the same questions, and `naive_findings_alike` is how many findings come out the same in every field. Rates are by the time that the thread had on a core, where the system tells that:
//! whatever else the machine does then takes nothing away from them.
#![expect(
    clippy::print_stdout,
    reason = "a program that prints what it measures"
)]
#![expect(clippy::disallowed_methods, reason = "measuring takes the clock")]

#[path = "bench_match/naive.rs"]
mod naive;

use std::collections::HashMap;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use enrichment::advisory::{Advisory, End};
use enrichment::cpe::Cpe;
use enrichment::cve::{CveRecord, Timestamp};
use enrichment::evaluation::{Evaluation, Status};
use enrichment::feeds::{self, FeedSink, FileReport, SinkError};
use enrichment::index::{Builder, ContentId, Extracts, Index};
use enrichment::matching;
use enrichment::subject::{Platform, Subject};
use enrichment::version;
use naive::Naive;
use serde_json::json;

/// Seconds that each measurement lasts at least.
const LASTS_S: f64 = 1.0;
const LANGUAGE_PACKAGES: &str = include_str!("../data/identity/language.tsv");
const LINUX: Platform<'static> = Platform {
    family: "linux",
    id: "debian",
    version: "12",
};
const WINDOWS: Platform<'static> = Platform {
    family: "windows",
    id: "",
    version: "10.0.19045",
};

fn main() -> Result<()> {
    let bundled = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/feed");
    let mut feeds: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if feeds.is_empty() {
        feeds.push(bundled);
    }
    let folder = std::env::temp_dir().join(format!("muster-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let measured = measure(&feeds, &folder);
    std::fs::remove_dir_all(&folder)?;
    measured
}

fn measure(feeds: &[PathBuf], folder: &Path) -> Result<()> {
    let path = folder.join("index");
    build(feeds, folder, &path)?;
    let start = Instant::now();
    let index = Index::open(&path)?;
    figure("index_open", start.elapsed().as_secs_f64() * 1e3, "ms");

    // Read again: what a naive matcher keeps must not count as memory of the build.
    let mut naive = Naive::default();
    for feeds in feeds {
        feeds::read_path(feeds, &mut naive)?;
    }
    of_distributions(&index, &naive.packages);
    let questions = Questions::new(&index);
    for (name, subjects) in questions.classes() {
        let rate = rate(subjects.len(), |at| {
            black_box(matching::evaluate(&index, &subjects[at].subject()));
        });
        figure(&format!("cold_evaluations_{name}"), rate, "1/s/core");
    }
    let mix = &questions.mix;
    let cold = rate(mix.len(), |at| {
        black_box(matching::evaluate(&index, &mix[at].subject()));
    });
    figure("cold_evaluations_mix", cold, "1/s/core");
    let findings = findings_each(&index, mix);
    figure("findings_mix", findings, "findings each");
    figure("findings_written", findings * cold, "1/s/core");
    cached(&index, mix, cold);
    against_naive(&index, &naive, mix);
    Ok(())
}

/// Builds the index as a collector does: of the extracts of files, then again after some changes.
fn build(feeds: &[PathBuf], folder: &Path, path: &Path) -> Result<()> {
    let extracts = Extracts::in_folder(folder.join("extracts"));
    let start = Instant::now();
    let mut read = Read {
        builder: Builder::new(),
        extracts: &extracts,
        contents: Vec::new(),
        records: Vec::new(),
    };
    for feeds in feeds {
        feeds::read_path(feeds, &mut read)?;
    }
    let Read {
        mut contents,
        records,
        ..
    } = read;
    let reading = start.elapsed().as_secs_f64();
    figure("index_read", reading, "s");
    let built = extracts.build(path, &contents, Timestamp(1))?;
    let whole = start.elapsed().as_secs_f64();
    figure("index_assemble", whole - reading, "s");
    figure("index_build", whole, "s");
    figure("index_build_records", as_f64(built.records), "records");
    figure("index_build_peak_memory", peak_memory_mb(), "MB");
    figure("index_size", as_f64(built.stats.bytes) / 1e6, "MB");
    let kept: u64 = std::fs::read_dir(folder.join("extracts"))?
        .filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len()))
        .sum();
    figure("index_extracts_size", as_f64(kept) / 1e6, "MB");
    figure(
        "index_statements",
        as_f64(built.stats.statements),
        "statements",
    );
    let before = folder.join("before");
    std::fs::copy(path, &before)?;

    let start = Instant::now();
    let mut delta = Builder::new();
    for record in &records {
        delta.add(record)?;
    }
    let content = [1; 32];
    extracts.keep(&delta, &content)?;
    contents.push(content);
    for kept in &contents {
        // A sync looks at each whether it can be used.
        extracts.open(kept)?;
    }
    let rebuilt = extracts.build(path, &contents, Timestamp(2))?;
    let took = start.elapsed().as_secs_f64();
    eprint(&format!(
        "{} records that changed: {:?}",
        records.len(),
        rebuilt.rebuilt
    ));
    figure_against("index_rebuild", took, "s", whole, "index_build");
    let (before, after) = (Index::open(&before)?, Index::open(path)?);
    let start = Instant::now();
    black_box(enrichment::index::changes(&before, &after));
    figure("index_changes", start.elapsed().as_secs_f64(), "s");
    Ok(())
}

#[expect(clippy::print_stderr, reason = "what is measured, for people")]
fn eprint(text: &str) {
    eprintln!("{text}");
}

fn figure(name: &str, value: f64, unit: &str) {
    println!(
        "{}",
        json!({"name": name, "value": rounded(value), "unit": unit})
    );
}

fn figure_against(name: &str, value: f64, unit: &str, rival: f64, against: &str) {
    let ratio = rounded(value / rival);
    println!(
        "{}",
        json!({"name": name, "value": rounded(value), "unit": unit, "ratio": ratio, "against": against})
    );
}

/// Four digits say enough.
fn rounded(value: f64) -> f64 {
    if value >= 1000.0 {
        value.round()
    } else {
        (value * 1000.0).round() / 1000.0
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
const fn as_f64(number: u64) -> f64 {
    number as f64
}

/// Calls a second, over the questions again and again.
fn rate(questions: usize, mut ask: impl FnMut(usize)) -> f64 {
    let start = Instant::now();
    let on_core = time_on_core_s();
    let mut asked = 0_u64;
    loop {
        for at in 0..questions {
            ask(at);
        }
        asked += questions as u64;
        let took = start.elapsed().as_secs_f64();
        if took > LASTS_S {
            let used = time_on_core_s() - on_core;
            return as_f64(asked) / if used > 0.0 { used } else { took };
        }
    }
}

/// Seconds that this thread had on a core; 0 where the system does not tell.
fn time_on_core_s() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let first = text.split(' ').next();
    first
        .and_then(|ns| ns.parse::<u64>().ok())
        .map_or(0.0, as_f64)
        / 1e9
}

/// The most memory that this process had, where the system tells.
fn peak_memory_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| {
        let value = line.strip_prefix("VmHWM:")?.trim();
        value.strip_suffix(" kB")?.parse::<u64>().ok()
    });
    as_f64(peak.unwrap_or_default()) / 1024.0
}

/// Reads feeds as a collector does.
struct Read<'a> {
    builder: Builder,
    extracts: &'a Extracts,
    contents: Vec<ContentId>,
    /// Some records as they may come again, changed.
    records: Vec<CveRecord>,
}

/// Releases of which packages are asked about, with how their packages are packed.
const RELEASES: [(&str, &str, &str); 3] = [
    ("debian", "12", "deb"),
    ("ubuntu", "22.04", "deb"),
    ("rhel", "9", "rpm"),
];
/// Records of a delta.
const CHANGED_RECORDS: usize = 200;

impl FeedSink for Read<'_> {
    fn cve(&mut self, record: CveRecord) -> Result<(), SinkError> {
        if self.records.len() < CHANGED_RECORDS && !record.configurations.is_empty() {
            let mut changed = record.clone();
            changed.modified = Some(Timestamp(i64::MAX));
            let nodes = changed
                .configurations
                .iter_mut()
                .flat_map(|all| &mut all.nodes);
            for cpe in nodes.flat_map(|node| &mut node.matches) {
                cpe.range.end_excluding = Some("9999.1".to_owned());
            }
            self.records.push(changed);
        }
        self.builder.cve(record)
    }

    fn advisory(&mut self, advisory: Advisory) -> Result<(), SinkError> {
        self.builder.advisory(advisory)
    }

    fn end_of_file(&mut self, report: &FileReport) -> Result<(), SinkError> {
        let held = std::mem::take(&mut self.builder);
        if held.has_records() {
            // Stands for the hash of the content, which is at hand in a mirror.
            let mut content = [0; 32];
            content[..8].copy_from_slice(&(self.contents.len() as u64 + 2).to_le_bytes());
            self.extracts.keep(&held, &content)?;
            self.contents.push(content);
        }
        let _unused = report;
        Ok(())
    }
}

/// Each package once in the version of its last fix, as on a host that takes its updates, and once in
/// that of its first, which almost all of its advisories are about.
fn of_distributions(index: &Index, packages: &naive::Packages) {
    for (id, release, source) in RELEASES {
        for (class, is_last) in [("updated", true), ("behind", false)] {
            let subjects: Vec<Owned> = packages
                .iter()
                .filter(|((its, _), _)| *its == id)
                .filter_map(|((_, name), statements)| {
                    let version = fix(statements, is_last)?;
                    Some(Owned {
                        source,
                        name: name.clone(),
                        version: version.to_owned(),
                        vendor: String::new(),
                        origin: "",
                        platform: Platform {
                            family: "linux",
                            id,
                            version: release,
                        },
                    })
                })
                .collect();
            if !subjects.is_empty() {
                of_distribution(
                    index,
                    packages,
                    &format!("{id}_{release}_{class}"),
                    &subjects,
                );
            }
        }
    }
}

/// The last fix of a package, or the first.
fn fix(statements: &[naive::Statement], is_last: bool) -> Option<&str> {
    let fixes = statements.iter().flat_map(|statement| {
        let scheme = statement.affected.scheme;
        let ends = statement
            .affected
            .spans
            .iter()
            .filter_map(|span| span.end.as_ref());
        ends.filter_map(move |end| match end {
            End::Fixed(version) => Some((version::key(scheme, version)?, version.as_str())),
            End::LastAffected(_) => None,
        })
    });
    let order = |a: &(version::SortKey, &str), b: &(version::SortKey, &str)| {
        a.0.as_bytes().cmp(b.0.as_bytes())
    };
    let chosen = if is_last {
        fixes.max_by(order)
    } else {
        fixes.min_by(order)
    };
    chosen.map(|(_, version)| version)
}

fn of_distribution(index: &Index, packages: &naive::Packages, name: &str, all: &[Owned]) {
    let subjects: Vec<Subject<'_>> = all.iter().map(Owned::package).collect();
    let naive: Vec<naive::Asked<'_>> = all
        .iter()
        .filter_map(|owned| packages.get(&(owned.platform.id, owned.name.clone())))
        .zip(all)
        .map(|(statements, owned)| naive::Asked {
            statements,
            name: &owned.name,
            version: &owned.version,
            place: format!("{} {}", owned.platform.id, owned.platform.version),
        })
        .collect();
    let slow = rate(naive.len(), |at| {
        black_box(naive[at].findings());
    });
    let fast = rate(subjects.len(), |at| {
        black_box(matching::evaluate(index, &subjects[at]));
    });
    figure(&format!("naive_evaluations_{name}"), slow, "1/s/core");
    let against = format!("naive_evaluations_{name}");
    figure_against(
        &format!("cold_evaluations_{name}"),
        fast,
        "1/s/core",
        slow,
        &against,
    );
    let evaluations = subjects.iter().map(|one| matching::evaluate(index, one));
    let (mut found, mut alike) = (0_u64, 0_u64);
    for (evaluation, asked) in evaluations.zip(&naive) {
        found += evaluation.findings.len() as u64;
        alike += naive::alike(&evaluation.findings, &asked.findings());
    }
    if found > 0 {
        let share = as_f64(alike) / as_f64(found);
        figure(&format!("naive_findings_alike_{name}"), share, "of 1");
    }
    let each = as_f64(found) / as_f64(subjects.len() as u64);
    figure(&format!("findings_{name}"), each, "findings each");
    figure(&format!("findings_written_{name}"), each * fast, "1/s/core");
}

fn findings_each(index: &Index, subjects: &[Owned]) -> f64 {
    let all = subjects.iter().map(|subject| {
        let evaluation = matching::evaluate(index, &subject.subject());
        evaluation.findings.len() as u64
    });
    as_f64(all.sum()) / as_f64(subjects.len() as u64)
}

/// A cache like the collector's: by 128-bit key, shared evaluations.
fn cached(index: &Index, subjects: &[Owned], cold: f64) {
    let mut cache: HashMap<u128, Arc<Evaluation>> = HashMap::new();
    let mut keys = Vec::new();
    let mut key = Random(0x9e37_79b9_7f4a_7c15);
    for subject in subjects {
        let wide = u128::from(key.next()) << 64 | u128::from(key.next());
        keys.push(wide);
        let evaluation = matching::evaluate(index, &subject.subject());
        cache.insert(wide, Arc::new(evaluation));
    }
    let rate = rate(keys.len(), |at| {
        black_box(cache.get(&keys[at]).map(Arc::clone));
    });
    figure_against(
        "cached_evaluations",
        rate,
        "1/s/core",
        cold,
        "cold_evaluations_mix",
    );
}

/// The same CPE names to the index and to the naive matcher.
fn against_naive(index: &Index, naive: &Naive, subjects: &[Owned]) {
    let names: Vec<Cpe> = subjects
        .iter()
        .map(|subject| matching::evaluate(index, &subject.subject()))
        .filter(|evaluation| evaluation.status == Status::Evaluated)
        .filter_map(|evaluation| Cpe::parse(evaluation.identity.cpes.first()?).ok())
        .collect();
    let slow = rate(names.len(), |at| {
        black_box(naive.evaluate(&names[at]));
    });
    let fast = rate(names.len(), |at| {
        black_box(matching::evaluate_cpe(index, &names[at], LINUX));
    });
    figure("naive_evaluations", slow, "1/s/core");
    figure_against(
        "cold_evaluations_of_cpes",
        fast,
        "1/s/core",
        slow,
        "naive_evaluations",
    );
}

/// A question of its own.
struct Owned {
    source: &'static str,
    name: String,
    version: String,
    vendor: String,
    origin: &'static str,
    platform: Platform<'static>,
}

impl Owned {
    fn subject(&self) -> Subject<'_> {
        Subject {
            source: self.source,
            name: &self.name,
            version: &self.version,
            vendor: &self.vendor,
            origin: self.origin,
            platform: self.platform,
            ..Subject::default()
        }
    }

    /// The subject as an agent that reads the package database sends it.
    fn package(&self) -> Subject<'_> {
        let subject = self.subject();
        match (self.source, self.version.rsplit_once('-')) {
            ("rpm", Some((version, release))) => {
                let (epoch, version) = version.split_once(':').unwrap_or(("0", version));
                Subject {
                    version,
                    release,
                    epoch: epoch.parse().ok(),
                    vendor: "Red Hat, Inc.",
                    ..subject
                }
            }
            ("rpm", None) => subject,
            _ => Subject {
                source_name: &self.name,
                ..subject
            },
        }
    }
}

/// What is asked: what a development machine has, in a fixed mix.
struct Questions {
    packages: Vec<Owned>,
    programs: Vec<Owned>,
    distribution: Vec<Owned>,
    unknown: Vec<Owned>,
    mix: Vec<Owned>,
}

/// Display name, publisher, and a version that the next digits are drawn for.
const PROGRAMS: [(&str, &str, &str); 12] = [
    ("7-Zip 24.09 (x64)", "Igor Pavlov", "24.0"),
    ("Adobe Acrobat (64-bit)", "Adobe", "25.001.2043"),
    ("Docker Desktop", "Docker Inc.", "4.3"),
    ("Git", "The Git Development Community", "2.4"),
    ("Google Chrome", "Google LLC", "148.0.7778.2"),
    (
        "Microsoft Visual Studio Code",
        "Microsoft Corporation",
        "1.9",
    ),
    ("Mozilla Firefox (x64 en-US)", "Mozilla", "14"),
    ("Notepad++ (64-bit x64)", "Notepad++ Team", "8.6."),
    ("Oracle VM VirtualBox 7.0.20", "Oracle Corporation", "7.0.2"),
    ("PuTTY release 0.81 (64-bit)", "Simon Tatham", "0.8"),
    ("VLC media player", "VideoLAN", "3.0.2"),
    (
        "Wireshark 4.2.6 x64",
        "The Wireshark developer community",
        "4.2.",
    ),
];

impl Questions {
    fn new(index: &Index) -> Self {
        let mut random = Random(0x2545_f491_4f6c_dd1d);
        let packages: Vec<Owned> = language_packages(&mut random);
        let programs = PROGRAMS.iter().cycle().take(600);
        let programs: Vec<Owned> = programs
            .map(|(name, vendor, version)| Owned {
                source: "programs",
                name: (*name).to_owned(),
                version: format!("{version}{}", random.below(10)),
                vendor: (*vendor).to_owned(),
                origin: "",
                platform: WINDOWS,
            })
            .collect();
        let plain = |source, prefix: &str, vendor: &str, at: u64| Owned {
            source,
            name: format!("{prefix}{at}"),
            version: format!("1.{at}-1"),
            vendor: vendor.to_owned(),
            origin: if source == "deb" { "Debian" } else { "" },
            platform: if source == "deb" { LINUX } else { WINDOWS },
        };
        let maintainer = "Debian QA Group <packages@qa.debian.org>";
        let distribution = (0..600).map(|at| plain("deb", "libexample", maintainer, at));
        let unknown = (0..600).map(|at| plain("programs", "Contoso Intranet Tool ", "Contoso", at));
        let mut questions = Self {
            packages,
            programs,
            distribution: distribution.collect(),
            unknown: unknown.collect(),
            mix: Vec::new(),
        };
        questions.fill_mix(index);
        questions
    }

    fn classes(&self) -> [(&'static str, &[Owned]); 4] {
        [
            ("packages", &self.packages),
            ("programs", &self.programs),
            ("distribution", &self.distribution),
            ("unknown", &self.unknown),
        ]
    }

    /// As on a development machine: few programs that records name, and many that none does.
    fn fill_mix(&mut self, index: &Index) {
        let mut mix = Vec::new();
        for ((name, class), share) in self.classes().into_iter().zip([600, 100, 600, 600]) {
            let step = class.len().div_ceil(share);
            let chosen = class.iter().step_by(step).map(|owned| Owned {
                name: owned.name.clone(),
                version: owned.version.clone(),
                vendor: owned.vendor.clone(),
                ..*owned
            });
            let chosen: Vec<Owned> = chosen.collect();
            let judged = chosen.iter().filter(|owned| {
                matching::evaluate(index, &owned.subject()).status == Status::Evaluated
            });
            let judged = as_f64(judged.count() as u64) / as_f64(chosen.len() as u64);
            figure(&format!("judged_{name}"), judged, "of 1");
            mix.extend(chosen);
        }
        self.mix = mix;
    }
}

/// PyPI's, npm's and gem's packages that identities are known for, in versions of a plain kind.
fn language_packages(random: &mut Random) -> Vec<Owned> {
    LANGUAGE_PACKAGES
        .lines()
        .filter_map(|line| line.split('\t').next()?.split_once('/'))
        .filter_map(|(source, name)| {
            let source = match source {
                "npm" => "npm",
                "pypi" => "python",
                "gem" => "gem",
                _ => return None,
            };
            Some(Owned {
                source,
                name: name.to_owned(),
                version: format!(
                    "{}.{}.{}",
                    random.below(9),
                    random.below(20),
                    random.below(9)
                ),
                vendor: String::new(),
                origin: "",
                platform: LINUX,
            })
        })
        .collect()
}

/// Numbers that are the same in every run (xorshift64*).
struct Random(u64);

impl Random {
    const fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    const fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 33) % limit
    }
}
