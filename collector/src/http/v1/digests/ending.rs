//! Ending a digest from a mail program, without signing in: by the program itself (RFC 8058), or by a person who
//! follows the link in the message and says so.
//!
//! Programs fetch links to look for harm, so following it changes nothing. The pass in it ends that one digest and
//! shows nothing; one that is none of ours, and one whose digest has ended, get the same answer.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::http::document::{Answers, Operation, Routes, Schemas};
use crate::http::extract::Params;
use crate::http::problem::Problem;
use crate::http::state::ApiState;

pub(super) fn add(routes: Routes) -> Routes {
    const PATH: &str = "/digests/unsubscribe";
    routes
        .get(PATH, "show_unsubscribe", "A page on which a digest is ended; for browsers", show)
        .post(PATH, "unsubscribe", "End a digest; for mail programs", end)
}

/// What a link carries.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "Unsubscribe")]
#[serde(deny_unknown_fields)]
struct Link {
    /// Which digest, and the right to end it.
    pass: String,
}

/// 200: a page of its own, without scripts.
struct Page(&'static str);

impl Answers for Page {
    fn answers(operation: &mut Operation, _: &mut Schemas) {
        operation.gives_content(StatusCode::OK, "text/html", json!({ "type": "string" }));
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'";
        const STYLE: &str =
            "font:16px/1.5 system-ui,sans-serif;max-width:32rem;margin:4rem auto;padding:1rem";
        let page = format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Digest</title>\
             <meta name=\"viewport\" content=\"width=device-width\"></head>\
             <body style=\"{STYLE}\">{}</body></html>",
            self.0
        );
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
            (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            // The pass stands in the address.
            (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        ];
        (headers, page).into_response()
    }
}

async fn show(Params(_link): Params<Link>) -> Result<Page, Problem> {
    // The form goes to the address that it came from, pass and all.
    Ok(Page("<p>End this digest?</p><form method=\"post\"><button>End it</button></form>"))
}

async fn end(State(state): State<ApiState>, Params(link): Params<Link>) -> Result<Page, Problem> {
    if let Some((company, digest)) = state.passes.read(&link.pass)
        // Whose it is, the pass says, which only a node can have written.
        && let Some(scope) = state.store.pipeline_scope(company).await?
    {
        store::digests::unsubscribe(&scope, digest, state.clock.now()).await?;
    }
    Ok(Page("<p>This digest has ended. You can have it again in the console.</p>"))
}
