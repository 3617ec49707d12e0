//! Versions as people bound them in rules: a constraint on what a source says, in that source's order.

use enrichment::version::{Scheme, satisfies};
use protocol::software::Source;

/// Software as far as its version goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Versioned<'a> {
    pub(crate) source: Source,
    pub(crate) epoch: Option<i64>,
    pub(crate) version: &'a str,
    pub(crate) release: &'a str,
}

impl Versioned<'_> {
    /// Whether it satisfies a constraint such as `>= 1.2, < 2`; `None` when the two have no order.
    pub(crate) fn satisfies(&self, constraint: &str) -> Option<bool> {
        satisfies(scheme(self.source), &self.whole(), constraint).ok()
    }

    /// The version as its package manager writes it.
    fn whole(&self) -> String {
        let has_parts = matches!(self.source, Source::Deb | Source::Rpm | Source::Pacman);
        let mut whole = String::with_capacity(self.version.len() + self.release.len() + 8);
        if let Some(epoch) = self.epoch.filter(|epoch| has_parts && *epoch > 0) {
            whole.push_str(&epoch.to_string());
            whole.push(':');
        }
        whole.push_str(self.version);
        if has_parts && !self.release.is_empty() {
            whole.push('-');
            whole.push_str(self.release);
        }
        whole
    }
}

/// Whether an operating system's or an agent's version satisfies a constraint.
pub(crate) fn release_satisfies(version: &str, constraint: &str) -> Option<bool> {
    satisfies(Scheme::Generic, version, constraint).ok()
}

/// Whether a constraint can be read at all.
pub(crate) fn is_constraint(text: &str) -> bool {
    use enrichment::version::Incomparable;
    !matches!(satisfies(Scheme::Generic, "1", text), Err(Incomparable::BadConstraint))
        && text.chars().any(|c| c.is_ascii_digit())
}

/// Sources with an order of their own. Pacman's is rpm's, with an epoch before and a release behind.
const SCHEMES: [(Source, Scheme); 8] = [
    (Source::Deb, Scheme::Deb),
    (Source::Rpm, Scheme::Rpm),
    (Source::Pacman, Scheme::Rpm),
    (Source::Apk, Scheme::Apk),
    (Source::Python, Scheme::Pypi),
    (Source::Npm, Scheme::Npm),
    (Source::Gem, Scheme::Gem),
    (Source::Vscode, Scheme::Semver),
];

fn scheme(source: Source) -> Scheme {
    let own = SCHEMES.iter().find(|(one, _)| *one == source);
    own.map_or(Scheme::Generic, |(_, scheme)| *scheme)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn software(source: Source, epoch: Option<i64>, version: &'static str) -> Versioned<'static> {
        Versioned { source, epoch, version, release: "3.el9" }
    }

    #[test]
    fn a_version_is_compared_in_the_order_of_its_source() {
        for (source, version, constraint, expected) in [
            (Source::Deb, "1.0~rc1", "< 1.0", Some(true)),
            (Source::Python, "1.0rc1", "< 1.0", Some(true)),
            (Source::Programs, "115.9.1", ">= 115.10", Some(false)),
            (Source::Rpm, "1.2", ">= 1.2", Some(true)),
            (Source::Programs, "", ">= 1", None),
        ] {
            let found = software(source, None, version).satisfies(constraint);
            assert_eq!(found, expected, "{source:?} {version} {constraint}");
        }
    }

    #[test]
    fn an_epoch_counts_where_the_source_has_epochs_and_the_constraint_names_one() {
        let with = software(Source::Rpm, Some(1), "1.0");
        assert_eq!(with.satisfies("> 0:9.0"), Some(true));
        // Who writes a constraint reads upstream's number, and seldom knows of an epoch.
        assert_eq!(with.satisfies("> 9.0"), Some(false));
        let deb = software(Source::Deb, Some(1), "1.0");
        assert_eq!(deb.satisfies("> 0:9.0"), Some(true));
        assert_eq!(software(Source::Programs, Some(1), "1.0").satisfies("> 9.0"), Some(false));
    }

    #[test]
    fn what_is_no_constraint_is_known_before_it_is_stored() {
        for (text, expected) in [
            (">= 1.0, < 2.0 || = 3", true),
            ("1.2", true),
            ("", false),
            (">= ", false),
            ("=> 1", false),
            ("newest", false),
        ] {
            assert_eq!(is_constraint(text), expected, "{text:?}");
        }
    }
}
