//! How two CPE names relate, after NISTIR 7696.
//!
//! The source is what a record says, the target what is installed. Table 6-2 relates attributes,
//! table 6-4 names. One rule is ours, because the tables alone match a whole inventory: see
//! [`matches()`].

use super::{Attr, Attribute, Cpe, Pattern, Wildcard};

/// The set relation of a source to a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Relation {
    /// They have nothing in common.
    Disjoint,
    /// They are the same.
    Equal,
    /// The source is within the target.
    Subset,
    /// The target is within the source.
    Superset,
    /// They may overlap, or the tables do not say.
    Undefined,
}

/// How one attribute's source value relates to its target value (NISTIR 7696, table 6-2).
#[must_use]
pub fn relate(source: &Attr, target: &Attr) -> Relation {
    match (source, target) {
        (Attr::Any, Attr::Any) | (Attr::Na, Attr::Na) => Relation::Equal,
        // The table leaves every row with a wildcard in the target undefined, whatever the source
        // is.
        (_, Attr::Pattern(_)) => Relation::Undefined,
        (Attr::Any, Attr::Na | Attr::Value(_)) | (Attr::Pattern(_), Attr::Any) => {
            Relation::Superset
        }
        (Attr::Na | Attr::Value(_), Attr::Any) => Relation::Subset,
        (Attr::Value(source), Attr::Value(target)) if source == target => Relation::Equal,
        (Attr::Pattern(pattern), Attr::Value(target)) if pattern.is_match(target) => {
            Relation::Superset
        }
        (Attr::Na, Attr::Value(_))
        | (Attr::Value(_), Attr::Na | Attr::Value(_))
        | (Attr::Pattern(_), Attr::Na | Attr::Value(_)) => Relation::Disjoint,
    }
}

/// How a source name relates to a target name (NISTIR 7696, table 6-4).
#[must_use]
pub fn compare(source: &Cpe, target: &Cpe) -> Relation {
    let mut name = Relation::Equal;
    for (source, target) in source.attributes().iter().zip(target.attributes()) {
        name = match (name, relate(source, target)) {
            (_, Relation::Disjoint) => return Relation::Disjoint,
            // Equal attributes change nothing; of the others all have to point the same way, else
            // the names overlap and neither holds the other.
            (so_far, Relation::Equal) => so_far,
            (Relation::Equal, next) => next,
            (so_far, next) if so_far == next => so_far,
            _ => Relation::Undefined,
        };
    }
    name
}

/// Whether a record's name covers an installed product's name.
///
/// No attribute may be disjoint. Beyond the tables: the target's product has to be a concrete
/// value, and vendor and product may not be wider on one side each, because a record for
/// `some_vendor:*` and a target `*:some_product` have nothing to do with each other. A target
/// with wildcards matches any value, and itself. A record's pattern for a vendor or product
/// (`pro*`) covers no concrete name, because it would cover the products of strangers; the index
/// takes no such record either.
#[must_use]
pub fn matches(source: &Cpe, target: &Cpe) -> bool {
    let is_covered = source
        .attributes()
        .iter()
        .zip(target.attributes())
        .all(|(source, target)| is_match(source, target));
    is_covered
        && matches!(target.get(Attribute::Product), Attr::Value(_) | Attr::Pattern(_))
        && !is_crossed(source, target)
        && !is_name_pattern(source, target)
}

fn is_match(source: &Attr, target: &Attr) -> bool {
    match relate(source, target) {
        Relation::Disjoint => false,
        Relation::Equal | Relation::Subset | Relation::Superset => true,
        // The table leaves it open and a question needs an answer; see above for which.
        Relation::Undefined => matches!(source, Attr::Any) || source == target,
    }
}

/// Whether vendor and product are wider on different sides.
fn is_crossed(source: &Cpe, target: &Cpe) -> bool {
    let of = |attribute| relate(source.get(attribute), target.get(attribute));
    matches!(
        (of(Attribute::Vendor), of(Attribute::Product)),
        (Relation::Subset, Relation::Superset) | (Relation::Superset, Relation::Subset)
    )
}

/// Whether a pattern for a vendor or product would have to cover a concrete one.
fn is_name_pattern(source: &Cpe, target: &Cpe) -> bool {
    [Attribute::Vendor, Attribute::Product]
        .iter()
        .any(|at| matches!((source.get(*at), target.get(*at)), (Attr::Pattern(_), Attr::Value(_))))
}

impl Pattern {
    /// Whether the pattern covers a plain text, as `compareStrings` of NISTIR 7696, 7.3 does.
    #[must_use]
    pub fn is_match(&self, target: &str) -> bool {
        let text: &str = &self.text;
        let mut from = 0;
        while let Some(at) = target.get(from..).and_then(|rest| rest.find(text)) {
            let before = &target[..from + at];
            let behind = &target[from + at + text.len()..];
            if self.leading.takes(before) && self.trailing.takes(behind) {
                return true;
            }
            // The next try begins one character further on.
            // An empty text (`??`) is found everywhere, and at the end there is no further place to
            // find it.
            let Some(step) = target[from + at..].chars().next() else {
                return false;
            };
            from += at + step.len_utf8();
        }
        false
    }
}

impl Wildcard {
    fn takes(self, text: &str) -> bool {
        match self {
            Self::Nothing => text.is_empty(),
            Self::UpTo(count) => text.chars().count() <= usize::from(count),
            Self::Anything => true,
        }
    }
}
