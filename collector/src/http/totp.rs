//! The second factor: codes by time (RFC 6238), and recovery codes for whoever lost their device.
//!
//! SHA-1, six digits, thirty seconds: what every authenticator understands. A code counts in its own
//! step and in the one before and after, for clocks that differ, and never twice.

use ring::digest;
use ring::rand::{SecureRandom as _, SystemRandom};
use subtle::ConstantTimeEq as _;
use time::OffsetDateTime;
use totp_rs::{Algorithm, Secret, TOTP};

use super::problem::Problem;

/// Seconds of a step.
const STEP_S: u64 = 30;
/// Bytes of a secret: what RFC 4226 recommends.
const SECRET_BYTES: usize = 20;
/// Recovery codes that are given.
const RECOVERY_CODES: usize = 10;
/// Letters of a recovery code: 32 of them, so that five bits choose one. None looks like another.
const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz123456789";
/// Letters of one code: 80 bits, which nobody tries out, so that a plain hash of it can be kept.
const CODE_LETTERS: usize = 16;

/// A new secret.
///
/// # Errors
///
/// When the system gives no random bytes.
pub(crate) fn new_secret() -> Result<Vec<u8>, Problem> {
    let mut secret = vec![0; SECRET_BYTES];
    random(&mut secret)?;
    Ok(secret)
}

/// What an authenticator reads: `otpauth://…`. It holds the secret.
pub(crate) fn address(secret: &[u8], email: &str) -> String {
    let text = in_base32(secret);
    let account: String = email
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect();
    format!("otpauth://totp/Muster:{account}?secret={text}&issuer=Muster")
}

/// The secret for who types it.
pub(crate) fn in_base32(secret: &[u8]) -> String {
    Secret::Raw(secret.to_vec()).to_encoded().to_string()
}

/// The step in which a code is right, if it is in one.
pub(crate) fn step_of(secret: &[u8], code: &str, now: OffsetDateTime) -> Option<i64> {
    let code = code.trim();
    // Unchecked only means that a secret of another length would be taken, too.
    let totp = TOTP::new_unchecked(Algorithm::SHA1, 6, 0, STEP_S, secret.to_vec());
    let present = u64::try_from(now.unix_timestamp()).unwrap_or(0) / STEP_S;
    let mut found = None;
    // All three are compared, so that the time it takes says nothing.
    for step in [present.saturating_sub(1), present, present + 1] {
        let right = totp.generate(step * STEP_S);
        if bool::from(right.as_bytes().ct_eq(code.as_bytes())) {
            found = i64::try_from(step).ok();
        }
    }
    found
}

/// New recovery codes, and the hashes of them that are kept.
///
/// # Errors
///
/// When the system gives no random bytes.
pub(crate) fn new_recovery_codes() -> Result<(Vec<String>, Vec<Vec<u8>>), Problem> {
    let mut codes = Vec::with_capacity(RECOVERY_CODES);
    for _ in 0..RECOVERY_CODES {
        let mut bytes = [0; CODE_LETTERS];
        random(&mut bytes)?;
        let letters = bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)]));
        let mut code = String::new();
        for (at, letter) in letters.enumerate() {
            if at > 0 && at % 4 == 0 {
                code.push('-');
            }
            code.push(letter);
        }
        codes.push(code);
    }
    let hashes = codes.iter().map(|code| recovery_hash(code)).collect();
    Ok((codes, hashes))
}

/// What is kept of a recovery code, however it was typed.
pub(crate) fn recovery_hash(code: &str) -> Vec<u8> {
    let plain: String = code
        .chars()
        .filter(|letter| letter.is_ascii_alphanumeric())
        .map(|letter| letter.to_ascii_lowercase())
        .collect();
    digest::digest(&digest::SHA256, plain.as_bytes()).as_ref().to_vec()
}

fn random(bytes: &mut [u8]) -> Result<(), Problem> {
    SystemRandom::new()
        .fill(bytes)
        .map_err(|_| Problem::Internal(anyhow::anyhow!("the system gives no random bytes")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of RFC 6238, appendix B.
    const SECRET: &[u8] = b"12345678901234567890";

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(seconds).unwrap()
    }

    #[test]
    fn codes_are_those_of_the_rfc() {
        // The last six of the eight digits that the table has.
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(step_of(SECRET, code, at(seconds)), Some(seconds / 30), "{code}");
        }
    }

    #[test]
    fn a_code_is_good_a_step_before_and_after_and_no_longer() {
        let step = Some(1_111_111_109 / 30);
        for (offset, expected) in [(-60, None), (-30, step), (0, step), (30, step), (61, None)] {
            assert_eq!(step_of(SECRET, "081804", at(1_111_111_109 + offset)), expected, "{offset}");
        }
        for wrong in ["", "081805", "81804", "0818040", "not it"] {
            assert_eq!(step_of(SECRET, wrong, at(1_111_111_109)), None, "{wrong}");
        }
    }

    #[test]
    fn recovery_codes_differ_and_count_however_they_are_typed() {
        let (codes, hashes) = new_recovery_codes().unwrap();
        assert_eq!((codes.len(), hashes.len()), (10, 10));
        let distinct: std::collections::BTreeSet<_> = codes.iter().collect();
        assert_eq!(distinct.len(), 10);
        let typed = codes[3].replace('-', " ").to_uppercase();
        assert_eq!(recovery_hash(&typed), hashes[3]);
        assert_ne!(recovery_hash(""), hashes[3]);
    }

    #[test]
    fn an_address_holds_the_account_whatever_is_in_it() {
        let address = address(SECRET, "a&secret=x@x.example");
        assert!(address.starts_with("otpauth://totp/Muster:a%26secret%3Dx%40x.example?secret="));
        assert!(address.contains("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"));
    }
}
