//! `CycloneDX` 1.4 to 1.6 as JSON, as far as it is VEX (<https://cyclonedx.org/capabilities/vex/>).
//!
//! Its analysis has more states than `OpenVEX` and other justifications; what we say that it has no word
//! for stands in `properties`, which are the format's own place for that.

use std::collections::{BTreeMap, BTreeSet};

use enrichment::cve::as_published;
use serde_json::{Value, json};
use store::exceptions::{Claim, Exception, Hosts, Justification, VexStatus};
use uuid::Uuid;

use super::name::{self, ANY_VULNERABILITY};
use super::{Document, Frame, Said, Statement, VexFormat};
use super::{VexError, instant, list, malformed, text};
use crate::http::moment;

/// The beginning of our properties' names.
const OWN: &str = "muster:";

pub(super) fn read(mut document: Value) -> Result<Document, VexError> {
    let Some(Value::Array(vulnerabilities)) = document.get_mut("vulnerabilities").map(Value::take)
    else {
        return Err(malformed("vulnerabilities", "missing: VEX has a list of them"));
    };
    let name = text(&document, "serialNumber").to_owned();
    if name.is_empty() {
        return Err(malformed("serialNumber", "missing: a document has one"));
    }
    let components = components(&document);
    let statements: Result<Vec<Statement>, VexError> = vulnerabilities
        .into_iter()
        .enumerate()
        .map(|(number, whole)| {
            read_statement(&format!("vulnerabilities[{number}]"), whole, &components)
        })
        .collect();
    let version = document.get("version").map(ToString::to_string);
    Ok(Document {
        format: VexFormat::CycloneDx,
        name,
        version: version.unwrap_or_default(),
        frame: document,
        statements: statements?,
    })
}

/// What each reference of the document names: a package URL, or a name and a version.
fn components(document: &Value) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut left: Vec<&Value> = list(document, "components").iter().collect();
    left.extend(document.pointer("/metadata/component"));
    while let Some(component) = left.pop() {
        left.extend(list(component, "components"));
        let (reference, purl) = (text(component, "bom-ref"), text(component, "purl"));
        let name = if purl.is_empty() {
            let (name, version) = (text(component, "name"), text(component, "version"));
            match (name, version) {
                ("", _) => continue,
                (name, "") => format!("pkg:generic/{}", name::encode(name)),
                (name, version) => {
                    format!("pkg:generic/{}@{}", name::encode(name), name::encode(version))
                }
            }
        } else {
            purl.to_owned()
        };
        if !reference.is_empty() {
            found.insert(reference.to_owned(), name);
        }
    }
    found
}

fn read_statement(
    place: &str,
    mut whole: Value,
    components: &BTreeMap<String, String>,
) -> Result<Statement, VexError> {
    resolve(&mut whole, components);
    let vulnerability = text(&whole, "id");
    if vulnerability.is_empty() {
        return Err(malformed(place, "has no id"));
    }
    let cve = (vulnerability != ANY_VULNERABILITY).then(|| as_published(vulnerability));
    let own = own_words(&whole);
    let claim = read_claim(place, &whole, &own)?;
    let hosts = hosts(&own);
    let expires_at = own.get("until").and_then(|until| moment::parse(until));
    let (mut said, mut unknown) = (Vec::new(), Vec::new());
    for affected in list(&whole, "affects") {
        let reference = text(affected, "ref");
        match hosts.zip(name::about(reference, cve.clone())) {
            Some((hosts, about)) => {
                said.push(Said { about, hosts, claim: claim.clone(), expires_at });
            }
            None => unknown.push(reference.to_owned()),
        }
    }
    Ok(Statement { whole, said, unknown })
}

/// Puts what references name in their place: a statement is to mean the same in another document.
fn resolve(whole: &mut Value, components: &BTreeMap<String, String>) {
    let affects = whole.get_mut("affects").and_then(Value::as_array_mut);
    for affected in affects.into_iter().flatten() {
        let reference = text(affected, "ref");
        // A link to a document's component ends with its reference there.
        let local = reference.rsplit_once('#').map_or(reference, |(_, local)| local);
        let named = components.get(reference).or_else(|| components.get(local));
        if let Some(name) = named.cloned() {
            affected["ref"] = Value::String(name);
        }
    }
}

/// Our properties of a statement.
fn own_words(whole: &Value) -> BTreeMap<String, String> {
    let properties = list(whole, "properties").iter();
    properties
        .filter_map(|property| {
            let name = text(property, "name").strip_prefix(OWN)?;
            Some((name.to_owned(), text(property, "value").to_owned()))
        })
        .collect()
}

/// For which hosts it is; `None` for hosts that are none of ours.
fn hosts(own: &BTreeMap<String, String>) -> Option<Hosts> {
    match (own.get("label"), own.get("host")) {
        (None, None) => Some(Hosts::All),
        (Some(label), _) => label.parse().ok().map(Hosts::Label),
        (None, Some(host)) => {
            let host: Uuid = host.parse().ok()?;
            Some(Hosts::One(protocol::ids::AgentId(host)))
        }
    }
}

