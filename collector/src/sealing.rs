//! Sealing: what the database may keep and only nodes with the authority's key can read.
//!
//! Each purpose has a key of its own, and what is sealed for one place opens at no other: a row that is
//! copied elsewhere opens nothing.

use std::fmt;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::rand::{SecureRandom as _, SystemRandom};

const NONCE_BYTES: usize = 12;

/// What seals for one purpose. Clones have the same key.
#[derive(Clone)]
pub(crate) struct Sealing(LessSafeKey);

impl fmt::Debug for Sealing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealing(…)")
    }
}

impl Sealing {
    /// With a key.
    ///
    /// # Errors
    ///
    /// When the cipher does not take it.
    pub(crate) fn new(key: &[u8; 32]) -> anyhow::Result<Self> {
        let key = UnboundKey::new(&AES_256_GCM, key);
        let key = key.map_err(|_| anyhow::anyhow!("the cipher does not take its key"))?;
        Ok(Self(LessSafeKey::new(key)))
    }

    /// Seals bytes for a place.
    ///
    /// # Errors
    ///
    /// When the system gives no random bytes.
    pub(crate) fn seal(&self, place: &[u8], mut plain: Vec<u8>) -> anyhow::Result<Vec<u8>> {
        let nonce: [u8; NONCE_BYTES] = random()?;
        self.0
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(place),
                &mut plain,
            )
            .map_err(|_| anyhow::anyhow!("the cipher does not seal"))?;
        Ok([&nonce[..], &plain].concat())
    }

    /// What was sealed for a place; `None` when it was for another one, or with another key.
    pub(crate) fn open(&self, place: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, text) = sealed.split_at_checked(NONCE_BYTES)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = text.to_vec();
        let plain = self.0.open_in_place(nonce, Aad::from(place), &mut text).ok()?;
        Some(plain.to_vec())
    }
}

/// Bytes that nobody can guess.
///
/// # Errors
///
/// When the system gives none.
pub(crate) fn random<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    let none = |_| anyhow::anyhow!("the system gives no random bytes");
    SystemRandom::new().fill(&mut bytes).map_err(none)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_with_its_key_at_its_place_and_whole() {
        let (ours, theirs) = (Sealing::new(&[1; 32]).unwrap(), Sealing::new(&[2; 32]).unwrap());
        let sealed = ours.seal(b"here", b"a secret".to_vec()).unwrap();
        assert_eq!(ours.open(b"here", &sealed).unwrap(), b"a secret");
        assert!(!sealed.windows(6).any(|part| part == b"secret"));
        assert_eq!(theirs.open(b"here", &sealed), None);
        assert_eq!(ours.open(b"there", &sealed), None);
        assert_eq!(ours.open(b"here", &sealed[..sealed.len() - 1]), None);
        assert_eq!(ours.open(b"here", b"short"), None);
        assert_ne!(ours.seal(b"here", b"a secret".to_vec()).unwrap(), sealed);
    }
}
