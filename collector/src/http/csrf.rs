//! Requests that another site makes a browser send: refused (decision 34).
//!
//! Only requests with a session's cookie can be forged, and only those that change something do
//! harm. They carry a header that a page of another site cannot send without being asked by CORS,
//! and where a browser says which site it was, that has to be this one.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, Method, header};

use super::document::{Asks, Operation, Schemas};
use super::problem::Problem;
use super::state::ApiState;

static HEADER: HeaderName = HeaderName::from_static("muster-csrf");
static FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Lets a request through that no other site can have made.
///
/// # Errors
///
/// When one could.
pub(super) fn check(parts: &Parts) -> Result<(), Problem> {
    if matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(());
    }
    let is_ours = parts.headers.contains_key(&HEADER) && is_same_site(parts);
    if is_ours { Ok(()) } else { Err(Problem::CrossSite) }
}

/// Whether the browser says that it was this site, or does not say.
fn is_same_site(parts: &Parts) -> bool {
    let text = |name: &HeaderName| parts.headers.get(name).map(|v| v.to_str().unwrap_or("?"));
    // Not `same-site`: a neighbouring domain is another site to us.
    if let Some(site) = text(&FETCH_SITE) {
        return site == "same-origin";
    }
    // An older browser: its `Origin` names a host, which has to be the one that was asked.
    match (text(&header::ORIGIN), text(&header::HOST)) {
        (Some(origin), Some(host)) => {
            origin.split_once("://").is_some_and(|(_, name)| name == host)
        }
        (Some(_), None) => false,
        (None, _) => true,
    }
}

/// A request that comes before there is a session, such as signing in: another site must not be able
/// to sign somebody in as somebody else.
#[derive(Debug)]
pub(crate) struct SameSite;

impl FromRequestParts<ApiState> for SameSite {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &ApiState) -> Result<Self, Self::Rejection> {
        check(parts).map(|()| Self)
    }
}

impl Asks for SameSite {
    fn asks(operation: &mut Operation, _: &mut Schemas) {
        operation.takes("Csrf");
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn is_refused(method: &str, headers: &[(&str, &str)]) -> bool {
        let mut request = Request::builder().method(method).uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        check(&request.body(()).unwrap().into_parts().0).is_err()
    }

    #[test]
    fn a_change_takes_the_header_and_reading_does_not() {
        assert!(is_refused("POST", &[]));
        assert!(is_refused("DELETE", &[("sec-fetch-site", "same-origin")]));
        assert!(!is_refused("POST", &[("muster-csrf", "1")]));
        assert!(!is_refused("GET", &[]));
    }

    #[test]
    fn another_site_is_refused_even_with_the_header() {
        for site in ["cross-site", "same-site", "none", "\u{e9}"] {
            let headers = [("muster-csrf", "1"), ("sec-fetch-site", site)];
            assert!(is_refused("PUT", &headers), "{site}");
        }
        assert!(!is_refused("PUT", &[("muster-csrf", "1"), ("sec-fetch-site", "same-origin")]));
    }

    #[test]
    fn a_browser_that_names_only_an_origin_is_held_to_it() {
        let with = |origin| {
            is_refused(
                "POST",
                &[("muster-csrf", "1"), ("host", "muster.example:7080"), ("origin", origin)],
            )
        };
        assert!(!with("https://muster.example:7080"));
        for other in ["https://evil.example", "null", "https://muster.example:7080.evil.example"] {
            assert!(with(other), "{other}");
        }
    }
}
