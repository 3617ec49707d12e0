//! One CVE of Ubuntu's tracker: what each release does about it, fixed or not.
//!
//! The OSV records say which version has a fix; the tracker also says what waits for one, what gets
//! none and what was never affected. Words: `ubuntu.com/security/cves/about`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;

use crate::advisory::{
    Advisory, Affected, End, NOT_AFFECTED_FROM, PackageKind, Place, Publisher, Span, Verdict,
};
use crate::cve::CveId;
use crate::feeds::advisories::Advisories;
use crate::feeds::ecosystem;
use crate::feeds::report::FeedKind;
use crate::version::Scheme;

#[derive(Deserialize)]
struct RawCve<'a> {
    #[serde(borrow)]
    candidate: Cow<'a, str>,
    #[serde(default, borrow)]
    priority: Option<Cow<'a, str>>,
    /// Release, then source package, then its status and the note behind it.
    #[serde(borrow)]
    packages: BTreeMap<Cow<'a, str>, BTreeMap<Cow<'a, str>, RawStatus<'a>>>,
}

#[derive(Deserialize)]
struct RawStatus<'a>(#[serde(borrow)] Cow<'a, str>, #[serde(borrow)] Cow<'a, str>);

/// Reads one CVE.
pub(super) fn parse(record: &[u8]) -> Result<Advisories, String> {
    let raw: RawCve<'_> = serde_json::from_slice(record).map_err(|error| error.to_string())?;
    let cve: CveId =
        raw.candidate.parse().map_err(|error: crate::cve::InvalidCveId| error.to_string())?;
    let mut affected = Vec::new();
    let mut left_out = Vec::new();
    for (release, packages) in &raw.packages {
        let place = match release.as_ref() {
            // Neither is a release: one is the project's own state, the other has no number yet.
            "upstream" | "devel" => continue,
            release => ecosystem::ubuntu(release),
        };
        for (package, RawStatus(status, note)) in packages {
            match (&place, statement(status, note.trim())?) {
                (Some(place), Said::That(verdict, span)) => {
                    affected.push(Affected {
                        note: remark(status, span.as_ref(), note).to_owned(),
                        ..of(place, package, verdict, span)
                    });
                }
                // `snap`, and lines of updates that the table does not know.
                (None, Said::That(..)) => {
                    left_out
                        .push(format!("Ubuntu {}", release.chars().take(60).collect::<String>()));
                }
                (_, Said::FixedSomewhere) => {
                    left_out.push("Ubuntu without the version that has the fix".to_owned());
                }
                (_, Said::Nothing) => {}
            }
        }
    }
    // As everywhere, so that the same statements in another order are the same advisory.
    affected.sort_unstable();
    Ok(Advisories {
        kind: FeedKind::UbuntuTracker,
        advisories: vec![Advisory {
            // The id of the same statement as an OSV record, which has an instant and so replaces it.
            id: format!("UBUNTU-{cve}"),
            publisher: Publisher::Ubuntu,
            cves: vec![cve],
            modified: None,
            is_withdrawn: false,
            severity: raw.priority.unwrap_or_default().into_owned(),
            affected,
        }],
        left_out,
    })
}

/// The remark on a statement.
fn remark<'n>(status: &str, span: Option<&Span>, note: &'n str) -> &'n str {
    match span {
        Some(Span { end: Some(_), .. }) if status == "not-affected" => NOT_AFFECTED_FROM,
        // Where the note is the fixed version, the span has it.
        Some(Span { end: Some(_), .. }) => "",
        Some(_) | None => note.trim(),
    }
}

/// Whether a note is a version and nothing else.
fn is_version(note: &str) -> bool {
    note.starts_with(|c: char| c.is_ascii_digit()) && !note.contains(char::is_whitespace)
}

fn of(place: &Place, package: &str, verdict: Verdict, span: Option<Span>) -> Affected {
    Affected {
        place: place.clone(),
        package: package.to_owned(),
        kind: PackageKind::Source,
        module: String::new(),
        note: String::new(),
        verdict,
        spans: span.into_iter().collect(),
        versions: Vec::new(),
        scheme: Scheme::Deb,
    }
}

/// What a status says.
enum Said {
    That(Verdict, Option<Span>),
    /// It was fixed, in a version that nobody has written down.
    FixedSomewhere,
    /// The package is not in the release.
    Nothing,
}

fn statement(status: &str, note: &str) -> Result<Said, String> {
    let open = || Some(Span::default());
    Ok(match status {
        "released" if note.is_empty() => Said::FixedSomewhere,
        // A version, sometimes with a remark behind it: `1.2-3ubuntu1 (regression)`.
        "released" => Said::That(
            Verdict::Affected,
            note.split_whitespace().next().map(|version| Span {
                introduced: None,
                end: Some(End::Fixed(version.to_owned())),
            }),
        ),
        // `pending` notes the version that is being tested, which no host can have yet.
        "needed" | "pending" | "deferred" => Said::That(Verdict::Affected, open()),
        "needs-triage" => Said::That(Verdict::UnderInvestigation, open()),
        // `end of standard support, was needs-triage`: nobody will ever look.
        "ignored" if note.contains("was needs-triage") => {
            Said::That(Verdict::UnderInvestigation, open())
        }
        "ignored" => Said::That(Verdict::WontFix, open()),
        // The version that came with the fix, as Canonical's own OVAL reads it: `0.105-11`.
        "not-affected" if is_version(note) => Said::That(
            Verdict::Affected,
            Some(Span { introduced: None, end: Some(End::Fixed(note.to_owned())) }),
        ),
        // The note behind it is a reason: `code not present`, `2.x only`.
        "not-affected" => Said::That(Verdict::NotAffected, None),
        // "Does not exist": who has such a package has it from somewhere else.
        "DNE" => Said::Nothing,
        other => {
            let shown: String = other.chars().take(40).collect();
            return Err(format!(
                "the status {shown:?}: expected released, needed, needs-triage, pending, deferred, \
                 ignored, not-affected or DNE"
            ));
        }
    })
}

#[cfg(test)]
mod tests;
