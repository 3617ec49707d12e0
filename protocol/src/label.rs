//! Labels that a host brings to its enrolment: what whoever installs it knows of it, such as its site.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::limits;
use crate::wire::bounded;

/// A label: a name and its value.
///
/// One that was parsed keeps the limits; one from the wire is only bounded in bytes, and
/// [`Label::is_valid`] says the rest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Label {
    /// Its name: 1 to [`limits::HOST_LABEL_CHARS_MAX`] characters, none a control character or `=`.
    #[serde(deserialize_with = "bounded::text::<_, { limits::HOST_LABEL_BYTES_MAX }>")]
    pub name: String,
    /// Its value: at most [`limits::HOST_LABEL_CHARS_MAX`] characters, none a control character.
    #[serde(deserialize_with = "bounded::text::<_, { limits::HOST_LABEL_BYTES_MAX }>")]
    pub value: String,
}

impl Label {
    /// Whether it keeps the limits.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        let fits = |text: &str| {
            text.chars().count() <= limits::HOST_LABEL_CHARS_MAX
                && !text.chars().any(char::is_control)
        };
        !self.name.is_empty() && !self.name.contains('=') && fits(&self.name) && fits(&self.value)
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.value)
    }
}

/// A text that is no label.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no label: write NAME=VALUE, each of at most {max} characters and none of them a control \
     character",
    max = limits::HOST_LABEL_CHARS_MAX
)]
pub struct InvalidLabel(String);

impl FromStr for Label {
    type Err = InvalidLabel;

    fn from_str(text: &str) -> Result<Self, InvalidLabel> {
        let invalid = || InvalidLabel(text.to_owned());
        let (name, value) = text.split_once('=').ok_or_else(invalid)?;
        let label = Self { name: name.trim().to_owned(), value: value.trim().to_owned() };
        if label.is_valid() { Ok(label) } else { Err(invalid()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_name_and_a_value() {
        for (text, name, value) in [
            ("site=berlin", "site", "berlin"),
            (" site = Berlin Mitte ", "site", "Berlin Mitte"),
            // Only the first sign divides, as in a shell's variables.
            ("query=a=b", "query", "a=b"),
            ("kiosk=", "kiosk", ""),
        ] {
            let label: Label = text.parse().expect("a label");
            assert_eq!((label.name.as_str(), label.value.as_str()), (name, value));
        }
    }

    #[test]
    fn refuses_what_no_list_could_show() {
        let long = "x".repeat(limits::HOST_LABEL_CHARS_MAX + 1);
        for text in [
            "berlin".to_owned(),
            "=berlin".to_owned(),
            " =berlin".to_owned(),
            "site=ber\nlin".to_owned(),
            "si\u{1b}te=x".to_owned(),
            format!("{long}=x"),
            format!("x={long}"),
        ] {
            let why = text.parse::<Label>().expect_err(&text).to_string();
            assert!(why.contains("NAME=VALUE"), "{why}");
        }
        let most = "ä".repeat(limits::HOST_LABEL_CHARS_MAX);
        let label: Label = format!("{most}={most}").parse().expect("characters count");
        assert!(label.is_valid());
    }

    #[test]
    fn a_label_from_the_wire_is_bounded_before_it_is_looked_at() {
        let text = "x".repeat(limits::HOST_LABEL_BYTES_MAX + 1);
        let bytes = postcard::to_stdvec(&("site", &text)).expect("encodes");
        assert!(postcard::from_bytes::<Label>(&bytes).is_err());
    }
}
