//! What all statements about one CVE and one package come to.
//!
//! The distribution's denial beats everything. A record about the one CVE beats bulletins, which
//! list what an update repaired and are seldom touched again. Of several bulletins each counts: one
//! that names the CVE again says that the fix before it was not enough. A line of updates that not
//! every host has can repair what the release leaves open, and can name the fix that the release
//! will not get.

use crate::advisory::Verdict;
use crate::cve::CveId;
use crate::index::Index;
use crate::matching::advisories::judge::{self, Judged, Outcome};
use crate::matching::advisories::question::Named;
use crate::matching::advisories::release::Standing;

/// What a finding is about: a CVE, or an advisory that has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum About {
    Cve(CveId),
    Advisory(u32),
}

/// A statement by which a package is vulnerable.
#[derive(Clone, Debug)]
pub(super) struct Found<'a> {
    pub(super) about: About,
    pub(super) cited: Judged<'a>,
    /// The statement of a line of updates that has the fix, where the release has none.
    pub(super) elsewhere: Option<Judged<'a>>,
    /// Whether another bulletin calls the installed version repaired.
    pub(super) is_disputed: bool,
}

/// What the statements about one CVE come to.
#[derive(Debug)]
pub(super) enum Decision<'a> {
    Found(Found<'a>),
    /// The statement that denies it, or names the fix that the version has.
    NotAffected(Judged<'a>),
    /// No statement that holds for the package says anything about its version.
    Nothing,
}

/// All that a package is vulnerable to, in the order of what it is about.
pub(super) fn affected<'a>(index: &'a Index, package: &Named<'a>) -> Vec<Found<'a>> {
    // Most statements are about what was repaired long ago. Only what some statement calls
    // vulnerable is worth looking at from all sides.
    let hits = judge::hits(index, package).into_iter();
    let mut open: Vec<About> = hits
        .flat_map(|advisory| subjects(index, advisory))
        .collect();
    if open.is_empty() {
        return Vec::new();
    }
    open.sort_unstable();
    open.dedup();
    let is_open = |about: &About| open.binary_search(about).is_ok();
    let judged = judge::statements_of(index, package, |advisory| {
        subjects(index, advisory).any(|about| is_open(&about))
    });
    let mut about: Vec<(About, &Judged<'a>)> = judged
        .iter()
        .flat_map(|judged| {
            let subjects = subjects(index, judged.statement.advisory);
            subjects.map(move |about| (about, judged))
        })
        .filter(|(about, _)| is_open(about))
        .collect();
    about.sort_by_key(|(about, _)| *about);
    about
        .chunk_by(|a, b| a.0 == b.0)
        // A hit may have been about another build.
        .filter(|statements| statements.iter().any(|(_, judged)| judged.is_hit()))
        .filter_map(|statements| {
            let about = statements.first()?.0;
            let statements: Vec<&Judged<'a>> =
                statements.iter().map(|(_, judged)| *judged).collect();
            match decide(index, about, &statements) {
                Decision::Found(found) => Some(found),
                Decision::NotAffected(_) | Decision::Nothing => None,
            }
        })
        .collect()
}

/// What an advisory is about: its CVEs, or itself where it has none.
fn subjects(index: &Index, advisory: u32) -> impl Iterator<Item = About> {
    let mut cves = index.advisory_cves(advisory).map(About::Cve).peekable();
    let itself = cves.peek().is_none().then_some(About::Advisory(advisory));
    cves.chain(itself)
}

/// Whether the CVE's own record takes it back. Distributions keep such entries for years, and CVE
/// records have been taken back and given again (those of `WebKitGTK` in 2021), so the distribution's
/// word still counts, less surely.
pub(super) fn is_withdrawn(index: &Index, found: &Found<'_>) -> bool {
    let About::Cve(cve) = found.about else {
        return false;
    };
    index.is_withdrawn(found.cited.statement.advisory, cve)
}

/// Decides by all statements about one CVE.
pub(super) fn decide<'a>(index: &Index, about: About, statements: &[&Judged<'a>]) -> Decision<'a> {
    let countable = |is: fn(Standing) -> bool| countable(index, about, statements, is);
    let base = countable(|standing| standing == Standing::Own);
    let lines = countable(|standing| standing == Standing::Line);
    if base.is_empty() && lines.is_empty() {
        let later = countable(|standing| matches!(standing, Standing::Later(_)));
        return by_later_releases(index, about, &later);
    }
    let first = |from: &[&Judged<'a>], is: fn(&Judged<'a>) -> bool| {
        from.iter()
            .find(|judged| is(judged))
            .map(|one| (*one).clone())
    };
    // A line's denial is about the line's own builds, unless nobody else says anything.
    let denying = if base.is_empty() { &lines } else { &base };
    if let Some(denial) = first(denying, Judged::is_denial) {
        return Decision::NotAffected(denial);
    }
    let repaired = first(&lines, Judged::is_fixed);
    let Some(cited) = worst(&base).or_else(|| worst(&lines).filter(|_| base.is_empty())) else {
        let fixed = first(&base, Judged::is_fixed).or(repaired);
        return fixed.map_or(Decision::Nothing, Decision::NotAffected);
    };
    if let Some(repaired) = repaired {
        return Decision::NotAffected(repaired);
    }
    let elsewhere = worst(&lines).filter(|line| cited.fix().is_none() && line.fix().is_some());
    Decision::Found(Found {
        about,
        elsewhere,
        is_disputed: base.iter().any(|judged| judged.is_fixed()),
        cited,
    })
}

