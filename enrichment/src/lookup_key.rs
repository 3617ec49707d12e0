//! What an evaluation looked up in the index, as numbers that mean the same in every index.
//!
//! They exist so that a change of the index is answered with the software that it can concern and
//! no other: whoever keeps the keys of an evaluation knows what may change it. A key names a place
//! and not what is filed there, so software that asked for a product in vain is found when the
//! product appears. Two names may share a number; that costs an evaluation too many, and a change
//! is never missed for it.

use std::fmt;

/// A place of the index that an evaluation asked for, whether anything was there or not.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LookupKey(pub u64);

impl fmt::Debug for LookupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LookupKey({:016x})", self.0)
    }
}

impl LookupKey {
    /// The rules for a vendor's product, of any part; names as CPE has them, unescaped and in
    /// lower case.
    #[must_use]
    pub fn of_product(vendor: &str, product: &str) -> Self {
        Self::of(&["cpe", vendor, product])
    }

    /// What advisories say of a package: whose package it is (`debian`, `pypi`), of which release
    /// or an empty one, and the kind and the name of the package in the advisories' words.
    #[must_use]
    pub fn of_package(place: &str, release: &str, kind: &str, name: &str) -> Self {
        Self::of(&["package", place, release, kind, name])
    }

    /// Whether there are advisories for a release or a registry at all: until there are, its
    /// packages cannot be judged.
    #[must_use]
    pub fn of_place(place: &str, release: &str) -> Self {
        Self::of(&["place", place, release])
    }

    fn of(parts: &[&str]) -> Self {
        let mut hash = Fnv::new();
        for part in parts {
            hash.write(part.as_bytes());
            // No UTF-8 text has this byte, so no two lists of parts are the same bytes.
            hash.write(&[0xff]);
        }
        Self(hash.finish())
    }
}

/// FNV-1a of 64 bits with a final mix, the same on every machine and in every release: its results
/// are in databases. It withstands nobody who seeks collisions, and has not to: see the module.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fnv(u64);

impl Fnv {
    pub(crate) const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    pub(crate) const fn finish(self) -> u64 {
        mix(self.0)
    }
}

/// Spreads every bit of a number over all of it (the last step of `MurmurHash3`).
pub(crate) const fn mix(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn numbers_are_the_same_for_ever_because_databases_hold_them() {
        assert_eq!(LookupKey::of_product("openbsd", "openssh"), LookupKey(0x3a53_54ce_6f8e_ef74));
        assert_eq!(
            LookupKey::of_package("debian", "12", "source", "openssh"),
            LookupKey(0xcfbf_7369_26f3_5e22)
        );
        assert_eq!(LookupKey::of_place("debian", "12"), LookupKey(0xd106_baac_a6e0_9bc4));
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        let keys = [
            LookupKey::of_product("a", "bc"),
            LookupKey::of_product("ab", "c"),
            LookupKey::of_product("abc", ""),
            LookupKey::of_place("a", "bc"),
            LookupKey::of_package("a", "", "bc", ""),
            LookupKey::of_package("a", "bc", "", ""),
            LookupKey::of_package("", "a", "b", "c"),
        ];
        assert_eq!(keys.iter().collect::<HashSet<_>>().len(), keys.len());
    }

    #[test]
    fn names_that_differ_in_one_letter_differ_in_many_bits() {
        let LookupKey(one) = LookupKey::of_product("gnu", "bash");
        let LookupKey(other) = LookupKey::of_product("gnu", "dash");
        assert!((one ^ other).count_ones() > 16);
    }
}
