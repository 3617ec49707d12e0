//! One CVE in Microsoft's CSAF documents. They name the build of a fix, and the update's number only
//! in its address; what an update replaces they do not say.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;

use crate::cve::{CveId, Timestamp};
use crate::feeds::json::null_as_default;
use crate::feeds::msrc::{Bulletin, Fix, Published, Target, numbers, worse};

/// How the publisher names itself.
pub(in crate::feeds) const NAMESPACE: &str = "https://msrc.microsoft.com";
/// How ids of documents about a CVE begin.
const ID: &str = "msrc_CVE-";
/// Where an update is fetched, with its number behind.
const CATALOGUE: &str = "catalog.update.microsoft.com";

#[derive(Deserialize)]
struct RawDocument<'a> {
    #[serde(borrow)]
    document: RawHead<'a>,
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    product_tree: RawTree<'a>,
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    vulnerabilities: Vec<RawVulnerability<'a>>,
}

#[derive(Deserialize)]
struct RawHead<'a> {
    #[serde(borrow)]
    tracking: RawTracking<'a>,
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    aggregate_severity: RawSeverity<'a>,
}

#[derive(Deserialize)]
struct RawTracking<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    current_release_date: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
struct RawSeverity<'a> {
    #[serde(default, borrow)]
    text: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
struct RawTree<'a> {
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    branches: Vec<RawBranch<'a>>,
}

/// A product, or one of its versions.
#[derive(Deserialize)]
struct RawBranch<'a> {
    #[serde(default, borrow)]
    category: Cow<'a, str>,
    #[serde(default, borrow)]
    name: Cow<'a, str>,
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    branches: Vec<Self>,
    #[serde(borrow)]
    product: Option<RawProduct<'a>>,
}

#[derive(Deserialize)]
struct RawProduct<'a> {
    #[serde(borrow)]
    product_id: Cow<'a, str>,
}

#[derive(Deserialize)]
struct RawVulnerability<'a> {
    #[serde(borrow)]
    cve: Option<Cow<'a, str>>,
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    product_status: RawStatus<'a>,
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    remediations: Vec<RawRemedy<'a>>,
}

#[derive(Default, Deserialize)]
struct RawStatus<'a> {
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    known_affected: Vec<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct RawRemedy<'a> {
    #[serde(borrow)]
    category: Cow<'a, str>,
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    details: Cow<'a, str>,
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    product_ids: Vec<Cow<'a, str>>,
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    url: Cow<'a, str>,
}

/// Reads one document of Microsoft's; what is about no CVE, or about Azure Linux alone, says nothing.
pub(in crate::feeds) fn parse(record: &[u8]) -> Result<Published, String> {
    let raw: RawDocument<'_> = serde_json::from_slice(record).map_err(|error| error.to_string())?;
    let tracking = &raw.document.tracking;
    // Advisories (`msrc_ADV…`) are not about one vulnerability.
    if !tracking.id.starts_with(ID) {
        return Ok(not_used());
    }
    let cve: CveId = tracking.id["msrc_".len()..]
        .parse()
        .map_err(|error: crate::cve::InvalidCveId| error.to_string())?;
    let mut bulletin = Bulletin::new(cve);
    let released = &tracking.current_release_date;
    bulletin.modified = Some(Timestamp::parse(released).ok_or_else(|| {
        let shown: String = released.chars().take(40).collect();
        format!("`current_release_date` is {shown:?}: expected an instant")
    })?);
    bulletin.severity = worse("", &raw.document.aggregate_severity.text);
    let mut products = HashMap::new();
    for branch in &raw.product_tree.branches {
        collect(branch, &mut products);
    }
    let mut published = Published::default();
    for vulnerability in &raw.vulnerabilities {
        // Its statements would go under the wrong CVE.
        if vulnerability.cve.as_deref() != Some(&tracking.id["msrc_".len()..]) {
            return Err("a document on one CVE holds another one".to_owned());
        }
        add(vulnerability, &products, &mut bulletin, &mut published.left_out);
    }
    match bulletin.finish() {
        Some(advisory) => published.advisories.push(advisory),
        None => published.not_used += 1,
    }
    Ok(published)
}

fn not_used() -> Published {
    Published { not_used: 1, ..Published::default() }
}

/// Collects products by their ids: a version's product is called by the branch that it is on. A
/// parser that refuses deep documents bounds the depth.
fn collect<'a>(branch: &'a RawBranch<'a>, products: &mut HashMap<&'a str, Result<Target, String>>) {
    for inner in &branch.branches {
        // Vendor, product, version: the id is the version's, the name that says anything is the
        // product's.
        if branch.category == "product_name"
            && let Some(product) = &inner.product
        {
            products.insert(&product.product_id, Target::of(&branch.name));
        }
        collect(inner, products);
    }
}

fn add(
    vulnerability: &RawVulnerability<'_>,
    products: &HashMap<&str, Result<Target, String>>,
    bulletin: &mut Bulletin,
    left_out: &mut Vec<String>,
) {
    for id in &vulnerability.product_status.known_affected {
        let target = match products.get(id.as_ref()) {
            Some(Ok(target)) => target,
            Some(Err(what)) => {
                left_out.push(what.clone());
                continue;
            }
            None => {
                left_out.push("Microsoft: a product without a name".to_owned());
                continue;
            }
        };
        let fixes = vulnerability
            .remediations
            .iter()
            // One statement for each fix: a server may be repaired by a rollup or by an update for
            // security alone.
            .filter(|remedy| remedy.category == "vendor_fix" && remedy.product_ids.contains(id));
        let mut has_fix = false;
        for fix in fixes {
            has_fix = true;
            bulletin.add(target, Some(&fix_of(fix)));
        }
        if !has_fix {
            bulletin.add(target, None);
        }
    }
}

/// The fix in `10.0.19045.4291:Security Update:https://support.microsoft.com/help/5036892`.
fn fix_of<'a>(remedy: &'a RawRemedy<'_>) -> Fix<'a> {
    let mut parts = remedy.details.splitn(3, ':');
    let (build, kind) = (parts.next(), parts.next());
    let address = if remedy.url.contains(CATALOGUE) {
        remedy.url.as_ref()
    } else {
        parts.next().unwrap_or_default()
    };
    Fix {
        // Behind the last sign: `…/Search.aspx?q=KB5036892`, `…/help/5036892`.
        update: numbers(address).last(),
        build: build.unwrap_or_default(),
        kind: kind.unwrap_or_default(),
    }
}
