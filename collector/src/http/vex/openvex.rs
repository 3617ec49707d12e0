//! `OpenVEX` 0.2.0 (<https://github.com/openvex/spec>), and 0.0.1 in, where products and
//! vulnerabilities are texts.
//!
//! What the format has no word for stands in a statement's own id: whether an exception suppresses, and
//! until when. Some hosts are a product whose subcomponent is the software.

use enrichment::cve::as_published;
use serde_json::{Value, json};
use store::exceptions::{About, Claim, Exception, Hosts, Justification, VexStatus};
use time::OffsetDateTime;
use uuid::Uuid;

use super::name::{self, ANY_VULNERABILITY};
use super::{Document, Frame, Said, Statement, VexFormat};
use super::{VexError, instant, list, malformed, text};
use crate::http::moment;

const CONTEXT: &str = "https://openvex.dev/ns/v0.2.0";
/// What stands where the format wants an action and there is none.
const NO_ACTION: &str = "No action is planned: the risk is accepted.";
const LABEL: &str = "urn:muster:label:";
const HOST: &str = "urn:muster:host:";

pub(super) fn read(mut document: Value) -> Result<Document, VexError> {
    let statements = document
        .get_mut("statements")
        .map(Value::take)
        .ok_or_else(|| malformed("statements", "missing: a document has a list of them"))?;
    let Value::Array(statements) = statements else {
        return Err(malformed("statements", "no list"));
    };
    let name = text(&document, "@id").to_owned();
    if name.is_empty() {
        return Err(malformed("@id", "missing: a document has an id"));
    }
    let version = document
        .get("version")
        .map(|version| version.as_str().map_or_else(|| version.to_string(), str::to_owned));
    let statements: Result<Vec<Statement>, VexError> = statements
        .into_iter()
        .enumerate()
        .map(|(number, mut statement)| {
            // A statement has its document's time where it has none of its own, and is to keep it.
            if statement.get("timestamp").is_none()
                && let (Some(at), Some(object)) =
                    (document.get("timestamp").cloned(), statement.as_object_mut())
            {
                object.insert("timestamp".to_owned(), at);
            }
            read_statement(&format!("statements[{number}]"), statement)
        })
        .collect();
    Ok(Document {
        format: VexFormat::OpenVex,
        name,
        version: version.unwrap_or_default(),
        frame: document,
        statements: statements?,
    })
}

fn read_statement(place: &str, whole: Value) -> Result<Statement, VexError> {
    let vulnerability = match whole.get("vulnerability") {
        Some(Value::String(name)) => name.clone(),
        Some(object) => text(object, "name").to_owned(),
        None => String::new(),
    };
    if vulnerability.is_empty() {
        return Err(malformed(place, "names no vulnerability"));
    }
    let cve = (vulnerability != ANY_VULNERABILITY).then(|| as_published(&vulnerability));
    let (suppresses, expires_at) = own_words(text(&whole, "@id"));
    let claim = read_claim(place, &whole, suppresses)?;
    let (mut said, mut unknown) = (Vec::new(), Vec::new());
    for product in list(&whole, "products") {
        for (name, hosts) in named(product) {
            match hosts.zip(name::about(&name, cve.clone())) {
                Some((hosts, about)) => {
                    said.push(Said { about, hosts, claim: claim.clone(), expires_at });
                }
                None => unknown.push(name),
            }
        }
    }
    Ok(Statement { whole, said, unknown })
}

/// What a product names, and for which hosts; `None` for hosts that are none of ours.
fn named(product: &Value) -> Vec<(String, Option<Hosts>)> {
    let id = product.as_str().unwrap_or_else(|| text(product, "@id"));
    let id_of = |uuid: &str| uuid.parse::<Uuid>().ok();
    let hosts = if let Some(label) = id.strip_prefix(LABEL) {
        id_of(label).map(Hosts::Label)
    } else if let Some(host) = id.strip_prefix(HOST) {
        id_of(host).map(|host| Hosts::One(protocol::ids::AgentId(host)))
    } else {
        let purl = product.pointer("/identifiers/purl").and_then(Value::as_str);
        // Its id may be anything; the package URL beside it says what it is.
        let name = purl.filter(|_| !id.starts_with("pkg:")).unwrap_or(id);
        return vec![(name.to_owned(), Some(Hosts::All))];
    };
    let inner = list(product, "subcomponents").iter();
    inner.map(|component| (text(component, "@id").to_owned(), hosts)).collect()
}

