//! What a CVE's assigner says in names that can be matched: products by CPE, packages by registry.
//!
//! Since 2026 NVD writes no configurations for most CVEs, and the assigner's own words are all there
//! is. They are read strictly: free text is never taken for a product, and a version that is not
//! surely one (a commit, an address, a date of publication) makes no bound. What cannot be read says
//! nothing; it is never widened to "all versions".

use std::collections::HashSet;

use crate::advisory::{
    ASSIGNER, Advisory, Affected, End, PackageKind, Place, Publisher, Span, Verdict,
};
use crate::cpe::{Attr, Attribute, Cpe};
use crate::cve::{
    CnaProduct, CnaStatus, CnaVersions, Configuration, CpeMatch, CveRecord, Node, Range,
};
use crate::identity;
use crate::version::Scheme;

/// Statements of one record; a list of versions times a list of names can be long.
const MATCHES_MAX: usize = 2_000;
/// What assigners write for "from the beginning".
const BEGINNINGS: [&str; 8] = ["", "*", "-", "0", "all", "n/a", "unspecified", "0.0.0"];
/// Orders of versions that are none of CPE's: those of distributions' packages, and commits.
const OTHER_ORDERS: [&str; 4] = ["git", "rpm", "deb", "apk"];

/// A stretch of versions that are affected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stretch {
    /// One version.
    Only(String),
    /// From a version on, or from the beginning, to an end.
    Range(Range),
}

/// What the products that have CPE names come to as NVD would write it; `None` for nothing.
pub(crate) fn configuration(products: &[CnaProduct]) -> Option<Configuration> {
    let mut matches: Vec<CpeMatch> = Vec::new();
    let mut seen = HashSet::new();
    for product in products.iter().filter(|product| !product.cpes.is_empty()) {
        let stretches = affected(product);
        // Without versions the product would be affected in all of them, which nobody has said.
        let Some(names) = names(product).filter(|_| !stretches.is_empty()) else {
            continue;
        };
        for name in &names {
            for stretch in &stretches {
                let found = a_match(name, stretch);
                let is_new = seen.insert((found.criteria.clone(), found.range.clone()));
                // Cut and not refused: what a list of thousands says first is as true as the whole,
                // and the record has other uses.
                if is_new && matches.len() < MATCHES_MAX {
                    matches.push(found);
                }
            }
        }
    }
    (!matches.is_empty()).then(|| Configuration {
        nodes: vec![Node { matches, ..Node::default() }],
        ..Configuration::default()
    })
}

/// Registries by the host of their address, and the order of their versions.
const REGISTRIES: [(&str, &str, Scheme); 5] = [
    ("pypi.org", "pypi", Scheme::Pypi),
    ("pypi.python.org", "pypi", Scheme::Pypi),
    ("npmjs.com", "npm", Scheme::Npm),
    ("registry.npmjs.org", "npm", Scheme::Npm),
    ("rubygems.org", "gem", Scheme::Gem),
];

/// What a record's assigner says of packages of languages' registries, as an advisory; `None` where it
/// names none.
pub(crate) fn advisory(record: &CveRecord) -> Option<Advisory> {
    let affected: Vec<Affected> = record.cna.iter().filter_map(of_package).collect();
    (!affected.is_empty()).then(|| Advisory {
        id: record.id.to_string(),
        publisher: Publisher::Assigner,
        cves: vec![record.id],
        modified: record.modified,
        is_withdrawn: record.is_rejected(),
        severity: String::new(),
        affected,
    })
}

fn of_package(product: &CnaProduct) -> Option<Affected> {
    // Compared as a host: `https://pypi.org.example/` begins like PyPI's address.
    let host = product.collection.split("://").nth(1)?.split('/').next()?;
    let host = host.strip_prefix("www.").unwrap_or(host);
    let (_, registry, scheme) = REGISTRIES.iter().find(|(its, ..)| *its == host)?;
    let stretches = affected(product);
    if product.package.is_empty() || stretches.is_empty() {
        return None;
    }
    let mut of_package = Affected {
        place: Place::Language(format!("{ASSIGNER}{registry}")),
        package: identity::registry_name(registry, &product.package).into_owned(),
        // A registry's package is built of itself; the kind is not asked for one.
        kind: PackageKind::Source,
        module: String::new(),
        verdict: Verdict::Affected,
        spans: Vec::new(),
        versions: Vec::new(),
        scheme: *scheme,
        note: String::new(),
    };
    for stretch in stretches {
        match stretch {
            Stretch::Only(version) => of_package.versions.push(version),
            Stretch::Range(range) => of_package.spans.push(Span {
                introduced: range.start_including,
                end: range
                    .end_excluding
                    .map(End::Fixed)
                    .or_else(|| range.end_including.map(End::LastAffected)),
            }),
        }
    }
    Some(of_package)
}

