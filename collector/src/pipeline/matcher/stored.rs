//! A judgement as bytes on disk.
//!
//! [`Evaluation`] leaves empty fields out where it is shown as JSON, which an encoding without
//! field names cannot read back. These types are the same fields, always all of them.

use enrichment::evaluation::{
    Confidence, Evaluation, Finding, Identity, SmolStr, Statement, Status, Why,
};
use enrichment::lookup_key::LookupKey;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct StoredEvaluation {
    status: Status,
    reason: Option<String>,
    cpes: Vec<String>,
    purl: Option<String>,
    rule: String,
    findings: Vec<StoredFinding>,
    keys: Vec<u64>,
}

#[derive(Serialize, Deserialize)]
struct StoredFinding {
    cve: SmolStr,
    source: SmolStr,
    confidence: Confidence,
    fixed_in: Option<SmolStr>,
    criteria: SmolStr,
    range: Option<SmolStr>,
    version: SmolStr,
    scheme: SmolStr,
    rule: SmolStr,
    conditions: Vec<SmolStr>,
    notes: Vec<SmolStr>,
    advisory: Option<Box<Statement>>,
}

/// The bytes of a judgement; `None` when it cannot be written down.
pub(super) fn encode(evaluation: &Evaluation) -> Option<Vec<u8>> {
    let Evaluation {
        status,
        reason,
        identity: Identity { cpes, purl, rule },
        findings,
        keys,
        // Taken apart by name, so that a field that is added there cannot be forgotten here.
    } = evaluation.clone();
    let stored = StoredEvaluation {
        status,
        reason,
        cpes,
        purl,
        rule,
        findings: findings.into_iter().map(StoredFinding::from).collect(),
        keys: keys.into_iter().map(|LookupKey(key)| key).collect(),
    };
    postcard::to_stdvec(&stored).ok()
}

/// The judgement that the bytes are; `None` when they are none.
pub(super) fn decode(bytes: &[u8]) -> Option<Evaluation> {
    let (stored, rest) = postcard::take_from_bytes::<StoredEvaluation>(bytes).ok()?;
    // A longer one was written by another layout, whatever its beginning happens to say.
    rest.is_empty().then(|| Evaluation {
        status: stored.status,
        reason: stored.reason,
        identity: Identity { cpes: stored.cpes, purl: stored.purl, rule: stored.rule },
        findings: stored.findings.into_iter().map(Finding::from).collect(),
        keys: stored.keys.into_iter().map(LookupKey).collect(),
    })
}

impl From<Finding> for StoredFinding {
    fn from(finding: Finding) -> Self {
        // By name for the same reason as above.
        let Finding {
            cve,
            source,
            confidence,
            fixed_in,
            why: Why { criteria, range, version, scheme, rule, conditions, notes, advisory },
        } = finding;
        Self {
            cve,
            source,
            confidence,
            fixed_in,
            criteria,
            range,
            version,
            scheme,
            rule,
            conditions,
            notes,
            advisory,
        }
    }
}

impl From<StoredFinding> for Finding {
    fn from(stored: StoredFinding) -> Self {
        Self {
            cve: stored.cve,
            source: stored.source,
            confidence: stored.confidence,
            fixed_in: stored.fixed_in,
            why: Why {
                criteria: stored.criteria,
                range: stored.range,
                version: stored.version,
                scheme: stored.scheme,
                rule: stored.rule,
                conditions: stored.conditions,
                notes: stored.notes,
                advisory: stored.advisory,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evaluation() -> Evaluation {
        Evaluation {
            status: Status::Evaluated,
            reason: None,
            identity: Identity {
                cpes: vec!["cpe:2.3:a:gnu:bash:5.1:*:*:*:*:*:*:*".to_owned()],
                purl: None,
                rule: "name".to_owned(),
            },
            findings: vec![Finding {
                cve: "CVE-2019-18276".into(),
                source: "nvd".into(),
                confidence: Confidence::Medium,
                fixed_in: Some("5.2".into()),
                why: Why {
                    criteria: "cpe:2.3:a:gnu:bash:*:*:*:*:*:*:*:*".into(),
                    version: "5.1".into(),
                    notes: vec!["patch level".into()],
                    ..Why::default()
                },
            }],
            keys: vec![LookupKey::of_product("gnu", "bash")],
        }
    }

    #[test]
    fn reads_what_it_writes_with_and_without_every_optional_field() {
        let mut other = evaluation();
        other.reason = Some("because".to_owned());
        other.identity.purl = Some("pkg:deb/debian/bash".to_owned());
        other.findings[0].fixed_in = None;
        other.findings[0].why.range = Some("< 5.2".into());
        other.findings[0].why.advisory =
            Some(Box::new(Statement { id: "DSA-1-1".into(), ..Statement::default() }));
        for evaluation in [evaluation(), other] {
            let bytes = encode(&evaluation).unwrap();
            assert_eq!(decode(&bytes), Some(evaluation));
        }
    }

    #[test]
    fn bytes_that_were_cut_are_no_judgement() {
        let bytes = encode(&evaluation()).unwrap();
        // At every byte: a cut within a length or a variant must not be read as something else.
        for end in 0..bytes.len() {
            assert_eq!(decode(&bytes[..end]), None, "cut at {end}");
        }
    }
}
