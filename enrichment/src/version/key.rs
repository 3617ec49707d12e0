//! Sort keys: bytes whose order is the order of the versions that they stand for.

use std::cmp::Ordering;

use super::{Incomparable, Scheme};

/// A version's place in its scheme's order, as bytes that `memcmp` orders.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SortKey(Vec<u8>);

impl SortKey {
    /// The key of a version.
    ///
    /// # Errors
    ///
    /// The text has no place in the scheme's order.
    pub fn of(scheme: Scheme, text: &str) -> Result<Self, Incomparable> {
        let mut bytes = Vec::with_capacity(24);
        write(scheme, text, &mut bytes)?;
        Ok(Self(bytes))
    }

    /// The bytes; the first is the kind.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The order of two keys of one scheme.
    ///
    /// # Errors
    ///
    /// [`Incomparable::DifferentKinds`].
    pub fn compare(&self, other: &Self) -> Result<Ordering, Incomparable> {
        compare_bytes(&self.0, &other.0)
    }
}

/// The order of two keys as bytes: [`SortKey::compare`] for keys that lie in an index.
///
/// # Errors
///
/// [`Incomparable::DifferentKinds`].
pub fn compare_bytes(a: &[u8], b: &[u8]) -> Result<Ordering, Incomparable> {
    if a.first() == b.first() {
        Ok(a.cmp(b))
    } else {
        Err(Incomparable::DifferentKinds)
    }
}

pub(super) fn write(_scheme: Scheme, _text: &str, _out: &mut Vec<u8>) -> Result<(), Incomparable> {
    Err(Incomparable::NotAVersion)
}
