//! Puts into words what Microsoft says of a product.

use smol_str::{SmolStr, format_smolstr};

use crate::cve::CveId;
use crate::evaluation::{Confidence, Finding, Statement, Why};
use crate::index::Index;
use crate::matching::step::Step;
use crate::matching::windows::host::Host;
use crate::matching::windows::{By, Cited, Doubt, Verdict};
use crate::version::Scheme;
use crate::windows;

/// Words for one product of one host.
pub(super) struct Explainer<'a> {
    index: &'a Index,
    /// As the advisories call it.
    package: &'a str,
    /// The version as it was compared; empty where only updates are known.
    version: SmolStr,
    rule: SmolStr,
    /// Whether the host names its updates.
    has_list: bool,
}

impl<'a> Explainer<'a> {
    pub(super) fn of_system(index: &'a Index, host: &Host<'_>, rule: &str) -> Self {
        Self {
            index,
            package: windows::PACKAGE,
            version: host.build.unwrap_or_default().into(),
            rule: rule.into(),
            has_list: !host.updates.is_empty(),
        }
    }

    pub(super) fn of_program(
        index: &'a Index,
        package: &'a str,
        version: &str,
        rule: &str,
    ) -> Self {
        Self { index, package, version: version.into(), rule: rule.into(), has_list: false }
    }

    /// The finding of a CVE whose fix is not there.
    pub(super) fn affected(&self, cve: CveId, cited: &Cited<'_>, doubt: Doubt) -> Finding {
        let mut notes = Vec::new();
        if doubt == Doubt::Architecture {
            notes.push(SmolStr::new_static(
                "not every kind of machine is affected, and the host does not tell its own",
            ));
        }
        let confidence = if notes.is_empty() { Confidence::High } else { Confidence::Medium };
        self.finding(cve, cited, confidence, notes)
    }

    /// The finding of a CVE of which nothing tells whether its fix is there.
    pub(super) fn unknown(&self, cve: CveId, cited: &Cited<'_>) -> Finding {
        let note = format_smolstr!(
            "Microsoft gives no build for {}, and no later build that the host has reached holds it",
            cited.update
        );
        self.finding(cve, cited, Confidence::Low, vec![note])
    }

    fn finding(
        &self,
        cve: CveId,
        cited: &Cited<'_>,
        mut confidence: Confidence,
        mut notes: Vec<SmolStr>,
    ) -> Finding {
        if is_withdrawn(self.index, cve) {
            notes.push(SmolStr::new_static("the CVE's own record was withdrawn"));
            confidence = Confidence::Low;
        }
        Finding {
            cve: cve.into(),
            source: SmolStr::new_static("microsoft"),
            confidence,
            fixed_in: fixed_in(cited),
            why: Why {
                criteria: format_smolstr!("{}: {}", place(cited), self.package),
                range: range(cited),
                version: self.version.clone(),
                scheme: SmolStr::new_static(Scheme::Windows.as_str()),
                rule: self.rule.clone(),
                conditions: self.conditions(cited),
                notes,
                advisory: Some(Box::new(self.statement(cited))),
            },
        }
    }

    /// What was compared beside the version.
    fn conditions(&self, cited: &Cited<'_>) -> Vec<SmolStr> {
        if cited.update.is_empty() {
            return Vec::new();
        }
        let by = if self.has_list {
            "of the installed updates none is or holds"
        } else {
            "the build does not imply"
        };
        vec![format_smolstr!("{by} {}", cited.update)]
    }

    fn statement(&self, cited: &Cited<'_>) -> Statement {
        let (index, advisory) = (self.index, cited.advisory);
        let text = |text: Option<&str>| SmolStr::new(text.unwrap_or_default());
        Statement {
            id: text(index.advisory_id(advisory)),
            publisher: text(index.advisory_publisher(advisory)),
            place: place(cited),
            package: self.package.into(),
            package_kind: SmolStr::new_static("binary"),
            verdict: SmolStr::new_static("affected"),
            module: SmolStr::default(),
            channel: cited.channel.into(),
            severity: text(index.advisory_severity(advisory)),
            note: cited.update.into(),
        }
    }

    /// The condition that fails; `None` where the CVE records have to say it.
    pub(super) fn why_not(&self, verdict: &Verdict<'_>) -> Option<(Step, String)> {
        let version = &self.version;
        Some(match verdict {
            Verdict::Affected(cited, _) => {
                let detail = format!("it is found by Microsoft's word on {}", place(cited));
                (Step::Found, detail)
            }
            Verdict::Fixed(cited, By::Version) => {
                let build = cited.build.unwrap_or_default();
                let of = match cited.update {
                    "" => String::new(),
                    update => format!(" of {update}"),
                };
                let what = if self.package == windows::PACKAGE { "build " } else { "" };
                let detail = format!("{what}{version} is not below {build}{of} ({})", place(cited));
                (Step::Version, detail)
            }
            Verdict::Fixed(cited, By::Update) => {
                let what = if self.has_list {
                    "an installed update".to_owned()
                } else {
                    format!("an update that build {version} has")
                };
                let detail = format!("{what} is or holds {} ({})", cited.update, place(cited));
                (Step::Update, detail)
            }
            Verdict::OtherMachines(cited) => {
                let detail = format!("Microsoft names it for {} only", place(cited));
                (Step::Hardware, detail)
            }
            Verdict::Unknown(_) => return None,
        })
    }
}

/// Names the update in a finding of a CVE record, whose fix is a build.
pub(super) fn name_update(finding: &mut Finding, cited: &Cited<'_>) {
    if let Some(fix) = &mut finding.fixed_in {
        *fix = format_smolstr!("{} ({fix})", cited.update);
    }
}

/// Where a statement holds, for people.
fn place(cited: &Cited<'_>) -> SmolStr {
    match cited.release {
        // Programs are filed under no release, because their fixes are the same on all of them.
        "" => SmolStr::new_static(windows::PROGRAMS),
        release => format_smolstr!("{} {release}", windows::PLACE),
    }
}

/// What to install: `KB5036892 (10.0.19045.4291)`, or the version alone.
fn fixed_in(cited: &Cited<'_>) -> Option<SmolStr> {
    match (cited.update, cited.build) {
        ("", None) => None,
        ("", Some(build)) => Some(build.into()),
        (update, None) => Some(update.into()),
        (update, Some(build)) => Some(format_smolstr!("{update} ({build})")),
    }
}

fn range(cited: &Cited<'_>) -> Option<SmolStr> {
    let since = cited.since.map(|since| format!(">= {since}"));
    let end = cited.build.map(|build| format!("< {build}"));
    let bounds: Vec<String> = since.into_iter().chain(end).collect();
    (!bounds.is_empty()).then(|| bounds.join(", ").into())
}

fn is_withdrawn(index: &Index, cve: CveId) -> bool {
    let entry = index.find_cve(cve).and_then(|row| index.cve_entry(row));
    entry.is_some_and(|entry| entry.is_rejected)
}
