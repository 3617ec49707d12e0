//! A month of Microsoft's Security Updates API: CVRF as JSON, with all CVEs of that month.
//!
//! One CVE that cannot be read is skipped alone. Numbers stand for words, as in the schema of CVRF
//! 1.1: `api.msrc.microsoft.com/cvrf/v3.0`.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::cve::{CveId, Timestamp};
use crate::feeds::json::null_as_default;
use crate::feeds::msrc::{Bulletin, Fix, Published, Target, Updates, worse};
use crate::feeds::report::Problem;
use crate::windows;

/// `ProductStatuses`: known affected.
const AFFECTED: u8 = 3;
/// `Threats`: a severity.
const SEVERITY: u8 = 3;
/// `Remediations`: a fix of the vendor's. The others are workarounds, known issues and notes.
const VENDOR_FIX: u8 = 2;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawMonth<'a> {
    #[serde(borrow)]
    document_tracking: RawTracking<'a>,
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    product_tree: RawTree<'a>,
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    vulnerability: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawTracking<'a> {
    #[serde(borrow)]
    identification: RawIdentification<'a>,
    #[serde(borrow)]
    current_release_date: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct RawIdentification<'a> {
    #[serde(rename = "ID", borrow)]
    id: RawText<'a>,
}

/// A text in an object of its own, which may be empty.
#[derive(Default, Deserialize)]
struct RawText<'a> {
    #[serde(rename = "Value", default, borrow)]
    value: Option<Cow<'a, str>>,
}

impl RawText<'_> {
    fn as_str(&self) -> &str {
        self.value.as_deref().unwrap_or_default()
    }
}

#[derive(Default, Deserialize)]
struct RawTree<'a> {
    #[serde(rename = "FullProductName", default, borrow, deserialize_with = "null_as_default")]
    products: Vec<RawProduct<'a>>,
    #[serde(rename = "Branch", default, borrow, deserialize_with = "null_as_default")]
    branches: Vec<RawBranch<'a>>,
}

/// A group of products, or one of them.
#[derive(Deserialize)]
struct RawBranch<'a> {
    #[serde(rename = "Items", default, borrow, deserialize_with = "null_as_default")]
    items: Vec<Self>,
    #[serde(rename = "ProductID", borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(rename = "Value", borrow)]
    name: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct RawProduct<'a> {
    #[serde(rename = "ProductID", borrow)]
    id: Cow<'a, str>,
    #[serde(rename = "Value", borrow)]
    name: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawVulnerability<'a> {
    #[serde(rename = "CVE", borrow)]
    cve: Cow<'a, str>,
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    product_statuses: Vec<RawAbout<'a>>,
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    threats: Vec<RawAbout<'a>>,
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    remediations: Vec<RawAbout<'a>>,
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    revision_history: Vec<RawRevision<'a>>,
}

/// What is said of some products: a status, a threat or a remedy.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawAbout<'a> {
    r#type: u8,
    #[serde(rename = "ProductID", default, borrow, deserialize_with = "null_as_default")]
    products: Vec<Cow<'a, str>>,
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    description: RawText<'a>,
    #[serde(borrow)]
    supercedence: Option<Cow<'a, str>>,
    #[serde(borrow)]
    sub_type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    fixed_build: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct RawRevision<'a> {
    #[serde(rename = "Date", borrow)]
    date: Option<Cow<'a, str>>,
}

/// The products of a month by their ids.
type Products<'a> = HashMap<&'a str, Result<Target, String>>;

/// Reads a month.
pub(in crate::feeds) fn parse(record: &[u8]) -> Result<Published, String> {
    let month: RawMonth<'_> = serde_json::from_slice(record).map_err(|error| error.to_string())?;
    let tracking = &month.document_tracking;
    let released = instant(tracking.current_release_date.as_deref())?;
    let products = products(&month.product_tree);
    let (mut published, mut updates) = (Published::default(), Updates::default());
    for (at, vulnerability) in (1..).zip(&month.vulnerability) {
        let read = serde_json::from_str(vulnerability.get()).map_err(|error| error.to_string());
        let said = read.and_then(|raw: RawVulnerability<'_>| {
            bulletin(&raw, released, &products, &mut updates, &mut published.left_out)
        });
        match said.map(|bulletin| bulletin.and_then(Bulletin::finish)) {
            Ok(Some(advisory)) => published.advisories.push(advisory),
            Ok(None) => published.not_used += 1,
            Err(reason) => {
                published.problems.push(Problem { record: format!("vulnerability {at}"), reason });
            }
        }
    }
    let id = tracking.identification.id.as_str();
    published.advisories.extend(updates.finish(id, released));
    Ok(published)
}

