//! How collectors may be reached, out of what was written.

use std::fmt;
use std::io;
use std::str::FromStr;

use serde::Deserialize;

use super::{ConfigError, Proxy, ProxyRule, Raw};
use crate::private_file;

/// Bytes of a file with a password.
const PASSWORD_BYTES_MAX: u64 = 4 * 1024;

/// The transports that are allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// QUIC, and TLS over TCP where that does not get through.
    #[default]
    Auto,
    /// QUIC alone.
    Quic,
    /// TLS over TCP alone.
    Tcp,
}

impl Transport {
    /// The word for it, as it is written in a configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Quic => "quic",
            Self::Tcp => "tcp",
        }
    }
}

/// How this host may reach collectors, as it was configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// The transports that are allowed.
    pub transport: Transport,
    /// The proxies.
    pub proxies: ProxyRule,
}

/// A word that is no [`Transport`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no transport: use auto, quic or tcp")]
pub struct UnknownTransport(String);

impl FromStr for Transport {
    type Err = UnknownTransport;

    fn from_str(text: &str) -> Result<Self, UnknownTransport> {
        match text {
            "auto" => Ok(Self::Auto),
            "quic" => Ok(Self::Quic),
            "tcp" => Ok(Self::Tcp),
            other => Err(UnknownTransport(other.to_owned())),
        }
    }
}

/// A proxy as it was written, perhaps with a password.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct ProxyText(pub(super) String);

impl fmt::Debug for ProxyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProxyText")
    }
}

impl ProxyText {
    pub(super) fn holds_password(&self) -> bool {
        let place = self.0.split_once("://").map_or(self.0.as_str(), |(_, rest)| rest);
        place
            .rsplit_once('@')
            .is_some_and(|(user, _)| user.split_once(':').is_some_and(|(_, word)| !word.is_empty()))
    }
}

/// How collectors may be reached.
pub(super) fn reach(raw: &Raw) -> Result<Reach, ConfigError> {
    let proxy = match &raw.proxy {
        // So that a file, or one program's environment, can take back what the surroundings say.
        Some(ProxyText(text)) if text.is_empty() || text == "none" => None,
        Some(ProxyText(text)) => {
            let password = password(raw)?;
            let proxy = Proxy::parse(text, password.as_deref());
            Some(proxy.map_err(|expected| ConfigError::Value {
                key: "proxy",
                // What was written may hold a password.
                value: "something else".to_owned(),
                expected: expected.to_owned(),
            })?)
        }
        None => None,
    };
    Ok(Reach {
        transport: raw.transport.unwrap_or_default(),
        proxies: ProxyRule {
            proxy,
            bypass: raw.no_proxy.clone().unwrap_or_default(),
            patterns: Vec::new(),
        },
    })
}

fn password(raw: &Raw) -> Result<Option<String>, ConfigError> {
    let Some(path) = &raw.proxy_password_file else {
        return Ok(None);
    };
    let failed = |source| ConfigError::Read { path: path.clone(), source };
    let bytes = private_file::read(path, PASSWORD_BYTES_MAX)
        .map_err(failed)?
        .ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?;
    if private_file::is_open_beyond_service(path).map_err(failed)? {
        return Err(ConfigError::Value {
            key: "proxy_password_file",
            value: format!("{}, which others can read", path.display()),
            expected: "the agent's alone: run `chmod 600` on it".to_owned(),
        });
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| failed(io::Error::new(io::ErrorKind::InvalidData, "it is not text")))?;
    // An editor ends a file with a line's end, and no password does.
    Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn password_file(mode: u32) -> (tempfile::TempDir, PathBuf) {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("password");
        std::fs::write(&path, "secret\n").expect("written");
        let rights = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(&path, rights).expect("set");
        (folder, path)
    }

    fn raw(proxy: &str, password_file: Option<PathBuf>) -> Raw {
        Raw {
            proxy: Some(ProxyText(proxy.to_owned())),
            proxy_password_file: password_file,
            ..Raw::default()
        }
    }

    #[test]
    fn a_password_comes_from_a_file_that_nobody_else_can_read() {
        let (_folder, path) = password_file(0o600);
        let reach = reach(&raw("http://u@proxy:1", Some(path))).expect("valid");
        let proxy = Proxy::parse("http://u:secret@proxy:1", None).expect("a proxy");
        assert_eq!(reach.proxies.proxy, Some(proxy));
        let (_folder, path) = password_file(0o644);
        let error = super::reach(&raw("http://u@proxy:1", Some(path))).expect_err("refused");
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }

    #[test]
    fn what_is_wrong_with_a_proxy_is_said_without_its_password() {
        let error = reach(&raw("socks5://u:secret@proxy:1", None)).expect_err("refused");
        let said = format!("{error} {error:?}");
        assert!(said.contains("http://host:port") && !said.contains("secret"), "{said}");
        assert!(!format!("{:?}", raw("u:secret@proxy", None)).contains("secret"));
    }

    #[test]
    fn none_takes_a_proxy_back() {
        assert_eq!(reach(&raw("none", None)).expect("valid").proxies.proxy, None);
        assert_eq!(reach(&raw("", None)).expect("valid").proxies.proxy, None);
    }

    #[test]
    fn knows_a_password_when_it_sees_one() {
        for (text, holds) in [
            ("http://u:p@proxy:1", true),
            ("u:p@proxy", true),
            ("http://u@proxy:1", false),
            ("http://proxy:1", false),
        ] {
            assert_eq!(ProxyText(text.to_owned()).holds_password(), holds, "{text}");
        }
    }
}
