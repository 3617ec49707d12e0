//! A product and a version made ready for the look-up: the installed version as keys.

use std::borrow::Cow;

use crate::evaluation::Status;
use crate::identity::{Candidate, Edition};
use crate::index::{Bounds, Index, VersionId};
use crate::matching::Judgeable;
use crate::matching::home::Home;
use crate::matching::host::Host;
use crate::matching::judge::Surroundings;
use crate::version::{self, Scheme, SortKey};

/// What is asked of the index.
pub(super) struct Question<'a> {
    pub(super) candidates: &'a [Candidate],
    home: Home<'a>,
    host: Host<'a>,
    pub(super) arch: &'a str,
    pub(super) installed: Installed<'a>,
}

impl<'a> Question<'a> {
    /// The question, unless the version is one that nothing can be compared with.
    pub(super) fn new(
        judgeable: &'a Judgeable,
        host: Host<'a>,
        arch: &'a str,
    ) -> Result<Self, (Status, Cow<'static, str>)> {
        Ok(Self {
            candidates: &judgeable.candidates,
            home: Home::named(&judgeable.home),
            host,
            arch,
            installed: Installed::new(judgeable)?,
        })
    }

    /// The host as the rules of one candidate see it.
    pub(super) fn surroundings(&self, candidate: usize) -> Surroundings<'a> {
        Surroundings {
            host: self.host,
            arch: self.arch,
            home: match (self.home, self.candidates.get(candidate)) {
                (Home::None, Some(candidate)) => candidate.target_sw.into(),
                (home, _) => home,
            },
            edition: self
                .candidates
                .get(candidate)
                .map_or(&Edition::Unknown, |candidate| &candidate.edition),
        }
    }

    /// The only family of systems that records about a candidate mean, where it is not the host's.
    pub(super) fn is_elsewhere(&self, candidate: &Candidate) -> Option<&'static str> {
        self.host.is_not_home_of(&candidate.vendor, &candidate.product)
    }

    /// Whether a record about every version of a candidate's product says anything.
    pub(super) fn takes_every_version(&self, candidate: usize) -> bool {
        // Edge's older namesake has 226 such records, none of which is about the Edge of today.
        self.candidates.get(candidate).is_some_and(|candidate| !candidate.is_shared)
    }
}

/// The installed version, with its update (`full`) and without (`base`), under its own scheme and
/// under the generic one that exact versions of records are filed by.
pub(super) struct Installed<'a> {
    text: &'a str,
    update: &'a str,
    pub(super) scheme: Scheme,
    base: SortKey,
    full: SortKey,
    /// Absent where the scheme has the generic keys anyway.
    generic: Option<(SortKey, SortKey)>,
}

impl<'a> Installed<'a> {
    fn new(judgeable: &'a Judgeable) -> Result<Self, (Status, Cow<'static, str>)> {
        let (text, update) = (judgeable.version.as_str(), judgeable.update.as_str());
        if text.is_empty() {
            return Err((Status::NotEvaluable, "the version is unknown".into()));
        }
        let own = keys(judgeable.scheme, text, update);
        let generic = keys(Scheme::Generic, text, update);
        // A version that its own scheme does not take may still be a version to people.
        let (scheme, (base, full), generic) = match (own, generic) {
            (Some(own), _) if has_generic_keys(judgeable.scheme) => (judgeable.scheme, own, None),
            (Some(own), generic) => (judgeable.scheme, own, generic),
            (None, Some(generic)) => (Scheme::Generic, generic, None),
            (None, None) => {
                let reason = format!("version {text:?} has no order");
                return Err((Status::NotEvaluable, reason.into()));
            }
        };
        Ok(Self { text, update, scheme, base, full, generic })
    }

    /// The generic keys without and with the update; equal where there is none.
    pub(super) fn generic_keys(&self) -> (&[u8], &[u8]) {
        let (base, full) = match &self.generic {
            Some((base, full)) => (base, full),
            None => (&self.base, &self.full),
        };
        (base.as_bytes(), full.as_bytes())
    }

    /// Whether ranges can be looked up by the keys that the index has.
    pub(super) const fn is_by_generic_keys(&self) -> bool {
        has_generic_keys(self.scheme)
    }

    /// The version as it was compared, for people.
    pub(super) fn shown(&self) -> String {
        if self.update.is_empty() {
            self.text.to_owned()
        } else {
            format!("{} {}", self.text, self.update)
        }
    }

