//! One pass over what CVE records say of a product.

use std::cmp::Ordering;

use enrichment::cpe::{Attr, Attribute, Cpe};
use enrichment::cve::Range;
use enrichment::evaluation::{Confidence, Finding, Why};
use enrichment::version::{self, Scheme};
use smol_str::SmolStr;

use super::naive::Naive;

/// What one record says of one product.
pub(super) struct Row {
    pub(super) cve: String,
    pub(super) criteria: String,
    pub(super) version: Option<String>,
    pub(super) range: Range,
}

pub(super) fn product(name: &Cpe) -> String {
    let text = |attribute| name.get(attribute).as_value().unwrap_or_default();
    format!("{}:{}", text(Attribute::Vendor), text(Attribute::Product))
}

impl Naive {
    /// One pass over a product's rows.
    pub(super) fn evaluate(&self, name: &Cpe) -> Vec<Finding> {
        let Attr::Value(installed) = name.get(Attribute::Version) else {
            return Vec::new();
        };
        let rows = self.products.get(&product(name)).map_or(&[][..], Vec::as_slice);
        let mut found: Vec<&Row> = rows.iter().filter(|row| row.covers(installed)).collect();
        found.sort_unstable_by_key(|row| &row.cve);
        // The index names the surest row of a CVE; here any will do, which costs less.
        found.dedup_by_key(|row| &row.cve);
        found.iter().map(|row| row.finding(installed)).collect()
    }
}

impl Row {
    fn covers(&self, installed: &str) -> bool {
        let order = |bound: &str| version::compare(Scheme::Generic, installed, bound);
        let is = |bound: &Option<String>, holds: fn(Ordering) -> bool| {
            bound.as_deref().is_none_or(|bound| order(bound).is_ok_and(holds))
        };
        match &self.version {
            Some(version) => order(version).is_ok_and(Ordering::is_eq),
            None => {
                is(&self.range.start_including, Ordering::is_ge)
                    && is(&self.range.start_excluding, Ordering::is_gt)
                    && is(&self.range.end_including, Ordering::is_le)
                    && is(&self.range.end_excluding, Ordering::is_lt)
            }
        }
    }

    fn finding(&self, installed: &str) -> Finding {
        let bounds = [
            (">= ", &self.range.start_including),
            ("> ", &self.range.start_excluding),
            ("<= ", &self.range.end_including),
            ("< ", &self.range.end_excluding),
        ];
        let bounds: Vec<String> = bounds
            .iter()
            .filter_map(|(sign, bound)| Some(format!("{sign}{}", bound.as_ref()?)))
            .collect();
        Finding {
            cve: self.cve.as_str().into(),
            source: "nvd".into(),
            confidence: Confidence::High,
            fixed_in: self.range.end_excluding.as_deref().map(Into::into),
            why: Why {
                criteria: self.criteria.as_str().into(),
                range: Some(bounds.join(", ").into()),
                version: SmolStr::new(installed),
                scheme: Scheme::Generic.as_str().into(),
                rule: "cpe".into(),
                ..Why::default()
            },
        }
    }
}
