//! The API's own certificate: which one is shown, and the next one once its files change.
//!
//! Whoever renews a certificate (an ACME client, a Secret that is mounted) replaces two files, never both in
//! one moment. A pair that cannot be used leaves the one before in use and is looked at again; nothing here
//! ever goes back to plain HTTP.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use ring::digest;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use time::OffsetDateTime;
use tokio_rustls::TlsAcceptor;

use crate::config::WebTls;

/// Bytes of a file of certificates, or of a key, at most.
const FILE_BYTES_MAX: u64 = 1_048_576;

/// Why there is no certificate for the API.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("read {path}: {error}", path = path.display())]
    Read {
        /// Which one.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("{path}: {what}", path = path.display())]
    Damaged {
        /// Which one.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// Others may read the key.
    #[error(
        "{path} can be read by others (mode {mode:03o}): give it to the collector's account alone \
         (chmod 600), or to root and the collector's group (chmod 640)",
        path = path.display()
    )]
    Exposed {
        /// The key.
        path: PathBuf,
        /// Who may do what, as chmod writes it.
        mode: u32,
    },
    /// The key is another certificate's, or of a kind that TLS does not know.
    #[error("the key in {key} is none for the first certificate in {certificate}: {error}",
        key = key.display(), certificate = certificate.display())]
    Strangers {
        /// The key's file.
        key: PathBuf,
        /// The certificate's.
        certificate: PathBuf,
        /// What TLS says.
        error: rustls::Error,
    },
    /// TLS cannot be set up at all.
    #[error("set up TLS for the API: {0}")]
    Tls(#[from] rustls::Error),
}

/// The certificate that is shown, and where the next one will lie.
#[derive(Debug)]
pub struct WebCertificate {
    files: WebTls,
    current: RwLock<Pair>,
}

/// A certificate with its key.
#[derive(Clone, Debug)]
struct Pair {
    key: Arc<CertifiedKey>,
    /// The digest of both files, by which another pair is known.
    digest: [u8; 32],
    not_after: OffsetDateTime,
}

impl WebCertificate {
    /// Reads the certificate and its key.
    ///
    /// # Errors
    ///
    /// When they cannot be read, are none, or do not belong together.
    pub fn open(files: &WebTls) -> Result<Self, CertificateError> {
        let current = RwLock::new(Pair::read(files)?);
        Ok(Self { files: files.clone(), current })
    }

    /// Takes what the files hold by now, and says whether it is something else. The first connection after it is
    /// shown the new certificate; those that stand are left alone.
    ///
    /// # Errors
    ///
    /// As [`Self::open`]; what was in use before still is.
    pub fn renew(&self) -> Result<bool, CertificateError> {
        let pair = Pair::read(&self.files)?;
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let is_new = current.digest != pair.digest;
        *current = pair;
        Ok(is_new)
    }

    /// Until when the certificate that is shown is valid.
    #[must_use]
    pub fn not_after(&self) -> OffsetDateTime {
        self.current().not_after
    }

    /// What shakes hands with it: TLS 1.3 and 1.2, for HTTP/1.1.
    ///
    /// # Errors
    ///
    /// When TLS cannot be set up.
    pub(super) fn acceptor(self: &Arc<Self>) -> Result<TlsAcceptor, CertificateError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let shown: Arc<Self> = Arc::clone(self);
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(shown);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    fn current(&self) -> Pair {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ResolvesServerCert for WebCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current().key)
    }
}

