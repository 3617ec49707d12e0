//! What is wrong with a document's components, counted, with a few of their names.

use std::collections::BTreeMap;

/// Names that are given of each kind.
const EXAMPLES_MAX: usize = 5;
/// Characters of such a name.
const EXAMPLE_CHARS_MAX: usize = 120;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WarningKind {
    /// It says itself that it is no part of what runs. It is left out.
    Excluded,
    /// It names no package: it has neither a package URL nor a CPE name. It is left out.
    NoPackage,
    /// Its package URL cannot be read. It is left out.
    BadPurl,
    /// It is a package of another release than the document's system, and is not judged.
    OtherRelease,
    /// It has no version, and cannot be judged.
    NoVersion,
    /// A text of it was cut or freed from characters of control.
    MadeFit,
}

impl WarningKind {
    /// The name in the API and the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Excluded => "excluded",
            Self::NoPackage => "no_package",
            Self::BadPurl => "bad_purl",
            Self::OtherRelease => "other_release",
            Self::NoVersion => "no_version",
            Self::MadeFit => "made_fit",
        }
    }
}

/// One kind of what is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// What.
    pub kind: WarningKind,
    /// How many components.
    pub count: u64,
    /// The first of them, without characters of control.
    pub examples: Vec<String>,
}

/// Counts warnings.
#[derive(Debug, Default)]
pub(super) struct Warnings(BTreeMap<WarningKind, (u64, Vec<String>)>);

impl Warnings {
    pub(super) fn add(&mut self, kind: WarningKind, example: impl AsRef<str>) {
        let (count, examples) = self.0.entry(kind).or_default();
        *count += 1;
        if examples.len() < EXAMPLES_MAX {
            examples.push(shown(example.as_ref()));
        }
    }

    pub(super) fn into_list(self) -> Vec<Warning> {
        let warning = |(kind, (count, examples))| Warning { kind, count, examples };
        self.0.into_iter().map(warning).collect()
    }
}

/// A name as people may be shown it.
fn shown(name: &str) -> String {
    let visible = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    name.chars().take(EXAMPLE_CHARS_MAX).map(visible).collect()
}
