//! One record of the Open Source Vulnerability format: the advisories of Debian, Ubuntu, Alpine,
//! Red Hat, SUSE, AlmaLinux, Rocky and of the registries of languages.
//!
//! A record may speak for several publishers (one of a CVE lists Alpine's packages and Debian's): it
//! becomes an advisory for each. What it says of places that nobody can tell is left out and
//! counted. Unknown members are passed over. Schema 1.7: `ossf.github.io/osv-schema`.

use crate::advisory::{
    Advisory, Affected, DENIED, End, Place, Publisher, Span, UNIMPORTANT, Verdict,
};
use crate::cve::cvss::{self, base_score};
use crate::cve::{CveId, Timestamp};
use crate::feeds::advisories::Advisories;
use crate::feeds::ecosystem::{self, Home};
use crate::feeds::osv::raw::{Free, RawAffected, RawOsv};
use crate::feeds::osv::spans::Spans;
use crate::feeds::report::FeedKind;
use crate::identity;

mod raw;
mod spans;

/// Whose ids begin how. For registries the id tells the publisher; for distributions it tells whose
/// advisory it is that no longer lists any package.
const IDS: [(&str, Publisher); 24] = [
    ("DEBIAN-", Publisher::Debian),
    ("DSA-", Publisher::Debian),
    ("DLA-", Publisher::Debian),
    ("DTSA-", Publisher::Debian),
    ("UBUNTU-", Publisher::Ubuntu),
    ("USN-", Publisher::Ubuntu),
    ("LSN-", Publisher::Ubuntu),
    ("ALPINE-", Publisher::Alpine),
    ("RHSA-", Publisher::RedHat),
    ("RHBA-", Publisher::RedHat),
    ("RHEA-", Publisher::RedHat),
    ("SUSE-", Publisher::Suse),
    ("openSUSE-", Publisher::Suse),
    ("ALSA-", Publisher::Alma),
    ("ALBA-", Publisher::Alma),
    ("ALEA-", Publisher::Alma),
    ("RLSA-", Publisher::Rocky),
    ("RLBA-", Publisher::Rocky),
    ("RLEA-", Publisher::Rocky),
    ("RXSA-", Publisher::Rocky),
    ("PYSEC-", Publisher::PyPa),
    ("PSF-", Publisher::Psf),
    ("GHSA-", Publisher::GitHub),
    ("GO-", Publisher::Go),
];

/// Ids that hold a CVE's: `DEBIAN-CVE-2024-6387`.
const ABOUT_ONE_CVE: [&str; 4] = ["DEBIAN-", "UBUNTU-", "ALPINE-", ""];

/// Reads one record.
pub(super) fn parse(record: &[u8]) -> Result<Advisories, String> {
    let raw: RawOsv<'_> = serde_json::from_slice(record).map_err(|error| error.to_string())?;
    if raw.id.is_empty() {
        return Err("there is no id".to_owned());
    }
    let common = Common {
        modified: instant("modified", raw.modified.as_deref())?,
        is_withdrawn: instant("withdrawn", raw.withdrawn.as_deref())?.is_some(),
        cves: cves(&raw),
        modules: modules(&raw.summary),
        by_id: publisher(&raw.id),
        is_denied: is_denied(&raw.details),
    };
    let mut parts = Parts::default();
    for affected in &raw.affected {
        parts.add(affected, &common)?;
    }
    // Still an advisory: it replaces what it said before.
    if let (true, Some(publisher)) = (parts.affected.is_empty(), common.by_id) {
        parts.affected.push((publisher, Vec::new()));
    }
    let severity = severity(&raw);
    let advisories = parts.affected.into_iter().map(|(publisher, mut affected)| {
        // Red Hat repeats a package for each of its repositories.
        affected.sort_unstable();
        affected.dedup();
        Advisory {
            id: id(&raw.id, publisher),
            publisher,
            cves: common.cves.clone(),
            modified: common.modified,
            is_withdrawn: common.is_withdrawn,
            severity: severity.clone(),
            affected,
        }
    });
    Ok(Advisories {
        kind: FeedKind::Osv,
        advisories: advisories.collect(),
        left_out: parts.left_out,
    })
}

/// What a record says once for all its packages.
struct Common {
    modified: Option<Timestamp>,
    is_withdrawn: bool,
    cves: Vec<CveId>,
    modules: Vec<String>,
    by_id: Option<Publisher>,
    /// Whether the description says that the software's maintainers deny it.
    is_denied: bool,
}

/// The packages of a record, by whose statement they are.
#[derive(Default)]
struct Parts {
    affected: Vec<(Publisher, Vec<Affected>)>,
    left_out: Vec<String>,
}