impl Pair {
    fn read(files: &WebTls) -> Result<Self, CertificateError> {
        let damaged = |path: &Path, what: &str| CertificateError::Damaged {
            path: path.to_owned(),
            what: what.to_owned(),
        };
        let certificate = read(&files.certificate)?;
        is_private(&files.key)?;
        let key = read(&files.key)?;
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&certificate)
            .collect::<Result<_, _>>()
            .map_err(|error| damaged(&files.certificate, &format!("is no PEM: {error}")))?;
        let Some(first) = chain.first() else {
            return Err(damaged(&files.certificate, "holds no certificate (PEM)"));
        };
        let (_, parsed) = x509_parser::parse_x509_certificate(first)
            .map_err(|_| damaged(&files.certificate, "its first certificate is unreadable"))?;
        let not_after = parsed.validity().not_after.to_datetime();
        let secret = PrivateKeyDer::from_pem_slice(&key)
            .map_err(|_| damaged(&files.key, "holds no private key (PEM)"))?;
        let provider = rustls::crypto::ring::default_provider();
        let key_of_chain =
            CertifiedKey::from_der(chain.clone(), secret, &provider).map_err(|error| {
                CertificateError::Strangers {
                    key: files.key.clone(),
                    certificate: files.certificate.clone(),
                    error,
                }
            })?;
        let mut both = digest::Context::new(&digest::SHA256);
        both.update(&certificate);
        both.update(&key);
        let mut digest = [0; 32];
        digest.copy_from_slice(both.finish().as_ref());
        Ok(Self { key: Arc::new(key_of_chain), digest, not_after })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, CertificateError> {
    let failed = |error| CertificateError::Read { path: path.to_owned(), error };
    if fs::metadata(path).map_err(failed)?.len() > FILE_BYTES_MAX {
        let what = "is far longer than it can be".to_owned();
        return Err(CertificateError::Damaged { path: path.to_owned(), what });
    }
    fs::read(path).map_err(failed)
}

/// Refused and not repaired: changing the mode would hide that others could read the key until now.
fn is_private(path: &Path) -> Result<(), CertificateError> {
    let failed = |error| CertificateError::Read { path: path.to_owned(), error };
    let about = fs::metadata(path).map_err(failed)?;
    let mode = about.permissions().mode() & 0o777;
    // Root's, and read by the collector's group: how a key is given to one account among several.
    let others = if about.uid() == 0 { 0o037 } else { 0o077 };
    if mode & others != 0 {
        return Err(CertificateError::Exposed { path: path.to_owned(), mode });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rcgen::{CertificateParams, KeyPair};
    use tempfile::TempDir;

    use super::*;
    use crate::clock::Clock;

    struct Files {
        _dir: TempDir,
        tls: WebTls,
    }

    fn pair(name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    }

    fn write_key(path: &Path, text: &str) {
        fs::write(path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn files() -> Files {
        let dir = tempfile::tempdir().unwrap();
        let tls =
            WebTls { certificate: dir.path().join("web.pem"), key: dir.path().join("web.key") };
        let (certificate, key) = pair("console.example");
        fs::write(&tls.certificate, certificate).unwrap();
        write_key(&tls.key, &key);
        Files { _dir: dir, tls }
    }

    fn shown(certificate: &WebCertificate) -> CertificateDer<'static> {
        certificate.current().key.cert[0].clone()
    }

    #[test]
    fn another_pair_is_taken_once_both_of_its_files_are_there() {
        let files = files();
        let certificate = WebCertificate::open(&files.tls).unwrap();
        let before = shown(&certificate);
        assert!(!certificate.renew().unwrap());
        let (next, key) = pair("console.example");
        fs::write(&files.tls.certificate, next).unwrap();
        // Its key is still to come.
        let error = certificate.renew().unwrap_err();
        assert!(matches!(error, CertificateError::Strangers { .. }), "{error}");
        assert_eq!(shown(&certificate), before);
        write_key(&files.tls.key, &key);
        assert!(certificate.renew().unwrap());
        assert_ne!(shown(&certificate), before);
        assert!(certificate.not_after() > Clock::system().now() + Duration::from_secs(60));
    }

    #[test]
    fn what_is_no_certificate_or_no_key_is_said_with_its_file() {
        let files = files();
        let refused = || WebCertificate::open(&files.tls).unwrap_err().to_string();
        let (certificate, key) = pair("console.example");
        fs::write(&files.tls.certificate, "hello").unwrap();
        assert!(refused().contains("web.pem: holds no certificate"), "{}", refused());
        fs::write(&files.tls.certificate, &certificate).unwrap();
        write_key(&files.tls.key, "hello");
        assert!(refused().contains("web.key: holds no private key"), "{}", refused());
        fs::write(&files.tls.certificate, vec![b' '; 2 << 20]).unwrap();
        write_key(&files.tls.key, &key);
        assert!(refused().contains("web.pem: is far longer"), "{}", refused());
        fs::remove_file(&files.tls.certificate).unwrap();
        assert!(refused().contains("web.pem"), "{}", refused());
    }

    #[test]
    fn a_key_that_others_can_read_is_refused_with_what_to_do() {
        let files = files();
        for (mode, is_private) in [(0o644, false), (0o604, false), (0o660, false), (0o600, true)] {
            fs::set_permissions(&files.tls.key, fs::Permissions::from_mode(mode)).unwrap();
            let opened = WebCertificate::open(&files.tls);
            assert_eq!(opened.is_ok(), is_private, "{mode:o}");
            if let Err(error) = opened {
                assert!(error.to_string().contains("chmod 600"), "{error}");
            }
        }
    }
}
