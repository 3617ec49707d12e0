//! Statements on software and vulnerabilities (VEX) as others write them: `OpenVEX` 0.2.0 and `CycloneDX` 1.4
//! to 1.6, in and out.
//!
//! What comes in is kept whole beside what is understood of it, so that it goes out as it came; what we
//! write ourselves says in the formats' own places for it what the formats have no word for. Nothing here
//! knows a database or a request.

mod cyclonedx;
mod name;
mod openvex;

use serde_json::Value;
use store::exceptions::{About, Claim, Exception, Hosts};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

/// Statements of a document at most.
const STATEMENTS_MAX: usize = 5_000;
/// Products of a statement at most.
const PRODUCTS_MAX: usize = 1_000;

/// A format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VexFormat {
    /// `OpenVEX`.
    OpenVex,
    /// `CycloneDX`, as JSON.
    CycloneDx,
}

impl VexFormat {
    /// The name in the API and the database.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::OpenVex => "openvex",
            Self::CycloneDx => "cyclonedx",
        }
    }
}

/// A document that was read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Document {
    pub(crate) format: VexFormat,
    /// Its id in its own words.
    pub(crate) name: String,
    /// Its version in its own words.
    pub(crate) version: String,
    /// All of it but its statements.
    pub(crate) frame: Value,
    pub(crate) statements: Vec<Statement>,
}

/// A statement of a document.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Statement {
    /// The statement whole.
    pub(crate) whole: Value,
    /// What it says, once for each product that is understood.
    pub(crate) said: Vec<Said>,
    /// Products that are not: ids that name no package and no software.
    pub(crate) unknown: Vec<String>,
}

/// What is said of one product.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Said {
    pub(crate) about: About,
    pub(crate) hosts: Hosts,
    pub(crate) claim: Claim,
    pub(crate) expires_at: Option<OffsetDateTime>,
}

/// Why a document cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum VexError {
    /// It is neither format.
    #[error("neither OpenVEX (`@context`) nor CycloneDX (`bomFormat`)")]
    NoFormat,
    /// A part is missing or is something else.
    #[error("{place}: {problem}")]
    Malformed {
        /// Where.
        place: String,
        /// What is wrong and what would be right.
        problem: &'static str,
    },
    /// It says too much.
    #[error("at most {STATEMENTS_MAX} statements, each of at most {PRODUCTS_MAX} products")]
    TooLarge,
}

fn malformed(place: impl Into<String>, problem: &'static str) -> VexError {
    VexError::Malformed { place: place.into(), problem }
}

/// Reads a document of either format, which is told from its content.
///
/// # Errors
///
/// When it is neither, or a part of it is missing or is something else.
pub(crate) fn read(document: Value) -> Result<Document, VexError> {
    let is_openvex = document
        .get("@context")
        .and_then(Value::as_str)
        .is_some_and(|context| context.starts_with("https://openvex.dev/ns"));
    let read = if is_openvex {
        openvex::read(document)?
    } else if document.get("bomFormat").and_then(Value::as_str) == Some("CycloneDX") {
        cyclonedx::read(document)?
    } else {
        return Err(VexError::NoFormat);
    };
    let is_large =
        |statement: &Statement| statement.said.len() + statement.unknown.len() > PRODUCTS_MAX;
    if read.statements.len() > STATEMENTS_MAX || read.statements.iter().any(is_large) {
        return Err(VexError::TooLarge);
    }
    Ok(read)
}

/// What is written into a document beside its statements.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    /// The company, after which the document is named: the same one has the same id whenever it is written.
    pub(crate) company: Uuid,
    /// When.
    pub(crate) at: OffsetDateTime,
}

/// Writes exceptions as a document, and statements that came in as they came.
pub(crate) fn write(
    format: VexFormat,
    frame: Frame,
    exceptions: &[Exception],
    as_they_came: Vec<Value>,
) -> Value {
    match format {
        VexFormat::OpenVex => openvex::write(frame, exceptions, as_they_came),
        VexFormat::CycloneDx => cyclonedx::write(frame, exceptions, as_they_came),
    }
}

fn instant(at: OffsetDateTime) -> String {
    // Of every year that a row can hold there is such a text.
    at.format(&Rfc3339).unwrap_or_default()
}

/// A text of an object; empty when there is none.
fn text<'a>(object: &'a Value, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The list of an object, empty when there is none.
fn list<'a>(object: &'a Value, key: &str) -> &'a [Value] {
    object.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests;
