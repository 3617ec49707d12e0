//! Version 1 of the API: a file an object.

mod api_keys;
mod companies;
mod enrolment_tokens;

use axum::Router;

use crate::http::state::ApiState;

pub(super) fn routes() -> Router<ApiState> {
    Router::new()
        .merge(api_keys::routes())
        .merge(companies::routes())
        .merge(enrolment_tokens::routes())
}
