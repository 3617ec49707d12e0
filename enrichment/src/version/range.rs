//! Ranges of versions, as CVE records bound them and as constraints are written.

use std::cmp::Ordering;

use super::{Incomparable, Scheme, SortKey, compare};

/// One end of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bound<'a> {
    /// The version at the end.
    pub version: &'a str,
    /// Whether the end belongs to the range.
    pub is_included: bool,
}

/// The versions between two ends, each of which may be open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Range<'a> {
    /// The least version.
    pub start: Option<Bound<'a>>,
    /// The greatest version.
    pub end: Option<Bound<'a>>,
}

impl Range<'_> {
    /// Whether a version lies within.
    ///
    /// # Errors
    ///
    /// The version has no order with an end that decides.
    pub fn contains(&self, scheme: Scheme, version: &str) -> Result<bool, Incomparable> {
        let version = SortKey::of(scheme, version)?;
        let is_beyond = |bound: Option<Bound<'_>>, outside: Ordering| match bound {
            None => Ok(false),
            Some(bound) => {
                let order = version.compare(&SortKey::of(scheme, bound.version)?)?;
                Ok(order == outside || (order == Ordering::Equal && !bound.is_included))
            }
        };
        let start = is_beyond(self.start, Ordering::Less);
        let end = is_beyond(self.end, Ordering::Greater);
        // One end that is surely passed decides, whatever the other is.
        match (start, end) {
            (Ok(true), _) | (_, Ok(true)) => Ok(false),
            (Ok(false), Ok(false)) => Ok(true),
            (Err(why), _) | (_, Err(why)) => Err(why),
        }
    }
}

pub(super) fn satisfies(
    scheme: Scheme,
    version: &str,
    constraint: &str,
) -> Result<bool, Incomparable> {
    // A version without an order is said to be one, whatever is asked about it, `>= 0` and nothing
    // included.
    SortKey::of(scheme, version)?;
    if constraint.trim().is_empty() {
        return Ok(true);
    }
    for condition in constraint.split("||").flat_map(|alternative| alternative.split(',')) {
        // All of it is read before any of it is believed: `>= 1 || oops` must not be an answer
        // where the first half holds and an error where it does not.
        read_condition(condition)?;
    }
    let mut answer = Ok(false);
    for alternative in constraint.split("||") {
        match satisfies_all(scheme, version, alternative) {
            Ok(true) => return Ok(true),
            Ok(false) => {}
            // Another alternative may still be met for certain, and then nothing is in doubt.
            Err(why) => answer = Err(why),
        }
    }
    answer
}

fn satisfies_all(scheme: Scheme, version: &str, conditions: &str) -> Result<bool, Incomparable> {
    let mut answer = Ok(true);
    for condition in conditions.split(',') {
        let (test, bound) = read_condition(condition)?;
        let (version, bound) = with_known_epochs(scheme, version, bound);
        match compare(scheme, version, bound).map(test) {
            Ok(true) => {}
            // A condition that fails decides, even beside one that cannot be told.
            Ok(false) => return Ok(false),
            Err(why) => answer = Err(why),
        }
    }
    answer
}

/// Both texts without epochs, unless both have one.
///
/// Inventories lose the epoch of an rpm more often than it is zero: `4.19.0-1.el7_5` of a package
/// whose advisory says `< 2:4.19.1-1.el7_5`. Two texts that are ordered, rather than one that is
/// asked about, keep rpm's rule that no epoch is zero.
fn with_known_epochs<'a>(scheme: Scheme, version: &'a str, bound: &'a str) -> (&'a str, &'a str) {
    let split = |text: &'a str| text.split_once(':').map(|(_, rest)| rest);
    match (scheme, split(version), split(bound)) {
        (Scheme::Rpm, None, Some(bound)) => (version, bound),
        (Scheme::Rpm, Some(version), None) => (version, bound),
        _ => (version, bound),
    }
}

/// What an operator asks of the order of version and bound.
type Test = fn(Ordering) -> bool;

/// What one condition asks of the order, and the version that it compares with.
fn read_condition(condition: &str) -> Result<(Test, &str), Incomparable> {
    // The longer of two that begin alike stands first.
    const OPERATORS: [(&str, Test); 7] = [
        (">=", Ordering::is_ge),
        ("<=", Ordering::is_le),
        ("!=", Ordering::is_ne),
        ("==", Ordering::is_eq),
        ("=", Ordering::is_eq),
        (">", Ordering::is_gt),
        ("<", Ordering::is_lt),
    ];
    let condition = condition.trim();
    let (bound, test) = OPERATORS
        .iter()
        .find_map(|(operator, test)| Some((condition.strip_prefix(operator)?, *test)))
        .unwrap_or((condition, Ordering::is_eq));
    let bound = bound.trim().trim_matches(['\'', '"']);
    // What is left are the ranges of npm and Ruby (`^1.2`, `~> 2.0`). Read as a version, the bound
    // would be silently wrong.
    if bound.is_empty() || bound.starts_with(['<', '>', '=', '!', '~', '^']) {
        return Err(Incomparable::BadConstraint);
    }
    Ok((test, bound))
}
