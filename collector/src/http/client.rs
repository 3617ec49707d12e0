//! Where a request comes from: the peer, or whom a proxy that is trusted speaks for.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, header};
use axum::middleware::Next;
use axum::response::Response;
use store::api_keys::PresentedKey;
use store::audit::Came;

use super::cookie;
use super::document::Asks;
use super::request_id::RequestId;
use super::state::ApiState;

/// Characters of a program's name that are kept.
const AGENT_CHARS_MAX: usize = 200;

static FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The other end of the connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) SocketAddr);

/// Where a request comes from, and what sent it.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    /// From where; `None` where nobody knows, as without a socket.
    pub(crate) address: Option<IpAddr>,
    /// What the program calls itself, short enough to be kept.
    pub(crate) agent: String,
    /// The session that the browser had, whether it is good or not.
    pub(crate) session: Option<PresentedKey>,
}

impl Client {
    /// Where the request comes from, for the audit log.
    pub(crate) fn came(&self) -> Came {
        let request_id = RequestId::current().as_str().to_owned();
        Came { address: self.address, request_id }
    }
}

impl FromRequestParts<ApiState> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &ApiState) -> Result<Self, Infallible> {
        let agent = parts.headers.get(header::USER_AGENT);
        let agent = agent.and_then(|value| value.to_str().ok()).unwrap_or_default();
        Ok(Self {
            address: address(parts),
            agent: agent.chars().take(AGENT_CHARS_MAX).collect(),
            session: cookie::presented(parts),
        })
    }
}

impl Asks for Client {}

/// Where a request comes from.
#[derive(Clone, Copy, Debug)]
struct From(IpAddr);

/// Where a request comes from; `None` where nobody knows, as without a socket.
pub(crate) fn address(parts: &Parts) -> Option<IpAddr> {
    parts.extensions.get::<From>().map(|from| from.0)
}

/// Notes where a request comes from.
pub(super) async fn note(
    State(proxies): State<Arc<[IpAddr]>>,
    mut request: Request,
    next: Next,
) -> Response {
    if let Some(Peer(peer)) = request.extensions().get::<Peer>().copied() {
        let address = behind(peer.ip(), request.headers(), &proxies);
        request.extensions_mut().insert(From(address));
    }
    next.run(request).await
}

/// The last address that no trusted proxy wrote down: what stands before it anybody can make up.
fn behind(peer: IpAddr, headers: &HeaderMap, proxies: &[IpAddr]) -> IpAddr {
    let mut address = peer.to_canonical();
    let lines: Vec<&str> =
        headers.get_all(&FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok()).collect();
    let mut named = lines.iter().rev().flat_map(|line| line.rsplit(','));
    while proxies.contains(&address) {
        match named.next().and_then(|text| text.trim().parse::<IpAddr>().ok()) {
            Some(before) => address = before.to_canonical(),
            None => break,
        }
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROXY: &str = "10.0.0.1";

    fn seen(peer: &str, forwarded: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append(&FORWARDED_FOR, line.parse().unwrap());
        }
        let proxies = [PROXY.parse().unwrap()];
        behind(peer.parse().unwrap(), &headers, &proxies).to_string()
    }

    #[test]
    fn a_stranger_is_who_they_are_whatever_they_say() {
        assert_eq!(seen("203.0.113.9", &["127.0.0.1"]), "203.0.113.9");
    }

    #[test]
    fn a_trusted_proxy_says_who_asks_and_what_stands_before_is_not_believed() {
        assert_eq!(seen(PROXY, &["203.0.113.9"]), "203.0.113.9");
        assert_eq!(seen(PROXY, &["1.1.1.1, 203.0.113.9"]), "203.0.113.9");
        assert_eq!(seen(PROXY, &["1.1.1.1", "203.0.113.9, 10.0.0.1"]), "203.0.113.9");
        assert_eq!(seen("::ffff:10.0.0.1", &["203.0.113.9"]), "203.0.113.9");
    }

    #[test]
    fn a_proxy_that_says_nothing_sensible_is_itself() {
        assert_eq!(seen(PROXY, &[]), PROXY);
        assert_eq!(seen(PROXY, &["unknown"]), PROXY);
        assert_eq!(seen(PROXY, &["203.0.113.9, ,"]), PROXY);
    }
}
