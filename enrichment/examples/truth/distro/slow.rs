//! Asks the raw advisories, one after the other, without an index: what the fast way is held
//! against. It shares with it the parsers and the order of versions, and nothing else.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use enrichment::advisory::{
    Advisory, Affected, End, NOT_AFFECTED_FROM, PackageKind, Place, Span, Verdict,
};
use enrichment::cve::CveRecord;
use enrichment::feeds::{self, FeedSink, SinkError};
use enrichment::version;

use crate::Failure;

/// Everything that distributions say, by package, and the CVEs that each release names.
#[derive(Default)]
pub(crate) struct Slow {
    packages: HashMap<(String, String, String), Vec<Said>>,
    named: HashMap<(String, String), BTreeSet<String>>,
}

struct Said {
    id: String,
    cves: Vec<String>,
    affected: Affected,
}

/// A CVE and an installed package, by the name that the advisories have for it.
pub(crate) struct Asked<'a> {
    pub(crate) id: &'a str,
    pub(crate) release: &'a str,
    pub(crate) package: &'a str,
    pub(crate) cve: &'a str,
    pub(crate) version: &'a str,
}

impl FeedSink for Slow {
    fn cve(&mut self, _: CveRecord) -> Result<(), SinkError> {
        Ok(())
    }

    fn advisory(&mut self, advisory: Advisory) -> Result<(), SinkError> {
        if advisory.is_withdrawn {
            return Ok(());
        }
        let cves: Vec<String> = advisory.cves.iter().map(ToString::to_string).collect();
        for affected in advisory.affected {
            let Place::Distribution { id, release, .. } = &affected.place else {
                continue;
            };
            let place = (id.clone(), release.clone());
            self.named.entry(place).or_default().extend(cves.iter().cloned());
            let key = (id.clone(), release.clone(), affected.package.clone());
            self.packages.entry(key).or_default().push(Said {
                id: advisory.id.clone(),
                cves: cves.clone(),
                affected,
            });
        }
        Ok(())
    }
}

impl Slow {
    pub(crate) fn read(feeds: &Path) -> Result<Self, Failure> {
        let mut slow = Self::default();
        feeds::read_path(feeds, &mut slow)?;
        Ok(slow)
    }

    /// Whether any record of a release names a CVE, as vulnerable or as repaired, or, in Debian, whose
    /// tracker drops old releases, of a later one.
    pub(crate) fn names(&self, id: &str, release: &str, cve: &str) -> bool {
        let own = line(id, release);
        let later = own.parse::<u32>().into_iter().flat_map(|own| own + 1..=20);
        let later = later.filter(|_| id == "debian").map(|number| number.to_string());
        std::iter::once(own.to_owned()).chain(later).any(|release| {
            self.named.get(&(id.to_owned(), release)).is_some_and(|cves| cves.contains(cve))
        })
    }

    /// Whether the distribution says that a version of a package is vulnerable, or may be.
    pub(crate) fn affects(&self, asked: &Asked<'_>) -> bool {
        let said =
            |from: &dyn Fn(&Affected) -> bool| self.about(asked).any(|said| from(&said.affected));
        let denied = said(&|affected| {
            affected.verdict == Verdict::NotAffected && is_in(affected, asked.version)
        });
        let claimed = said(&|affected| {
            affected.verdict != Verdict::NotAffected && is_in(affected, asked.version)
        });
        claimed && !denied
    }

    /// The first package of a release of which its distribution says that it is not affected, where
    /// it says of no installed one that it is.
    pub(crate) fn denial(&self, id: &str, release: &str, cve: &str) -> Option<String> {
        let release = line(id, release);
        let mut denials: Vec<String> = self
            .packages
            .iter()
            .filter(|((its, of, _), _)| its == id && of == release)
            .flat_map(|((.., package), all)| all.iter().map(move |said| (package, said)))
            .filter(|(_, said)| {
                said.affected.verdict == Verdict::NotAffected
                    || said.affected.note == NOT_AFFECTED_FROM
            })
            .filter(|(_, said)| said.cves.iter().any(|other| other == cve))
            .map(|(package, said)| format!("{package} in {}: {}", said.id, said.affected.note))
            .collect();
        denials.sort_unstable();
        denials.into_iter().next()
    }

    fn about<'s>(&'s self, asked: &'s Asked<'_>) -> impl Iterator<Item = &'s Said> {
        let key = (asked.id.to_owned(), asked.release.to_owned(), asked.package.to_owned());
        let all = self.packages.get(&key).map_or(&[][..], Vec::as_slice);
        all.iter().filter(|said| said.cves.iter().any(|cve| cve == asked.cve))
    }
}

/// What advisories tell apart of a release: 8 of 8.4, 20.04 of 20.04, 3.20 of 3.20.3.
fn line<'a>(id: &str, release: &'a str) -> &'a str {
    let numbers = match id {
        "rhel" | "rocky" | "almalinux" | "debian" => 1,
        _ => 2,
    };
    let end = release.match_indices('.').nth(numbers - 1);
    end.map_or(release, |(at, _)| &release[..at])
}

fn is_in(affected: &Affected, version: &str) -> bool {
    let is_module = |text: &str| text.contains(".module");
    let of_module = affected.spans.iter().any(|span| match &span.end {
        Some(End::Fixed(fixed)) => is_module(fixed),
        Some(End::LastAffected(_)) | None => false,
    });
    if affected.kind == PackageKind::Binary && of_module != is_module(version) {
        return false;
    }
    let all = affected.spans.is_empty() && affected.versions.is_empty();
    let order = |bound: &str| {
        // The lists of hosts leave epochs out, rpm's always and a source package's where a binary one
        // has its own.
        let bound = match version.contains(':') {
            false => bound.split_once(':').map_or(bound, |(_, rest)| rest),
            true => bound,
        };
        version::compare(affected.scheme, version, bound).ok()
    };
    let single = |one: &String| order(one) == Some(Ordering::Equal);
    let within = |span: &Span| {
        let begun = span
            .introduced
            .as_deref()
            .is_none_or(|first| first == "0" || order(first).is_some_and(Ordering::is_ge));
        let not_ended = match &span.end {
            None => true,
            Some(End::Fixed(fixed)) => order(fixed).is_some_and(Ordering::is_lt),
            Some(End::LastAffected(last)) => order(last).is_some_and(Ordering::is_le),
        };
        begun && not_ended
    };
    all || affected.versions.iter().any(single) || affected.spans.iter().any(within)
}
