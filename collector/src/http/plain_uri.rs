//! Refuses addresses with a zero in them, before anything looks at what they say.
//!
//! PostgreSQL's `text` holds every character but U+0000, so a zero in a filter or an id would come
//! back as an error of the database's, for which the collector would have to take the blame.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;

use super::problem::Problem;

/// Lets a request through whose path and query hold no zero.
pub(super) async fn check(request: Request, next: Next) -> Result<Response, Problem> {
    let uri = request.uri();
    // A URI (RFC 3986) is ASCII without control characters: a zero can only stand there encoded.
    let has_zero = |part: &str| part.contains("%00");
    if has_zero(uri.path()) || uri.query().is_some_and(has_zero) {
        return Err(Problem::field("query", "a zero (%00) is in no name and no id: leave it out"));
    }
    Ok(next.run(request).await)
}
