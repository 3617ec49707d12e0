//! Bodies of requests, read before a request takes its turn.
//!
//! Whoever sends a body a byte at a time keeps nobody else from a turn, and is refused when nothing comes for a
//! while. Bodies that wait are in memory, and there may be as many as connections: the small ones are that small,
//! and the larger ones share some room. Documents are read where they are taken ([`super::upload`]), in few places
//! and a time of their own. Nothing here says whether a body is right.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::extract::{MatchedPath, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;
use futures_util::StreamExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::idempotency;
use super::problem::Problem;
use crate::config::HttpConfig;

/// How long a sender may send nothing of a body.
const PART_WITHIN: Duration = Duration::from_secs(10);
/// Bytes of a body that take none of the room: what signing in takes, and most of what people change.
const SMALL_BYTES: usize = 64 << 10;
/// Bytes of a unit of the room.
const UNIT_BYTES: usize = 1 << 10;
/// When to try again for room, in seconds.
const RETRY_AFTER_S: u32 = 5;

/// The routes whose bodies are documents. A clone shares them.
#[derive(Clone, Debug)]
pub(super) struct UploadRoutes(Arc<[(&'static str, String)]>);

impl UploadRoutes {
    /// Methods, in any letters, and the paths that they are mounted at.
    pub(super) fn new(routes: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        Self(routes.into_iter().collect())
    }

    /// Whether a request brings a document that is read as it comes. One that may be asked again is read whole
    /// first, and is no larger than any other body.
    pub(super) fn take(&self, request: &Request) -> bool {
        let Some(path) = request.extensions().get::<MatchedPath>() else { return false };
        let is_one = |(method, route): &(&str, String)| {
            route == path.as_str() && request.method().as_str().eq_ignore_ascii_case(method)
        };
        self.0.iter().any(is_one) && !request.headers().contains_key(&idempotency::KEY)
    }
}

/// What is read of bodies on this node. A clone shares it.
#[derive(Clone, Debug)]
pub(super) struct Bodies {
    bytes_max: usize,
    room: Arc<Semaphore>,
    uploads: UploadRoutes,
}

impl Bodies {
    /// Bodies as large as the configuration allows, with room for as many of the largest as requests are answered
    /// at once.
    pub(super) fn new(config: &HttpConfig, uploads: UploadRoutes) -> Self {
        let bytes_max = usize::try_from(config.body_bytes_max).unwrap_or(usize::MAX);
        let units = bytes_max.div_ceil(UNIT_BYTES).saturating_mul(config.requests_max as usize);
        let room = Arc::new(Semaphore::new(units.min(Semaphore::MAX_PERMITS)));
        Self { bytes_max, room, uploads }
    }

    /// Reads a body to its end, with the room that it has until that is dropped.
    async fn read(&self, body: Body) -> Result<(Vec<u8>, Option<OwnedSemaphorePermit>), Problem> {
        let too_large = || {
            let detail = format!("a body has at most {} bytes", self.bytes_max);
            Problem::Body(StatusCode::PAYLOAD_TOO_LARGE, detail)
        };
        // Said before anything is read, where the sender says it.
        let said = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        if said > self.bytes_max {
            return Err(too_large());
        }
        let (mut parts, mut whole, mut held) = (body.into_data_stream(), Vec::new(), None);
        loop {
            let part = timeout(PART_WITHIN, parts.next()).await.map_err(|_elapsed| {
                let detail = format!("nothing of the body came for {} s", PART_WITHIN.as_secs());
                Problem::Body(StatusCode::REQUEST_TIMEOUT, detail)
            })?;
            let Some(part) = part else { return Ok((whole, held)) };
            let part = part.map_err(|_broken| {
                Problem::Body(StatusCode::BAD_REQUEST, "the body broke off".to_owned())
            })?;
            if part.len() > self.bytes_max - whole.len() {
                return Err(too_large());
            }
            self.hold(&mut held, whole.len() + part.len())?;
            whole.extend_from_slice(&part);
        }
    }

    /// Takes room for so many bytes in all.
    fn hold(&self, held: &mut Option<OwnedSemaphorePermit>, bytes: usize) -> Result<(), Problem> {
        let wanted = bytes.saturating_sub(SMALL_BYTES).div_ceil(UNIT_BYTES);
        let has = held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        if wanted <= has {
            return Ok(());
        }
        let more = u32::try_from(wanted - has).unwrap_or(u32::MAX);
        let more = Arc::clone(&self.room).try_acquire_many_owned(more).map_err(|_none| {
            Problem::Unavailable {
                what: "room for a body as large as this",
                retry_after_s: RETRY_AFTER_S,
            }
        })?;
        match held {
            Some(held) => held.merge(more),
            None => *held = Some(more),
        }
        Ok(())
    }
}

/// Reads a request's body before anything else is done with the request.
pub(super) async fn read_first(
    State(bodies): State<Bodies>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    // What only reads has a body that nobody looks at.
    if request.method().is_safe() || request.body().is_end_stream() || bodies.uploads.take(&request)
    {
        return Ok(next.run(request).await);
    }
    let (parts, body) = request.into_parts();
    let (whole, room) = bodies.read(body).await?;
    let answer = next.run(Request::from_parts(parts, Body::from(whole))).await;
    drop(room);
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;
    use axum::{Router, middleware, routing};
    use futures_util::stream;
    use tower::ServiceExt as _;

    use super::*;
    use crate::config::{Config, Layers};

    fn bodies(requests_max: u32) -> Bodies {
        let mut config = Config::from_layers(Layers::defaults()).unwrap().http;
        config.requests_max = requests_max;
        Bodies::new(&config, UploadRoutes::new([("post", "/documents".to_owned())]))
    }

    /// Says how many bytes came.
    fn router(bodies: &Bodies) -> Router {
        let count = async |body: Bytes| body.len().to_string();
        Router::new()
            .route("/", routing::post(count))
            .layer(middleware::from_fn_with_state(bodies.clone(), read_first))
    }

    /// A body whose parts come one every so many seconds of a paused clock.
    fn slow(parts: usize, every_s: u64) -> Body {
        let parts = stream::iter(0..parts).then(move |_| async move {
            tokio::time::sleep(Duration::from_secs(every_s)).await;
            Ok::<_, std::io::Error>(vec![b'x'])
        });
        Body::from_stream(parts)
    }

    async fn answer(router: &Router, body: Body) -> (StatusCode, String) {
        let request = Request::post("/").body(body).unwrap();
        let answer = router.clone().oneshot(request).await.unwrap();
        let status = answer.status();
        let bytes = axum::body::to_bytes(answer.into_body(), 10_000).await.unwrap();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_may_come_slowly_and_its_sender_may_not_fall_silent() {
        let router = router(&bodies(1));
        assert_eq!(answer(&router, slow(3, 9)).await, (StatusCode::OK, "3".to_owned()));
        let (status, text) = answer(&router, slow(3, 11)).await;
        assert_eq!(status, StatusCode::REQUEST_TIMEOUT);
        assert!(text.contains("for 10 s"), "{text}");
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_none() {
        let parts = [Ok(vec![b'x']), Err(std::io::Error::other("the line is cut"))];
        let (status, text) =
            answer(&router(&bodies(1)), Body::from_stream(stream::iter(parts))).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(text.contains("broke off") && !text.contains("the line"), "{text}");
    }

    #[tokio::test]
    async fn large_bodies_share_room_and_small_ones_need_none() {
        let bodies = bodies(1);
        let large = || Body::from(vec![b'x'; 1 << 20]);
        let (whole, room) = bodies.read(large()).await.unwrap();
        assert_eq!(whole.len(), 1 << 20);
        let refused = bodies.read(large()).await.unwrap_err();
        assert!(matches!(refused, Problem::Unavailable { .. }), "{refused}");
        let (small, none) = bodies.read(Body::from(vec![b'x'; SMALL_BYTES])).await.unwrap();
        assert!(none.is_none() && small.len() == SMALL_BYTES);
        drop(room);
        assert!(bodies.read(large()).await.is_ok(), "its room is free again");
    }

    #[tokio::test]
    async fn one_byte_too_many_is_refused_also_where_the_sender_says_nothing() {
        let router = router(&bodies(1));
        let halves = |bytes: usize| [bytes / 2, bytes - bytes / 2].map(|n| vec![b'x'; n]);
        let unsaid = |bytes: usize| {
            Body::from_stream(stream::iter(halves(bytes).map(Ok::<_, std::io::Error>)))
        };
        assert_eq!(answer(&router, unsaid(1 << 20)).await.0, StatusCode::OK);
        for body in [unsaid((1 << 20) + 1), Body::from(vec![b'x'; (1 << 20) + 1])] {
            let (status, text) = answer(&router, body).await;
            assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
            assert!(text.contains("at most 1048576 bytes"), "{text}");
        }
    }
}