fn read_claim(
    place: &str,
    whole: &Value,
    own: &BTreeMap<String, String>,
) -> Result<Claim, VexError> {
    let none = Value::Null;
    let analysis = whole.get("analysis").unwrap_or(&none);
    let status = match text(analysis, "state") {
        "resolved" | "resolved_with_pedigree" => VexStatus::Fixed,
        "exploitable" => VexStatus::Affected,
        "in_triage" | "" => VexStatus::UnderInvestigation,
        "false_positive" | "not_affected" => VexStatus::NotAffected,
        _ => {
            return Err(malformed(place, "its state is none of the six of CycloneDX"));
        }
    };
    let justification = match own.get("justification") {
        Some(name) => Justification::parse(name),
        None => justification(text(analysis, "justification")),
    };
    let suppresses = own.get("suppress").and_then(|value| value.parse().ok());
    Ok(Claim {
        status,
        justification: justification.filter(|_| status == VexStatus::NotAffected),
        note: text(analysis, "detail").to_owned(),
        action: own
            .get("action")
            .cloned()
            .unwrap_or_else(|| text(whole, "recommendation").to_owned()),
        suppresses: suppresses
            .unwrap_or(matches!(status, VexStatus::NotAffected | VexStatus::Fixed)),
    })
}

/// The nearest word of `OpenVEX`.
fn justification(name: &str) -> Option<Justification> {
    match name {
        "code_not_present" => Some(Justification::VulnerableCodeNotPresent),
        "code_not_reachable" => Some(Justification::VulnerableCodeNotInExecutePath),
        "requires_dependency" => Some(Justification::ComponentNotPresent),
        "requires_configuration" | "requires_environment" => {
            Some(Justification::VulnerableCodeCannotBeControlledByAdversary)
        }
        "protected_by_compiler"
        | "protected_at_runtime"
        | "protected_at_perimeter"
        | "protected_by_mitigating_control" => Some(Justification::InlineMitigationsAlreadyExist),
        _ => None,
    }
}

/// The nearest word of `CycloneDX`; the very one stands in a property.
const fn nearest(justification: Justification) -> &'static str {
    match justification {
        Justification::ComponentNotPresent | Justification::VulnerableCodeNotPresent => {
            "code_not_present"
        }
        Justification::VulnerableCodeNotInExecutePath => "code_not_reachable",
        Justification::VulnerableCodeCannotBeControlledByAdversary => "requires_environment",
        Justification::InlineMitigationsAlreadyExist => "protected_by_mitigating_control",
    }
}

pub(super) fn write(frame: Frame, exceptions: &[Exception], as_they_came: Vec<Value>) -> Value {
    let mut statements = as_they_came;
    statements.extend(exceptions.iter().map(write_statement));
    let references: BTreeSet<&str> = statements
        .iter()
        .flat_map(|statement| list(statement, "affects"))
        .map(|affected| text(affected, "ref"))
        .filter(|reference| reference.starts_with("pkg:"))
        .collect();
    let component = |reference: &str| {
        let name = reference.split(['?', '@']).next().unwrap_or(reference);
        let name = name.rsplit('/').next().unwrap_or(name);
        json!({ "type": "application", "bom-ref": reference, "name": name, "purl": reference })
    };
    let components: Vec<Value> = references.into_iter().map(component).collect();
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        // The company's own id: the same document whenever it is written.
        "serialNumber": format!("urn:uuid:{}", frame.company),
        "version": frame.at.unix_timestamp(),
        "metadata": { "timestamp": instant(frame.at) },
        "components": components,
        "vulnerabilities": statements,
    })
}

fn write_statement(exception: &Exception) -> Value {
    let claim = &exception.claim;
    let (state, response) = match (claim.status, claim.suppresses) {
        (VexStatus::NotAffected, _) => ("not_affected", None),
        (VexStatus::Fixed, _) => ("resolved", None),
        (VexStatus::UnderInvestigation, _) => ("in_triage", None),
        (VexStatus::Affected, true) => ("exploitable", Some("will_not_fix")),
        (VexStatus::Affected, false) => ("exploitable", None),
    };
    let mut analysis = json!({ "state": state });
    if let Some(response) = response {
        analysis["response"] = json!([response]);
    }
    if let Some(justification) = claim.justification {
        analysis["justification"] = json!(nearest(justification));
    }
    if !claim.note.is_empty() {
        analysis["detail"] = json!(claim.note);
    }
    json!({
        "bom-ref": format!("urn:uuid:{}", exception.id),
        "id": exception.about.cve.as_deref().unwrap_or(ANY_VULNERABILITY),
        "analysis": analysis,
        "affects": [{ "ref": name::of(&exception.about) }],
        "properties": properties(exception),
    })
}

fn properties(exception: &Exception) -> Vec<Value> {
    let claim = &exception.claim;
    let (label, host) = match exception.hosts {
        Hosts::All => (None, None),
        Hosts::Label(label) => (Some(label.to_string()), None),
        Hosts::One(host) => (None, Some(host.to_string())),
    };
    let words = [
        ("suppress", Some(claim.suppresses.to_string())),
        ("until", exception.expires_at.map(instant)),
        ("justification", claim.justification.map(|one| one.as_str().to_owned())),
        ("action", Some(claim.action.clone()).filter(|action| !action.is_empty())),
        ("label", label),
        ("host", host),
    ];
    words
        .into_iter()
        .filter_map(|(name, value)| {
            Some(json!({ "name": format!("{OWN}{name}"), "value": value? }))
        })
        .collect()
}
