//! Which HTTP proxy leads to a collector, as people write it: an address, a user, a list of exceptions.
//!
//! Pure. A password is kept as the proxy wants to hear it, and shown to nobody else, not even in
//! `Debug`.

use std::fmt;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::winhttp;

/// The port of a proxy that names none.
const PORT: u16 = 3128;

/// An HTTP proxy.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    host: String,
    port: u16,
    /// `user:password` in base64 (RFC 7617), where there is a user.
    authorization: Option<String>,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({})", self.address())
    }
}

impl Proxy {
    /// Reads `http://user:password@host:port`; the scheme, the user and the password may be missing.
    /// `password` takes the place of the one that is written there.
    ///
    /// # Errors
    ///
    /// With what a proxy has to look like, and never with what was written: that may hold a password.
    pub fn parse(text: &str, password: Option<&str>) -> Result<Self, &'static str> {
        Self::parse_with(text, password, PORT)
    }

    /// As [`Self::parse`], with the port of a proxy that names none.
    pub(super) fn parse_with(
        text: &str,
        password: Option<&str>,
        port: u16,
    ) -> Result<Self, &'static str> {
        let rest = match text.split_once("://") {
            Some(("http", rest)) => rest,
            Some(("https", _)) => {
                return Err("a proxy that is spoken to in the clear: `http://`, not `https://`");
            }
            Some(_) => return Err("an HTTP proxy: `http://host:port`"),
            None => text,
        };
        let rest = rest.trim_end_matches('/');
        let (user, place) = match rest.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, rest),
        };
        let (host, port) = split(place, port).ok_or("like `http://host:port`")?;
        Ok(Self {
            host: host.to_owned(),
            port,
            authorization: user.map(|user| authorization(user, password)).transpose()?,
        })
    }

    /// Its address, `host:port`, for people and for resolvers.
    #[must_use]
    pub fn address(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// What the proxy is told of who asks, for the proxy alone.
    #[must_use]
    pub(crate) fn expose_authorization(&self) -> Option<&str> {
        self.authorization.as_deref()
    }
}

fn authorization(user: &str, password: Option<&str>) -> Result<String, &'static str> {
    let (user, written) = user.split_once(':').unwrap_or((user, ""));
    let user = decode(user)?;
    let password = match password {
        Some(password) => password.to_owned(),
        None => decode(written)?,
    };
    // A line's end in either would be a header of somebody's own.
    if user.chars().chain(password.chars()).any(char::is_control) {
        return Err("without control characters in user and password");
    }
    Ok(STANDARD.encode(format!("{user}:{password}")))
}

/// Undoes percent signs (RFC 3986, section 2.1), without which no password may hold an `@`.
fn decode(text: &str) -> Result<String, &'static str> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        let (Some(high), Some(low)) = (digit(), digit()) else {
            return Err("with two hexadecimal digits after each `%` in user and password");
        };
        bytes.push(u8::try_from(high * 16 + low).unwrap_or_default());
    }
    String::from_utf8(bytes).map_err(|_| "with user and password in UTF-8")
}

/// The host and the port of `host:port`, brackets around IPv6 addresses taken off.
fn split(place: &str, default: u16) -> Option<(&str, u16)> {
    let (host, port) = if let Some(rest) = place.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        host.parse::<std::net::Ipv6Addr>().ok()?;
        match rest.strip_prefix(':') {
            Some(port) => (host, port.parse().ok()?),
            None if rest.is_empty() => (host, default),
            None => return None,
        }
    } else {
        match place.split_once(':') {
            Some((host, port)) => (host, port.parse().ok()?),
            None => (place, default),
        }
    };
    let is_name = !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || c == '/');
    (is_name && port > 0).then_some((host, port))
}

/// Which proxy leads where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxyRule {
    /// The proxy, if there is one.
    pub proxy: Option<Proxy>,
    /// Where it is not used: names with all that ends in them, addresses, networks, or `*`.
    pub bypass: Vec<String>,
    /// Where it is not used, as Windows writes it: whole names and addresses in which `*` is anything, or `<local>` for
    /// names without a dot.
    pub patterns: Vec<String>,
}

impl ProxyRule {
    /// The proxy for an address, `host:port`.
    #[must_use]
    pub fn for_address(&self, address: &str) -> Option<&Proxy> {
        let proxy = self.proxy.as_ref()?;
        let (host, port) = split(address, 0).unwrap_or((address, 0));
        let is_passed_by = self.bypass.iter().any(|entry| matches(entry, host, port))
            || self.patterns.iter().any(|entry| winhttp::is_about(entry, host, port));
        (!is_passed_by).then_some(proxy)
    }
}

