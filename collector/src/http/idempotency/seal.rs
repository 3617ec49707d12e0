//! Seals an answer for the one who asked.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::{digest, hmac};

/// Bytes of a nonce.
const NONCE_BYTES: usize = 12;

/// A seal that is one request's of one asker.
pub(super) struct Seal {
    key: Option<LessSafeKey>,
    aad: [u8; 32],
}

impl Seal {
    /// Made of what only the asker has, and of what is asked.
    pub(super) fn new(secret: &[u8; 32], word: &str, fingerprint: &[u8; 32]) -> Self {
        let tag = hmac::sign(
            &hmac::Key::new(hmac::HMAC_SHA256, secret),
            // Bound to its use: the same secret signs nothing else with this beginning.
            format!("muster idempotency 1 {word}").as_bytes(),
        );
        Self {
            // The tag has the 32 bytes that the cipher asks for.
            key: UnboundKey::new(&AES_256_GCM, tag.as_ref()).ok().map(LessSafeKey::new),
            aad: *fingerprint,
        }
    }

    /// Closes an answer.
    pub(super) fn close(&self, mut plain: Vec<u8>) -> Option<Vec<u8>> {
        let key = self.key.as_ref()?;
        // The key is one request's, and one answer is sealed with it. Where a request is asked again
        // after it was forgotten, the answer may be another: so the nonce is of the answer.
        let nonce = nonce_of(&plain);
        let sealing = Nonce::assume_unique_for_key(nonce);
        key.seal_in_place_append_tag(sealing, Aad::from(self.aad), &mut plain).ok()?;
        let mut sealed = nonce.to_vec();
        sealed.extend(plain);
        Some(sealed)
    }

    /// Opens what was closed with the same seal.
    pub(super) fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let key = self.key.as_ref()?;
        let (nonce, text) = sealed.split_at_checked(NONCE_BYTES)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = text.to_vec();
        let plain = key.open_in_place(nonce, Aad::from(self.aad), &mut text).ok()?;
        Some(plain.to_vec())
    }
}

fn nonce_of(plain: &[u8]) -> [u8; NONCE_BYTES] {
    let digest = digest::digest(&digest::SHA256, plain);
    let mut nonce = [0; NONCE_BYTES];
    nonce.copy_from_slice(&digest.as_ref()[..NONCE_BYTES]);
    nonce
}

/// A hash of several parts, each with its length, so that no two lists of parts are alike.
pub(super) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(&part.len().to_be_bytes());
        context.update(part);
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_asker_with_the_same_word_and_request_opens_it() {
        let seal = |secret: u8, word: &str, asked: u8| Seal::new(&[secret; 32], word, &[asked; 32]);
        let sealed = seal(1, "a", 1).close(b"msk_secret".to_vec()).unwrap();
        assert!(!sealed.windows(6).any(|part| part == b"secret"));
        assert_eq!(seal(1, "a", 1).open(&sealed).unwrap(), b"msk_secret");
        for other in [seal(2, "a", 1), seal(1, "b", 1), seal(1, "a", 2)] {
            assert!(other.open(&sealed).is_none());
        }
        assert!(seal(1, "a", 1).open(&[1, 2, 3]).is_none());
    }

    #[test]
    fn parts_cannot_be_cut_otherwise() {
        assert_ne!(sha256(&[b"ab", b"c"]), sha256(&[b"a", b"bc"]));
        assert_ne!(sha256(&[b"ab"]), sha256(&[b"ab", b""]));
    }
}