    /// Whether it is within the bounds. A bound of another kind, such as a date, holds nothing.
    pub(super) fn is_within(
        &self,
        index: &Index,
        lower: Option<VersionId>,
        upper: Option<VersionId>,
        bounds: Bounds,
    ) -> bool {
        let mut scratch = Vec::new();
        self.is_below(index, upper, bounds.upper_included, &mut scratch)
            && self.is_above(index, lower, bounds.lower_included, &mut scratch)
            && !self.is_by_another_calendar(index, lower, upper)
    }

    /// Whether the range counts in years and the installed version does not: `< 2020.5.0` says
    /// nothing about 1.90, unless the range itself begins with such a number.
    fn is_by_another_calendar(
        &self,
        index: &Index,
        lower: Option<VersionId>,
        upper: Option<VersionId>,
    ) -> bool {
        let is_in_years = |version| index.version_text(version).is_some_and(begins_with_a_year);
        // A date (`20060110`) is in years however it is written.
        !self.full.is_date()
            && upper.is_some_and(is_in_years)
            && lower.is_none_or(is_in_years)
            && !begins_with_a_year(self.text)
    }

    fn is_below(
        &self,
        index: &Index,
        bound: Option<VersionId>,
        is_included: bool,
        scratch: &mut Vec<u8>,
    ) -> bool {
        let Some(bound) = bound else {
            return true;
        };
        let Some(key) = self.bound_key(index, bound, scratch) else {
            return false;
        };
        // A bound without an update covers all updates of that version: 9.2p1 is a 9.2.
        let full = self.full.as_bytes();
        full < key || is_included && (full == key || self.base.as_bytes() == key)
    }

    fn is_above(
        &self,
        index: &Index,
        bound: Option<VersionId>,
        is_included: bool,
        scratch: &mut Vec<u8>,
    ) -> bool {
        let Some(bound) = bound else {
            return true;
        };
        let Some(key) = self.bound_key(index, bound, scratch) else {
            return false;
        };
        // The other way round, what is above 9.2 is not 9.2p1.
        let full = self.full.as_bytes();
        if is_included { full >= key } else { full > key && self.base.as_bytes() != key }
    }

    /// A bound's key under this version's scheme, if it is of the same kind.
    fn bound_key<'k>(
        &self,
        index: &'k Index,
        bound: VersionId,
        scratch: &'k mut Vec<u8>,
    ) -> Option<&'k [u8]> {
        let key = if has_generic_keys(self.scheme) {
            index.version_key(bound)
        } else {
            let text = index.version_text(bound)?;
            scratch.clear();
            let written = match index.version_update(bound) {
                Some(update) => {
                    version::write_key(self.scheme, &format!("{text}-{update}"), scratch)
                }
                None => version::write_key(self.scheme, text, scratch),
            };
            written.ok()?;
            scratch
        };
        // The first byte is the kind: a date and a release number have no order.
        (key.first() == self.full.as_bytes().first()).then_some(key)
    }
}

/// Whether a version begins with a year, as in `2020.5.0`.
fn begins_with_a_year(text: &str) -> bool {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    // Compared as text, which for four digits is the order of numbers.
    digits == 4 && ("1990".."2100").contains(&&text[..4])
}

/// Whether a scheme orders by the keys that the index is filed by.
const fn has_generic_keys(scheme: Scheme) -> bool {
    matches!(scheme, Scheme::Generic | Scheme::Macos | Scheme::Windows)
}

fn keys(scheme: Scheme, text: &str, update: &str) -> Option<(SortKey, SortKey)> {
    let base = version::key(scheme, text)?;
    let full = if update.is_empty() {
        base.clone()
    } else {
        // An update that is no part of a version (`-`, a language) says nothing about the order.
        version::key(scheme, &format!("{text}-{update}")).unwrap_or_else(|| base.clone())
    };
    Some((base, full))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_year_has_four_digits_and_is_of_our_time() {
        for (text, is_year) in [
            ("2020.5.0", true),
            ("2019", true),
            ("2023-1", true),
            ("20200501", false),
            ("1.90", false),
            ("1989.1", false),
            ("2100.1", false),
            ("7601", false),
            ("", false),
        ] {
            assert_eq!(begins_with_a_year(text), is_year, "{text}");
        }
    }

    #[test]
    fn schemes_that_share_the_generic_keys_really_do() {
        for scheme in [Scheme::Macos, Scheme::Windows] {
            for version in ["1.0", "148.0.7778.216", "5.11.1 (8356)", "2.0-rc1", "v3", "2020-10-29"]
            {
                assert_eq!(
                    version::key(scheme, version),
                    version::key(Scheme::Generic, version),
                    "{scheme} {version}"
                );
            }
        }
    }
}
