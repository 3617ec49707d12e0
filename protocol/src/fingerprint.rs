//! Names of records by content: the key of a piece of software, the fingerprint of a record on a
//! host, and the digest of a whole inventory.
//!
//! Both sides compute them from the same fields, so a collector never has to believe one. They
//! are SHA-256 cut to 128 bits, because a host may be hostile: with a weaker hash it could make a
//! record that takes the place of another product in its company's tables.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::host::Platform;
use crate::software::SoftwareRecord;

macro_rules! fingerprint {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u128);

        impl $name {
            /// The same bits as a UUID, which is how PostgreSQL keeps them; the order is the same.
            #[must_use]
            pub const fn to_uuid(self) -> Uuid {
                Uuid::from_u128(self.0)
            }

            /// Back from [`Self::to_uuid`].
            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid.as_u128())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:032x})"), self.0)
            }
        }
    };
}

fingerprint! {
    /// What a piece of software is, without the host that has it: source, name, version, vendor
    /// and the like, and the platform that judges it.
    SoftwareKey
}
fingerprint! {
    /// A record on its host: its [`SoftwareKey`] with the time and the places of its installation.
    RecordFingerprint
}

impl SoftwareKey {
    /// The key of a record on a platform.
    #[must_use]
    pub fn of(record: &SoftwareRecord, platform: &Platform) -> Self {
        // The domain keeps this hash apart from the record's, and the number in it is the layout's:
        // a field that is added, or another order, needs another number, because both sides keep
        // these values on disk.
        let mut hash = FieldHash::new(b"muster software 2");
        hash.text(record.source.as_str());
        for text in [
            &record.name,
            &record.version,
            &record.release,
            &record.arch,
            &record.vendor,
            &record.source_name,
            &record.source_version,
            &record.origin,
            &record.bundle_id,
            &platform.family,
            &platform.id,
            &platform.version,
        ] {
            hash.text(text);
        }
        // rpm's epoch is a field of its own; dpkg's stands in the version's text, as its tools print it.
        hash.number(record.epoch);
        hash.number(record.running.map(u32::from));
        Self(hash.finish())
    }
}

impl RecordFingerprint {
    /// The fingerprint of a record whose key is known.
    #[must_use]
    pub fn of(key: SoftwareKey, record: &SoftwareRecord) -> Self {
        let mut hash = FieldHash::new(b"muster record 1");
        // Through the key, so that a record whose software changes always changes its fingerprint
        // too.
        hash.bytes(&key.0.to_be_bytes());
        hash.number(record.installed_at_s);
        // In the order that they came: agents sort them, and another order is another record to
        // both sides.
        for location in &record.locations {
            hash.text(location);
        }
        Self(hash.finish())
    }
}

/// What an inventory comes to: its size and the sum of its fingerprints.
///
/// A sum, so that it does not depend on an order and follows every add and remove in constant
/// time. Two inventories with the same digest are taken to be the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InventoryDigest {
    /// Records.
    pub count: u32,
    /// Their fingerprints, added modulo 2^128.
    pub sum: u128,
}

impl InventoryDigest {
    /// Takes a record in.
    pub const fn add(&mut self, fingerprint: RecordFingerprint) {
        // Wrapping, because a digest is compared and never counted with: a hostile sequence of adds
        // and removes must not be able to panic a debug build.
        self.count = self.count.wrapping_add(1);
        self.sum = self.sum.wrapping_add(fingerprint.0);
    }

    /// Takes a record out.
    pub const fn remove(&mut self, fingerprint: RecordFingerprint) {
        self.count = self.count.wrapping_sub(1);
        self.sum = self.sum.wrapping_sub(fingerprint.0);
    }
}

impl FromIterator<RecordFingerprint> for InventoryDigest {
    fn from_iter<I: IntoIterator<Item = RecordFingerprint>>(fingerprints: I) -> Self {
        let mut digest = Self::default();
        for fingerprint in fingerprints {
            digest.add(fingerprint);
        }
        digest
    }
}

/// Hashes fields so that no two lists of fields give the same bytes: every field carries its length.
struct FieldHash(Sha256);

impl FieldHash {
    fn new(domain: &[u8]) -> Self {
        let mut hash = Self(Sha256::new());
        hash.bytes(domain);
        hash
    }

    fn bytes(&mut self, bytes: &[u8]) {
        // Lengths are bounded far below 4 GiB by `limits`; a longer one would only be cut alike on
        // both sides.
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.0.update(length.to_be_bytes());
        self.0.update(bytes);
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn number(&mut self, number: Option<u32>) {
        // None and 0 differ: no bytes at all, and four of them.
        match number {
            Some(number) => self.bytes(&number.to_be_bytes()),
            None => self.bytes(&[]),
        }
    }

    fn finish(self) -> u128 {
        let hash: [u8; 32] = self.0.finalize().into();
        let mut half = [0; 16];
        // 128 of SHA-256's bits: a collision on purpose still takes 2^64 hashes, and a key fits a
        // UUID column.
        half.copy_from_slice(&hash[..16]);
        u128::from_be_bytes(half)
    }
}
