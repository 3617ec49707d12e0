//! Judges a Windows by its build and its updates.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use crate::cve::CveId;
use crate::index::Index;
use crate::matching::windows::explain::Explainer;
use crate::matching::windows::host::Host;
use crate::matching::windows::updates::Replaced;
use crate::matching::windows::{By, Cited, Doubt, Judged, Said, Verdict, package, statements};
use crate::subject::Subject;
use crate::version::{self, Scheme};
use crate::windows;

/// Statements by CVE.
type ByCve<'a> = BTreeMap<CveId, Vec<Cited<'a>>>;

/// What Microsoft says of a Windows; `None` where the index has nothing of its release, or the
/// release is not known.
pub(super) fn said<'a>(index: &'a Index, subject: &Subject<'_>, rule: &str) -> Option<Said<'a>> {
    let host = Host::of(subject)?;
    // A release without its revision comes before every fix: all of them would be findings.
    if host.build.is_none() && host.updates.is_empty() {
        let reason = format!(
            "neither the build's revision, as in {}.1234, nor the updates of this Windows are known",
            subject.version
        );
        return Some(Said::NotEvaluable(reason));
    }
    let (own, others) = host.places();
    let statements_of = |labels: &[String]| -> Vec<ByCve<'a>> {
        labels.iter().filter_map(|label| by_cve(index, label)).collect()
    };
    let (own_statements, other_statements) = (statements_of(&own), statements_of(&others));
    if own_statements.is_empty() && other_statements.is_empty() {
        return None;
    }
    let known = Known::new(index, &host, &own, &own_statements);
    let mut verdicts = known.verdicts(&own_statements);
    // Of other machines too: with this verdict what NVD finds for the host all the same is taken
    // out.
    for of in &other_statements {
        for (cve, statements) in of {
            if let Some(first) = statements.first() {
                verdicts.entry(*cve).or_insert(Verdict::OtherMachines(*first));
            }
        }
    }
    Some(Said::Judged(Judged { explainer: Explainer::of_system(index, &host, rule), verdicts }))
}

fn by_cve<'a>(index: &'a Index, label: &str) -> Option<ByCve<'a>> {
    let package = package(index, windows::PLACE, label, windows::PACKAGE)?;
    let mut by_cve = ByCve::new();
    for (cves, cited) in statements(index, &package) {
        for cve in cves {
            by_cve.entry(cve).or_default().push(cited);
        }
    }
    Some(by_cve)
}

/// What is known of a host's updates.
struct Known<'h> {
    /// Its build, where builds are what counts.
    build: Option<&'h str>,
    /// The updates that it has.
    held: BTreeSet<u32>,
    /// Whether it has no others.
    is_whole: bool,
}

impl<'h> Known<'h> {
    fn new(index: &Index, host: &Host<'h>, labels: &[String], statements: &[ByCve<'_>]) -> Self {
        // Windows 8.1 and older have updates that hold one month alone: who installs those has a
        // later build without the fixes of a month left out. Where there is a list, only that counts.
        let is_cumulative = host.release.is_cumulative();
        let build = host.build.filter(|_| is_cumulative || host.updates.is_empty());
        let all = || statements.iter().flat_map(BTreeMap::values).flatten();
        let mut installed = host.updates.clone();
        installed.extend(
            all()
                .filter(|cited| is_reached(build, cited))
                .filter_map(|cited| windows::update(cited.update)),
        );
        if is_cumulative {
            // Numbers grow with time, and a cumulative update holds what came before. Chains of
            // replaced updates break where an update between two was not about security.
            let of_system = |cited: &&Cited<'_>| cited.channel.is_empty();
            let numbers: BTreeSet<u32> =
                all().filter(of_system).filter_map(|cited| windows::update(cited.update)).collect();
            let newest = numbers.intersection(&installed).max().copied();
            installed.extend(numbers.iter().filter(|number| Some(**number) <= newest));
        }
        let mut replaced = Replaced::default();
        for label in labels {
            if let Some(package) = package(index, windows::PLACE, label, windows::UPDATES) {
                replaced.add(index, &package.view);
            }
        }
        Self { build, held: replaced.held_by(installed), is_whole: !host.updates.is_empty() }
    }

    /// What is said of the release itself, CVE by CVE.
    fn verdicts<'a>(&self, own_statements: &[ByCve<'a>]) -> BTreeMap<CveId, Verdict<'a>> {
        let mut verdicts = BTreeMap::new();
        let cves = own_statements.iter().flat_map(BTreeMap::keys);
        let cves: BTreeSet<CveId> = cves.copied().collect();
        for cve in cves {
            let statements = own_statements.iter().filter_map(|of| of.get(&cve));
            // Of kinds of machines that the release is published for.
            let is_said_of_all = statements.clone().count() == own_statements.len();
            let statements: Vec<Cited<'a>> = statements.flatten().copied().collect();
            if let Some(verdict) = self.judge(&statements, is_said_of_all) {
                verdicts.insert(cve, verdict);
            }
        }
        verdicts
    }

    /// What the statements about one CVE come to: any of its updates is enough.
    fn judge<'a>(&self, statements: &[Cited<'a>], is_said_of_all: bool) -> Option<Verdict<'a>> {
        // The build before the updates: it is exact, and an update is often only implied by it.
        let reached = statements.iter().find(|cited| is_reached(self.build, cited));
        if let Some(cited) = reached {
            return Some(Verdict::Fixed(*cited, By::Version));
        }
        let held = |cited: &&Cited<'_>| {
            windows::update(cited.update).is_some_and(|update| self.held.contains(&update))
        };
        if let Some(cited) = statements.iter().find(held) {
            return Some(Verdict::Fixed(*cited, By::Update));
        }
        let cited = *statements.iter().min_by_key(|cited| rank(cited))?;
        let is_comparable = statements.iter().any(|cited| {
            // What has no fix at all is in every build, and nothing needs to be compared.
            let has_no_fix = cited.build.is_none() && cited.update.is_empty();
            has_no_fix || self.is_whole || self.build.is_some() && cited.build.is_some()
        });
        let doubt = if is_said_of_all { Doubt::None } else { Doubt::Architecture };
        Some(if is_comparable { Verdict::Affected(cited, doubt) } else { Verdict::Unknown(cited) })
    }
}

/// Whether a build has a statement's fix.
fn is_reached(build: Option<&str>, cited: &Cited<'_>) -> bool {
    let (Some(build), Some(fix)) = (build, cited.build) else {
        return false;
    };
    // A build that does not compare is taken for one without the fix.
    version::compare(Scheme::Windows, build, fix).is_ok_and(Ordering::is_ge)
}

/// Which fix to name first: that of every host, with a build.
fn rank<'a>(cited: &Cited<'a>) -> (bool, bool, &'a str) {
    (!cited.channel.is_empty(), cited.build.is_none(), cited.update)
}
