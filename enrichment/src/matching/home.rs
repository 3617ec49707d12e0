//! What an installed copy runs in beside the operating system, and whether a record means that.
//!
//! `target_sw` is free text in which one thing has several names: packages of npm are for
//! `node.js`, `nodejs` or `npm`. They are made one here, and only here.

use crate::identity::TargetSw;
use crate::matching::host;

/// What an installed copy runs in, beside the operating system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Home<'a> {
    /// Nothing, or it is not known.
    None,
    /// It runs in this; a record that names nothing is about it too.
    Runs(&'a str),
    /// It is an extension of this: only a record that names the same is about it.
    Only(&'a str),
}

/// Languages and package systems as `target_sw` names them: what runs in one may be meant by a
/// record that names none, unlike an extension of a browser. True for those that programs are
/// built of, so that a record about the package is one about the program: Grafana's are `go`.
const LANGUAGES: [(&str, bool); 12] = [
    (".net", true),
    ("dart", true),
    ("go", true),
    ("java", true),
    ("maven", true),
    ("node.js", false),
    ("perl", false),
    ("php", false),
    ("python", false),
    ("ruby", false),
    ("rust", true),
    ("swift", true),
];

/// Other names that records use, each with the usual one; all were seen in NVD's records.
const SYNONYMS: [(&str, &str); 22] = [
    ("asp.net", ".net"),
    ("c#", ".net"),
    ("cargo", "rust"),
    ("chromium", "chrome"),
    ("composer", "php"),
    ("crates.io", "rust"),
    ("gem", "ruby"),
    ("golang", "go"),
    ("google_chrome", "chrome"),
    ("java_se", "java"),
    ("mozilla_firefox", "firefox"),
    ("node", "node.js"),
    ("nodejs", "node.js"),
    ("npm", "node.js"),
    ("nuget", ".net"),
    ("pip", "python"),
    ("pypi", "python"),
    // A mistake that stands in records.
    ("pypl", "python"),
    ("ruby_on_rails", "ruby"),
    ("rubygems", "ruby"),
    ("visualstudio_code", "visual_studio_code"),
    ("vscode", "visual_studio_code"),
];

/// The usual name of what a `target_sw` names.
pub(super) fn usual(target: &str) -> &str {
    SYNONYMS.iter().find(|(other, _)| *other == target).map_or(target, |(_, usual)| usual)
}

/// Whether programs are built of a language; `None` for what is no language.
pub(super) fn builds_programs(target: &str) -> Option<bool> {
    let usual = usual(target);
    let known = LANGUAGES.iter().find(|(name, _)| *name == usual);
    known.map(|(_, builds)| *builds)
}

impl From<TargetSw> for Home<'static> {
    fn from(target: TargetSw) -> Self {
        match target {
            TargetSw::Any => Self::None,
            // The operating system is the host's, and no home within it.
            TargetSw::Runs(name) if host::family_of(name).is_some() => Self::None,
            TargetSw::Runs(name) => Self::Runs(name),
            TargetSw::Only(name) => Self::Only(name),
        }
    }
}

impl<'a> Home<'a> {
    /// The home that a CPE name's `target_sw` tells.
    pub(super) fn named(target: &'a str) -> Self {
        if target.is_empty() || host::family_of(target).is_some() {
            Self::None
        } else if builds_programs(target).is_some() {
            Self::Runs(target)
        } else {
            Self::Only(target)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_home_has_several_names() {
        for (name, other) in [
            ("pypi", "python"),
            ("npm", "node.js"),
            ("nodejs", "node.js"),
            ("golang", "go"),
            ("vscode", "visual_studio_code"),
        ] {
            assert_eq!(usual(name), other);
            assert_eq!(usual(other), other, "the usual name is its own");
        }
        assert_eq!(usual("wordpress"), "wordpress");
    }

    #[test]
    fn the_usual_names_are_no_synonyms_and_all_are_sorted() {
        assert!(SYNONYMS.is_sorted_by(|a, b| a.0 < b.0));
        for (_, name) in SYNONYMS {
            assert_eq!(usual(name), name);
        }
    }

    #[test]
    fn a_language_is_no_home_of_extensions() {
        assert_eq!(Home::named("pypi"), Home::Runs("pypi"));
        assert_eq!(Home::named("chrome"), Home::Only("chrome"));
        assert_eq!(Home::named("windows"), Home::None);
        assert_eq!(Home::named(""), Home::None);
    }
}
