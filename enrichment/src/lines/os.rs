//! What a question says of the host's operating system.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::codename;
use crate::lines::null_as_default;
use crate::subject::Platform;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Os {
    #[serde(deserialize_with = "null_as_default")]
    pub(super) family: String,
    #[serde(deserialize_with = "null_as_default")]
    pub(super) id: String,
    #[serde(deserialize_with = "null_as_default")]
    pub(super) version: String,
    #[serde(deserialize_with = "null_as_default")]
    pub(super) codename: String,
    /// What `uname -r` prints.
    #[serde(deserialize_with = "null_as_default")]
    pub(super) kernel: String,
    /// Of Windows `19045.4291` or `10.0.19045.4291`.
    #[serde(deserialize_with = "text")]
    pub(super) build: String,
    #[serde(deserialize_with = "text")]
    pub(super) arch: String,
    /// Installed updates of Windows: `KB5036892` or 5036892.
    #[serde(deserialize_with = "texts")]
    pub(super) kbs: Vec<String>,
}

/// What is said beside the question must not make it a bad one: numbers are taken for their text,
/// and what is neither for nothing.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Value::deserialize(deserializer).map(|value| text_of(&value))
}

fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Array(values) => values.iter().map(text_of).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            Vec::new()
        }
    })
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        // 19045.4170 is 19045.417 as a number, which is another build.
        Value::Number(number) if number.is_u64() => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            String::new()
        }
    }
}

impl Os {
    /// The platform; a codename says the release where no version does.
    pub(super) fn platform(&self) -> Platform<'_> {
        let named = codename::release(&self.codename);
        // Linux Mint and the like may say the codename of what they are made of.
        let named = named.filter(|(id, _)| self.id.is_empty() || self.id == *id);
        let (id, version) = match named {
            Some(named) if self.version.is_empty() => named,
            Some((id, _)) => (id, self.version.as_str()),
            None => (self.id.as_str(), self.version.as_str()),
        };
        Platform { family: &self.family, id, version }
    }

    /// The build as the version of Windows that it is: `10.0.19045.4291` of `19045.4291`.
    pub(super) fn version_of_build(&self) -> String {
        let build = self.build.trim();
        match numbers(build) {
            // Since Windows 10 every build is one of 10.0; an older Windows has to be told in full.
            1 | 2 => format!("10.0.{build}"),
            _ => build.to_owned(),
        }
    }
}

/// How many numbers a version has.
pub(super) fn numbers(version: &str) -> usize {
    version.split('.').filter(|part| !part.trim().is_empty()).count()
}
