//! One CVE in Red Hat's CSAF VEX: which packages of which products have a fix, wait for one, get none,
//! or were never affected.
//!
//! Red Hat's OSV records only tell what was fixed. Documents of other publishers and Red Hat's
//! advisories in the same format are known for what they are and not used: the first name no package,
//! the second repeat the OSV records.

use std::collections::HashMap;

use crate::advisory::{Advisory, Affected, End, PackageKind, Publisher, Span, Verdict};
use crate::cve::{CveId, Timestamp};
use crate::feeds::advisories::Advisories;
use crate::feeds::csaf::products::{Component, Products};
use crate::feeds::csaf::raw::{RawCsaf, RawVulnerability};
use crate::feeds::report::FeedKind;
use crate::version::Scheme;

mod products;
mod raw;

/// Every version, with no fix to come to yet.
const OPEN: Span = Span { introduced: None, end: None };

/// Reads one document; `None` where it is none of Red Hat's on a CVE.
pub(super) fn parse(record: &[u8]) -> Result<Option<Advisories>, String> {
    let raw: RawCsaf<'_> = serde_json::from_slice(record).map_err(|error| error.to_string())?;
    let document = &raw.document;
    // CSAF 2.0, 3.2.1.8: the namespace is what tells publishers apart; names and categories are
    // free text.
    let of_red_hat = document.publisher.namespace.trim_end_matches('/') == "https://www.redhat.com";
    if !of_red_hat || !document.tracking.id.starts_with("CVE-") {
        return Ok(None);
    }
    let cve: CveId = document
        .tracking
        .id
        .parse()
        .map_err(|error: crate::cve::InvalidCveId| error.to_string())?;
    let products = Products::new(&raw.product_tree);
    let mut statements = Statements::default();
    for vulnerability in &raw.vulnerabilities {
        // Its statements would go under the wrong CVE.
        if vulnerability.cve.as_deref() != Some(document.tracking.id.as_ref()) {
            return Err("a document on one CVE holds another one".to_owned());
        }
        statements.add(vulnerability, &products);
    }
    // A package is listed for each architecture.
    statements.affected.sort_unstable();
    statements.affected.dedup();
    Ok(Some(Advisories {
        kind: FeedKind::RedHatVex,
        advisories: vec![Advisory {
            id: cve.to_string(),
            publisher: Publisher::RedHat,
            cves: vec![cve],
            modified: instant(document.tracking.current_release_date.as_deref())?,
            is_withdrawn: false,
            severity: document.aggregate_severity.text.to_ascii_lowercase(),
            affected: statements.affected,
        }],
        left_out: statements.left_out,
    }))
}

#[derive(Default)]
struct Statements {
    affected: Vec<Affected>,
    left_out: Vec<String>,
}

impl Statements {
    fn add(&mut self, vulnerability: &RawVulnerability<'_>, products: &Products<'_>) {
        let status = &vulnerability.product_status;
        let remarks = Remarks::new(vulnerability);
        // Of the eight groups of CSAF 2.0, 3.2.3.9, Red Hat uses these four. A product is in one of
        // them at most, so the order has no meaning.
        for id in &status.fixed {
            if let Some(component) = self.component(products, id) {
                self.fixed(component);
            }
        }
        for id in &status.known_affected {
            if let Some(component) = self.component(products, id) {
                // "Known affected" is said of what will be fixed, what will not, and what is out of
                // support; only the remedy beside it tells which.
                let (note, is_final) = remarks.of_affected(id);
                let verdict = if is_final { Verdict::WontFix } else { Verdict::Affected };
                self.push(component, verdict, Some(&OPEN), note);
            }
        }
        for id in &status.under_investigation {
            if let Some(component) = self.component(products, id) {
                let open = Some(&OPEN);
                self.push(component, Verdict::UnderInvestigation, open, "");
            }
        }
        for id in &status.known_not_affected {
            if let Some(component) = self.component(products, id) {
                let note = remarks.flags.get(id.as_ref()).copied().unwrap_or_default();
                // A denial is about every version, and so has no span.
                self.push(component, Verdict::NotAffected, None, note);
            }
        }
    }

    fn component(&mut self, products: &Products<'_>, id: &str) -> Option<Component> {
        products.component(id).map_err(|what| self.left_out.push(what)).ok()
    }

    /// The source package of a fix says nothing that its binary ones do not, and those have versions
    /// that can differ from it.
    fn fixed(&mut self, component: Component) {
        // `perl` builds modules whose versions are their own, `perl-Carp` 1.50 of `perl` 5.26.
        if component.package.kind() == PackageKind::Source {
            return;
        }
        if component.package.version.is_empty() {
            self.left_out.push("Red Hat without the version that has the fix".to_owned());
            return;
        }
        let span =
            Span { introduced: None, end: Some(End::Fixed(component.package.version.clone())) };
        self.push(component, Verdict::Affected, Some(&span), "");
    }

    fn push(&mut self, component: Component, verdict: Verdict, span: Option<&Span>, note: &str) {
        let Component { places, package } = component;
        for place in places {
            self.affected.push(Affected {
                place,
                package: package.name.clone(),
                kind: package.kind(),
                module: package.module.clone(),
                verdict,
                spans: span.cloned().into_iter().collect(),
                versions: Vec::new(),
                scheme: Scheme::Rpm,
                note: note.to_owned(),
            });
        }
    }
}

/// What is said beside a product's status, by product.
struct Remarks<'a> {
    /// Why there is no fix, and whether there will be none.
    unfixed: HashMap<&'a str, (&'a str, bool)>,
    /// Why a product is not affected.
    flags: HashMap<&'a str, &'a str>,
}

impl<'a> Remarks<'a> {
    fn new(vulnerability: &'a RawVulnerability<'a>) -> Self {
        let mut unfixed = HashMap::new();
        for remedy in &vulnerability.remediations {
            let is_final = match remedy.category.as_ref() {
                // `Will not fix`, `Out of support scope`
                "no_fix_planned" => true,
                // `Affected`, `Fix deferred`
                "none_available" => false,
                // Fixes and workarounds.
                // Fixes stand under `fixed` with their version, and a workaround leaves the package
                // as it is.
                _ => continue,
            };
            for id in &remedy.product_ids {
                unfixed.insert(id.as_ref(), (remedy.details.trim(), is_final));
            }
        }
        let flags = vulnerability.flags.iter().flat_map(|flag| {
            let ids = flag.product_ids.iter();
            ids.map(|id| (id.as_ref(), flag.label.as_ref()))
        });
        Self { unfixed, flags: flags.collect() }
    }

    fn of_affected(&self, id: &str) -> (&'a str, bool) {
        match self.unfixed.get(id) {
            // It only repeats the status.
            Some(("Affected", is_final)) => ("", *is_final),
            Some(remark) => *remark,
            None => ("", false),
        }
    }
}

fn instant(text: Option<&str>) -> Result<Option<Timestamp>, String> {
    text.map(|text| {
        Timestamp::parse(text).ok_or_else(|| {
            let shown: String = text.chars().take(40).collect();
            format!("`current_release_date` is {shown:?}: expected an instant")
        })
    })
    .transpose()
}

#[cfg(test)]
mod tests;
