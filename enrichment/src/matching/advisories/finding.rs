//! Writes what advisories say of a package as findings.
//!
//! A kernel has two thousand of them, which differ in a number, a range and a fix. So all that they
//! share is made once for each package and shared, nothing is formatted that can be put together,
//! and only what does not fit into a finding itself takes memory.

use smol_str::{SmolStr, format_smolstr};

use crate::advisory::{NOT_AFFECTED_FROM, UNIMPORTANT, Verdict};
use crate::evaluation::{Confidence, Finding, Statement, Why};
use crate::index::{Index, SpanKind, SpanView};
use crate::matching::advisories::decide::{self, About, Found};
use crate::matching::advisories::judge::{Judged, Outcome};
use crate::matching::advisories::named::Named;
use crate::matching::advisories::question::Question;
use crate::matching::advisories::release::{self, Standing};

/// All that is found, at most one finding a CVE, in the order of CVEs.
pub(super) fn findings(question: &Question<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for package in &question.packages {
        // Most packages are up to date, and then nothing is written.
        let mut writer: Option<Writer<'_>> = None;
        decide::affected(question.index, package, |vulnerable| {
            let writer = writer.get_or_insert_with(|| Writer::new(question, package));
            let finding = writer.finding(vulnerable);
            found.extend(finding.map(|finding| (vulnerable.about, finding)));
        });
    }
    // Of one package they come in order. A guess may name two, and a package has two names: the surer
    // finding of a CVE stays.
    if question.packages.len() > 1 {
        found.sort_by(|(a, one), (b, other)| {
            a.cmp(b).then_with(|| other.confidence.cmp(&one.confidence))
        });
        found.dedup_by_key(|(about, _)| *about);
    }
    found.into_iter().map(|(_, finding)| finding).collect()
}

/// Writes the findings of one package.
struct Writer<'q> {
    index: &'q Index,
    package: &'q Named<'q>,
    place: SmolStr,
    rule: SmolStr,
    name: SmolStr,
    criteria: SmolStr,
    /// What is doubtful about all of them.
    doubts: Vec<SmolStr>,
    /// What statements of a shape say in the same words.
    shapes: Vec<(u32, Shape)>,
    /// Where a range is put together.
    range: String,
}

/// The texts of a shape of statements.
#[derive(Clone)]
struct Shape {
    scheme: SmolStr,
    module: SmolStr,
    channel: SmolStr,
    note: SmolStr,
}

impl<'q> Writer<'q> {
    const REMEMBERED: usize = 16;

    fn new(question: &'q Question<'q>, package: &'q Named<'q>) -> Self {
        let doubts = package.doubts.iter().copied();
        Self {
            index: question.index,
            package,
            place: question.place.clone(),
            rule: question.rule.clone(),
            name: package.name.into(),
            criteria: criteria(&question.place, package.name),
            doubts: doubts.map(SmolStr::new_static).collect(),
            shapes: Vec::new(),
            range: String::new(),
        }
    }

    /// A package's finding; `None` where the index is damaged.
    fn finding(&mut self, found: &Found<'_, '_>) -> Option<Finding> {
        let cited = found.cited;
        let shape = self.shape(cited);
        let later = match cited.standing {
            Standing::Own | Standing::Line => None,
            Standing::Later(release) => Some(release::shown("debian", release)),
        };
        let mut notes = self.notes(found);
        let is_withdrawn = decide::is_withdrawn(self.index, found);
        if is_withdrawn {
            notes.push(SmolStr::new_static("the CVE's own record was withdrawn"));
        }
        // What makes it low counts before any note, and every note makes it medium at most.
        let confidence = if is_withdrawn || later.is_some() || cited.shape.note == UNIMPORTANT {
            Confidence::Low
        } else if notes.is_empty() {
            Confidence::High
        } else {
            Confidence::Medium
        };
        let criteria = later.as_deref().map(|place| criteria(place, self.package.name));
        let statement = self.statement(cited, &shape, later)?;
        Some(Finding {
            cve: match found.about {
                About::Cve(cve) => cve.into(),
                // An advisory that names no CVE is found under its own id.
                About::Advisory(_) => statement.id.clone(),
            },
            source: statement.publisher.clone(),
            confidence,
            fixed_in: fixed_in(found),
            why: Why {
                criteria: criteria.unwrap_or_else(|| self.criteria.clone()),
                range: self.range(cited),
                version: self.package.installed.text.clone(),
                scheme: shape.scheme,
                rule: self.rule.clone(),
                conditions: Vec::new(),
                notes,
                advisory: Some(Box::new(statement)),
            },
        })
    }