impl Parts {
    fn add(&mut self, raw: &RawAffected<'_>, common: &Common) -> Result<(), String> {
        let package = &raw.package;
        // Neither a publisher nor a place is guessed: what has none is left out by its name.
        let home = ecosystem::home(&package.ecosystem, &package.purl);
        let Some((home, publisher)) = home.and_then(|home| {
            let publisher = home.publisher.or(common.by_id)?;
            Some((home, publisher))
        }) else {
            self.left_out.push(shown(&package.ecosystem));
            return Ok(());
        };
        let found = affected(raw, &home, common)?;
        if found.is_empty() {
            self.left_out
                .push(format!("{} without versions of packages", shown(&package.ecosystem)));
            return Ok(());
        }
        match self.affected.iter_mut().find(|(of, _)| *of == publisher) {
            Some((_, all)) => all.extend(found),
            None => self.affected.push((publisher, found)),
        }
        Ok(())
    }
}

/// What a record says of one package: nothing, or something for each place and each module that it
/// may be of.
fn affected(raw: &RawAffected<'_>, home: &Home, common: &Common) -> Result<Vec<Affected>, String> {
    let package = package_name(&home.places, raw.package.name.trim());
    if package.is_empty() {
        return Err("a package has no name".to_owned());
    }
    let spans = Spans::of(&raw.ranges, home.scheme)?;
    // Go's database writes "all versions" where it only knows versions that are none of a module's.
    if raw.ecosystem_specific.custom_ranges.is_some() {
        return Ok(Vec::new());
    }
    let versions = versions(raw, home, &spans);
    let says_nothing = spans.spans.is_empty() && versions.is_empty();
    if says_nothing && !spans.is_never {
        return Ok(Vec::new());
    }
    let urgency = urgency(raw);
    let verdict = verdict(&spans, says_nothing, urgency);
    // Where an advisory is about two modules, a package is of one of them: its own label tells.
    let modules = match &common.modules[..] {
        modules @ [_, ..] if spans.spans.iter().any(is_modular) => modules,
        _ => &[String::new()],
    };
    let mut all = Vec::new();
    for (place, module) in
        home.places.iter().flat_map(|place| modules.iter().map(move |module| (place, module)))
    {
        all.push(Affected {
            place: place.clone(),
            package: package.clone(),
            kind: home.kind,
            module: module.clone(),
            verdict,
            spans: spans.spans.clone(),
            versions: versions.clone(),
            scheme: home.scheme,
            note: if common.is_denied && urgency == UNIMPORTANT {
                DENIED.to_owned()
            } else {
                urgency.to_owned()
            },
        });
    }
    Ok(all)
}

/// The single versions that the ranges do not hold already.
fn versions(raw: &RawAffected<'_>, home: &Home, spans: &Spans) -> Vec<String> {
    let is_language = |place: &Place| matches!(place, Place::Language(_));
    let is_listed = |version: &str| match home.places.first() {
        // A registry's list may go beyond its ranges; a distribution's only spells them out.
        Some(place) if is_language(place) => !spans.hold(home.scheme, version),
        Some(_) | None => spans.spans.is_empty() && !spans.is_never,
    };
    let versions = raw.versions.iter().filter(|version| is_listed(version));
    versions.map(|version| version.to_string()).collect()
}

fn verdict(spans: &Spans, says_nothing: bool, urgency: &str) -> Verdict {
    if says_nothing {
        return Verdict::NotAffected;
    }
    // A fix that came before support ended is a fix all the same.
    let is_open = spans.spans.iter().any(|span| span.end.is_none());
    // Debian's word for a package whose security support ended before the release's.
    if is_open && urgency == "end-of-life" { Verdict::WontFix } else { Verdict::Affected }
}

/// Debian's urgency, where somebody has set one: `unimportant` is what it will not treat as a
/// vulnerability.
fn urgency<'a>(raw: &'a RawAffected<'_>) -> &'a str {
    match raw.ecosystem_specific.urgency.as_ref().map_or("", Free::text) {
        // Debian's way to say nothing, on most of its records.
        "not yet assigned" => "",
        urgency => urgency,
    }
}

/// Whether the fix is a build of a module: `1:18.12.1-1.module_el8.7.0+3350+1a2b3c4d`.
fn is_modular(span: &Span) -> bool {
    match &span.end {
        Some(End::Fixed(version)) => version.contains(".module+") || version.contains(".module_"),
        Some(End::LastAffected(_)) | None => false,
    }
}

/// The modules that a summary names: `nodejs:18` of `Important: nodejs:18 security update`.
fn modules(summary: &str) -> Vec<String> {
    // The first word is the severity or the kind of advisory, and ends with a colon.
    let words = summary.split([' ', ',']).filter(|word| {
        word.split_once(':').is_some_and(|(name, stream)| {
            let plain = |text: &str| {
                !text.is_empty()
                    && text
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte))
            };
            plain(name) && plain(stream)
        })
    });
    words.map(str::to_owned).collect()
}

