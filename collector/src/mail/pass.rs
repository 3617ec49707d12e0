//! What a link to end a digest carries: which digest of which company, and a code that only nodes can make.
//!
//! It opens nothing else, and it needs no row: a digest that was ended has another id when it is begun anew.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use protocol::ids::CompanyId;
use ring::hmac;
use uuid::Uuid;

/// What the key is derived for.
const PURPOSE: &[u8] = b"muster digest passes 1";
/// Bytes of a pass: two ids and a code.
const BYTES: usize = 16 + 16 + 32;

/// What makes passes and reads them. Clones have the same key.
#[derive(Clone)]
pub struct Passes(hmac::Key);

impl std::fmt::Debug for Passes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passes(…)")
    }
}

impl Passes {
    /// With the key that an authority derives for this purpose.
    #[must_use]
    pub fn new(derive: impl FnOnce(&[u8]) -> [u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, &derive(PURPOSE)))
    }

    /// The pass that ends a digest.
    pub(crate) fn write(&self, company: CompanyId, digest: Uuid) -> String {
        let mut bytes = place(company, digest);
        let code = hmac::sign(&self.0, &bytes);
        bytes.extend(code.as_ref());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The digest that a pass ends; `None` when it is none of ours.
    pub(crate) fn read(&self, pass: &str) -> Option<(CompanyId, Uuid)> {
        let bytes = URL_SAFE_NO_PAD.decode(pass).ok().filter(|bytes| bytes.len() == BYTES)?;
        let (place, code) = bytes.split_at_checked(32)?;
        hmac::verify(&self.0, place, code).ok()?;
        let id = |bytes: &[u8]| Uuid::from_slice(bytes).ok();
        Some((CompanyId(id(&place[..16])?), id(&place[16..])?))
    }
}

fn place(company: CompanyId, digest: Uuid) -> Vec<u8> {
    [&company.0.as_bytes()[..], digest.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_is_good_for_one_digest_and_only_where_it_was_made() {
        let (ours, theirs) = (Passes::new(|_| [1; 32]), Passes::new(|_| [2; 32]));
        let company = CompanyId(Uuid::from_u128(1));
        let pass = ours.write(company, Uuid::from_u128(2));
        assert_eq!(ours.read(&pass), Some((company, Uuid::from_u128(2))));
        assert_eq!(theirs.read(&pass), None);
        let other = ours.write(company, Uuid::from_u128(3));
        // Another digest under this one's code.
        let mixed = format!("{}{}", &other[..43], &pass[43..]);
        assert_eq!(ours.read(&mixed), None);
        for wrong in ["", "x", &pass[1..], &pass[..pass.len() - 4]] {
            assert_eq!(ours.read(wrong), None, "{wrong:?}");
        }
    }
}
