//! What a table showed: its cases counted by verdict, and the misses in words.

use std::fmt::Write as _;

use serde_json::json;

/// How one case came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// As the table says.
    Correct,
    /// Something was claimed that the table denies.
    Wrong,
    /// Something was not claimed that the table says.
    Missing,
    /// The answer was that this cannot be told, or the data cannot know it.
    NotEvaluable,
}

/// One table's cases.
#[derive(Debug)]
pub(crate) struct Score {
    set: String,
    correct: usize,
    wrong: usize,
    missing: usize,
    not_evaluable: usize,
    /// Cases in which the table says that something is so.
    positives: usize,
    /// Of those, the ones that came out as said.
    found: usize,
    misses: Vec<String>,
}

/// A case in the words of its table, for the list of misses.
#[derive(Debug)]
pub(crate) struct Case<'a> {
    pub(crate) what: &'a str,
    pub(crate) expected: &'a str,
    pub(crate) got: &'a str,
    pub(crate) why: &'a str,
}

impl Score {
    pub(crate) fn new(set: impl Into<String>) -> Self {
        Self {
            set: set.into(),
            correct: 0,
            wrong: 0,
            missing: 0,
            not_evaluable: 0,
            positives: 0,
            found: 0,
            misses: Vec::new(),
        }
    }

    /// Counts a case. `is_positive` tells whether the table says that something is so, rather than
    /// that it is not; recall is of those, precision of what was claimed.
    pub(crate) fn count(&mut self, verdict: Verdict, is_positive: bool, case: &Case<'_>) {
        self.positives += usize::from(is_positive);
        self.found += usize::from(is_positive && verdict == Verdict::Correct);
        let (counter, word) = match verdict {
            Verdict::Correct => (&mut self.correct, None),
            Verdict::Wrong => (&mut self.wrong, Some("wrong")),
            Verdict::Missing => (&mut self.missing, Some("missing")),
            Verdict::NotEvaluable => (&mut self.not_evaluable, Some("not evaluable")),
        };
        *counter += 1;
        if let Some(word) = word {
            let Case { what, expected, got, why } = case;
            let mut miss = format!("{word}: {what}: expected {expected}, got {got}");
            if !why.is_empty() {
                // Writing to memory does not fail.
                write!(miss, " ({why})").unwrap_or_default();
            }
            self.misses.push(miss);
        }
    }

    /// Counts the cases of a part of this table.
    pub(crate) fn add(&mut self, part: &Self) {
        self.correct += part.correct;
        self.wrong += part.wrong;
        self.missing += part.missing;
        self.not_evaluable += part.not_evaluable;
        self.positives += part.positives;
        self.found += part.found;
    }

    pub(crate) fn misses(&self) -> &[String] {
        &self.misses
    }

    const fn cases(&self) -> usize {
        self.correct + self.wrong + self.missing + self.not_evaluable
    }

    /// The share of the cases that can be told which came out as the table says.
    fn accuracy(&self) -> Option<f64> {
        share(self.correct, self.cases() - self.not_evaluable)
    }

    /// Nothing where a table only denies.
    fn precision(&self) -> Option<f64> {
        (self.positives > 0).then(|| share(self.found, self.found + self.wrong)).flatten()
    }

    fn recall(&self) -> Option<f64> {
        share(self.found, self.positives)
    }

    /// The heading of [`Score::row`].
    pub(crate) fn heading() -> String {
        format!(
            "{:<42} {:>7} {:>7} {:>6} {:>7} {:>6} {:>8} {:>9} {:>7}",
            "set", "cases", "correct", "wrong", "missing", "n/e", "accuracy", "precision", "recall"
        )
    }

    /// A line for people.
    pub(crate) fn row(&self) -> String {
        let shown = |share: Option<f64>| {
            share.map_or_else(|| "-".to_owned(), |share| format!("{share:.4}"))
        };
        format!(
            "{:<42} {:>7} {:>7} {:>6} {:>7} {:>6} {:>8} {:>9} {:>7}",
            self.set,
            self.cases(),
            self.correct,
            self.wrong,
            self.missing,
            self.not_evaluable,
            shown(self.accuracy()),
            shown(self.precision()),
            shown(self.recall())
        )
    }

    /// The same as a JSON line.
    pub(crate) fn json(&self) -> String {
        json!({
            "set": self.set, "cases": self.cases(), "correct": self.correct, "wrong": self.wrong,
            "missing": self.missing, "not_evaluable": self.not_evaluable,
            "accuracy": self.accuracy(), "precision": self.precision(), "recall": self.recall(),
        })
        .to_string()
    }
}

/// A part of a whole with four digits; nothing where there is no whole.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| (part as f64 / whole as f64 * 10_000.0).round() / 10_000.0)
}
