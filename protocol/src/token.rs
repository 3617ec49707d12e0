//! The enrolment token as text: one word that holds all that an install command has to carry.
//!
//! `mst1.` followed by base64url (RFC 4648 §5, no padding) of the postcard encoding of
//! [`EnrolmentToken`].

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::ids::TokenId;
use crate::limits::{FACT_BYTES_MAX, TOKEN_ADDRESSES_MAX, TOKEN_BYTES_MAX};

const PREFIX: &str = "mst1.";

/// An enrolment token. It is a secret: `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolmentToken {
    /// The public part, by which the collector finds it.
    pub id: TokenId,
    /// The secret.
    pub secret: [u8; 32],
    /// SHA-256 of the collector's CA certificate, DER.
    pub ca_sha256: [u8; 32],
    /// Where the collector listens, as `host:port`, the preferred one first.
    pub addresses: Vec<String>,
}

/// Why a text is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidToken {
    /// It is too long.
    #[error("the enrolment token is longer than {TOKEN_BYTES_MAX} bytes")]
    TooLong,
    /// It does not begin as a token does.
    #[error("the enrolment token does not begin with {PREFIX:?}: copy it whole")]
    Prefix,
    /// It cannot be decoded.
    #[error("the enrolment token is damaged: copy it whole")]
    Damaged,
    /// It names no collector, or too many.
    #[error("the enrolment token names {0} collectors, 1 to {TOKEN_ADDRESSES_MAX} are allowed")]
    Addresses(usize),
}

/// Whether a text is an address that somebody can call: `host:port`, with brackets around an IPv6
/// address, and no space or control character in it.
#[must_use]
pub fn is_address(text: &str) -> bool {
    // A space that slipped in would be looked up as a part of the name, and its failure says nothing
    // of the space; a line's end would be a header of its own to a proxy.
    let has_gap = text.contains(|c: char| c.is_whitespace() || c.is_control());
    !has_gap
        && text.rsplit_once(':').is_some_and(|(host, port)| {
            // Brackets as in a URL (RFC 3986, section 3.2.2): without them nobody could tell the last
            // group of `2001:db8::7070` from a port, and a resolver would take it for one.
            let is_plain = !host.is_empty() && !host.contains([':', '[', ']']);
            let is_ipv6 = host
                .strip_prefix('[')
                .and_then(|host| host.strip_suffix(']'))
                .is_some_and(|host| host.parse::<Ipv6Addr>().is_ok());
            // Port 0 means "any free one" to a listener and nothing to whoever calls.
            (is_plain || is_ipv6) && port.parse::<u16>().is_ok_and(|port| port != 0)
        })
}

impl FromStr for EnrolmentToken {
    type Err = InvalidToken;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Tokens are pasted out of mails and read out of files that end in a line feed.
        let text = text.trim();
        // Before anything is decoded: a token file may be any file that somebody named by mistake.
        if text.len() > TOKEN_BYTES_MAX {
            return Err(InvalidToken::TooLong);
        }
        let body = text.strip_prefix(PREFIX).ok_or(InvalidToken::Prefix)?;
        let bytes = URL_SAFE_NO_PAD
            .decode(body)
            // base64's own error would quote a byte of the secret.
            .map_err(|_| InvalidToken::Damaged)?;
        let (token, rest) =
            postcard::take_from_bytes::<Self>(&bytes).map_err(|_| InvalidToken::Damaged)?;
        if !rest.is_empty() || token.addresses.iter().any(|a| a.len() > FACT_BYTES_MAX) {
            return Err(InvalidToken::Damaged);
        }
        if token.addresses.is_empty() || token.addresses.len() > TOKEN_ADDRESSES_MAX {
            return Err(InvalidToken::Addresses(token.addresses.len()));
        }
        Ok(token)
    }
}

impl EnrolmentToken {
    /// The token as text, which is as secret as the token.
    #[must_use]
    pub fn expose(&self) -> String {
        // Encoding into memory cannot fail for a type of plain fields; an empty body is refused
        // by every reader.
        let bytes = postcard::to_stdvec(self).unwrap_or_default();
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl fmt::Debug for EnrolmentToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnrolmentToken")
            .field("id", &self.id)
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn token() -> EnrolmentToken {
        EnrolmentToken {
            id: TokenId(Uuid::from_u128(7)),
            secret: [9; 32],
            ca_sha256: [3; 32],
            addresses: vec!["collector.example:7070".to_owned()],
        }
    }

    #[test]
    fn reads_what_it_writes_with_space_around_it() {
        assert_eq!(format!(" {}\n", token().expose()).parse(), Ok(token()));
    }

    #[test]
    fn says_what_is_wrong_with_a_cut_token() {
        let text = token().expose();
        assert_eq!(text[..text.len() - 4].parse::<EnrolmentToken>(), Err(InvalidToken::Damaged));
        assert_eq!("abc".parse::<EnrolmentToken>(), Err(InvalidToken::Prefix));
    }

    #[test]
    fn refuses_a_token_without_a_collector() {
        let lonely = EnrolmentToken { addresses: Vec::new(), ..token() };
        assert_eq!(lonely.expose().parse::<EnrolmentToken>(), Err(InvalidToken::Addresses(0)));
    }

    #[test]
    fn tells_addresses_that_can_be_called() {
        for good in ["c.example:7070", "10.0.0.1:7070", "[2001:db8::1]:7070"] {
            assert!(is_address(good), "{good}");
        }
        for wrong in [
            "c.example",
            "c.example:",
            ":7070",
            "c.example:0",
            "c.example:70700",
            "2001:db8::7070",
            "[2001:db8::1]",
            "[c.example]:7070",
            "c.example :7070",
            " c.example:7070",
            "c.example:7070\n",
            "c.ex\u{a0}ample:7070",
            "c\0.example:7070",
        ] {
            assert!(!is_address(wrong), "{wrong}");
        }
    }

    #[test]
    fn never_shows_its_secret() {
        assert!(!format!("{:?}", token()).contains("9, 9"));
    }
}
