//! Asking an HTTP proxy for a way through (CONNECT, RFC 9110, section 9.3.6).
//!
//! Whatever answers is a stranger: of its answer a few kilobytes are read, for a few seconds, and of
//! those only the first line and two header fields mean anything. A body is never read. The password
//! goes to the proxy and nowhere else.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::config::Proxy;
use crate::logging::sanitise;

/// How long a proxy may take: it has to find the collector and connect to it.
const ANSWER_WITHIN: Duration = Duration::from_secs(8);
/// Bytes of an answer's head.
const HEAD_BYTES_MAX: usize = 8 * 1024;

/// Why a proxy does not let the agent through.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// It cannot be reached.
    #[error("the proxy {proxy} cannot be reached: {why}; check its address")]
    Unreachable {
        /// The proxy.
        proxy: String,
        /// What happened.
        why: String,
    },
    /// The connection to it broke.
    #[error("the proxy {proxy} hangs up: {source}")]
    Broken {
        /// The proxy.
        proxy: String,
        /// What the system says.
        source: io::Error,
    },
    /// It does not answer, or not to an end.
    #[error("the proxy {proxy} does not answer within {} s", ANSWER_WITHIN.as_secs())]
    Slow {
        /// The proxy.
        proxy: String,
    },
    /// It wants to know who asks.
    #[error("the proxy {proxy} wants a user and a password (407): {hint}")]
    Password {
        /// The proxy.
        proxy: String,
        /// What to do.
        hint: &'static str,
    },
    /// It sends the agent somewhere else.
    #[error(
        "the proxy {proxy} answers with a redirect ({status}): sign in to this network's portal"
    )]
    Redirect {
        /// The proxy.
        proxy: String,
        /// The status.
        status: u16,
    },
    /// It says no.
    #[error("the proxy {proxy} refuses {target} ({status}): {hint}")]
    Refused {
        /// The proxy.
        proxy: String,
        /// Where it was to lead, `host:port`.
        target: String,
        /// The status.
        status: u16,
        /// What to do.
        hint: &'static str,
    },
    /// It is no proxy.
    #[error("{proxy} answers like no HTTP proxy: {why}")]
    NoProxy {
        /// What was taken for a proxy.
        proxy: String,
        /// What is wrong.
        why: String,
    },
}

/// Asks for a way to `target`; what follows on the stream is the collector's.
///
/// # Errors
///
/// When the proxy gives none.
pub(super) async fn ask<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    proxy: &Proxy,
    target: &str,
) -> Result<(), ProxyError> {
    let broken = |source| ProxyError::Broken { proxy: proxy.address(), source };
    let asking = async {
        stream.write_all(request(proxy, target).as_bytes()).await.map_err(broken)?;
        stream.flush().await.map_err(broken)?;
        read_head(stream, proxy).await
    };
    // Around the whole exchange: headers that come one byte at a time, or for ever, end here.
    let head = tokio::time::timeout(ANSWER_WITHIN, asking)
        .await
        .map_err(|_| ProxyError::Slow { proxy: proxy.address() })??;
    judge(&head, proxy, target)
}

/// The request. It holds the password, and is shown to nobody else.
fn request(proxy: &Proxy, target: &str) -> String {
    let authorization = proxy
        .expose_authorization()
        .map_or_else(String::new, |basic| format!("Proxy-Authorization: Basic {basic}\r\n"));
    format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{authorization}\r\n")
}

/// Reads up to the empty line and not a byte further: what follows belongs to TLS.
async fn read_head<S: AsyncRead + Unpin>(
    stream: &mut S,
    proxy: &Proxy,
) -> Result<String, ProxyError> {
    let no_proxy = |why: &str| ProxyError::NoProxy { proxy: proxy.address(), why: why.to_owned() };
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= HEAD_BYTES_MAX {
            return Err(no_proxy("its headers have no end"));
        }
        // Byte by byte out of the kernel, some hundred times in a connection's life: a buffer could
        // take in what the collector says next.
        let byte = stream
            .read_u8()
            .await
            .map_err(|source| ProxyError::Broken { proxy: proxy.address(), source })?;
        head.push(byte);
        // A stranger that is no HTTP server is known by its first bytes, and not after all of them.
        if head.len() == 5 && head != *b"HTTP/" {
            return Err(no_proxy("its answer is not HTTP"));
        }
    }
    String::from_utf8(head).map_err(|_| no_proxy("its answer is not text"))
}

/// What an answer comes to, read as far as an agent reads it: a way, or why there is none.
///
/// # Errors
///
/// When it gives no way.
#[cfg(feature = "test-support")]
pub fn judge_proxy(mut answer: &[u8]) -> Result<(), String> {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    let proxy = Proxy::parse("http://agent@proxy.example:3128", Some("secret"));
    let proxy = proxy.map_err(|error| error.to_string())?;
    let reading = pin!(read_head(&mut answer, &proxy));
    // Bytes that are there are never waited for.
    let Poll::Ready(head) = reading.poll(&mut Context::from_waker(Waker::noop())) else {
        return Err("it waits".to_owned());
    };
    let judged = head.and_then(|head| judge(&head, &proxy, "collector.example:7070"));
    judged.map_err(|error| error.to_string())
}

fn judge(head: &str, proxy: &Proxy, target: &str) -> Result<(), ProxyError> {
    let status =
        head.split(' ').nth(1).and_then(|status| status.get(..3)?.parse::<u16>().ok()).ok_or_else(
            || ProxyError::NoProxy {
                proxy: proxy.address(),
                why: sanitise(head.lines().next().unwrap_or_default()),
            },
        )?;
    let refused = |hint| ProxyError::Refused {
        proxy: proxy.address(),
        target: target.to_owned(),
        status,
        hint,
    };
    Err(match status {
        200..=299 => return Ok(()),
        300..=399 => ProxyError::Redirect { proxy: proxy.address(), status },
        407 => ProxyError::Password { proxy: proxy.address(), hint: password_hint(head, proxy) },
        403 => refused("ask for the collector's address and port to be allowed"),
        500..=599 => refused("the proxy cannot reach the collector itself"),
        _ => refused("look into its log"),
    })
}

fn password_hint(head: &str, proxy: &Proxy) -> &'static str {
    let offers_basic = head.lines().any(|line| {
        line.split_once(':').is_some_and(|(name, value)| {
            name.eq_ignore_ascii_case("proxy-authenticate")
                && value.trim_start().to_ascii_lowercase().starts_with("basic")
        })
    });
    match (offers_basic, proxy.expose_authorization()) {
        (_, Some(_)) if offers_basic => "the ones that are configured are wrong",
        (true, _) => "set `proxy` with a user and `proxy_password_file`",
        (false, _) => {
            "it takes no Basic authentication; allow the collector without a password, or Basic"
        }
    }
}

#[cfg(test)]
mod tests;
