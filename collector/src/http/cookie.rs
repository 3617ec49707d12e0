//! The session's cookie.
//!
//! Its name begins with `__Host-`, so a browser takes it from this host alone, over TLS (or on the
//! machine itself), for all paths, and no neighbouring domain can plant one (RFC 6265bis).

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use store::api_keys::PresentedKey;
use time::Duration;

/// Its name.
pub(crate) const NAME: &str = "__Host-muster_session";

/// How the text of a session begins.
const PREFIX: &str = "mss_";

/// The session that a request presents, if it presents one.
pub(crate) fn presented(parts: &Parts) -> Option<PresentedKey> {
    of(&parts.headers)
}

fn of(headers: &HeaderMap) -> Option<PresentedKey> {
    PresentedKey::parse_as(PREFIX, single(headers, NAME)?).ok()
}

/// The one cookie of a name.
pub(crate) fn single<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE);
    let mut named = all
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(one, _)| *one == name);
    let (_, value) = named.next()?;
    // Two of one name: somebody planted one, and which is nobody's to guess.
    named.next().is_none().then_some(value)
}

/// What sets it. `lasting` is how long the browser keeps it; the server decides how long it is good.
pub(crate) fn set(key: &PresentedKey, lasting: Duration) -> Option<HeaderValue> {
    let text = format!(
        "{NAME}={}; Path=/; Max-Age={}; Secure; HttpOnly; SameSite=Strict",
        key.expose_as(PREFIX),
        lasting.whole_seconds()
    );
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// What takes it away.
pub(crate) fn unset() -> Option<HeaderValue> {
    let text = format!("{NAME}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Strict");
    HeaderValue::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn headers(cookies: &[String]) -> HeaderMap {
        let pair = |value: &String| (header::COOKIE, HeaderValue::from_str(value).unwrap());
        cookies.iter().map(pair).collect()
    }

    #[test]
    fn what_was_set_is_what_is_presented() {
        let key = PresentedKey::new(Uuid::from_u128(7), [9; 32]);
        let set = set(&key, Duration::hours(1)).unwrap();
        let set = set.to_str().unwrap();
        let (pair, attributes) = set.split_once("; ").unwrap();
        for attribute in ["Secure", "HttpOnly", "SameSite=Strict", "Path=/"] {
            assert!(attributes.contains(attribute), "{set}");
        }
        // A domain would end what `__Host-` promises.
        assert!(!attributes.contains("Domain"));
        let sent = headers(&[format!("theme=dark; {pair}")]);
        assert_eq!(of(&sent).map(|key| key.id()), Some(key.id()));
    }

    #[test]
    fn a_second_one_of_the_name_makes_both_worthless() {
        let key = PresentedKey::new(Uuid::from_u128(7), [9; 32]);
        let pair = format!("{NAME}={}", key.expose_as(PREFIX));
        assert!(of(&headers(&[format!("{pair}; {pair}")])).is_none());
        assert!(of(&headers(&[pair.clone(), pair])).is_none());
    }

    #[test]
    fn an_api_key_is_no_session() {
        let key = PresentedKey::new(Uuid::from_u128(7), [9; 32]);
        assert!(of(&headers(&[format!("{NAME}={}", key.expose())])).is_none());
        assert!(of(&headers(&[format!("{NAME}=")])).is_none());
    }
}
