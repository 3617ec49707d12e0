//! Our request as it waits for its answer: in the browser that began it, sealed.
//!
//! A row would be written for every stranger who asks. What stands in the cookie nobody can read or change, and
//! an answer counts only in the browser that has it, once and for some minutes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;
use serde::{Deserialize, Serialize};
use store::api_keys::PresentedKey;
use subtle::ConstantTimeEq as _;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::sealing::{self, Sealing};

/// How long somebody may take to sign in at their provider.
pub(crate) const GOOD_FOR: Duration = Duration::minutes(10);

/// Where requests are sealed for.
const PLACE: &[u8] = b"request";

/// A request.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Request {
    company: Uuid,
    state: [u8; 32],
    nonce: [u8; 32],
    verifier: [u8; 32],
    /// Seconds since 1970.
    until: i64,
    to: String,
    replaces: Option<(Uuid, [u8; 32])>,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request").field("company", &self.company).finish_non_exhaustive()
    }
}

impl Request {
    /// A request that nobody can guess anything of, for a company; `to` is where the person wants to, and
    /// `replaces` the session that the browser has: the answer comes from another site, and without it.
    ///
    /// # Errors
    ///
    /// When the system gives no random bytes.
    pub(super) fn new(
        company: Uuid,
        to: String,
        replaces: Option<&PresentedKey>,
        now: OffsetDateTime,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            company,
            state: sealing::random()?,
            nonce: sealing::random()?,
            verifier: sealing::random()?,
            until: (now + GOOD_FOR).unix_timestamp(),
            to,
            replaces: replaces.map(|key| (key.id(), *key.secret())),
        })
    }

    /// The request as the browser keeps it.
    ///
    /// # Errors
    ///
    /// When the cipher does not seal.
    pub(super) fn sealed(&self, sealing: &Sealing) -> anyhow::Result<String> {
        let plain = postcard::to_stdvec(self)?;
        Ok(URL_SAFE_NO_PAD.encode(sealing.seal(PLACE, plain)?))
    }

    /// The request that a browser kept, when it is this one that is answered and still may be.
    pub(super) fn answered(
        sealing: &Sealing,
        kept: &str,
        state: &str,
        now: OffsetDateTime,
    ) -> Option<Self> {
        let plain = sealing.open(PLACE, &URL_SAFE_NO_PAD.decode(kept).ok()?)?;
        let request: Self = postcard::from_bytes(&plain).ok()?;
        let is_this: bool = request.state().as_bytes().ct_eq(state.as_bytes()).into();
        (is_this && now.unix_timestamp() < request.until).then_some(request)
    }

    /// The company whose provider answers.
    pub(crate) const fn company(&self) -> Uuid {
        self.company
    }

    /// Where the person wants to.
    pub(crate) fn to(&self) -> &str {
        &self.to
    }

    /// The session that the browser had.
    pub(crate) fn replaces(&self) -> Option<PresentedKey> {
        self.replaces.map(|(id, secret)| PresentedKey::new(id, secret))
    }

    /// What the answer names it by.
    pub(super) fn state(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.state)
    }

    /// A hash of that, by which it is noted that it was answered.
    pub(crate) fn state_hash(&self) -> [u8; 32] {
        sha256(&self.state)
    }

    /// What the token names it by.
    pub(super) fn nonce(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.nonce)
    }

    /// What proves that who began it redeems the code (RFC 7636).
    pub(super) fn verifier(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.verifier)
    }

    /// What the provider holds the verifier to.
    pub(super) fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(sha256(self.verifier().as_bytes()))
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_answered_under_its_name_with_its_key_and_in_its_time() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let (ours, theirs) = (Sealing::new(&[1; 32]).unwrap(), Sealing::new(&[2; 32]).unwrap());
        let new = || Request::new(Uuid::from_u128(7), "/hosts".to_owned(), None, now).unwrap();
        let (request, other) = (new(), new());
        let (kept, state) = (request.sealed(&ours).unwrap(), request.state());
        let found = Request::answered(&ours, &kept, &state, now).unwrap();
        assert_eq!((found.company(), found.to()), (Uuid::from_u128(7), "/hosts"));
        assert_eq!(found.verifier(), request.verifier());
        assert!(Request::answered(&theirs, &kept, &state, now).is_none());
        assert!(Request::answered(&ours, &kept, &other.state(), now).is_none());
        assert!(Request::answered(&ours, &kept, &state, now + GOOD_FOR).is_none());
        assert!(Request::answered(&ours, "nonsense", &state, now).is_none());
    }

    #[test]
    fn the_challenge_is_the_one_of_rfc_7636() {
        // Appendix B.
        let now = OffsetDateTime::UNIX_EPOCH;
        let mut request = Request::new(Uuid::nil(), String::new(), None, now).unwrap();
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        request.verifier.copy_from_slice(&URL_SAFE_NO_PAD.decode(verifier).unwrap());
        assert_eq!(request.verifier(), verifier);
        assert_eq!(request.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
