//! New enrolment tokens: a fresh secret, this collector's CA and where agents reach it.

use std::net::SocketAddr;

use protocol::ids::TokenId;
use protocol::token::EnrolmentToken;
use ring::rand::SecureRandom;

/// Makes tokens for one collector.
#[derive(Clone, Debug)]
pub struct TokenMaker {
    ca_sha256: [u8; 32],
    addresses: Vec<String>,
}

/// The system gives no random bytes.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the system gives no random bytes")]
pub struct NoRandom;

impl TokenMaker {
    /// A maker for the CA with a fingerprint, and the addresses that were configured, or else the
    /// one that is listened on.
    #[must_use]
    pub fn new(ca_sha256: [u8; 32], configured: &[String], listening: SocketAddr) -> Self {
        let addresses =
            if configured.is_empty() { vec![reachable(listening)] } else { configured.to_vec() };
        Self { ca_sha256, addresses }
    }

    /// The same for another CA, which has taken the place of the one before.
    #[must_use]
    pub fn of(&self, ca_sha256: [u8; 32]) -> Self {
        Self { ca_sha256, addresses: self.addresses.clone() }
    }

    /// A token with a new secret.
    ///
    /// # Errors
    ///
    /// When the system gives no random bytes.
    pub fn make(&self, id: TokenId, random: &dyn SecureRandom) -> Result<EnrolmentToken, NoRandom> {
        let mut secret = [0; 32];
        // All of it from the system: a token is a password that nobody chose.
        random.fill(&mut secret).map_err(|_| NoRandom)?;
        Ok(EnrolmentToken {
            id,
            secret,
            ca_sha256: self.ca_sha256,
            addresses: self.addresses.clone(),
        })
    }
}

/// An address that others may use: a socket that listens everywhere is named by the host.
fn reachable(listening: SocketAddr) -> String {
    if !listening.ip().is_unspecified() {
        return listening.to_string();
    }
    // A guess that is right inside one network. `ingest.addresses` says it where it is not.
    let about = rustix::system::uname();
    let host = about.nodename().to_string_lossy();
    format!("{host}:{}", listening.port())
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn configured_addresses_come_before_the_listening_one() {
        let maker = TokenMaker::new([1; 32], &["c.example:7".to_owned()], ([0; 4], 9).into());
        let token = maker.make(TokenId(Uuid::nil()), &SystemRandom::new()).unwrap();
        assert_eq!(token.addresses, ["c.example:7"]);
    }

    #[test]
    fn a_token_never_names_an_address_that_nobody_can_reach() {
        let maker = TokenMaker::new([1; 32], &[], ([0; 4], 7070).into());
        let token = maker.make(TokenId(Uuid::nil()), &SystemRandom::new()).unwrap();
        assert!(!token.addresses[0].starts_with("0.0.0.0"), "{:?}", token.addresses);
        let local = TokenMaker::new([1; 32], &[], ([127, 0, 0, 1], 5).into());
        let token = local.make(TokenId(Uuid::nil()), &SystemRandom::new()).unwrap();
        assert_eq!(token.addresses, ["127.0.0.1:5"]);
    }
}
