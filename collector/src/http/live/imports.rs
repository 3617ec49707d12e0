//! One import as it goes on: each event is the whole of it, and the last is that it is over.
//!
//! Nothing is announced of an import, so the stream looks at its row: one row by its key, as often as people
//! see a difference. A client that comes back begins with what is.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use axum::response::Response;
use futures_util::stream;
use store::imports::{self, Import};

use super::{Asker, CHECK_EVERY, HEARTBEAT_EVERY, Place, RETRY_MS, event_stream};
use crate::http::problem::Problem;
use crate::http::state::ApiState;
use crate::http::v1::ImportView;

/// How often the row is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Answers with a stream of an import.
///
/// # Errors
///
/// When there is no place for it.
pub(in crate::http) fn respond(
    state: &ApiState,
    asker: Asker,
    import: Import,
) -> Result<Response, Problem> {
    let place = state.live.place(asker.principal, asker.scope.company())?;
    let now = state.clock.instant();
    let (said_at, checked_at) = (now, now);
    let watching = Watching {
        state: state.clone(),
        asker,
        revision: import.revision,
        is_over: import.state.is_over(),
        id: import.id,
        said_at,
        checked_at,
        _place: place,
    };
    let begin = format!("retry: {RETRY_MS}\n\n{}", write(import));
    let begun = Some((watching, Some(begin)));
    Ok(event_stream(stream::unfold(begun, |begun| async move {
        let (mut watching, begin) = begun?;
        let piece = match begin {
            Some(begin) => begin,
            None => watching.next().await?,
        };
        Some((Ok::<_, Infallible>(piece), Some((watching, None))))
    })))
}

struct Watching {
    state: ApiState,
    asker: Asker,
    id: uuid::Uuid,
    revision: u64,
    is_over: bool,
    said_at: Instant,
    checked_at: Instant,
    _place: Place,
}

impl Watching {
    /// The next piece; `None` at the end.
    async fn next(&mut self) -> Option<String> {
        while !self.is_over {
            if !self.wait().await {
                return None;
            }
            let now = self.state.clock.instant();
            if now.duration_since(self.checked_at) >= CHECK_EVERY {
                self.checked_at = now;
                if !self.asker.is_let_in(&self.state).await {
                    return None;
                }
            }
            // Where it cannot be told, the client comes back.
            let import = imports::get(&self.asker.scope, self.id).await.ok()??;
            if import.revision != self.revision {
                self.revision = import.revision;
                self.is_over = import.state.is_over();
                self.said_at = now;
                return Some(write(import));
            }
            if now.duration_since(self.said_at) >= HEARTBEAT_EVERY {
                self.said_at = now;
                return Some(": still here\n\n".to_owned());
            }
        }
        None
    }

    /// Waits for the next look; whether the stream goes on.
    async fn wait(&self) -> bool {
        let live = &self.state.live.0;
        tokio::select! {
            () = live.stopping.cancelled() => false,
            () = tokio::time::sleep(LOOK_EVERY.min(live.look_every)) => true,
        }
    }
}

/// An import as an event. JSON has no line breaks but those that it escapes.
fn write(import: Import) -> String {
    let (id, revision) = (import.id, import.revision);
    let data = serde_json::to_string(&ImportView::from(import)).unwrap_or_default();
    format!("id: {id}.{revision}\nevent: import\ndata: {data}\n\n")
}
