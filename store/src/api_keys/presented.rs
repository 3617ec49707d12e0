//! A credential as it is presented: an id that is public and a secret that is kept as a hash.
//!
//! API keys, sessions and invitations have the same form and another beginning each, so that one can
//! never be taken for another. It must never show its secret in `Debug`.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use super::hash;

const PREFIX: &str = "msk_";

/// A key as it is presented. It is a secret: `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct PresentedKey {
    id: Uuid,
    secret: [u8; 32],
}

/// A text that is no API key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an API key: one looks like msk_<id>_<secret>")]
pub struct InvalidKey;

impl PresentedKey {
    /// A key out of its parts: an id and 32 random bytes.
    #[must_use]
    pub const fn new(id: Uuid, secret: [u8; 32]) -> Self {
        Self { id, secret }
    }

    /// Its public part.
    #[must_use]
    pub const fn id(&self) -> Uuid {
        self.id
    }

    /// What is kept of its secret.
    #[must_use]
    pub fn secret_hash(&self) -> Vec<u8> {
        hash(&self.secret)
    }

    /// Whether its secret is the one of which this was kept. It takes as long whatever differs.
    #[must_use]
    pub(crate) fn is_of(&self, kept: &[u8]) -> bool {
        self.secret_hash().ct_eq(kept).into()
    }

    /// The secret itself, to derive other secrets from.
    #[must_use]
    pub const fn secret(&self) -> &[u8; 32] {
        &self.secret
    }

    /// The key as text, which is as secret as the key.
    #[must_use]
    pub fn expose(&self) -> String {
        self.expose_as(PREFIX)
    }

    /// The key as the text of another kind of credential, which begins with `prefix`.
    #[must_use]
    pub fn expose_as(&self, prefix: &str) -> String {
        let secret = URL_SAFE_NO_PAD.encode(self.secret);
        format!("{prefix}{}_{secret}", self.id.simple())
    }

    /// Reads the text of a kind of credential that begins with `prefix`.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub fn parse_as(prefix: &str, text: &str) -> Result<Self, InvalidKey> {
        let (id, secret) = text
            .trim()
            .strip_prefix(prefix)
            // The id is hexadecimal; the secret may hold an underscore itself.
            .and_then(|rest| rest.split_once('_'))
            .ok_or(InvalidKey)?;
        let secret = URL_SAFE_NO_PAD.decode(secret).map_err(|_| InvalidKey)?;
        Ok(Self {
            id: Uuid::try_parse(id).map_err(|_| InvalidKey)?,
            secret: secret.try_into().map_err(|_| InvalidKey)?,
        })
    }
}

impl FromStr for PresentedKey {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        Self::parse_as(PREFIX, text)
    }
}

impl fmt::Debug for PresentedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PresentedKey").field("id", &self.id).finish_non_exhaustive()
    }
}
