//! What was found: how it stands, where, and what to do.

use std::fmt;

use serde::Serialize;

/// How something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    /// As it should be.
    Good,
    /// It works, and somebody should know.
    Remark,
    /// It does not work, or something will be lost.
    Problem,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// How it stands.
    pub(super) level: Level,
    /// What was looked at.
    pub(super) check: &'static str,
    /// A path, an address, a name: where to look.
    #[serde(rename = "where")]
    pub(super) place: String,
    /// What there is.
    pub(super) what: String,
    /// What to do about it; absent when all is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) todo: Option<String>,
}

impl Finding {
    /// Something that is as it should be.
    pub(super) fn good(
        check: &'static str,
        place: impl fmt::Display,
        what: impl Into<String>,
    ) -> Self {
        let place = place.to_string();
        Self { level: Level::Good, check, place, what: what.into(), todo: None }
    }

    /// Something to know.
    pub(super) fn remark(
        check: &'static str,
        place: impl fmt::Display,
        what: impl Into<String>,
    ) -> Self {
        Self { level: Level::Remark, ..Self::good(check, place, what) }
    }

    /// Something that is wrong.
    pub(super) fn problem(
        check: &'static str,
        place: impl fmt::Display,
        what: impl Into<String>,
    ) -> Self {
        Self { level: Level::Problem, ..Self::good(check, place, what) }
    }

    /// With what to do.
    pub(super) fn todo(mut self, todo: impl Into<String>) -> Self {
        self.todo = Some(todo.into());
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Good => "ok",
            Level::Remark => "remark",
            Level::Problem => "PROBLEM",
        };
        let Self { check, place, what, .. } = self;
        write!(f, "{level:<8} {check:<13} {place}: {what}")?;
        if let Some(todo) = &self.todo {
            // Under what it is about, so that a list of good news does not hide it.
            write!(f, "\n{:22} to do: {todo}", "")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_says_what_where_and_what_to_do() {
        let found = Finding::problem("disk", "/var/lib/muster", "no room").todo("make room");
        let text = "PROBLEM  disk          /var/lib/muster: no room\n                       to do: make room";
        assert_eq!(found.to_string(), text);
        let document = serde_json::to_value(&found).unwrap();
        assert_eq!(document["level"], "problem");
        assert_eq!(document["where"], "/var/lib/muster");
        assert_eq!(document["todo"], "make room");
        let good = serde_json::to_value(Finding::good("disk", "/", "room")).unwrap();
        assert!(good.get("todo").is_none());
    }
}
