//! Keys of bundles: Ed25519, the private one in a PEM file as OpenSSL writes it, the public one in
//! one line.

use std::fmt;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SecureRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject as _;

use super::BundleError;

/// What a public key is written with.
const PREFIX: &str = "ed25519:";
const PUBLIC_BYTES: usize = 32;
/// Letters of a line in a PEM file.
const PEM_LINE: usize = 64;

/// A key that bundles are checked with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; PUBLIC_BYTES]);

/// A key that bundles are signed with.
pub struct SigningKey(Ed25519KeyPair);

impl PublicKey {
    /// A key from a text, or from a file that holds one.
    ///
    /// # Errors
    ///
    /// When it is neither.
    pub fn from_text_or_file(text: &str) -> Result<Self, BundleError> {
        if text.trim().starts_with(PREFIX) {
            return text.parse();
        }
        let content = fs::read_to_string(text).map_err(|error| {
            BundleError::Key(format!(
                "{text:?} is neither a public key such as {PREFIX}… nor a file that holds one: {error}"
            ))
        })?;
        content.parse()
    }

    pub(super) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&ED25519, self.0);
        key.verify(message, signature).is_ok()
    }
}

impl FromStr for PublicKey {
    type Err = BundleError;

    fn from_str(text: &str) -> Result<Self, BundleError> {
        let text = text.trim();
        let bytes = text.strip_prefix(PREFIX).and_then(|text| STANDARD.decode(text).ok());
        let key = bytes.and_then(|bytes| bytes.try_into().ok()).map(Self);
        key.ok_or_else(|| {
            // It may be a whole file, or a private key that somebody took for the public one: of that
            // the first line says what it is, and the next ones are the key.
            let line = text.lines().next().unwrap_or_default();
            let shown: String = line.chars().take(80).collect();
            BundleError::Key(format!("{shown:?} is no public key such as {PREFIX}…"))
        })
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", STANDARD.encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl SigningKey {
    /// Makes a key and writes it to a file that only its owner may read. A file that is there is
    /// not overwritten.
    ///
    /// # Errors
    ///
    /// When there are no random bytes, or the file cannot be written.
    pub fn generate(path: &Path, random: &dyn SecureRandom) -> Result<Self, BundleError> {
        let document = Ed25519KeyPair::generate_pkcs8(random)
            .map_err(|_| BundleError::Key("there are no random bytes".to_owned()))?;
        let mut file = fs::File::options()
            .write(true)
            // `O_EXCL`: the check and the making are one step, and a link that somebody put there
            // is not followed.
            .create_new(true)
            // From the beginning, so that there is no instant at which others could open it.
            .mode(0o600)
            .open(path)
            .map_err(BundleError::io(path))?;
        let written = file.write_all(pem(document.as_ref()).as_bytes());
        written.and_then(|()| file.sync_all()).map_err(BundleError::io(path))?;
        Self::from_pkcs8(document.as_ref(), path)
    }

    /// The key in a file.
    ///
    /// # Errors
    ///
    /// When it cannot be read or holds none.
    pub fn from_file(path: &Path) -> Result<Self, BundleError> {
        let text = fs::read(path).map_err(BundleError::io(path))?;
        // The parser's error is not told: it may quote what it could not read, and that is a key.
        let key = PrivatePkcs8KeyDer::from_pem_slice(&text).map_err(|_| no_key(path))?;
        Self::from_pkcs8(key.secret_pkcs8_der(), path)
    }

    fn from_pkcs8(der: &[u8], path: &Path) -> Result<Self, BundleError> {
        // `openssl genpkey -algorithm ed25519` writes the private half alone.
        let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der);
        key.map(Self).map_err(|_| no_key(path))
    }

    /// The half of it that others check with.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        let mut bytes = [0; PUBLIC_BYTES];
        // Ed25519's public keys have 32 bytes, always (RFC 8032, section 5.1.5).
        bytes.copy_from_slice(self.0.public_key().as_ref());
        PublicKey(bytes)
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).as_ref().to_owned()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey(of {})", self.public())
    }
}

fn no_key(path: &Path) -> BundleError {
    BundleError::Key(format!(
        "{} holds no Ed25519 key (PKCS#8, PEM); make one by `feed keygen`",
        path.display()
    ))
}

fn pem(der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let mut text = String::from("-----BEGIN PRIVATE KEY-----\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        // RFC 7468, section 2: 64 letters but for the last line. Base64 is ASCII, so any place can
        // be cut.
        let (line, left) = rest.split_at(rest.len().min(PEM_LINE));
        text.push_str(line);
        text.push('\n');
        rest = left;
    }
    text.push_str("-----END PRIVATE KEY-----\n");
    text
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use ring::rand::SystemRandom;

    use super::*;

    /// Made by `openssl genpkey -algorithm ed25519`, with the public half that OpenSSL prints.
    const OPENSSL: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIL7ViDy8282Vr0vpEBjIhHcDvqzR4JuA0qTnVzmJrIMy
-----END PRIVATE KEY-----
";
    const OPENSSL_PUBLIC: &str = "ed25519:RzKupKVsghW9bb5uSPDlwb78mS3xEhsXhdYFEo5Xk2g=";

    #[test]
    fn a_key_is_its_owners_alone_and_is_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key.pem");
        let key = SigningKey::generate(&path, &SystemRandom::new()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(SigningKey::from_file(&path).unwrap().public(), key.public());
        SigningKey::generate(&path, &SystemRandom::new()).unwrap_err();
        assert_eq!(SigningKey::from_file(&path).unwrap().public(), key.public());
    }

    #[test]
    fn takes_a_key_that_openssl_made() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key.pem");
        fs::write(&path, OPENSSL).unwrap();
        let key = SigningKey::from_file(&path).unwrap();
        assert_eq!(key.public().to_string(), OPENSSL_PUBLIC);
    }

    #[test]
    fn a_public_key_is_read_from_its_text_and_from_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key.pub");
        fs::write(&path, format!("{OPENSSL_PUBLIC}\n")).unwrap();
        let of_text = PublicKey::from_text_or_file(OPENSSL_PUBLIC).unwrap();
        let of_file = PublicKey::from_text_or_file(path.to_str().unwrap()).unwrap();
        assert_eq!(of_text, of_file);
    }

    #[test]
    fn what_is_no_key_is_refused_and_a_private_one_is_not_shown() {
        for wrong in ["", "ed25519:", "ed25519:AAAA", "ed25519:%%", "/no/such/file"] {
            assert!(PublicKey::from_text_or_file(wrong).is_err(), "{wrong}");
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key.pem");
        fs::write(&path, OPENSSL.replace("MC4C", "AAAA")).unwrap();
        let error = SigningKey::from_file(&path).unwrap_err().to_string();
        assert!(error.contains("no Ed25519 key") && !error.contains("L7ViDy8"), "{error}");
        fs::write(&path, OPENSSL).unwrap();
        let shown = format!("{:?}", SigningKey::from_file(&path).unwrap());
        assert!(shown.contains("RzKupKVsg") && !shown.contains("L7ViDy8"), "{shown}");
    }

    #[test]
    fn a_private_key_that_was_named_as_a_public_one_is_refused_and_not_shown() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key.pem");
        fs::write(&path, OPENSSL).unwrap();
        let error = PublicKey::from_text_or_file(path.to_str().unwrap()).unwrap_err();
        let error = error.to_string();
        assert!(error.contains("BEGIN PRIVATE KEY"), "{error}");
        assert!(!error.contains("MC4C"), "{error}");
    }
}
