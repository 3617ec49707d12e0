//! How many requests are answered at once, and how long one may take.
//!
//! A request that has to wait for its turn waits within its own time, so a collector with more to do
//! than it can says so instead of letting answers pile up that nobody waits for any more. Its body it has before
//! ([`super::bodies`]): how fast a sender sends costs no turn.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::bodies::UploadRoutes;
use super::problem::Problem;
use super::upload::WHOLE_WITHIN;

/// When to try again, in seconds.
const RETRY_AFTER_S: u32 = 5;

/// The turn of a request, among its extensions. It is free again once every clone of it is dropped: what goes on when
/// its asker is gone takes one along.
#[derive(Clone, Debug)]
pub(super) struct Turn {
    _permit: Arc<OwnedSemaphorePermit>,
}

/// Answers a request once it has its turn; its place is free again when it was answered or given up, with what went on
/// of it.
pub(super) async fn in_turn(
    State(turns): State<Arc<Semaphore>>,
    mut request: Request,
    next: Next,
) -> Response {
    // Nobody closes the semaphore; if somebody did, answering would still be right.
    let turn = turns.acquire_owned().await.ok().map(|permit| Turn { _permit: Arc::new(permit) });
    if let Some(turn) = turn.clone() {
        request.extensions_mut().insert(turn);
    }
    let answer = next.run(request).await;
    drop(turn);
    answer
}

/// How long requests may take.
#[derive(Clone, Debug)]
pub(super) struct Within {
    /// Any of them.
    pub(super) time: Duration,
    /// Those that bring a document have the time that it may take to come in besides.
    pub(super) uploads: UploadRoutes,
}

/// Gives a request up that takes too long. The handler is dropped where it waits: a transaction that
/// was not committed is rolled back, and a committed one stands.
pub(super) async fn in_time(
    State(Within { time, uploads }): State<Within>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let within = if uploads.take(&request) { time + WHOLE_WITHIN } else { time };
    tokio::time::timeout(within, next.run(request)).await.map_err(|_| Problem::Unavailable {
        what: "an answer in time",
        retry_after_s: RETRY_AFTER_S,
    })
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::StatusCode;
    use axum::{Router, middleware, routing};
    use tokio::sync::Notify;
    use tower::ServiceExt as _;

    use super::*;

    fn request() -> Request {
        Request::get("/").body(Body::empty()).unwrap()
    }

    #[tokio::test]
    async fn no_more_are_answered_at_once_than_may_be() {
        let (began, go_on) = (Arc::new(Semaphore::new(0)), Arc::new(Notify::new()));
        let handler = {
            let (began, go_on) = (Arc::clone(&began), Arc::clone(&go_on));
            async move || {
                began.add_permits(1);
                go_on.notified().await;
            }
        };
        let turns = Arc::new(Semaphore::new(2));
        let router = Router::new()
            .route("/", routing::get(handler))
            .layer(middleware::from_fn_with_state(turns, in_turn));
        let mut asking = tokio::task::JoinSet::new();
        for _ in 0..3 {
            asking.spawn(router.clone().oneshot(request()));
        }
        // Both are inside now; `forget` keeps the permits from coming back when the guard goes.
        began.acquire_many(2).await.unwrap().forget();
        tokio::task::yield_now().await;
        assert_eq!(began.available_permits(), 0, "the third has no turn yet");
        go_on.notify_one();
        began.acquire().await.unwrap().forget();
        go_on.notify_waiters();
        asking.abort_all();
    }

    #[tokio::test]
    async fn what_goes_on_after_its_asker_keeps_its_turn() {
        let kept = Arc::new(std::sync::Mutex::new(None));
        let handler = {
            let kept = Arc::clone(&kept);
            async move |request: Request| {
                *kept.lock().unwrap() = request.extensions().get::<Turn>().cloned();
            }
        };
        let turns = Arc::new(Semaphore::new(1));
        let router = Router::new()
            .route("/", routing::get(handler))
            .layer(middleware::from_fn_with_state(Arc::clone(&turns), in_turn));
        router.oneshot(request()).await.unwrap();
        assert_eq!(turns.available_permits(), 0, "it was answered, and goes on");
        drop(kept.lock().unwrap().take());
        assert_eq!(turns.available_permits(), 1);
    }

    fn within(uploads: impl IntoIterator<Item = (&'static str, String)>) -> Within {
        Within { time: Duration::from_secs(30), uploads: UploadRoutes::new(uploads) }
    }

    #[tokio::test(start_paused = true)]
    async fn a_document_may_come_for_longer_than_an_answer_may_take() {
        async fn minutes() {
            tokio::time::sleep(Duration::from_secs(9 * 60)).await;
        }
        let router = Router::new()
            .route("/documents", routing::post(minutes))
            .route("/others", routing::post(minutes))
            .layer(middleware::from_fn_with_state(
                within([("post", "/documents".to_owned())]),
                in_time,
            ));
        let send = async |path: &str, header: &str| {
            let request = Request::post(path).header(header, "word").body(Body::empty()).unwrap();
            router.clone().oneshot(request).await.unwrap().status()
        };
        assert_eq!(send("/documents", "x-any").await, StatusCode::OK);
        assert_eq!(send("/others", "x-any").await, StatusCode::SERVICE_UNAVAILABLE);
        // Read whole before, as any other body.
        let again = send("/documents", "idempotency-key").await;
        assert_eq!(again, StatusCode::SERVICE_UNAVAILABLE);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_takes_too_long_is_a_problem_that_says_when_to_come_again() {
        let router = Router::new()
            .route("/", routing::get(std::future::pending::<()>))
            .layer(middleware::from_fn_with_state(within([]), in_time));
        let answer = router.oneshot(request()).await.unwrap();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.headers()["retry-after"], "5");
        let body = axum::body::to_bytes(answer.into_body(), 10_000).await;
        let problem: serde_json::Value = serde_json::from_slice(&body.unwrap()).unwrap();
        assert_eq!(problem["type"], "urn:muster:problem:unavailable");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("try again in 5 s"), "{detail}");
    }
}
