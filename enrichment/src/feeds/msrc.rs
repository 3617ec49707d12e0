//! What Microsoft says of its products: which CVE is in which, which update repairs it, at which
//! build, and which updates that one holds.
//!
//! Three formats carry the same statements, and each has its parser here: the month documents of the
//! Security Updates API (CVRF as JSON), the CSAF documents of one CVE each, and the table of updates
//! that offline auditors of Windows use. They all become [`Bulletin`]s and [`Updates`], so that a
//! statement is the same advisory wherever it was read. Nothing here decides what is installed.

use std::collections::{BTreeMap, BTreeSet};

use crate::advisory::{Advisory, Affected, End, PackageKind, Place, Publisher, Span, Verdict};
use crate::cve::{CveId, Timestamp};
use crate::feeds::report::Problem;
use crate::version::Scheme;
use crate::windows::{self, Product};

pub(super) mod csaf;
pub(super) mod cvrf;
mod program;
pub(super) mod table;

/// What one document or table holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Published {
    pub(super) advisories: Vec<Advisory>,
    /// Statements that are left out, by what they name.
    pub(super) left_out: Vec<String>,
    /// CVEs that say nothing of a product that is known here.
    pub(super) not_used: u64,
    /// CVEs that cannot be read.
    pub(super) problems: Vec<Problem>,
}

/// What is said of one CVE.
struct Bulletin {
    cve: CveId,
    modified: Option<Timestamp>,
    severity: &'static str,
    affected: BTreeSet<Affected>,
}

/// An update as the fix of a product.
#[derive(Clone, Debug, Default)]
struct Fix<'a> {
    /// Its number; none for what is not an update of Windows, such as release notes.
    update: Option<u32>,
    /// The version that has it, as written, or empty.
    build: &'a str,
    /// The kind of update as written: `Security Update`, `Monthly Rollup`.
    kind: &'a str,
}

/// What a name of Microsoft's stands for here.
enum Target {
    Windows(Product),
    Program(program::Program),
}

impl Bulletin {
    fn new(cve: CveId) -> Self {
        Self { cve, modified: None, severity: "", affected: BTreeSet::new() }
    }

    /// Adds that a product has the CVE, until a fix if there is one.
    fn add(&mut self, target: &Target, fix: Option<&Fix<'_>>) {
        let affected = match target {
            Target::Windows(product) => of_windows(product, fix),
            // A program's fix is a version of its own; which update brings it says nothing about
            // what is installed.
            Target::Program(program) => program.affected(fix.map(|fix| fix.build)),
        };
        self.affected.extend(affected);
    }

    /// The advisory; `None` where it says nothing of a product that is known here.
    fn finish(self) -> Option<Advisory> {
        (!self.affected.is_empty()).then(|| Advisory {
            id: self.cve.to_string(),
            publisher: Publisher::Microsoft,
            cves: vec![self.cve],
            modified: self.modified,
            is_withdrawn: false,
            severity: self.severity.to_owned(),
            affected: self.affected.into_iter().collect(),
        })
    }
}

impl Target {
    /// What a product is; else what it is counted as.
    fn of(name: &str) -> Result<Self, String> {
        if let Some(product) = Product::of_name(name) {
            return Ok(Self::Windows(product));
        }
        program::Program::of_name(name)
            .map(Self::Program)
            .ok_or_else(|| format!("Microsoft: {}", counted(name)))
    }
}

/// A product that is not known, without what it runs on: of .NET alone there are hundreds.
fn counted(name: &str) -> String {
    let name = name.split(" on Windows ").next().unwrap_or(name);
    let name = name.split(" for ").next().unwrap_or(name);
    name.trim().chars().take(60).collect()
}

