//! Judges Microsoft's programs by the versions that Microsoft's own fixes have.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::cve::CveId;
use crate::index::Index;
use crate::matching::windows::explain::Explainer;
use crate::matching::windows::{By, Cited, Doubt, Judged, Verdict, package, statements};
use crate::matching::{Judgeable, Prepared};
use crate::version::{self, Scheme};
use crate::windows;

/// What the advisories call the programs that a subject may be.
pub(super) fn names(prepared: &Prepared) -> impl Iterator<Item = String> {
    let judgeable = prepared.judgeable.as_ref().ok().into_iter();
    judgeable
        .flat_map(|judgeable| &judgeable.candidates)
        .filter(|candidate| candidate.vendor == "microsoft")
        .map(|candidate| format!("{}:{}", candidate.vendor, candidate.product))
}

/// What Microsoft says of a program; `None` where it says nothing.
pub(super) fn said<'a>(index: &'a Index, prepared: &Prepared) -> Option<Judged<'a>> {
    let judgeable = prepared.judgeable.as_ref().ok()?;
    let mut verdicts = BTreeMap::new();
    let mut called = None;
    for name in names(prepared) {
        let Some(package) = package(index, windows::PROGRAMS, "", &name) else {
            continue;
        };
        for (cves, cited) in statements(index, &package) {
            for cve in cves {
                add(&mut verdicts, cve, judge(judgeable, cited));
            }
        }
        // A program may have several names; the first that Microsoft has statements under is shown.
        called.get_or_insert(package.view.name);
    }
    Some(Judged {
        explainer: Explainer::of_program(
            index,
            called?,
            &judgeable.version,
            &prepared.identity.rule,
        ),
        verdicts,
    })
}

/// Of a program's lines at most one is that of the installed version, so what it says counts; that a
/// line has the fix counts only where no other line is affected.
fn add<'a>(verdicts: &mut BTreeMap<CveId, Verdict<'a>>, cve: CveId, verdict: Option<Verdict<'a>>) {
    match verdict {
        Some(affected @ Verdict::Affected(..)) => drop(verdicts.insert(cve, affected)),
        Some(other) => drop(verdicts.entry(cve).or_insert(other)),
        None => {}
    }
}

/// What one statement says of the installed version; `None` for one about another line.
fn judge<'a>(judgeable: &Judgeable, cited: Cited<'a>) -> Option<Verdict<'a>> {
    // Without a version of the fix nothing can be compared, and the CVE is left to NVD's records.
    let fix = cited.build?;
    let order = |bound: &str| version::compare(Scheme::Windows, &judgeable.version, bound).ok();
    if let Some(since) = cited.since
        && order(since)?.is_lt()
    {
        return None;
    }
    if order(fix)? == Ordering::Less {
        return Some(Verdict::Affected(cited, Doubt::None));
    }
    // Visual Studio 17.7 comes after 17.6.13 and has none of its fixes: a later line has its own.
    let is_of_line = cited.since.is_none() || line(&judgeable.version) == line(fix);
    is_of_line.then_some(Verdict::Fixed(cited, By::Version))
}

fn line(version: &str) -> (Option<&str>, Option<&str>) {
    let mut numbers = version.split('.');
    (numbers.next(), numbers.next())
}
