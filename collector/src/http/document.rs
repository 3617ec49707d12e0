//! The `OpenAPI` document: made from the routes as they are mounted, and from their handlers' types.
//!
//! A handler's extractors say what a request has to carry and how it may be refused, its answer says
//! what comes back; nothing is written a second time, so the document cannot say less or more than
//! the code does (decision 35). It must never be put together by hand for one route.

mod operation;
mod page;
mod routes;
mod schemas;

use serde_json::{Map, Value, json};

pub(crate) use self::operation::{Answers, Asks, Operation};
pub(super) use self::page::routes as page_routes;
pub(crate) use self::routes::Routes;
pub(crate) use self::schemas::{DateTime, DayName, Schemas, names_of};
use super::extract::COMPANY;
use super::problem::Problem;

/// The document of some routes.
pub(super) fn of(routes: &Routes) -> Value {
    let mut schemas = Schemas::new();
    let mut paths = Map::new();
    for route in routes.described() {
        let item = paths.entry(format!("/api/v1{}", route.path)).or_insert_with(|| json!({}));
        item[route.method] = route.document(&mut schemas);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Muster",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Which software is on which host, and which of it is vulnerable.",
            "description": INFO,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/", "description": "This collector" }],
        "tags": routes.tags(),
        "paths": paths,
        "components": {
            "schemas": schemas.components(),
            "responses": Problem::responses(),
            "headers": headers(),
            "parameters": parameters(),
            "securitySchemes": security_schemes(),
        },
    })
}

const INFO: &str = "Requests carry an API key or the cookie of a session. Lists come in pages: \
`limit`, and `page_token` with what the page before gave. Errors are problem documents (RFC 9457) \
with the request's id. Writes may carry an `Idempotency-Key`. `docs/API.md` says the rest.";

fn headers() -> Value {
    json!({
        "RequestId": {
            "description": "Names the request in the collector's log.",
            "schema": { "type": "string" },
        },
        "RetryAfter": {
            "description": "When to try again, in seconds.",
            "schema": { "type": "integer", "minimum": 0 },
        },
        "ETag": {
            "description": "The version of the object, for `If-Match`.",
            "schema": { "type": "string" },
        },
        "Location": {
            "description": "Where to go on.",
            "schema": { "type": "string" },
        },
        "SetCookie": {
            "description": "The session's cookie.",
            "schema": { "type": "string" },
        },
    })
}

fn parameters() -> Value {
    json!({
        "Company": {
            "name": COMPANY.as_str(),
            "in": "header",
            "description": "The company, for operators and for who works in several.",
            "required": false,
            "schema": { "type": "string", "format": "uuid" },
        },
        "IdempotencyKey": {
            "name": "Idempotency-Key",
            "in": "header",
            "description": "A new word for each new request: the same request with the same word is \
                            done once within 24 hours, and answered again with the same answer.",
            "required": false,
            "schema": { "type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$" },
        },
        "IfMatch": {
            "name": "If-Match",
            "in": "header",
            "description": "The version that the change was made from, as the `ETag` gave it.",
            "required": true,
            "schema": { "type": "string", "maxLength": 100 },
        },
        "LastEventId": {
            "name": "Last-Event-ID",
            "in": "header",
            "description": "The id of the last event that was seen: the stream goes on after it.",
            "required": false,
            "schema": { "type": "string", "pattern": "^[0-9]{1,19}-[0-9]{1,19}$" },
        },
        "Csrf": {
            "name": "Muster-Csrf",
            "in": "header",
            "description": "Any value; only asked of requests with a session's cookie.",
            "required": false,
            "schema": { "type": "string", "maxLength": 100, "pattern": "^[!-~]+$" },
        },
    })
}

fn security_schemes() -> Value {
    json!({
        "key": {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key: `Authorization: Bearer msk_…`.",
        },
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": super::cookie::NAME,
            "description": "A session, from `POST /api/v1/sessions`. Requests that change something \
                            also carry the header `Muster-Csrf`.",
        },
    })
}
