//! Version 1 of the API: a file an object.

mod api_keys;
mod companies;
mod counts;
mod credential;
mod cves;
mod dead_letters;
mod enrolment_tokens;
mod feeds;
mod findings;
mod hosts;
mod pipeline;
mod software;

use axum::Router;

use crate::http::state::ApiState;

pub(super) fn routes() -> Router<ApiState> {
    Router::new()
        .merge(api_keys::routes())
        .merge(companies::routes())
        .merge(cves::routes())
        .merge(dead_letters::routes())
        .merge(enrolment_tokens::routes())
        .merge(feeds::routes())
        .merge(findings::routes())
        .merge(hosts::routes())
        .merge(pipeline::routes())
        .merge(software::routes())
}
