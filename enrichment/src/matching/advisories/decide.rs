//! What all statements about one CVE and one package come to.
//!
//! The distribution's denial beats everything. A record about the one CVE beats bulletins, which
//! list what an update repaired and are seldom touched again. Of several bulletins each counts: one
//! that names the CVE again says that the fix before it was not enough. A line of updates that not
//! every host has can repair what the release leaves open, and can name the fix that the release
//! will not get.

use smol_str::SmolStr;

use crate::advisory::Verdict;
use crate::cve::CveId;
use crate::index::Index;
use crate::matching::advisories::judge::{self, Judged, Outcome};
use crate::matching::advisories::named::Named;
use crate::matching::advisories::release::Standing;

/// What a finding is about: a CVE, or an advisory that has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum About {
    Cve(CveId),
    Advisory(u32),
}

/// A statement by which a package is vulnerable.
#[derive(Clone, Debug)]
pub(super) struct Found<'s, 'a> {
    pub(super) about: About,
    pub(super) cited: &'s Judged<'a>,
    /// The statement of a line of updates that has the fix, where the release has none.
    pub(super) elsewhere: Option<&'s Judged<'a>>,
    /// Whether another bulletin calls the installed version repaired.
    pub(super) is_disputed: bool,
}

/// What the statements about one CVE come to.
#[derive(Debug)]
pub(super) enum Decision<'s, 'a> {
    Found(Found<'s, 'a>),
    /// The statement that denies it, or names the fix that the version has.
    NotAffected(&'s Judged<'a>),
    /// No statement that holds for the package says anything about its version.
    Nothing,
}