fn matches(entry: &str, host: &str, port: u16) -> bool {
    if entry == "*" {
        return true;
    }
    // An IPv6 address may be written as in a URL, without a port behind it.
    let bare = entry.strip_prefix('[').and_then(|e| e.strip_suffix(']'));
    let entry = bare.unwrap_or(entry);
    let host_address = host.parse::<IpAddr>().ok();
    if let (Some(address), Some((network, bits))) = (host_address, entry.split_once('/')) {
        return is_within(address, network, bits).unwrap_or(false);
    }
    let (name, wanted_port) = match entry.parse::<IpAddr>() {
        Ok(_) => (entry, 0),
        Err(_) => split(entry, 0).map_or((entry, 0), |(name, port)| (name, port)),
    };
    if wanted_port != 0 && wanted_port != port {
        return false;
    }
    if let (Some(address), Ok(named)) = (host_address, name.parse::<IpAddr>()) {
        return address == named;
    }
    let name = name.trim_start_matches("*.").trim_start_matches('.');
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let name = name.to_ascii_lowercase();
    host == name || host.strip_suffix(&name).is_some_and(|rest| rest.ends_with('.'))
}

fn is_within(address: IpAddr, network: &str, bits: &str) -> Option<bool> {
    let network: IpAddr = network.parse().ok()?;
    let bits: u32 = bits.parse().ok()?;
    let (address, network, width) = match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            (u128::from(u32::from(address)), u128::from(u32::from(network)), 32)
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => {
            (u128::from(address), u128::from(network), 128)
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return Some(false),
    };
    let host_bits: u32 = u32::checked_sub(width, bits)?;
    // Nothing is left to compare when all bits are the host's.
    let shifted = |value: u128| value.checked_shr(host_bits).unwrap_or(0);
    Some(shifted(address) == shifted(network))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(bypass: &[&str]) -> ProxyRule {
        ProxyRule {
            proxy: Some(Proxy::parse("proxy.example:8080", None).expect("a proxy")),
            bypass: bypass.iter().map(|&entry| entry.to_owned()).collect(),
            patterns: Vec::new(),
        }
    }

    #[test]
    fn reads_proxies_as_people_write_them() {
        for (text, address) in [
            ("http://proxy.example:8080/", "proxy.example:8080"),
            ("proxy.example", "proxy.example:3128"),
            ("http://u:p@[2001:db8::1]:3", "[2001:db8::1]:3"),
            ("u%40corp:p@10.0.0.1:8080", "10.0.0.1:8080"),
        ] {
            let proxy = Proxy::parse(text, None).expect(text);
            assert_eq!(proxy.address(), address);
        }
    }

    #[test]
    fn refuses_what_is_no_proxy_without_repeating_it() {
        for text in [
            "https://u:secret@proxy:1",
            "socks5://u:secret@proxy:1",
            "http://u:secret@",
            "u:secret@proxy:0",
            "u:secret@proxy:http",
            "u:sec%2@proxy:1",
            "u:secret%0d%0a@proxy:1",
            "",
        ] {
            let why = Proxy::parse(text, None).expect_err(text);
            assert!(!why.contains("secret"), "{why}");
        }
    }

    #[test]
    fn a_password_from_elsewhere_takes_the_place_of_the_written_one() {
        let of = |text, password| Proxy::parse(text, password).expect("a proxy").authorization;
        assert_eq!(of("u:p@proxy", None).as_deref(), Some("dTpw"));
        assert_eq!(of("u@proxy", Some("p")).as_deref(), Some("dTpw"));
        assert_eq!(of("u:x@proxy", Some("p")).as_deref(), Some("dTpw"));
        assert_eq!(of("u:%70@proxy", None).as_deref(), Some("dTpw"));
        assert_eq!(of("proxy", Some("p")), None);
    }

    #[test]
    fn shows_no_password() {
        let proxy = Proxy::parse("http://user:secret@proxy:1", None).expect("a proxy");
        let shown = format!("{proxy:?} {}", proxy.address());
        assert!(!shown.contains("secret") && !shown.contains("dXNlcj"), "{shown}");
    }

    #[test]
    fn goes_past_the_proxy_where_it_is_told_to() {
        let rule = rule(&[
            "intern.example",
            ".dotted.example",
            "*.starred.example",
            "10.0.0.0/8",
            "192.0.2.7",
            "2001:db8::/32",
            "ported.example:7070",
        ]);
        for (address, is_used) in [
            ("collector.example:7070", true),
            ("intern.example:7070", false),
            ("a.intern.EXAMPLE:7070", false),
            ("notintern.example:7070", true),
            ("x.dotted.example:1", false),
            ("x.starred.example:1", false),
            ("10.1.2.3:7070", false),
            ("11.1.2.3:7070", true),
            ("192.0.2.7:7070", false),
            ("192.0.2.70:7070", true),
            ("[2001:db8::5]:7070", false),
            ("[2001:db9::5]:7070", true),
            ("ported.example:7070", false),
            ("ported.example:443", true),
        ] {
            assert_eq!(rule.for_address(address).is_some(), is_used, "{address}");
        }
    }

    #[test]
    fn a_star_switches_the_proxy_off() {
        assert_eq!(rule(&["*"]).for_address("collector.example:7070"), None);
        assert!(rule(&["/", "x/33", "0.0.0.0/99"]).for_address("10.0.0.1:1").is_some());
    }
}
