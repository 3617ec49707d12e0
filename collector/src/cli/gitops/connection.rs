//! Which collector is asked, and with whose key. The key is in no argument: those are everybody's to see.

use std::net::IpAddr;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use protocol::ids::CompanyId;

use super::client::Client;
use crate::config::Secret;

/// The variable of the environment that a key is read from.
const KEY_VARIABLE: &str = "MUSTER_API_KEY";

/// Arguments of commands that ask a collector's API.
#[derive(Debug, clap::Args)]
pub(super) struct Connection {
    /// The collector, such as `https://muster.example`; `http://` on this machine alone
    #[arg(long, value_name = "URL")]
    server: String,
    /// A file that holds an API key; without it the variable `MUSTER_API_KEY` is read
    #[arg(long, value_name = "FILE")]
    api_key_file: Option<PathBuf>,
    /// The company's id, for an operator's key
    #[arg(long, value_name = "UUID")]
    company: Option<CompanyId>,
    /// A file of certificates (PEM) that are believed beside the public authorities'
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

impl Connection {
    /// A client of that collector.
    ///
    /// # Errors
    ///
    /// When the address is none, there is no key, or a file cannot be read.
    pub(super) fn open(&self) -> anyhow::Result<Client> {
        let server = origin(&self.server)?;
        Client::new(server, self.key()?, self.company, self.ca_file.as_deref())
    }

    fn key(&self) -> anyhow::Result<Secret> {
        if let Some(path) = &self.api_key_file {
            return Ok(Secret::from_file("--api-key-file", path)?);
        }
        let key = std::env::var_os(KEY_VARIABLE);
        let key = key.with_context(|| format!("name an --api-key-file, or set {KEY_VARIABLE}"))?;
        let key = key.into_string();
        let key = key.map_err(|_| anyhow::anyhow!("{KEY_VARIABLE} holds no API key"))?;
        Ok(Secret::new(key.trim()))
    }
}

/// The scheme and the host of an address, without a slash at its end.
fn origin(text: &str) -> anyhow::Result<String> {
    let text = text.strip_suffix('/').unwrap_or(text);
    let url: reqwest::Url = text.parse().with_context(|| format!("--server {text:?}"))?;
    let host = url.host_str().unwrap_or_default();
    let is_here = host == "localhost"
        || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    let is_origin = url.path() == "/" && url.query().is_none() && url.username().is_empty();
    match url.scheme() {
        "https" if is_origin => {}
        // The key would go in the open to whoever is on the way.
        "http" if is_here && is_origin => {}
        "http" if is_origin => bail!("--server {text:?}: http:// only on this machine"),
        _ => bail!("--server {text:?} is no address such as https://muster.example"),
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_goes_under_tls_or_nowhere_but_this_machine() {
        for good in ["https://muster.example", "http://127.0.0.1:7080/", "http://[::1]:7080"] {
            assert!(origin(good).is_ok(), "{good}");
        }
        for bad in [
            "http://muster.example",
            "muster.example",
            "https://muster.example/api",
            "https://me:pass@muster.example",
            "ftp://muster.example",
        ] {
            assert!(origin(bad).is_err(), "{bad}");
        }
    }
}