/// Calls back with all that a package is vulnerable to, in the order of what it is about.
pub(super) fn affected<'a>(
    index: &'a Index,
    package: &Named<'a>,
    mut take: impl FnMut(&Found<'_, 'a>),
) {
    // Most statements are about what was repaired long ago. Only what some statement calls
    // vulnerable is worth looking at from all sides.
    let hits = judge::hits(index, package).into_iter();
    let mut open: Vec<About> = hits.flat_map(|advisory| subjects(index, advisory)).collect();
    if open.is_empty() {
        return;
    }
    open.sort_unstable();
    open.dedup();
    let is_open = |about: &About| open.binary_search(about).is_ok();
    let judged = judge::statements_of(index, package, |advisory| {
        subjects(index, advisory).any(|about| is_open(&about))
    });
    let mut about: Vec<(About, usize)> = judged
        .iter()
        .enumerate()
        .flat_map(|(at, judged)| {
            let subjects = subjects(index, judged.statement.advisory);
            subjects.map(move |about| (about, at))
        })
        .filter(|(about, _)| is_open(about))
        .collect();
    about.sort_unstable();
    let mut statements: Vec<&Judged<'a>> = Vec::new();
    for group in about.chunk_by(|a, b| a.0 == b.0) {
        let Some((about, _)) = group.first() else {
            continue;
        };
        statements.clear();
        statements.extend(group.iter().filter_map(|(_, at)| judged.get(*at)));
        // A hit may have been about another build.
        if statements.iter().any(|judged| judged.is_hit())
            && let Decision::Found(found) = decide(index, *about, &statements)
        {
            take(&found);
        }
    }
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
pub(super) fn is_withdrawn(index: &Index, found: &Found<'_, '_>) -> bool {
    let About::Cve(cve) = found.about else {
        return false;
    };
    index.is_withdrawn(found.cited.statement.advisory, cve)
}

/// Decides by all statements about one CVE.
pub(super) fn decide<'s, 'a>(
    index: &Index,
    about: About,
    statements: &[&'s Judged<'a>],
) -> Decision<'s, 'a> {
    let records = Records::of(index, about);
    let base = Side::of(statements, &records, |standing| standing == Standing::Own);
    let lines = Side::of(statements, &records, |standing| standing == Standing::Line);
    if base.is_empty() && lines.is_empty() {
        return by_later_releases(about, statements, &records);
    }
    // A line's denial is about the line's own builds, unless nobody else says anything.
    let denying = if base.is_empty() { &lines } else { &base };
    if let Some(denial) = denying.iter().find(|judged| judged.is_denial()) {
        return Decision::NotAffected(denial);
    }
    let repaired = lines.iter().find(|judged| judged.is_fixed());
    // A line speaks of the builds that its subscribers have. Alone it is all that there is; beside
    // the release's own word it only tells of a fix.
    let worst_of_lines = || lines.worst().filter(|_| base.is_empty());
    let Some(cited) = base.worst().or_else(worst_of_lines) else {
        let fixed = base.iter().find(|judged| judged.is_fixed()).or(repaired);
        return fixed.map_or(Decision::Nothing, Decision::NotAffected);
    };
    // The package has a line's build, which its host got by subscribing: what the release still
    // lacks is no matter to it.
    if let Some(repaired) = repaired {
        return Decision::NotAffected(repaired);
    }
    let elsewhere = lines.worst().filter(|line| cited.fix().is_none() && line.fix().is_some());
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
fn by_later_releases<'s, 'a>(
    about: About,
    statements: &[&'s Judged<'a>],
    records: &Records<'_>,
) -> Decision<'s, 'a> {
    let later = Side::of(statements, records, |standing| matches!(standing, Standing::Later(_)));
    let mut of_later = later.iter().filter(|judged| records.is_one(judged));
    if let Some(well) = of_later.clone().find(|judged| !judged.is_hit()) {
        return Decision::NotAffected(well);
    }
    // The next release is the one to upgrade to, so it is the one to cite.
    let Some(cited) = of_later.next() else {
        return Decision::Nothing;
    };
    Decision::Found(Found { about, cited, elsewhere: None, is_disputed: false })
}

/// The statements of the release, or of what stands beside it, that are about the package: those
/// about this very CVE where there are some.
struct Side<'g, 's, 'a> {
    statements: &'g [&'s Judged<'a>],
    records: &'g Records<'g>,
    is_of_it: fn(Standing) -> bool,
    are_only_records: bool,
}

impl<'g, 's, 'a> Side<'g, 's, 'a> {
    fn of(
        statements: &'g [&'s Judged<'a>],
        records: &'g Records<'g>,
        is_of_it: fn(Standing) -> bool,
    ) -> Self {
        let mut side = Self { statements, records, is_of_it, are_only_records: false };
        // Alone, a statement counts whatever it is.
        side.are_only_records =
            statements.len() > 1 && side.iter().any(|judged| records.is_one(judged));
        side
    }

    fn iter(&self) -> impl Iterator<Item = &'s Judged<'a>> + Clone {
        let Self { is_of_it, are_only_records, .. } = *self;
        self.statements.iter().copied().filter(move |judged| {
            is_of_it(judged.standing)
                && !matches!(judged.outcome, Outcome::OtherBuild | Outcome::Incomparable)
                && (!are_only_records || self.records.is_one(judged))
        })
    }

    fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// The statement to cite: the surest verdict, then the one whose fix comes last, because only that
    /// one ends the finding.
    fn worst(&self) -> Option<&'s Judged<'a>> {
        let rank = |judged: &&'s Judged<'a>| {
            let verdict = match judged.shape.verdict {
                Verdict::Affected => 2,
                Verdict::WontFix => 1,
                Verdict::UnderInvestigation | Verdict::NotAffected => 0,
            };
            // No fix is less than any: a statement that names one ends the finding, the other only
            // says that it goes on.
            (verdict, !judged.is_likely, judged.fix().map(|fix| fix.key))
        };
        self.iter().filter(|judged| judged.is_hit()).max_by_key(rank)
    }
}

/// The publishers' records of one CVE, of which the id is theirs: `DEBIAN-CVE-2024-6387`.
struct Records<'i> {
    index: &'i Index,
    cve: Option<SmolStr>,
}

impl<'i> Records<'i> {
    fn of(index: &'i Index, about: About) -> Self {
        let cve = match about {
            About::Cve(cve) => Some(cve.into()),
            About::Advisory(_) => None,
        };
        Self { index, cve }
    }

    /// Whether a statement's advisory is one of them.
    fn is_one(&self, judged: &Judged<'_>) -> bool {
        let id = self.index.advisory_id(judged.statement.advisory);
        id.zip(self.cve.as_deref())
            // `DEBIAN-CVE-…`, `UBUNTU-CVE-…` and Red Hat's VEX, whose id is the CVE's own. Compared
            // with its `CVE-`, no longer number ends with a shorter one.
            .is_some_and(|(id, cve)| id.ends_with(cve))
    }
}

#[cfg(test)]
mod tests;