/// A product's names without their versions, which stand beside them; `None` where it has names of
/// two products, because nothing tells which of the versions are whose (CVE-2022-32759), or one of
/// a system: those are judged by their publishers, and devices by nobody.
fn names(product: &CnaProduct) -> Option<Vec<Cpe>> {
    let mut names: Vec<Cpe> = Vec::new();
    for name in product.cpes.iter().filter(|name| name.starts_with("cpe:2.3:")) {
        let name = Cpe::parse(name)
            .ok()?
            .with(Attribute::Version, Attr::Any)
            .with(Attribute::Update, Attr::Any);
        let is_application = name.get(Attribute::Part).as_value() == Some("a");
        let is_one = names.first().is_none_or(|first| {
            [Attribute::Vendor, Attribute::Product]
                .iter()
                .all(|attribute| first.get(*attribute) == name.get(*attribute))
        });
        if !is_application || !is_one {
            return None;
        }
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Some(names)
}

fn a_match(name: &Cpe, stretch: &Stretch) -> CpeMatch {
    let (name, range) = match stretch {
        Stretch::Only(version) => {
            let version = version.to_lowercase();
            let name = name.clone().with(Attribute::Version, Attr::value(&version));
            (name, Range::default())
        }
        Stretch::Range(range) => (name.clone(), range.clone()),
    };
    CpeMatch { vulnerable: true, criteria: name.to_string(), range }
}

/// The versions of a product that its assigner calls affected.
pub(crate) fn affected(product: &CnaProduct) -> Vec<Stretch> {
    let listed = product.versions.iter();
    let mut stretches: Vec<Stretch> = listed.clone().flat_map(of_entry).collect();
    // Where all are affected that are not listed, a list that ends them says where: everything below.
    // The schema's other way round: "affected" for all that is not listed, and `unaffected` from
    // the fix on.
    if product.default_status == CnaStatus::Affected && stretches.is_empty() {
        let is_end = |one: &&CnaVersions| {
            let end = one.less_than.as_deref().or(one.less_than_or_equal.as_deref());
            one.status == CnaStatus::Unaffected && end == Some("*") && is_ordered(one)
        };
        let mut ends = listed.filter(is_end).filter_map(|one| version(&one.version));
        // Two ends are two lines of versions, and nothing says where the second one begins.
        if let (Some(end), None) = (ends.next(), ends.next()) {
            stretches.push(Stretch::Range(Range { end_excluding: Some(end), ..Range::default() }));
        }
    }
    stretches
}

/// What one entry of the list says is affected.
fn of_entry(entry: &CnaVersions) -> Vec<Stretch> {
    if entry.status == CnaStatus::Unknown || !is_ordered(entry) {
        return Vec::new();
    }
    let is_range = entry.less_than.is_some() || entry.less_than_or_equal.is_some();
    if !is_range && entry.changes.is_empty() {
        let is_affected = entry.status == CnaStatus::Affected;
        let only = version(&entry.version).filter(|_| is_affected);
        return only.into_iter().map(Stretch::Only).collect();
    }
    let begins = entry.version.trim();
    let is_beginning = BEGINNINGS.iter().any(|word| begins.eq_ignore_ascii_case(word));
    let from = match version(begins) {
        _ if is_beginning => None,
        Some(from) => Some(from),
        None => return Vec::new(),
    };
    stretches(entry, from)
}

/// Cuts a range where its status changes: `affected` from 0 with a change to `unaffected` at 3.0.3
/// ends there, whatever its own end says.
fn stretches(entry: &CnaVersions, from: Option<String>) -> Vec<Stretch> {
    let mut stretches = Vec::new();
    // Outside: nothing is affected; inside: from here on it is.
    let mut inside = (entry.status == CnaStatus::Affected).then_some(from);
    for change in &entry.changes {
        // A commit, or a word: then nothing of the range can be placed, its beginning included.
        let Some(at) = version(&change.at) else {
            return Vec::new();
        };
        match (change.status, &inside) {
            (CnaStatus::Affected, None) => inside = Some(Some(at)),
            (CnaStatus::Unaffected | CnaStatus::Unknown, Some(from)) => {
                stretches.push(Stretch::Range(Range {
                    start_including: from.clone(),
                    end_excluding: Some(at),
                    ..Range::default()
                }));
                inside = None;
            }
            (CnaStatus::Affected, Some(_)) | (_, None) => {}
        }
    }
    let end = |text: &Option<String>| text.as_deref().and_then(version);
    let (below, last) = (end(&entry.less_than), end(&entry.less_than_or_equal));
    // One without a version at its end is "all that there are", which says too little.
    if let Some(from) = inside.filter(|_| below.is_some() || last.is_some()) {
        stretches.push(Stretch::Range(Range {
            start_including: from,
            end_excluding: below,
            end_including: last,
            ..Range::default()
        }));
    }
    stretches
}

fn is_ordered(entry: &CnaVersions) -> bool {
    let order = entry.version_type.trim();
    !OTHER_ORDERS.iter().any(|other| order.eq_ignore_ascii_case(other))
}

/// A text as a version, if it is surely one: it begins with a number, and is one word without a
/// wildcard. `publication`, `https://aka.ms/OfficeSecurityReleases` and `4.0.0.58 (commit 563fae9)` are
/// none; `7.x` is many.
fn version(text: &str) -> Option<String> {
    let text = text.trim();
    let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
    let is_one = text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-+~:".contains(&byte))
        && !text.split(['.', '-']).any(|part| matches!(part, "x" | "X"));
    is_one.then(|| text.to_owned())
}

#[cfg(test)]
mod tests;
