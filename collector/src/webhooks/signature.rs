//! Who sent a message: an HMAC over its instant and its body.

use ring::hmac;
use time::OffsetDateTime;

use crate::authority::hex;

/// The header's value: `t=<seconds since 1970>,v1=<HMAC-SHA256 of "<t>.<body>", in hex>`, with one `v1`
/// for each secret. A receiver takes any that is right, and refuses an instant that is long ago.
pub(super) fn sign(secrets: &[String], now: OffsetDateTime, body: &[u8]) -> String {
    let at = now.unix_timestamp();
    let mut header = format!("t={at}");
    for secret in secrets {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let mut signing = hmac::Context::with_key(&key);
        signing.update(format!("{at}.").as_bytes());
        signing.update(body);
        header.push_str(",v1=");
        header.push_str(&hex(signing.sign().as_ref()));
    }
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_what_others_compute() {
        // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac whsec_test
        let at = OffsetDateTime::from_unix_timestamp(1_700_000_000).unwrap();
        let signed = sign(&["whsec_test".to_owned()], at, br#"{"a":1}"#);
        assert_eq!(signed, EXPECTED);
    }

    const EXPECTED: &str =
        "t=1700000000,v1=38877139021993b830af32feea6e18a8da83eb2f6e49ee50bd9e4cf4ca4d3789";
}
