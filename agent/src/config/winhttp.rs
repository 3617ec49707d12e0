//! The proxy of Windows' services, which `netsh winhttp set proxy` or a policy writes into the registry as one value.
//!
//! The value's form is written down nowhere by Microsoft but for "no proxy"; what is read here is what Wine reads
//! (`dlls/winhttp/session.c`), and has been the same since Windows XP: four numbers of 32 bits, the lowest byte first
//! (a version, a counter, what is switched on, the length of the servers), the servers, a length, and the exceptions. What newer
//! ones have behind that is a script's address. No script is ever run (decision 63).

use std::net::IpAddr;

use super::{Proxy, ProxyRule, Reach};

/// Where it is, below `HKLM`.
#[cfg(windows)]
const KEY: &str = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Internet Settings\Connections";
/// The value's name.
#[cfg(windows)]
const VALUE: &str = "WinHttpSettings";
/// Bytes of the value: more than any list of exceptions that was written by hand.
const BYTES_MAX: usize = 64 * 1024;
/// The port of a proxy that names none, there.
const PORT: u16 = 80;
/// What is switched on: a proxy that is named.
const PROXY: u32 = 2;
/// What is switched on: a script that says which.
const SCRIPT: u32 = 4;

/// What Windows' services are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WinHttp {
    /// To use no proxy, or to look for one; that is also what a new Windows says.
    Direct,
    /// To ask a script (PAC).
    Script,
    /// To use a proxy.
    Proxy {
        /// The one for TLS.
        proxy: Proxy,
        /// Where it is not used; see [`ProxyRule::patterns`].
        bypass: Vec<String>,
    },
}

impl WinHttp {
    /// Reads the value `WinHttpSettings`.
    ///
    /// # Errors
    ///
    /// With what a value has to be, without what stands there.
    pub fn parse(value: &[u8]) -> Result<Self, &'static str> {
        if value.len() > BYTES_MAX {
            return Err("it has more than 64 KiB");
        }
        let mut rest = value;
        let (_version, _changes) = (number(&mut rest)?, number(&mut rest)?);
        let flags = number(&mut rest)?;
        if flags & PROXY == 0 {
            return Ok(if flags & SCRIPT == 0 { Self::Direct } else { Self::Script });
        }
        let servers = std::str::from_utf8(text(&mut rest)?).map_err(|_| "its proxy is no text")?;
        let Some(server) = for_tls(servers) else {
            return Ok(Self::Direct);
        };
        // It stands in logs.
        let is_plain = !server.contains(char::is_control);
        let proxy = Proxy::parse_with(server, None, PORT).ok().filter(|_| is_plain);
        let proxy = proxy.ok_or("its proxy is none over HTTP")?;
        // Whoever writes it by hand may leave the length of an empty list out.
        let bypass = if rest.is_empty() { &[][..] } else { text(&mut rest)? };
        let bypass = String::from_utf8_lossy(bypass);
        Ok(Self::Proxy { proxy, bypass: entries(&bypass).map(str::to_owned).collect() })
    }

    /// Puts the proxy of this host's services in the place of the one that the environment names to every program. The
    /// agent's own list of exceptions, where it has one, takes the place of theirs. Gives a sentence for the log where
    /// they go by something that the agent does not.
    pub(super) fn overlay(self, reach: &mut Reach, own: Option<Vec<String>>) -> Option<String> {
        match self {
            Self::Direct => None,
            Self::Script => reach.proxies.proxy.is_none().then(|| {
                "the services of this host find their proxy by a script (PAC), which the agent does not run: set `proxy` \
                 to the proxy that the script names, or to \"none\""
                    .to_owned()
            }),
            Self::Proxy { proxy, bypass } => {
                let proxy = Some(proxy);
                reach.proxies = match own {
                    Some(own) => ProxyRule { proxy, bypass: own, patterns: Vec::new() },
                    None => ProxyRule { proxy, bypass: Vec::new(), patterns: bypass },
                };
                None
            }
        }
    }
}

