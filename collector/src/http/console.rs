//! The web console: its files, out of the program itself.
//!
//! Whatever path is none of the API's and no file's is a page of the console, which looks at the address
//! itself: a link into it works. The page runs scripts of this host alone, and styles that carry a value
//! which is new in every answer. It must never answer for a path of the API.

use std::borrow::Cow;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Method, Uri, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use ring::rand::{SecureRandom as _, SystemRandom};
use rust_embed::RustEmbed;

use super::problem::Problem;

/// What `make console` makes. A build for development reads it while it runs, others carry it; where it was
/// not made there is nothing in it.
#[derive(RustEmbed)]
#[folder = "../console/dist"]
#[allow_missing = true]
struct Files;

/// What stands in the page for the value that styles have to carry.
const NONCE: &str = "{{style-nonce}}";

/// What is a program's and no page's: it gets a problem for a path that there is not.
const PROGRAMS: [&str; 4] = ["api", "metrics", "healthz", "readyz"];

/// Where files stand whose names change with their content.
const HASHED: &str = "assets/";

const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

const MISSING: &str = "<!doctype html>
<html lang=\"en\">
<head><meta charset=\"utf-8\"><title>Muster</title></head>
<body>
<h1>Muster</h1>
<p>This collector was built without its console: run <code>make console</code> and build it again.
The API is there: <a href=\"/api/v1/docs/\">/api/v1/docs/</a>.</p>
</body>
</html>
";

/// Answers for every path that no route has.
///
/// # Errors
///
/// When it is neither a page nor a file.
pub(super) async fn answer(method: Method, uri: Uri) -> Result<Response, Problem> {
    let path = uri.path().trim_start_matches('/');
    let first = path.split('/').next().unwrap_or_default();
    let is_read = matches!(method, Method::GET | Method::HEAD);
    if !is_read || PROGRAMS.contains(&first) {
        return Err(Problem::NoRoute(format!("{method} {}", uri.path())));
    }
    if path != INDEX
        && let Some(found) = Files::get(path)
    {
        return Ok(file(path, found.data));
    }
    // A page that is open while the collector is replaced asks for files that are gone: it has to hear that,
    // and not get a page for a script.
    if path.starts_with(HASHED) {
        return Err(Problem::NotFound("file"));
    }
    page()
}

const INDEX: &str = "index.html";

/// The page, with a new value for its styles.
fn page() -> Result<Response, Problem> {
    let nonce = nonce()?;
    let html = match Files::get(INDEX) {
        Some(index) => String::from_utf8_lossy(&index.data).replace(NONCE, &nonce),
        None => MISSING.to_owned(),
    };
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self'; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let policy = HeaderValue::from_str(&policy).map_err(|error| Problem::Internal(error.into()))?;
    let mut response = Body::from(html).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(OPENER_POLICY, HeaderValue::from_static("same-origin"));
    Ok(response)
}

/// A value that nobody can guess.
fn nonce() -> Result<String, Problem> {
    let mut bytes = [0; 16];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Problem::Internal(anyhow::anyhow!("the system gives no random bytes")))?;
    Ok(STANDARD_NO_PAD.encode(bytes))
}

/// One file. What is named after its content never changes.
fn file(path: &str, data: Cow<'static, [u8]>) -> Response {
    let body = match data {
        Cow::Borrowed(bytes) => Body::from(bytes),
        Cow::Owned(bytes) => Body::from(bytes),
    };
    let keep = if path.starts_with(HASHED) {
        "public, max-age=31536000, immutable"
    } else {
        "public, max-age=3600"
    };
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type(path)));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    response
}

/// The media type of what a build makes.
fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, end)| end) {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json") => "application/json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn asked(method: Method, path: &str) -> Result<Response, Problem> {
        answer(method, path.parse().unwrap()).await
    }

    #[tokio::test]
    async fn every_path_of_people_is_a_page_with_a_policy_of_its_own() {
        let mut policies = Vec::new();
        for path in ["/", "/hosts", "/hosts/7?tab=software", "/index.html"] {
            let response = asked(Method::GET, path).await.unwrap();
            let headers = response.headers();
            assert_eq!(headers[header::CACHE_CONTROL], "no-store", "{path}");
            let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
            assert!(policy.starts_with("default-src 'none'; script-src 'self';"));
            assert!(!policy.contains("unsafe"), "{policy}");
            policies.push(policy.to_owned());
        }
        policies.dedup();
        assert_eq!(policies.len(), 4, "the value is new in every answer");
    }

    #[tokio::test]
    async fn what_is_a_programs_is_no_page() {
        for path in ["/api", "/api/v2/hosts", "/metrics/x", "/assets/gone.js"] {
            assert!(asked(Method::GET, path).await.is_err(), "{path}");
        }
        assert!(asked(Method::POST, "/hosts").await.is_err());
    }

    #[tokio::test]
    async fn no_file_beside_the_console_is_served() {
        for path in ["/../console/package.json", "/..%2fpackage.json", "//etc/passwd"] {
            let Ok(response) = asked(Method::GET, path).await else {
                continue;
            };
            let kind = &response.headers()[header::CONTENT_TYPE];
            assert_eq!(kind, "text/html; charset=utf-8", "{path}");
        }
    }

    #[test]
    fn a_file_named_after_its_content_is_kept_for_good() {
        let kept = |path| file(path, Cow::Borrowed(b"x")).headers()[header::CACHE_CONTROL].clone();
        assert_eq!(kept("assets/a-1.js"), "public, max-age=31536000, immutable");
        assert_eq!(kept("favicon.svg"), "public, max-age=3600");
    }
}
