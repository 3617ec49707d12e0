//! One repository of one Alpine release: which package version fixed which vulnerabilities.
//!
//! It has no ids and no instants of its own. Each fixed version of a package becomes an advisory
//! under a name made of where it stands, so that a later copy of the file replaces it.
//! Files: `secdb.alpinelinux.org`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;

use crate::advisory::{Advisory, Affected, End, PackageKind, Place, Publisher, Span, Verdict};
use crate::cve::CveId;
use crate::feeds::advisories::Advisories;
use crate::feeds::ecosystem;
use crate::feeds::json::null_as_default;
use crate::feeds::report::FeedKind;
use crate::version::Scheme;

#[derive(Deserialize)]
struct RawRepository<'a> {
    #[serde(borrow)]
    distroversion: Cow<'a, str>,
    #[serde(default, borrow)]
    reponame: Cow<'a, str>,
    #[serde(borrow)]
    packages: Vec<RawEntry<'a>>,
}

#[derive(Deserialize)]
struct RawEntry<'a> {
    #[serde(borrow)]
    pkg: RawPackage<'a>,
}

#[derive(Deserialize)]
struct RawPackage<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    /// The fixed version, or `0` for "never affected", then the ids.
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    secfixes: BTreeMap<Cow<'a, str>, Option<Vec<Cow<'a, str>>>>,
}

/// Reads one repository.
pub(super) fn parse(record: &[u8]) -> Result<Advisories, String> {
    let raw: RawRepository<'_> =
        serde_json::from_slice(record).map_err(|error| error.to_string())?;
    let place = ecosystem::alpine(&raw.distroversion).ok_or_else(|| {
        let shown: String = raw.distroversion.chars().take(40).collect();
        format!("the release {shown:?}: expected edge or one such as v3.20")
    })?;
    let mut found =
        Advisories { kind: FeedKind::AlpineSecdb, advisories: Vec::new(), left_out: Vec::new() };
    for RawEntry { pkg } in &raw.packages {
        for (version, ids) in &pkg.secfixes {
            let cves = cves(ids.as_deref().unwrap_or_default());
            if cves.is_empty() {
                // Alpine's fixes of what has no CVE, and lists that somebody has emptied.
                found.left_out.push("Alpine without a CVE".to_owned());
                continue;
            }
            let id = format!("{}/{}/{}-{version}", raw.distroversion, raw.reponame, pkg.name);
            found.advisories.push(advisory(id, cves, &place, pkg, version));
        }
    }
    Ok(found)
}

fn advisory(
    id: String,
    cves: Vec<CveId>,
    place: &Place,
    package: &RawPackage<'_>,
    version: &str,
) -> Advisory {
    // Alpine's mark for a CVE that was found not to concern its package: no version is below 0.
    let is_never = version == "0";
    // Alpine says where a flaw ended and never where it began.
    let span = Span { introduced: None, end: Some(End::Fixed(version.to_owned())) };
    Advisory {
        id,
        publisher: Publisher::Alpine,
        cves,
        modified: None,
        is_withdrawn: false,
        // The database has none; the CVE's own record rates it.
        severity: String::new(),
        affected: vec![Affected {
            place: place.clone(),
            package: package.name.to_string(),
            kind: PackageKind::Source,
            module: String::new(),
            verdict: if is_never { Verdict::NotAffected } else { Verdict::Affected },
            spans: if is_never { Vec::new() } else { vec![span] },
            versions: Vec::new(),
            scheme: Scheme::Apk,
            note: String::new(),
        }],
    }
}

/// The CVEs of a list whose entries may hold other ids beside them: `CVE-2021-30139 GHSA-…`.
fn cves(ids: &[Cow<'_, str>]) -> Vec<CveId> {
    let words = ids.iter().flat_map(|id| id.split_whitespace());
    let mut cves: Vec<CveId> = words.filter_map(|word| word.parse().ok()).collect();
    cves.sort_unstable();
    cves.dedup();
    cves
}

#[cfg(test)]
mod tests;