/// What the services of this host are told.
///
/// # Errors
///
/// With what is wrong with the value, in words for the log.
#[cfg(windows)]
pub(super) fn of_this_host() -> Result<WinHttp, String> {
    use windows_registry::LOCAL_MACHINE;

    // Everybody may read it; where there is none, nobody was told anything.
    let Ok(value) = LOCAL_MACHINE.open(KEY).and_then(|key| key.get_bytes(VALUE)) else {
        return Ok(WinHttp::Direct);
    };
    WinHttp::parse(&value).map_err(|why| {
        format!(
            "the proxy of this host's services (`netsh winhttp show proxy`) is passed over: {why}; set `proxy`, or \
             `proxy = \"none\"`"
        )
    })
}

/// What the services of this host are told: they have no word of their own outside of Windows.
///
/// # Errors
///
/// Never.
#[cfg(not(windows))]
#[expect(clippy::unnecessary_wraps, reason = "it fails on Windows")]
pub(super) const fn of_this_host() -> Result<WinHttp, String> {
    Ok(WinHttp::Direct)
}

/// The next number.
fn number(rest: &mut &[u8]) -> Result<u32, &'static str> {
    let (first, behind) = rest.split_first_chunk().ok_or("it is cut")?;
    *rest = behind;
    Ok(u32::from_le_bytes(*first))
}

/// The next text, behind its length.
fn text<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], &'static str> {
    let length = usize::try_from(number(rest)?).map_err(|_| "it is cut")?;
    let (text, behind) = rest.split_at_checked(length).ok_or("it is cut")?;
    *rest = behind;
    Ok(text)
}

/// What of a list is one thing each.
fn entries(list: &str) -> impl Iterator<Item = &str> {
    let is_between = |c: char| c == ';' || c == '\0' || c.is_ascii_whitespace();
    list.split(is_between).filter(|entry| !entry.is_empty())
}

/// The server for TLS, out of `proxy:8080` or `http=one:80;https=other:8080`.
fn for_tls(servers: &str) -> Option<&str> {
    let mut for_all = None;
    for entry in entries(servers) {
        match entry.split_once('=') {
            Some((scheme, server)) if scheme.eq_ignore_ascii_case("https") => return Some(server),
            // For another protocol, which the agent does not speak.
            Some((scheme, _)) if scheme.bytes().all(|byte| byte.is_ascii_alphabetic()) => {}
            Some(_) | None => for_all = for_all.or(Some(entry)),
        }
    }
    for_all
}

/// Whether an exception as `WinHTTP` writes it is about this host: a name or an address, whole, in which `*` is anything, with
/// a port perhaps; or `<local>` for all names without a dot.
pub(super) fn is_about(entry: &str, host: &str, port: u16) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let entry = entry.split_once("://").map_or(entry, |(_, rest)| rest).to_ascii_lowercase();
    if entry == "<local>" {
        return !host.contains('.') && host.parse::<IpAddr>().is_err();
    }
    let (name, wanted) = match entry.rsplit_once(':') {
        // The colons of an IPv6 address are no port's, unless brackets say where it ends.
        Some((name, port)) if !name.contains(':') || name.ends_with(']') => (name, Some(port)),
        Some(_) | None => (entry.as_str(), None),
    };
    if wanted.is_some_and(|wanted| wanted.parse::<u16>() != Ok(port)) {
        return false;
    }
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    fits(bare.unwrap_or(name).as_bytes(), host.as_bytes())
}

/// Whether a name is like a pattern, in which `*` is anything. The time is that of their lengths multiplied, at worst.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut place) = (0, 0);
    // The last star, and where in the name what follows it is looked for.
    let mut star = None;
    while let Some(byte) = name.get(place) {
        match (pattern.get(at), star) {
            (Some(b'*'), _) => {
                star = Some((at + 1, place));
                at += 1;
            }
            (Some(wanted), _) if wanted == byte => {
                at += 1;
                place += 1;
            }
            (_, Some((behind, from))) => {
                star = Some((behind, from + 1));
                (at, place) = (behind, from + 1);
            }
            (_, None) => return false,
        }
    }
    pattern.iter().skip(at).all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests;
