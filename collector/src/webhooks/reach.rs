//! Which addresses may be reached of those that companies name. Pure.
//!
//! Whoever may write webhooks in one company names an address that this process connects to, inside of
//! the operator's network; whoever names its provider of identities does, too. So only what is public may be reached, unless the operator says otherwise, and
//! it is the address that is judged and not its name.

use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr as _;

use reqwest::Url;

use crate::config::{Network, WebhooksConfig};

/// Characters of an address.
const URL_CHARS_MAX: usize = 2_048;

/// What is not public of IPv4, by its first address and prefix: IANA's registry of special-purpose
/// addresses, multicast, what is reserved, and what a cloud answers its own machines on.
const NOT_PUBLIC: [(Ipv4Addr, u32); 17] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    // Link-local, which is where most clouds have their metadata.
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 31, 196, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
    // Azure's, amid public ones.
    (Ipv4Addr::new(168, 63, 129, 16), 32),
];

/// What may be reached.
#[derive(Clone, Debug)]
pub struct Reach {
    /// The section of the configuration that says so.
    section: &'static str,
    allow_http: bool,
    allowed: Vec<Network>,
}

/// Why an address is none that messages may go to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreachable {
    /// It is no address of the web.
    #[error("an address such as https://hooks.example/path, of at most {URL_CHARS_MAX} characters")]
    NoUrl,
    /// It is plain HTTP.
    #[error("an https:// address; the operator can let http:// in ({0}.allow_http)")]
    Plain(&'static str),
    /// It has a name or a password in it, which would stand in every list.
    #[error("an address without a name and a password before its host, and without a fragment")]
    Credentials,
    /// It leads to where nobody outside could come.
    #[error("{0} is not public; the operator can let its network in ({1}.allowed_networks)")]
    NotPublic(IpAddr, &'static str),
}

impl Reach {
    /// As an operator configured it.
    #[must_use]
    pub fn new(config: &WebhooksConfig) -> Self {
        Self::of("webhooks", config.allow_http, &config.allowed_networks)
    }

    /// As a section of the configuration says.
    pub(crate) fn of(section: &'static str, allow_http: bool, allowed: &[Network]) -> Self {
        Self { section, allow_http, allowed: allowed.to_vec() }
    }

    /// The address as it is asked, when messages may go there as far as that can be seen without asking for
    /// its name: of a name's addresses each is judged when it is connected to.
    ///
    /// # Errors
    ///
    /// Why they may not.
    pub(crate) fn check(&self, text: &str) -> Result<Url, Unreachable> {
        if text.len() > URL_CHARS_MAX {
            return Err(Unreachable::NoUrl);
        }
        let url = Url::from_str(text).map_err(|_| Unreachable::NoUrl)?;
        match url.scheme() {
            "https" => {}
            "http" if self.allow_http => {}
            "http" => return Err(Unreachable::Plain(self.section)),
            _ => return Err(Unreachable::NoUrl),
        }
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(Unreachable::Credentials);
        }
        let host = url.host_str().ok_or(Unreachable::NoUrl)?;
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        // The client asks no resolver for these, and what stands here is in its one form: `0x7f.1` was
        // made 127.0.0.1 when it was read.
        if let Ok(address) = bare.parse() {
            self.check_address(address)?;
        }
        Ok(url)
    }

    /// That messages may go to an address.
    ///
    /// # Errors
    ///
    /// When they may not.
    pub(crate) fn check_address(&self, address: IpAddr) -> Result<(), Unreachable> {
        if is_public(address) || self.allowed.iter().any(|network| network.contains(address)) {
            Ok(())
        } else {
            Err(Unreachable::NotPublic(address, self.section))
        }
    }
}

/// Whether an address is one that everybody can reach.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !NOT_PUBLIC.iter().any(|(network, prefix)| {
            let kept = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
            (network.to_bits() ^ address.to_bits()) & kept == 0
        }),
        IpAddr::V6(address) => {
            let parts = address.segments();
            // Of all of IPv6 only this is given out; loopback, local, mapped and translated addresses and
            // multicast are elsewhere.
            (0x2000..=0x3fff).contains(&parts[0])
                // Teredo and other protocols' own, documentation, and IPv4 in IPv6 (6to4), which would
                // lead back inside.
                && !(parts[0] == 0x2001 && (parts[1] < 0x0200 || parts[1] == 0x0db8))
                && parts[0] != 0x2002
                && !(parts[0] == 0x3fff && parts[1] < 0x1000)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(allow_http: bool, allowed: &[&str]) -> Reach {
        let allowed: Vec<Network> = allowed.iter().map(|text| text.parse().unwrap()).collect();
        Reach::of("webhooks", allow_http, &allowed)
    }

    #[test]
    fn only_public_addresses_are_reached() {
        let strict = reach(false, &[]);
        for address in [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.0.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.168.1.1",
            "198.19.0.1",
            "224.0.0.1",
            "239.1.1.1",
            "240.0.0.1",
            "255.255.255.255",
            "168.63.129.16",
            "::",
            "::1",
            "::ffff:8.8.8.8",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "fe80::1",
            "fec0::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "64:ff9b::7f00:1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "100::1",
        ] {
            let checked = strict.check_address(address.parse().unwrap());
            assert!(checked.is_err(), "{address}");
        }
        for address in ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00::1"] {
            strict.check_address(address.parse().unwrap()).unwrap();
        }
    }

    #[test]
    fn what_the_operator_lets_in_is_reached_and_nothing_beside_it() {
        let some = reach(false, &["10.2.0.0/16", "fd01::/16"]);
        for (address, is_let_in) in
            [("10.2.3.4", true), ("10.3.0.1", false), ("fd01::9", true), ("::ffff:10.2.3.4", false)]
        {
            let checked = some.check_address(address.parse().unwrap());
            assert_eq!(checked.is_ok(), is_let_in, "{address}");
        }
    }

    #[test]
    fn addresses_are_told_by_what_they_are_and_not_by_how_they_are_written() {
        let strict = reach(false, &[]);
        for url in [
            "https://127.0.0.1/x",
            "https://0x7f.1/x",
            "https://2130706433/",
            "https://0177.0.0.1/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]:8443/",
            "https://127.0.0.1.:443/",
            "https://１２７.0.0.1/",
        ] {
            let refused = strict.check(url).unwrap_err();
            assert!(matches!(refused, Unreachable::NotPublic(..)), "{url}");
        }
        assert_eq!(strict.check("http://x.example/"), Err(Unreachable::Plain("webhooks")));
        for url in
            ["", "x.example", "file:///etc/passwd", "ftp://x.example/", "https://", "gopher://x/"]
        {
            assert_eq!(strict.check(url), Err(Unreachable::NoUrl), "{url}");
        }
        for url in ["https://me@x.example/", "https://:pw@x.example/", "https://x.example/#a"] {
            assert_eq!(strict.check(url), Err(Unreachable::Credentials), "{url}");
        }
        strict.check("https://hooks.example:8443/a?b=c").unwrap();
        reach(true, &["127.0.0.0/8"]).check("http://127.0.0.1:9/").unwrap();
    }
}