/// Decides for a release that has no record of the CVE any more: by the records of all later ones,
/// because a package that has the fix of any of them is well. Their bulletins are about what they
/// shipped, and say nothing about what came before.
fn by_later_releases<'a>(index: &Index, about: About, later: &[&Judged<'a>]) -> Decision<'a> {
    let records = || {
        later
            .iter()
            .filter(|judged| is_record(index, about, judged))
    };
    if let Some(well) = records().find(|judged| !judged.is_hit()) {
        return Decision::NotAffected((*well).clone());
    }
    // The next release is the one to upgrade to, so it is the one to cite.
    let Some(cited) = records().next() else {
        return Decision::Nothing;
    };
    Decision::Found(Found {
        about,
        cited: (*cited).clone(),
        elsewhere: None,
        is_disputed: false,
    })
}

/// The statements of the release, or of what stands beside it, that are about the package: those
/// about this very CVE where there are some.
fn countable<'s, 'a>(
    index: &Index,
    about: About,
    statements: &[&'s Judged<'a>],
    is: fn(Standing) -> bool,
) -> Vec<&'s Judged<'a>> {
    let mut all: Vec<&Judged<'a>> = statements
        .iter()
        .copied()
        .filter(|judged| is(judged.standing))
        .filter(|judged| !matches!(judged.outcome, Outcome::OtherBuild | Outcome::Incomparable))
        .collect();
    let is_record = |judged: &&Judged<'a>| is_record(index, about, judged);
    if all.iter().any(is_record) {
        all.retain(is_record);
    }
    all
}

/// Whether an advisory is the publisher's record of this CVE: `DEBIAN-CVE-2024-6387`.
fn is_record(index: &Index, about: About, judged: &Judged<'_>) -> bool {
    let About::Cve(cve) = about else {
        return false;
    };
    let id = index.advisory_id(judged.statement.advisory);
    id.and_then(|id| id.find("CVE-").map(|at| &id[at..]))
        .is_some_and(|id| id.parse() == Ok(cve))
}

/// The statement to cite: the surest verdict, then the one whose fix comes last, because only that
/// one ends the finding.
fn worst<'a>(statements: &[&Judged<'a>]) -> Option<Judged<'a>> {
    let rank = |judged: &Judged<'a>| {
        let verdict = match judged.shape.verdict {
            Verdict::Affected => 2,
            Verdict::WontFix => 1,
            Verdict::UnderInvestigation | Verdict::NotAffected => 0,
        };
        let fix = judged.fix().map(|fix| fix.key.to_vec());
        (verdict, !judged.is_likely, fix)
    };
    statements
        .iter()
        .filter(|judged| judged.is_hit())
        .max_by_key(|judged| rank(judged))
        .map(|judged| (*judged).clone())
}

#[cfg(test)]
mod tests;
