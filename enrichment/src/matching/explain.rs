//! Puts into words what was compared: CPE names, ranges, conditions, doubts.

use smol_str::{SmolStr, format_smolstr};

use crate::cpe::{Attr, Attribute, Cpe};
use crate::cve::RecordSource;
use crate::evaluation::{Finding, Why};
use crate::identity::{Candidate, Edition};
use crate::index::{
    Bounds, CveEntry, Index, PartnerView, ProductView, RangeRow, Text, VersionKind,
};
use crate::matching::find::{Hit, Row};
use crate::matching::judge::{Doubts, Partner};
use crate::matching::question::Question;
use crate::rule::{EDITION, SW_EDITION, TARGET_HW, TARGET_SW};

/// The CPE name of an installed product, without what stands in brackets behind its version: a
/// CPE name has no spaces.
pub(super) fn installed_cpe(candidate: &Candidate, version: &str, update: &str) -> String {
    let version = version.split([' ', '(']).next().unwrap_or_default();
    Cpe::of_product(candidate.part.as_str(), &candidate.vendor, &candidate.product)
        .with(Attribute::Version, Attr::value(version))
        .with(Attribute::Update, Attr::value(update))
        .with(Attribute::SwEdition, edition(&candidate.edition))
        .with(Attribute::TargetSw, Attr::value(candidate.target_sw.as_str()))
        .to_string()
}

/// The edition for a CPE name, where it is known.
fn edition(edition: &Edition) -> Attr {
    match edition {
        Edition::Is(name) => Attr::value(name),
        Edition::Line(name) => Attr::value(name),
        Edition::Unknown | Edition::NotLine(_) => Attr::Any,
    }
}

/// Writes the findings of one product; what they share is made once.
pub(super) struct Writer<'q> {
    index: &'q Index,
    question: &'q Question<'q>,
    product: &'q ProductView<'q>,
    version: SmolStr,
    rule: SmolStr,
    /// The name that was written last where it names no version: rows of a product mostly have few
    /// shapes, and those in turn.
    criteria: Option<(u32, SmolStr)>,
    /// Where a text is put together.
    text: String,
}

impl<'q> Writer<'q> {
    pub(super) fn new(
        index: &'q Index,
        question: &'q Question<'q>,
        product: &'q ProductView<'q>,
        rule: &str,
    ) -> Self {
        Self {
            index,
            question,
            product,
            version: question.installed.shown().into(),
            rule: rule.into(),
            criteria: None,
            text: String::with_capacity(80),
        }
    }

    /// A rule that holds as a finding; `None` where the index is damaged.
    pub(super) fn finding(&mut self, hit: &Hit) -> Option<Finding> {
        let index = self.index;
        let cve = index.cve_entry(hit.cve)?;
        Some(Finding {
            cve: cve.id.into(),
            source: SmolStr::new_static(cve.source.as_str()),
            confidence: hit.confidence(),
            fixed_in: fixed_in(index, &hit.row),
            why: Why {
                criteria: self.criteria(&hit.row)?,
                range: self.range(&hit.row),
                version: self.version.clone(),
                scheme: SmolStr::new_static(self.question.installed.scheme.as_str()),
                rule: self.rule.clone(),
                conditions: conditions(index, self.question, hit),
                notes: notes(index, &cve, hit),
                advisory: None,
            },
        })
    }

    fn criteria(&mut self, row: &Row) -> Option<SmolStr> {
        let is_general = matches!(row, Row::Range(_));
        if let Some((shape, name)) = &self.criteria
            // An exact version is a name of its own in each row.
            && is_general
            && *shape == row.shape()
        {
            return Some(name.clone());
        }
        self.text.clear();
        put_criteria(&mut self.text, self.index, self.product, row)?;
        let name = SmolStr::new(&self.text);
        if is_general {
            self.criteria = Some((row.shape(), name.clone()));
        }
        Some(name)
    }

    fn range(&mut self, row: &Row) -> Option<SmolStr> {
        let Row::Range(row) = row else {
            return None;
        };
        self.text.clear();
        put_range(&mut self.text, self.index, row);
        Some(SmolStr::new(&self.text))
    }
}

/// The first version behind the range, where the record names it.
fn fixed_in(index: &Index, row: &Row) -> Option<SmolStr> {
    match row {
        // `<= 2.4` says that 2.4 is vulnerable, and not which version is the next.
        Row::Range(row) if !row.bounds.upper_included => {
            index.version_text(row.upper?).map(SmolStr::new)
        }
        Row::Exact(_) | Row::Range(_) | Row::Open(_) => None,
    }
}

/// The CPE name of a record's rule.
pub(super) fn criteria(index: &Index, product: &ProductView<'_>, row: &Row) -> Option<String> {
    let mut name = String::with_capacity(80);
    put_criteria(&mut name, index, product, row)?;
    Some(name)
}