    fn statement(
        &self,
        cited: &Judged<'_>,
        shape: &Shape,
        later: Option<SmolStr>,
    ) -> Option<Statement> {
        let (index, advisory) = (self.index, cited.statement.advisory);
        Some(Statement {
            id: index.advisory_id(advisory)?.into(),
            publisher: index.advisory_publisher(advisory)?.into(),
            place: later.unwrap_or_else(|| self.place.clone()),
            package: self.name.clone(),
            package_kind: SmolStr::new_static(self.package.kind.as_str()),
            verdict: SmolStr::new_static(verdict(cited.shape.verdict)),
            module: shape.module.clone(),
            channel: shape.channel.clone(),
            severity: index.advisory_severity(advisory)?.into(),
            note: shape.note.clone(),
        })
    }

    /// The texts of a statement's shape, of which a package's statements have a few in turn.
    fn shape(&mut self, cited: &Judged<'_>) -> Shape {
        let row = cited.statement.shape;
        if let Some((_, shape)) = self.shapes.iter().find(|(known, _)| *known == row) {
            return shape.clone();
        }
        let shape = Shape {
            scheme: cited.shape.scheme.into(),
            module: cited.shape.module.into(),
            channel: cited.shape.channel.into(),
            note: cited.shape.note.into(),
        };
        // Bounded: a search through more would cost what it saves.
        if self.shapes.len() < Self::REMEMBERED {
            self.shapes.push((row, shape.clone()));
        }
        shape
    }

    /// Why the confidence is not high.
    fn notes(&self, found: &Found<'_, '_>) -> Vec<SmolStr> {
        let mut notes = self.doubts.clone();
        let mut note = |is_so: bool, text: &'static str| {
            if is_so {
                notes.push(SmolStr::new_static(text));
            }
        };
        note(
            found.cited.shape.verdict == Verdict::UnderInvestigation,
            "the publisher has not said yet whether it is affected",
        );
        note(
            found.cited.is_likely,
            "that the package is of the module's stream is told from its version",
        );
        note(
            matches!(found.cited.standing, Standing::Later(_)),
            "the release gets no more records, and a later one's calls every version below \
             vulnerable",
        );
        note(found.is_disputed, "an earlier advisory calls this version repaired");
        note(
            found.cited.shape.note == UNIMPORTANT,
            "the publisher does not treat it as a vulnerability",
        );
        note(
            found.cited.shape.note == NOT_AFFECTED_FROM,
            "the publisher names the version that is not affected, and no repair",
        );
        note(
            self.lacks_epoch(found.cited),
            "the record leaves the epoch out, and so it was not compared",
        );
        notes
    }

    fn lacks_epoch(&self, cited: &Judged<'_>) -> bool {
        let Outcome::Within(span) = &cited.outcome else {
            return false;
        };
        let installed = &self.package.installed;
        [span.lower, span.upper].iter().flatten().any(|bound| installed.lacks_epoch_of(bound))
    }

    /// The stretch of versions as a constraint; nothing for all versions.
    fn range(&mut self, cited: &Judged<'_>) -> Option<SmolStr> {
        let Outcome::Within(span) = &cited.outcome else {
            return None;
        };
        self.range.clear();
        put_stretch(&mut self.range, span);
        (!self.range.is_empty()).then(|| self.range.as_str().into())
    }
}

fn criteria(place: &str, package: &str) -> SmolStr {
    format_smolstr!("{place}: {package}")
}

const fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Affected => "affected",
        Verdict::WontFix => "wont_fix",
        Verdict::UnderInvestigation => "under_investigation",
        Verdict::NotAffected => "not_affected",
    }
}

/// The first version with the fix, with the line of updates that has it where not every host does.
fn fixed_in(found: &Found<'_, '_>) -> Option<SmolStr> {
    let from = found.elsewhere.unwrap_or(found.cited);
    let fix = from.fix()?.text();
    Some(match (from.standing, from.shape.channel) {
        (Standing::Later(release), _) => {
            format_smolstr!("{fix} ({})", release::shown("debian", release))
        }
        (_, "") => fix.into(),
        (_, channel) => format_smolstr!("{fix} ({channel})"),
    })
}

/// Adds a stretch of versions as a constraint.
pub(super) fn put_stretch(range: &mut String, span: &SpanView<'_>) {
    let mut put = |sign: &str, version: &str| {
        range.push_str(sign);
        range.push_str(version);
    };
    if let Some(bound) = span.lower {
        let sign = match span.kind {
            SpanKind::Single => "= ",
            SpanKind::Open | SpanKind::Fixed | SpanKind::LastAffected => ">= ",
        };
        put(sign, bound.text());
    }
    if let Some(bound) = span.upper {
        if span.lower.is_some() {
            put(", ", "");
        }
        let sign = match span.kind {
            SpanKind::LastAffected => "<= ",
            SpanKind::Single | SpanKind::Open | SpanKind::Fixed => "< ",
        };
        put(sign, bound.text());
    }
}
