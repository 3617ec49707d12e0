//! Secrets of webhooks: made, and sealed for the database.
//!
//! Signing takes the secret itself, so no hash would do. It is sealed with a key that all nodes derive
//! from the authority's private key, which is not in the database: a backup or a standby shows none.

use std::fmt;

use protocol::ids::CompanyId;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::rand::{SecureRandom as _, SystemRandom};
use uuid::Uuid;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// What the key is derived for.
const PURPOSE: &[u8] = b"muster webhook secrets 1";
const NONCE_BYTES: usize = 12;

/// What seals secrets. Clones have the same key.
#[derive(Clone)]
pub struct Sealer(LessSafeKey);

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(…)")
    }
}

impl Sealer {
    /// With the key that an authority derives for this purpose.
    ///
    /// # Errors
    ///
    /// When the cipher does not take it.
    pub fn new(derive: impl FnOnce(&[u8]) -> [u8; 32]) -> anyhow::Result<Self> {
        let key = UnboundKey::new(&AES_256_GCM, &derive(PURPOSE));
        let key = key.map_err(|_| anyhow::anyhow!("the cipher does not take its key"))?;
        Ok(Self(LessSafeKey::new(key)))
    }

    /// A secret that nobody has, and the same sealed for one webhook.
    ///
    /// # Errors
    ///
    /// When the system gives no random bytes.
    pub(crate) fn new_secret(
        &self,
        company: CompanyId,
        webhook: Uuid,
    ) -> anyhow::Result<(String, Vec<u8>)> {
        let (mut secret, mut nonce) = ([0; 32], [0; NONCE_BYTES]);
        let random = SystemRandom::new();
        let none = |_| anyhow::anyhow!("the system gives no random bytes");
        random.fill(&mut secret).map_err(none)?;
        random.fill(&mut nonce).map_err(none)?;
        let text = format!("whsec_{}", URL_SAFE_NO_PAD.encode(secret));
        let mut sealed = text.clone().into_bytes();
        let aad = Aad::from(place(company, webhook));
        self.0
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed)
            .map_err(|_| anyhow::anyhow!("the cipher does not seal"))?;
        Ok((text, [&nonce[..], &sealed].concat()))
    }

    /// The secret of a webhook; `None` when it was sealed for another one, or with another key.
    pub(crate) fn open(&self, company: CompanyId, webhook: Uuid, sealed: &[u8]) -> Option<String> {
        let (nonce, text) = sealed.split_at_checked(NONCE_BYTES)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = text.to_vec();
        let aad = Aad::from(place(company, webhook));
        let plain = self.0.open_in_place(nonce, aad, &mut text).ok()?;
        String::from_utf8(plain.to_vec()).ok()
    }
}

/// Where a secret belongs, so that a row that is copied elsewhere opens nothing.
fn place(company: CompanyId, webhook: Uuid) -> [u8; 32] {
    let mut place = [0; 32];
    place[..16].copy_from_slice(company.0.as_bytes());
    place[16..].copy_from_slice(webhook.as_bytes());
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_opened_with_the_same_key_for_the_same_webhook_alone() {
        let sealer = |seed: u8| Sealer::new(|_| [seed; 32]).unwrap();
        let (ours, theirs) = (CompanyId(Uuid::from_u128(1)), CompanyId(Uuid::from_u128(2)));
        let hook = Uuid::from_u128(3);
        let (secret, sealed) = sealer(1).new_secret(ours, hook).unwrap();
        assert!(secret.starts_with("whsec_") && secret.len() > 40);
        assert_eq!(sealer(1).open(ours, hook, &sealed).as_ref(), Some(&secret));
        assert!(!sealed.windows(6).any(|part| part == b"whsec_"));
        assert_eq!(sealer(2).open(ours, hook, &sealed), None);
        assert_eq!(sealer(1).open(theirs, hook, &sealed), None);
        assert_eq!(sealer(1).open(ours, Uuid::from_u128(4), &sealed), None);
        assert_eq!(sealer(1).open(ours, hook, b"short"), None);
        let (other, _) = sealer(1).new_secret(ours, hook).unwrap();
        assert_ne!(secret, other);
    }
}
