//! An error and its causes in one line, each said once.
//!
//! Libraries do not agree whether an error's own text names its cause. Where it does, printing the
//! whole chain says the same thing twice or three times; where it does not, printing the first text
//! alone hides what happened.

use std::fmt;

/// Prints an error with those of its causes that its text does not name already.
pub(crate) struct Causes<'a>(pub(crate) &'a anyhow::Error);

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = String::new();
        for cause in self.0.chain() {
            let text = cause.to_string();
            // Within what was said so far and not only the text before: some libraries say a cause
            // two levels up.
            if said.contains(&text) {
                continue;
            }
            if !said.is_empty() {
                said.push_str(": ");
            }
            said.push_str(&text);
        }
        f.write_str(&said)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use anyhow::Context as _;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the store is away: {0}")]
    struct NamesItsCause(#[source] io::Error);

    #[test]
    fn says_every_cause_once() {
        let error = anyhow::Error::from(NamesItsCause(io::Error::other("refused")));
        assert_eq!(Causes(&error).to_string(), "the store is away: refused");
    }

    #[test]
    fn keeps_causes_that_no_text_names() {
        let error = Err::<(), _>(io::Error::other("refused")).context("open it").unwrap_err();
        assert_eq!(Causes(&error).to_string(), "open it: refused");
    }
}