/// PyPI takes `Foo_Bar`, `foo.bar` and `foo-bar` for one name (PEP 503); an installed package is asked
/// for in the same spelling.
fn package_name(places: &[Place], name: &str) -> String {
    match places {
        [Place::Language(registry)] => identity::registry_name(registry, name).into_owned(),
        _ => name.to_owned(),
    }
}

/// The CVEs that a record is about.
fn cves(raw: &RawOsv<'_>) -> Vec<CveId> {
    if let Some(cve) = own_cve(&raw.id) {
        return vec![cve];
    }
    // `related` is what an updating distribution lists as fixed; elsewhere it is what somebody found
    // similar.
    let is_update = publisher(&raw.id).is_some_and(|publisher| match publisher {
        Publisher::Debian
        | Publisher::Ubuntu
        | Publisher::RedHat
        | Publisher::Suse
        | Publisher::Alma
        | Publisher::Rocky => true,
        Publisher::Alpine
        | Publisher::PyPa
        | Publisher::Psf
        | Publisher::GitHub
        | Publisher::Go
        | Publisher::Node
        | Publisher::Microsoft
        | Publisher::Assigner => false,
    });
    let related = raw.related.iter().filter(|_| is_update);
    let mut cves: Vec<CveId> = (raw.aliases.iter())
        .chain(&raw.upstream)
        .chain(related)
        .filter_map(|id| own_cve(id))
        .collect();
    // USN-5614-1 has `UBUNTU-CVE-2021-3782` upstream and may list the CVE itself beside it.
    cves.sort_unstable();
    cves.dedup();
    cves
}

/// The CVE of an id that is a CVE's or holds one.
fn own_cve(id: &str) -> Option<CveId> {
    ABOUT_ONE_CVE.iter().find_map(|prefix| id.strip_prefix(prefix)?.parse().ok())
}

fn publisher(id: &str) -> Option<Publisher> {
    let known = IDS.iter().find(|(prefix, _)| id.starts_with(prefix));
    known.map(|(_, publisher)| *publisher)
}

/// The record's id. Until 2025 the records of Debian and Alpine had the bare id of the CVE, which was
/// the same for both; they get the one that they have today, so that newer ones replace them.
fn id(raw: &str, publisher: Publisher) -> String {
    let prefix = match raw.starts_with("CVE-") {
        true if publisher == Publisher::Debian => "DEBIAN-",
        true if publisher == Publisher::Alpine => "ALPINE-",
        true | false => "",
    };
    format!("{prefix}{raw}")
}

/// The publisher's own rating: GitHub's and Ubuntu's members, or the word that Red Hat's rebuilders
/// put before the summary.
fn severity(raw: &RawOsv<'_>) -> String {
    const WORDS: [&str; 4] = ["Critical", "Important", "Moderate", "Low"];
    let of_database = raw.database_specific.severity.as_ref().map(Free::text);
    let of_ubuntu = raw.severity.iter().find(|rating| rating.kind == "Ubuntu");
    let of_summary = || {
        let (word, _) = raw.summary.split_once(':')?;
        WORDS.contains(&word).then_some(word)
    };
    // Debian's records have no word of their own and the CVE's vector.
    let of_vector = || {
        let mut vectors = raw.severity.iter().filter(|rating| rating.kind == "CVSS_V3");
        let score = vectors.find_map(|rating| base_score(&rating.score))?;
        Some(cvss::severity("3.1", score))
    };
    // The order is from the publisher's own field to what has to be computed: a word that somebody
    // chose counts before one that a formula gives.
    of_database
        .or_else(|| of_ubuntu.map(|rating| rating.score.as_ref()))
        .or_else(of_summary)
        .or_else(of_vector)
        .unwrap_or_default()
        .to_ascii_lowercase()
}

/// Whether a CVE's description tells that whoever maintains the software denies it. The CVE
/// programme has had a mark for that and then a remark in words: CVE-2019-1010023's is "Upstream
/// comments indicate this is being treated as a non-security bug and no real threat".
fn is_denied(details: &str) -> bool {
    const WORDS: [&str; 6] = [
        "DISPUTED",
        "disputed",
        "disputes",
        "non-security bug",
        "not a security",
        "not a vulnerability",
    ];
    WORDS.iter().any(|words| details.contains(words))
}

fn instant(member: &str, text: Option<&str>) -> Result<Option<Timestamp>, String> {
    // Go's zero time: the database leaves it to whoever publishes it to fill the instant in.
    text.filter(|text| !text.starts_with("0001-"))
        .map(|text| {
            Timestamp::parse(text).ok_or_else(|| {
                format!(
                    "`{member}` is {:?}: expected an instant such as 2024-07-01T13:15:06Z",
                    shown(text)
                )
            })
        })
        .transpose()
}

fn shown(text: &str) -> String {
    match text {
        "" => "no ecosystem".to_owned(),
        text => text.chars().take(120).collect(),
    }
}

#[cfg(test)]
mod tests;
