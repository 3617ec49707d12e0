//! Serves the document, and a page to browse it that needs no other site.
//!
//! The page is Swagger UI as its vendored crate brings it. Only three of its files are served, by
//! name; what loads them is ours, so that no script stands in the page itself and the policy for
//! scripts can be strict.

use std::io::{Cursor, Read as _};
use std::sync::{Arc, OnceLock};

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::{Router, routing};
use serde_json::Value;
use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;

use crate::http::problem::Problem;

/// Scripts and styles of this page alone. Swagger UI shows its icons by `data:`.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// Bytes of one file at most: nothing that is served comes near it.
const FILE_BYTES_MAX: u64 = 8 << 20;

const INDEX: &str = "<!doctype html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<title>Muster API</title>
<link rel=\"stylesheet\" href=\"swagger-ui.css\">
</head>
<body>
<div id=\"swagger-ui\"></div>
<script src=\"swagger-ui-bundle.js\"></script>
<script src=\"start.js\"></script>
</body>
</html>
";

const START: &str = "window.ui = SwaggerUIBundle({
  url: '../openapi.json',
  dom_id: '#swagger-ui',
  deepLinking: true,
  validatorUrl: null,
  requestInterceptor: (request) => { request.headers['Muster-Csrf'] = '1'; return request; },
});
";

#[derive(Clone)]
struct Page {
    document: Bytes,
    styles: Arc<OnceLock<Bytes>>,
    script: Arc<OnceLock<Bytes>>,
}

/// The routes of the document and its page.
pub(in crate::http) fn routes<S: Clone + Send + Sync + 'static>(document: &Value) -> Router<S> {
    let page = Page {
        // A value of JSON always becomes text.
        document: serde_json::to_vec(document).unwrap_or_default().into(),
        styles: Arc::default(),
        script: Arc::default(),
    };
    Router::new()
        .route("/openapi.json", routing::get(openapi))
        .route("/docs", routing::get(async || Redirect::permanent("docs/")))
        .route("/docs/", routing::get(async || file("text/html", INDEX)))
        .route("/docs/{file}", routing::get(asset))
        .with_state(page)
}

async fn openapi(State(page): State<Page>) -> Response {
    file("application/json", page.document)
}

async fn asset(State(page): State<Page>, Path(name): Path<String>) -> Result<Response, Problem> {
    let (kept, media_type, name) = match name.as_str() {
        "start.js" => return Ok(file("text/javascript", START)),
        "swagger-ui.css" => (page.styles, "text/css", "swagger-ui.css"),
        "swagger-ui-bundle.js" => (page.script, "text/javascript", "swagger-ui-bundle.js"),
        _ => return Err(Problem::NotFound("file")),
    };
    if kept.get().is_none() {
        let unpacking = tokio::task::spawn_blocking(move || unpack(name));
        let bytes = unpacking.await.map_err(|error| Problem::Internal(error.into()))??;
        // Somebody else may have been first, with the same.
        kept.get_or_init(|| bytes);
    }
    let bytes = kept.get().cloned().unwrap_or_default();
    Ok(file(media_type, bytes))
}

/// A file out of the vendored archive.
fn unpack(name: &str) -> Result<Bytes, Problem> {
    let read = || -> anyhow::Result<Vec<u8>> {
        let mut archive = zip::ZipArchive::new(Cursor::new(SWAGGER_UI_VENDORED))?;
        let wanted = format!("/dist/{name}");
        let path = archive
            .file_names()
            .filter_map(Result::ok)
            .find(|path| path.ends_with(&wanted))
            .map(|path| path.into_owned());
        let path = path.ok_or_else(|| anyhow::anyhow!("the archive has no {name}"))?;
        let mut bytes = Vec::new();
        archive.by_name(&path)?.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map(Bytes::from).map_err(Problem::Internal)
}

fn file(media_type: &'static str, body: impl Into<Bytes>) -> Response {
    let mut response = body.into().into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vendored_archive_has_what_the_page_loads() {
        for name in ["swagger-ui.css", "swagger-ui-bundle.js"] {
            assert!(unpack(name).unwrap().len() > 10_000, "{name}");
            assert!(INDEX.contains(name));
        }
    }

    #[test]
    fn the_page_names_no_other_site() {
        assert!(!INDEX.contains("//") && !START.contains("//"));
        assert!(!INDEX.contains("<script>"), "no script stands in the page");
    }
}
