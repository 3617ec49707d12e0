//! `[oidc]`: signing in by companies' own providers of identities.

use std::path::PathBuf;

use super::section::section;
use super::{ConfigError, Network};

section! {
    /// Signing in by companies' own providers of identities (OpenID Connect).
    "oidc" RawOidc {
        /// How browsers reach this collector. Providers send people back there, and mail links to it; without
        /// it nobody signs in by one, and no mail is sent.
        public_url: Option<String> => "https://muster.example";
        /// Whether providers may be plain `http://`: anybody on the way could sign in as anybody.
        allow_http: bool = false;
        /// Networks that providers may be in although they are not public, such as `["10.20.0.0/16"]`. What
        /// listens there is open to whoever may look after people in any company.
        allowed_networks: Vec<String> = [];
        /// A file of certificates (PEM) that are believed beside the public authorities'.
        ca_file: Option<PathBuf> => "/etc/muster/oidc-ca.pem";
    }
}

/// Companies' own providers of identities.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OidcConfig {
    /// How browsers reach this collector: a scheme and a host, without a slash at its end.
    pub public_url: Option<String>,
    /// Whether providers may be plain HTTP.
    pub allow_http: bool,
    /// Networks that are let in although they are not public.
    pub allowed_networks: Vec<Network>,
    /// Certificates that are believed beside the public ones.
    pub ca_file: Option<PathBuf>,
}

impl TryFrom<RawOidc> for OidcConfig {
    type Error = ConfigError;

    fn try_from(raw: RawOidc) -> Result<Self, ConfigError> {
        let network = |text: &String| {
            text.parse().map_err(|error| {
                ConfigError::value("oidc.allowed_networks", format!("{text:?}: {error}"))
            })
        };
        let allowed_networks = raw.allowed_networks.iter().map(network);
        Ok(Self {
            public_url: raw.public_url.as_deref().map(origin).transpose()?,
            allow_http: raw.allow_http,
            allowed_networks: allowed_networks.collect::<Result<_, _>>()?,
            ca_file: raw.ca_file,
        })
    }
}

/// The scheme and the host of an address that has nothing else.
fn origin(text: &str) -> Result<String, ConfigError> {
    let refused = || {
        let detail = format!(
            "{text:?} is no address such as https://muster.example; http:// only on this machine"
        );
        ConfigError::value("oidc.public_url", detail)
    };
    let origin = text.strip_suffix('/').unwrap_or(text).to_ascii_lowercase();
    let (scheme, host) = origin.split_once("://").ok_or_else(refused)?;
    let is_host = !host.is_empty()
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.:[]".contains(&byte));
    let is_here = ["localhost", "127.0.0.1", "[::1]"].iter().any(|own| {
        host.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
    });
    // Cookies that are for TLS alone come back without it from this machine only.
    let is_safe = scheme == "https" || (scheme == "http" && is_here);
    if is_safe && is_host { Ok(origin) } else { Err(refused()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_people_are_sent_back_to_is_a_host_over_tls_or_this_machine() {
        for (text, is) in [
            ("https://muster.example", "https://muster.example"),
            ("https://Muster.example:8443/", "https://muster.example:8443"),
            ("http://localhost:7080", "http://localhost:7080"),
            ("http://[::1]:7080/", "http://[::1]:7080"),
        ] {
            assert_eq!(origin(text).unwrap(), is);
        }
        for other in [
            "",
            "muster.example",
            "http://muster.example",
            "https://muster.example/muster",
            "https://muster.example/?a",
            "https://me@muster.example",
            "file:///etc/passwd",
        ] {
            assert!(origin(other).is_err(), "{other}");
        }
    }
}