/// One statement an update: a host that has any of a CVE's updates is well.
fn of_windows(product: &Product, fix: Option<&Fix<'_>>) -> Option<Affected> {
    let channel = fix.map_or_else(String::new, |fix| channel(fix.kind));
    let end = fix
        .map(|fix| fix.build.trim())
        // The build of an update for Internet Explorer alone is no build of Windows, whatever it is.
        .filter(|build| channel != IE && product.release.has_build(build))
        .map(|build| End::Fixed(build.to_owned()));
    let update = fix.and_then(|fix| fix.update);
    // Known issues and notes stand among the fixes too, and repair nothing.
    if fix.is_some() && update.is_none() && end.is_none() {
        return None;
    }
    Some(Affected {
        place: place(product.label(), channel),
        package: windows::PACKAGE.to_owned(),
        kind: PackageKind::Binary,
        module: String::new(),
        verdict: Verdict::Affected,
        spans: vec![Span { introduced: None, end }],
        versions: Vec::new(),
        scheme: Scheme::Windows,
        note: update.map_or_else(String::new, |number| format!("KB{number}")),
    })
}

fn place(release: String, channel: String) -> Place {
    Place::Distribution { id: windows::PLACE.to_owned(), release, channel }
}

const IE: &str = "ie cumulative";

/// The line of updates that an update is of, empty for the one that every host gets.
fn channel(kind: &str) -> String {
    let kind = kind.trim().to_lowercase();
    match kind.as_str() {
        // Every other kind is a choice of the host's owner (hotpatches, "Security Only"), and
        // stands beside the release as a line does.
        "" | "security update" | "monthly rollup" => String::new(),
        // "SecurityHotpatchUpdate", "AzureHotpatch"
        _ if kind.contains("hotpatch") => "hotpatch".to_owned(),
        _ => kind.chars().take(40).collect(),
    }
}

/// Which updates hold which, by the release that they are for.
#[derive(Default)]
struct Updates(BTreeMap<u32, BTreeMap<String, BTreeSet<u32>>>);

impl Updates {
    /// Adds what an update replaces, as written: one number, several, or none at all.
    fn add(&mut self, update: u32, product: &Product, replaced: &str) {
        for number in numbers(replaced) {
            // Some name themselves, which says nothing.
            if number != update {
                let releases = self.0.entry(update).or_default();
                let replaced = releases.entry(product.label()).or_default();
                replaced.insert(number);
            }
        }
    }

    /// One advisory an update. The replaced ones stand as versions of the package `windows updates`
    /// that are outdated by it. `source` tells the documents apart that speak of one update.
    fn finish(self, source: &str, modified: Option<Timestamp>) -> impl Iterator<Item = Advisory> {
        self.0.into_iter().map(move |(update, releases)| Advisory {
            id: format!("KB{update} {source}").trim_end().to_owned(),
            publisher: Publisher::Microsoft,
            cves: Vec::new(),
            modified,
            is_withdrawn: false,
            // What replaces what is no vulnerability.
            severity: String::new(),
            affected: releases
                .into_iter()
                .map(|(release, replaced)| Affected {
                    place: place(release, String::new()),
                    package: windows::UPDATES.to_owned(),
                    kind: PackageKind::Binary,
                    module: String::new(),
                    verdict: Verdict::Affected,
                    spans: Vec::new(),
                    versions: replaced.iter().map(|number| format!("KB{number}")).collect(),
                    scheme: Scheme::Windows,
                    note: format!("KB{update}"),
                })
                .collect(),
        })
    }
}

/// The numbers of updates in a text: `5035849`, `4592438; 4586830`, `4022719<br><br>4022722`.
fn numbers(text: &str) -> impl Iterator<Item = u32> {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        // What is no number of an update (`MS16-023` is a bulletin) replaces nothing that a host
        // could list.
        .filter_map(windows::update)
}

/// Microsoft's severities, from the least; others are no news.
const SEVERITIES: [&str; 4] = ["low", "moderate", "important", "critical"];

/// The worse of a severity and another one as written.
fn worse(severity: &'static str, other: &str) -> &'static str {
    let rank = |word: &str| SEVERITIES.iter().position(|known| *known == word);
    let other = other.trim().to_lowercase();
    match rank(&other) {
        Some(at) if rank(severity) < Some(at) => SEVERITIES[at],
        _ => severity,
    }
}

#[cfg(test)]
mod tests;