fn put_criteria(
    name: &mut String,
    index: &Index,
    product: &ProductView<'_>,
    row: &Row,
) -> Option<()> {
    let shape = index.shape(row.shape())?;
    let version = match row {
        Row::Exact(row) => Text::Value(index.version_text(row.version)?),
        Row::Open(row) if row.kind == VersionKind::NotApplicable => Text::NotApplicable,
        Row::Range(_) | Row::Open(_) => Text::Any,
    };
    name.push_str("cpe:2.3:");
    name.push(char::from(product.part));
    let names = [Text::Value(product.vendor), Text::Value(product.product)];
    for text in names.into_iter().chain([version]).chain(shape.qualifiers) {
        name.push(':');
        match text {
            Text::Any => name.push('*'),
            Text::NotApplicable => name.push('-'),
            Text::Value(value) => push_escaped(name, value),
        }
    }
    Some(())
}

fn push_escaped(name: &mut String, value: &str) {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
    // Nearly all values need no escapes; those are the fast way out.
    if value.bytes().all(is_plain) {
        name.push_str(value);
    } else {
        name.push_str(&Attr::Value(value.into()).to_string());
    }
}

/// A range as a constraint.
pub(super) fn range(index: &Index, row: &RangeRow) -> String {
    let mut range = String::with_capacity(32);
    put_range(&mut range, index, row);
    range
}

fn put_range(range: &mut String, index: &Index, row: &RangeRow) {
    let text = |version| index.version_text(version).unwrap_or_default();
    put_bounds(range, row.lower.map(text), row.upper.map(text), row.bounds);
}

/// Adds bounds to an empty text.
fn put_bounds(range: &mut String, lower: Option<&str>, upper: Option<&str>, bounds: Bounds) {
    if let Some(version) = lower {
        range.push_str(if bounds.lower_included { ">= " } else { "> " });
        range.push_str(version);
    }
    if let Some(version) = upper {
        if !range.is_empty() {
            range.push_str(", ");
        }
        range.push_str(if bounds.upper_included { "<= " } else { "< " });
        range.push_str(version);
    }
}

/// What the record demands of the host, and how it was met.
fn conditions(index: &Index, question: &Question<'_>, hit: &Hit) -> Vec<SmolStr> {
    let Some(condition) = index.shape(hit.shape).and_then(|shape| shape.condition) else {
        return Vec::new();
    };
    let surroundings = question.surroundings(hit.candidate);
    index
        .condition(condition)
        .iter()
        .filter_map(|term| match surroundings.partner(term) {
            Partner::Met(partner) => Some(format_smolstr!("runs on {}", shown(&partner))),
            Partner::Unchecked(partner) => {
                Some(format_smolstr!("not checked: on {}", shown(&partner)))
            }
            Partner::Missing(_) => None,
        })
        .collect()
}

/// A partner for people: `linux:linux_kernel`, `debian:debian_linux 10.0`.
pub(super) fn shown(partner: &PartnerView<'_>) -> String {
    let name = format!("{}:{}", partner.vendor, partner.product);
    match partner.kind {
        VersionKind::Exact => format!("{name} {}", partner.lower.unwrap_or_default()),
        VersionKind::Range => {
            let mut range = String::new();
            put_bounds(&mut range, partner.lower, partner.upper, partner.bounds);
            format!("{name} {range}")
        }
        VersionKind::All | VersionKind::NotApplicable => name,
    }
}

/// Why the confidence is not high.
fn notes(index: &Index, cve: &CveEntry, hit: &Hit) -> Vec<SmolStr> {
    let mut notes = Vec::new();
    let mut note = |is_so: bool, text: &'static str| {
        if is_so {
            notes.push(SmolStr::new_static(text));
        }
    };
    note(matches!(hit.row, Row::Open(_)), "the record names every version");
    let stated = stated_by_another(cve.source);
    note(stated.is_some(), stated.unwrap_or_default());
    note(cve.is_fallback, "NVD named these versions once and its newest record names none");
    note(hit.doubts.system, "the host's operating system is not known well enough");
    note(hit.doubts.partner, "needs hardware that a software inventory cannot show");
    notes.extend(untold(index, hit));
    notes
}

/// Whose statement it is, where it is not NVD's.
const fn stated_by_another(source: RecordSource) -> Option<&'static str> {
    match source {
        RecordSource::Nvd => None,
        RecordSource::Anchore => Some("stated by Anchore, not by NVD"),
        RecordSource::Cisa => Some("stated by CISA, not by NVD"),
        RecordSource::Assigner => Some("stated by the CVE's assigner alone"),
    }
}

/// What the record asks for and the host does not tell.
fn untold(index: &Index, hit: &Hit) -> Vec<SmolStr> {
    let mut notes = Vec::new();
    let Doubts { edition, hardware, language, .. } = hit.doubts;
    let Some(shape) = index.shape(hit.shape) else {
        return notes;
    };
    for (is_open, places) in [
        (edition, &[EDITION, SW_EDITION][..]),
        (hardware, &[TARGET_HW][..]),
        (language, &[TARGET_SW][..]),
    ] {
        for place in places {
            if let (true, Text::Value(value)) = (is_open, shape.qualifiers[*place]) {
                notes.push(format_smolstr!("the record is about {value}, the host does not tell"));
            }
        }
    }
    notes
}