fn products<'a>(tree: &'a RawTree<'a>) -> Products<'a> {
    fn walk<'a>(branch: &'a RawBranch<'a>, products: &mut Products<'a>) {
        if let (Some(id), Some(name)) = (&branch.id, &branch.name) {
            products.insert(id, Target::of(name));
        }
        for inner in &branch.items {
            walk(inner, products);
        }
    }
    let mut products = HashMap::new();
    for branch in &tree.branches {
        walk(branch, &mut products);
    }
    // Said twice in newer documents, as a tree and as a list; the tree of April 2016 is empty.
    for product in &tree.products {
        if let Some(name) = &product.name {
            products.insert(&product.id, Target::of(name));
        }
    }
    products
}

/// What is said of a CVE; `None` for an advisory that has none, such as ADV990001, which lists what
/// Windows Update needs of itself.
fn bulletin(
    raw: &RawVulnerability<'_>,
    released: Option<Timestamp>,
    products: &Products<'_>,
    updates: &mut Updates,
    left_out: &mut Vec<String>,
) -> Result<Option<Bulletin>, String> {
    if raw.cve.starts_with("ADV") {
        return Ok(None);
    }
    let cve: CveId =
        raw.cve.parse().map_err(|error: crate::cve::InvalidCveId| error.to_string())?;
    let mut bulletin = Bulletin::new(cve);
    // The month's own date moves with every one of its CVEs, and would make them all look new.
    bulletin.modified = newest_revision(raw).or(released);
    for threat in of_type(&raw.threats, SEVERITY) {
        bulletin.severity = worse(bulletin.severity, threat.description.as_str());
    }
    let affected = products_of(&raw.product_statuses, AFFECTED);
    let fixed = products_of(&raw.remediations, VENDOR_FIX);
    for id in &affected {
        match products.get(id.as_str()) {
            // A product without a fix of the vendor's is affected in every build.
            Some(Ok(target)) if !fixed.contains(id) => bulletin.add(target, None),
            Some(Ok(_)) => {}
            Some(Err(what)) => left_out.push(what.clone()),
            None => left_out.push("Microsoft: a product without a name".to_owned()),
        }
    }
    add_fixes(&mut bulletin, raw, &affected, products, updates);
    Ok(Some(bulletin))
}

fn newest_revision(raw: &RawVulnerability<'_>) -> Option<Timestamp> {
    let revisions = raw.revision_history.iter();
    let revised = revisions.filter_map(|revision| Timestamp::parse(revision.date.as_deref()?));
    revised.max()
}

fn of_type<'a, 'b>(list: &'a [RawAbout<'b>], kind: u8) -> impl Iterator<Item = &'a RawAbout<'b>> {
    list.iter().filter(move |about| about.r#type == kind)
}

/// The ids of the products that the entries of a kind are about.
fn products_of(list: &[RawAbout<'_>], kind: u8) -> BTreeSet<String> {
    of_type(list, kind).flat_map(|about| &about.products).map(ToString::to_string).collect()
}

/// What the vendor's fixes repair, and which update takes the place of which.
fn add_fixes(
    bulletin: &mut Bulletin,
    raw: &RawVulnerability<'_>,
    affected: &BTreeSet<String>,
    products: &Products<'_>,
    updates: &mut Updates,
) {
    for remedy in of_type(&raw.remediations, VENDOR_FIX) {
        let update = windows::update(remedy.description.as_str());
        let fix = Fix {
            update,
            build: remedy.fixed_build.as_deref().unwrap_or_default(),
            kind: remedy.sub_type.as_deref().unwrap_or_default(),
        };
        let targets = remedy.products.iter().filter_map(|id| {
            // A fix for what is not affected is an update that came along.
            affected.contains(id.as_ref()).then(|| products.get(id.as_ref())?.as_ref().ok())?
        });
        for target in targets {
            bulletin.add(target, Some(&fix));
            if let (Target::Windows(product), Some(update)) = (target, update) {
                updates.add(update, product, remedy.supercedence.as_deref().unwrap_or_default());
            }
        }
    }
}

fn instant(text: Option<&str>) -> Result<Option<Timestamp>, String> {
    text.map(|text| {
        Timestamp::parse(text).ok_or_else(|| {
            let shown: String = text.chars().take(40).collect();
            format!("`CurrentReleaseDate` is {shown:?}: expected an instant")
        })
    })
    .transpose()
}
