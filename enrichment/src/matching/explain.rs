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
    Cpe::of_product(
        candidate.part.as_str(),
        &candidate.vendor,
        &candidate.product,
    )
    .with(Attribute::Version, Attr::value(version))
    .with(Attribute::Update, Attr::value(update))
    .with(Attribute::SwEdition, edition(&candidate.edition))
    .with(
        Attribute::TargetSw,
        Attr::value(candidate.target_sw.as_str()),
    )
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

/// A rule that holds as a finding.
pub(super) fn finding(
    index: &Index,
    question: &Question<'_>,
    product: &ProductView<'_>,
    hit: &Hit,
    rule: &str,
) -> Option<Finding> {
    let cve = index.cve_entry(hit.cve)?;
    let range = match &hit.row {
        Row::Range(row) => Some(range(index, row).into()),
        Row::Exact(_) | Row::Open(_) => None,
    };
    Some(Finding {
        cve: cve.id.into(),
        source: SmolStr::new_static(cve.source.as_str()),
        confidence: hit.confidence(),
        fixed_in: fixed_in(index, &hit.row),
        why: Why {
            criteria: criteria(index, product, &hit.row)?.into(),
            range,
            version: question.installed.shown().into(),
            scheme: SmolStr::new_static(question.installed.scheme.as_str()),
            rule: rule.into(),
            conditions: conditions(index, question, hit),
            notes: notes(index, &cve, hit),
            advisory: None,
        },
    })
}

/// The first version behind the range, where the record names it.
fn fixed_in(index: &Index, row: &Row) -> Option<SmolStr> {
    match row {
        Row::Range(row) if !row.bounds.upper_included => {
            index.version_text(row.upper?).map(SmolStr::new)
        }
        Row::Exact(_) | Row::Range(_) | Row::Open(_) => None,
    }
}

/// The CPE name of a record's rule.
pub(super) fn criteria(index: &Index, product: &ProductView<'_>, row: &Row) -> Option<String> {
    let shape = index.shape(row.shape())?;
    let version = match row {
        Row::Exact(row) => Text::Value(index.version_text(row.version)?),
        Row::Open(row) if row.kind == VersionKind::NotApplicable => Text::NotApplicable,
        Row::Range(_) | Row::Open(_) => Text::Any,
    };
    let mut name = String::with_capacity(80);
    name.push_str("cpe:2.3:");
    name.push(char::from(product.part));
    let names = [Text::Value(product.vendor), Text::Value(product.product)];
    for text in names.into_iter().chain([version]).chain(shape.qualifiers) {
        name.push(':');
        match text {
            Text::Any => name.push('*'),
            Text::NotApplicable => name.push('-'),
            Text::Value(value) => push_escaped(&mut name, value),
        }
    }
    Some(name)
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
    let text = |version| index.version_text(version).unwrap_or_default();
    bounds(row.lower.map(text), row.upper.map(text), row.bounds)
}

fn bounds(lower: Option<&str>, upper: Option<&str>, bounds: Bounds) -> String {
    let mut range = String::with_capacity(32);
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
    range
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
            let range = bounds(partner.lower, partner.upper, partner.bounds);
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
    note(
        matches!(hit.row, Row::Open(_)),
        "the record names every version",
    );
    note(
        cve.source == RecordSource::Anchore,
        "stated by Anchore, not by NVD",
    );
    note(
        cve.source == RecordSource::Cisa,
        "stated by CISA, not by NVD",
    );
    note(
        cve.is_fallback,
        "NVD named these versions once and its newest record names none",
    );
    let Doubts {
        edition,
        hardware,
        language,
        system,
        partner,
    } = hit.doubts;
    note(
        system,
        "the host's operating system is not known well enough",
    );
    note(
        partner,
        "needs hardware that a software inventory cannot show",
    );
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
                notes.push(format_smolstr!(
                    "the record is about {value}, the host does not tell"
                ));
            }
        }
    }
    notes
}
