//! The rules of each product in the order that makes them quick to find: exact versions by key,
//! ranges by upper bound, the rest behind.

use crate::cve::{CveId, RecordSource};
use crate::index::IndexError;
use crate::index::assemble::{Places, Sections};
use crate::index::bytes::place;
use crate::index::collected::{CompactRule, Verdict};
use crate::index::format::{
    CVE_ANCHORE, CVE_CISA, CVE_FALLBACK, CVE_REJECTED, NONE, Section, VersionKind,
};

/// A rule with places for numbers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    product: u32,
    kind: VersionKind,
    lower: u32,
    upper: u32,
    bounds: crate::index::format::Bounds,
    cve: u32,
    shape: u32,
}

/// Lays out products, their rules, and the CVEs.
pub(super) fn lay_out(
    verdicts: &[(CveId, Verdict<'_>)],
    places: &Places,
    out: &mut Sections,
) -> Result<(), IndexError> {
    let count = verdicts
        .iter()
        .map(|(_, verdict)| verdict.rules.len())
        .sum();
    let mut rows: Vec<Row> = Vec::with_capacity(count);
    for (cve, (id, verdict)) in (0..).zip(verdicts) {
        let before = rows.len();
        rows.extend(verdict.rules.iter().map(|rule| row(rule, cve, places)));
        let products = rows[before..].iter().map(|row| row.product);
        lay_out_cve(*id, verdict, products.collect(), out)?;
    }
    let end = out.next_row(Section::CveProducts)?;
    out.set(Section::Cves, [0, 0, 0, end]);

    // A record may list one CPE several times, and two of its configurations the same one.
    rows.sort_unstable_by(|a, b| order(a, b, places));
    rows.dedup();
    lay_out_products(&rows, places, out)
}

fn row(rule: &CompactRule, cve: u32, places: &Places) -> Row {
    let version = |number: u32| places.versions.get(place(number)).copied().unwrap_or(NONE);
    Row {
        product: places.products[place(rule.product)],
        kind: rule.kind,
        lower: version(rule.lower),
        upper: version(rule.upper),
        bounds: rule.bounds,
        cve,
        shape: places.shapes[place(rule.shape)],
    }
}

fn lay_out_cve(
    id: CveId,
    verdict: &Verdict<'_>,
    mut products: Vec<u32>,
    out: &mut Sections,
) -> Result<(), IndexError> {
    let flag = |is_set: bool, flag: u32| if is_set { flag } else { 0 };
    let flags = flag(verdict.source == RecordSource::Anchore, CVE_ANCHORE)
        | flag(verdict.source == RecordSource::Cisa, CVE_CISA)
        | flag(verdict.is_rejected, CVE_REJECTED)
        | flag(verdict.is_fallback, CVE_FALLBACK);
    let start = out.next_row(Section::CveProducts)?;
    out.set(
        Section::Cves,
        [u32::from(id.year()), id.number(), flags, start],
    );
    products.sort_unstable();
    products.dedup();
    out.set(Section::CveProducts, products);
    Ok(())
}

/// By product and kind; exact versions by key, ranges by [`class`] and upper key.
fn order(a: &Row, b: &Row, places: &Places) -> std::cmp::Ordering {
    let key = |version: u32| {
        places
            .keys
            .get(place(version))
            .map_or(&[][..], Vec::as_slice)
    };
    a.product
        .cmp(&b.product)
        .then(a.kind.cmp(&b.kind))
        .then_with(|| match a.kind {
            VersionKind::Exact => key(a.lower).cmp(key(b.lower)),
            VersionKind::Range => class(a, places)
                .cmp(&class(b, places))
                .then_with(|| key(a.upper).cmp(key(b.upper))),
            VersionKind::All | VersionKind::NotApplicable => std::cmp::Ordering::Equal,
        })
        .then_with(|| a.cmp(b))
}

/// Ranges whose upper bound has no key come first, those without an upper bound last.
fn class(row: &Row, places: &Places) -> u8 {
    match places.keys.get(place(row.upper)) {
        Some(key) if key.is_empty() => 0,
        Some(_) => 1,
        None => 2,
    }
}

fn lay_out_products(rows: &[Row], places: &Places, out: &mut Sections) -> Result<(), IndexError> {
    let mut rest = rows;
    for (number, (vendor, product, part)) in (0..).zip(&places.product_names) {
        // Products are numbered in the order that the rows are sorted by.
        let own = rest.partition_point(|row| row.product == number);
        let (own, behind) = rest.split_at(own);
        rest = behind;
        let starts = starts(out)?;
        out.set(Section::Products, [*vendor, *product, *part]);
        out.set(Section::Products, starts);
        lay_out_rules(own, out)?;
    }
    let starts = starts(out)?;
    out.set(Section::Products, [NONE, NONE, 0]);
    out.set(Section::Products, starts);
    let end = out.next_row(Section::ExactRows)?;
    out.set(Section::ExactGroups, [NONE, end]);
    Ok(())
}

/// Where the next product's rules begin.
fn starts(out: &Sections) -> Result<[u32; 3], IndexError> {
    Ok([
        out.next_row(Section::ExactGroups)?,
        out.next_row(Section::RangeRows)?,
        out.next_row(Section::OpenRows)?,
    ])
}

/// The rules of one product.
fn lay_out_rules(rows: &[Row], out: &mut Sections) -> Result<(), IndexError> {
    let mut group = None;
    for row in rows {
        match row.kind {
            VersionKind::Exact => {
                // Versions that are written differently and have one key stay two groups, side by
                // side: each rule shows the version as its record writes it.
                if group != Some(row.lower) {
                    group = Some(row.lower);
                    let start = out.next_row(Section::ExactRows)?;
                    out.set(Section::ExactGroups, [row.lower, start]);
                }
                out.set(Section::ExactRows, [row.cve, row.shape]);
            }
            VersionKind::Range => out.set(
                Section::RangeRows,
                [
                    row.cve,
                    row.shape,
                    row.lower,
                    row.upper,
                    row.bounds.to_word(),
                ],
            ),
            VersionKind::All | VersionKind::NotApplicable => {
                out.set(Section::OpenRows, [row.cve, row.shape, row.kind.to_word()]);
            }
        }
    }
    Ok(())
}
