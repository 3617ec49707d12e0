//! Signatures of tokens (RFC 7515), checked by ring.
//!
//! Which algorithm a signature may be of is decided by the key and not by the token: a token that says `none`,
//! or takes a public key for a shared secret, is none.

use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};

/// A key that signatures are checked with.
#[derive(Clone, Debug)]
pub(super) enum PublicKey {
    /// RSA, of 2,048 bits at least.
    Rsa {
        /// The modulus, big-endian.
        n: Vec<u8>,
        /// The exponent, big-endian.
        e: Vec<u8>,
    },
    /// A point of P-256.
    P256(Vec<u8>),
    /// A point of P-384.
    P384(Vec<u8>),
    /// A point of Curve25519.
    Ed25519(Vec<u8>),
}

impl PublicKey {
    /// A key of RSA by its parts.
    pub(super) fn rsa(n: &[u8], e: &[u8]) -> Self {
        // ring takes no zeros before a number; some providers write one.
        let bare = |number: &[u8]| {
            number.iter().copied().skip_while(|byte| *byte == 0).collect::<Vec<_>>()
        };
        Self::Rsa { n: bare(n), e: bare(e) }
    }

    /// Whether it made this signature by the algorithm of this name.
    pub(super) fn made(&self, algorithm: &str, message: &[u8], signature: &[u8]) -> bool {
        let verified = match (self, algorithm) {
            (Self::Rsa { n, e }, "RS256") => RsaPublicKeyComponents { n, e }.verify(
                &RSA_PKCS1_2048_8192_SHA256,
                message,
                signature,
            ),
            (Self::Rsa { n, e }, "PS256") => RsaPublicKeyComponents { n, e }.verify(
                &RSA_PSS_2048_8192_SHA256,
                message,
                signature,
            ),
            (Self::P256(point), "ES256") => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
            (Self::P384(point), "ES384") => {
                UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point).verify(message, signature)
            }
            (Self::Ed25519(point), "EdDSA") => {
                UnparsedPublicKey::new(&ED25519, point).verify(message, signature)
            }
            _ => return false,
        };
        verified.is_ok()
    }
}
