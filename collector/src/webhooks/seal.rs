//! Secrets of webhooks: made, and sealed for the database.
//!
//! Signing takes the secret itself, so no hash would do. It is sealed with a key that all nodes derive
//! from the authority's private key, which is not in the database: a backup or a standby shows none.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use protocol::ids::CompanyId;
use uuid::Uuid;

use crate::sealing::{self, Sealing};

/// What the key is derived for.
const PURPOSE: &[u8] = b"muster webhook secrets 1";

/// What seals secrets. Clones have the same key.
#[derive(Clone, Debug)]
pub struct Sealer(Sealing);

impl Sealer {
    /// With the key that an authority derives for this purpose.
    ///
    /// # Errors
    ///
    /// When the cipher does not take it.
    pub fn new(derive: impl FnOnce(&[u8]) -> [u8; 32]) -> anyhow::Result<Self> {
        Ok(Self(Sealing::new(&derive(PURPOSE))?))
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
        let secret: [u8; 32] = sealing::random()?;
        let text = format!("whsec_{}", URL_SAFE_NO_PAD.encode(secret));
        let sealed = self.0.seal(&place(company, webhook), text.clone().into_bytes())?;
        Ok((text, sealed))
    }

    /// Somebody's own secret, sealed for one webhook.
    ///
    /// # Errors
    ///
    /// When the system gives no random bytes.
    pub(crate) fn seal(
        &self,
        company: CompanyId,
        webhook: Uuid,
        secret: &str,
    ) -> anyhow::Result<Vec<u8>> {
        self.0.seal(&place(company, webhook), secret.as_bytes().to_vec())
    }

    /// The secret of a webhook; `None` when it was sealed for another one, or with another key.
    pub(crate) fn open(&self, company: CompanyId, webhook: Uuid, sealed: &[u8]) -> Option<String> {
        String::from_utf8(self.0.open(&place(company, webhook), sealed)?).ok()
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
