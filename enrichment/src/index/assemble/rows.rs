//! The rules of each product in the order that makes them quick to find: exact versions by key,
//! ranges by upper bound, the rest behind.

use crate::cve::{CveId, RecordSource};
use crate::index::IndexError;
use crate::index::assemble::{Places, Sections};
use crate::index::bytes::place;
use crate::index::collected::{CompactRule, Verdict};
use crate::index::format::{
    Bounds, CVE_ANCHORE, CVE_ASSIGNER, CVE_CISA, CVE_FALLBACK, CVE_REJECTED, NONE, Section,
    VersionKind,
};

/// A rule of a CVE, first with numbers of arrival, then with places in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::index) struct Row {
    pub(in crate::index) product: u32,
    pub(in crate::index) kind: VersionKind,
    pub(in crate::index) lower: u32,
    pub(in crate::index) upper: u32,
    pub(in crate::index) bounds: Bounds,
    /// The place of the CVE among those of the file.
    pub(in crate::index) cve: u32,
    pub(in crate::index) shape: u32,
}

/// The CVEs of a file in their order, and the rules that count of them.
#[derive(Debug, Default)]
pub(in crate::index) struct Rules {
    pub(in crate::index) cves: Vec<(CveId, u32)>,
    /// In any order; quickest in that of the file.
    pub(in crate::index) rows: Vec<Row>,
}

impl Rules {
    /// Adds the rules of a CVE that was added, or will be, at a place among the others.
    pub(in crate::index) fn add(&mut self, cve: u32, rules: &[CompactRule]) {
        self.rows.extend(rules.iter().map(|rule| Row {
            product: rule.product,
            kind: rule.kind,
            lower: rule.lower,
            upper: rule.upper,
            bounds: rule.bounds,
            cve,
            shape: rule.shape,
        }));
    }

    /// The CVEs that were taken back, sorted.
    pub(super) fn withdrawn(&self) -> Vec<CveId> {
        let withdrawn = self.cves.iter().filter(|(_, flags)| flags & CVE_REJECTED != 0);
        withdrawn.map(|(id, _)| *id).collect()
    }

    /// Lays out products, their rules, and the CVEs.
    pub(super) fn lay_out(
        &mut self,
        places: &Places,
        out: &mut Sections,
    ) -> Result<(), IndexError> {
        for row in &mut self.rows {
            row.take_places(places);
        }
        // Runs that are in order are found, and what is made out of the index before mostly is.
        self.rows.sort_by(|a, b| order(a, b, places));
        // A record may list one CPE several times (CVE-2021-21985), and two of its configurations
        // the same one.
        self.rows.dedup();
        self.lay_out_cves(out)?;
        lay_out_products(&self.rows, places, out)
    }

    fn lay_out_cves(&self, out: &mut Sections) -> Result<(), IndexError> {
        let products = Grouped::by_cve(self.cves.len(), &self.rows);
        for (at, (id, flags)) in self.cves.iter().enumerate() {
            let start = out.next_row(Section::CveProducts)?;
            out.set(Section::Cves, [u32::from(id.year()), id.number(), *flags, start]);
            out.set(Section::CveProducts, products.of(at));
        }
        let end = out.next_row(Section::CveProducts)?;
        out.set(Section::Cves, [0, 0, 0, end]);
        Ok(())
    }
}

/// The flags of a CVE in the file.
pub(in crate::index) fn flags(verdict: &Verdict<'_>) -> u32 {
    let flag = |is_set: bool, flag: u32| if is_set { flag } else { 0 };
    flag(verdict.source == RecordSource::Anchore, CVE_ANCHORE)
        | flag(verdict.source == RecordSource::Cisa, CVE_CISA)
        | flag(verdict.source == RecordSource::Assigner, CVE_ASSIGNER)
        | flag(verdict.is_rejected, CVE_REJECTED)
        | flag(verdict.is_fallback, CVE_FALLBACK)
}

impl Row {
    fn take_places(&mut self, places: &Places) {
        let version = |number: u32| places.versions.get(place(number)).copied().unwrap_or(NONE);
        self.product = places.products[place(self.product)];
        self.lower = version(self.lower);
        self.upper = version(self.upper);
        self.shape = places.shapes[place(self.shape)];
    }
}

/// The products of each CVE, in one list: there are millions of rules and few to a CVE.
struct Grouped {
    ends: Vec<usize>,
    products: Vec<u32>,
}

impl Grouped {
    /// Rows have to be in the order of products; those of each CVE then are as well.
    fn by_cve(cves: usize, rows: &[Row]) -> Self {
        let mut ends = vec![0; cves];
        for row in rows {
            ends[place(row.cve)] += 1;
        }
        // Counts become beginnings, as in a counting sort: one pass counts, the next one files.
        let mut total = 0;
        for end in &mut ends {
            total += std::mem::replace(end, total);
        }
        let mut products = vec![NONE; total];
        // Each end is where the next product of its CVE goes, and so its end once all are there.
        for row in rows {
            let end = &mut ends[place(row.cve)];
            products[*end] = row.product;
            *end += 1;
        }
        Self { ends, products }
    }

    /// The products of a CVE, each once.
    fn of(&self, cve: usize) -> Vec<u32> {
        let start = cve.checked_sub(1).map_or(0, |before| self.ends[before]);
        let mut own = self.products[start..self.ends[cve]].to_vec();
        // Rows come in the order of products, so that doubles are neighbours.
        own.dedup();
        own
    }
}

/// By product and kind; exact versions by key, ranges by [`class`] and upper key.
fn order(a: &Row, b: &Row, places: &Places) -> std::cmp::Ordering {
    let key = |version: u32| places.keys.get(place(version)).map_or(&[][..], Vec::as_slice);
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
        // The rest of the row decides, so that equal keys stand in one order however they came.
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
                [row.cve, row.shape, row.lower, row.upper, row.bounds.to_word()],
            ),
            VersionKind::All | VersionKind::NotApplicable => {
                out.set(Section::OpenRows, [row.cve, row.shape, row.kind.to_word()]);
            }
        }
    }
    Ok(())
}