fn read_claim(place: &str, whole: &Value, suppresses: Option<bool>) -> Result<Claim, VexError> {
    let status = VexStatus::parse(text(whole, "status"))
        .ok_or_else(|| malformed(place, "its status is none of the four of OpenVEX"))?;
    let justification = text(whole, "justification");
    let known = Justification::parse(justification);
    if !justification.is_empty() && known.is_none() {
        return Err(malformed(place, "its justification is none of the five of OpenVEX"));
    }
    let notes: Vec<&str> = ["status_notes", "impact_statement"]
        .into_iter()
        .map(|key| text(whole, key))
        .filter(|note| !note.is_empty())
        .collect();
    let action = text(whole, "action_statement");
    Ok(Claim {
        status,
        justification: known,
        note: notes.join("\n\n"),
        action: if action == NO_ACTION { "" } else { action }.to_owned(),
        // Somebody else's "affected" is a warning and not a risk that the company has taken.
        suppresses: suppresses
            .unwrap_or(matches!(status, VexStatus::NotAffected | VexStatus::Fixed)),
    })
}

/// What a statement's id says in our words: `#suppress=…&until=…`.
fn own_words(id: &str) -> (Option<bool>, Option<OffsetDateTime>) {
    let Some((_, words)) = id.split_once('#').filter(|_| id.starts_with("urn:uuid:")) else {
        return (None, None);
    };
    let word = |key: &str| {
        let mut pairs = words.split('&').filter_map(|word| word.split_once('='));
        pairs.find(|(name, _)| *name == key).map(|(_, value)| value)
    };
    let until = word("until").and_then(name::decode);
    (
        word("suppress").and_then(|value| value.parse().ok()),
        until.as_deref().and_then(moment::parse),
    )
}

pub(super) fn write(frame: Frame, exceptions: &[Exception], as_they_came: Vec<Value>) -> Value {
    let mut statements = as_they_came;
    statements.extend(exceptions.iter().map(write_statement));
    json!({
        "@context": CONTEXT,
        "@id": format!("urn:muster:vex:{}", frame.company),
        "author": format!("urn:muster:company:{}", frame.company),
        "timestamp": instant(frame.at),
        // A document with the same id has a greater version when it says something else.
        "version": frame.at.unix_timestamp(),
        "statements": statements,
    })
}

fn write_statement(exception: &Exception) -> Value {
    let claim = &exception.claim;
    let mut statement = json!({
        "@id": statement_id(exception),
        "vulnerability": { "name": vulnerability(&exception.about) },
        "products": [product(exception)],
        "status": claim.status.as_str(),
        "timestamp": instant(exception.created_at),
    });
    let mut set = |key: &str, value: &str| statement[key] = Value::String(value.to_owned());
    if let Some(justification) = claim.justification {
        set("justification", justification.as_str());
    }
    if !claim.note.is_empty() {
        // Where there is no justification, the format wants the reason here.
        let needs_impact = claim.status == VexStatus::NotAffected && claim.justification.is_none();
        let key = if needs_impact { "impact_statement" } else { "status_notes" };
        set(key, &claim.note);
    }
    match (claim.status, claim.action.as_str()) {
        (VexStatus::Affected, "") => set("action_statement", NO_ACTION),
        (_, "") => {}
        (_, action) => set("action_statement", action),
    }
    statement
}

fn statement_id(exception: &Exception) -> String {
    let mut id = format!("urn:uuid:{}#suppress={}", exception.id, exception.claim.suppresses);
    if let Some(at) = exception.expires_at {
        id.push_str("&until=");
        id.push_str(&name::encode(&instant(at)));
    }
    id
}

fn vulnerability(about: &About) -> &str {
    about.cve.as_deref().unwrap_or(ANY_VULNERABILITY)
}

fn product(exception: &Exception) -> Value {
    let software = json!({ "@id": name::of(&exception.about) });
    match exception.hosts {
        Hosts::All => software,
        Hosts::Label(label) => {
            json!({ "@id": format!("{LABEL}{label}"), "subcomponents": [software] })
        }
        Hosts::One(host) => json!({ "@id": format!("{HOST}{host}"), "subcomponents": [software] }),
    }
}
