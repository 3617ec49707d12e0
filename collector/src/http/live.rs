//! Streams of events (server-sent events, WHATWG HTML 9.2): who may have one, for how long, and what it
//! says.
//!
//! A stream looks into the database when something was announced and every few seconds besides, and asks
//! every few seconds whether its holder is still let in. It keeps nothing but its place: a client that
//! comes back with the last id goes on where it was. It must never show another company's events, nor
//! outlive its holder's right by more than ten seconds.

pub(super) mod imports;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream};
use protocol::ids::CompanyId;
use store::error::StoreError;
use store::events::EventPlace;
use store::events::company::{self, CompanyEvent};
use store::permission::Permission;
use store::tenant::TenantScope;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::extract::Presented;
use super::problem::Problem;
use super::state::ApiState;
use crate::announcements::{Announcements, Happened, Waiting};

/// Streams of one key or person on this node, of one company, and of all.
const OF_PRINCIPAL_MAX: usize = 5;
const OF_COMPANY_MAX: usize = 50;
const IN_ALL_MAX: usize = 500;
/// Events of one piece.
const EVENTS_A_TIME: u32 = 100;
/// After how much silence something is said, so that what stands between does not take it for dead.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(15);
/// How often a stream looks without having heard anything.
const LOOK_EVERY: Duration = Duration::from_secs(3);
/// How often its holder is looked up.
const CHECK_EVERY: Duration = Duration::from_secs(4);
/// How long a client waits before it comes back, in milliseconds.
const RETRY_MS: u32 = 3_000;
/// When to try again for a place, in seconds.
const RETRY_AFTER_S: u32 = 30;

/// The streams of this node. Clones are the same ones.
#[derive(Clone, Debug)]
pub struct Live(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    announcements: Announcements,
    stopping: CancellationToken,
    look_every: Duration,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    in_all: usize,
    of_principals: HashMap<Uuid, usize>,
    of_companies: HashMap<CompanyId, usize>,
}

/// A stream's place, free again when it is dropped.
#[derive(Debug)]
struct Place {
    live: Live,
    principal: Uuid,
    company: CompanyId,
}

impl Live {
    /// Streams that hear of events and end when the process does.
    pub(crate) fn new(announcements: Announcements, stopping: CancellationToken) -> Self {
        Self(Arc::new(Inner {
            announcements,
            stopping,
            look_every: LOOK_EVERY,
            open: Mutex::default(),
        }))
    }

    /// Streams that look again at once, for tests; those of an API that `is_stopping` end when there is
    /// nothing more to tell.
    #[cfg(test)]
    pub(crate) fn of_a_test(is_stopping: bool) -> Self {
        let stopping = CancellationToken::new();
        if is_stopping {
            stopping.cancel();
        }
        Self(Arc::new(Inner {
            announcements: Announcements::default(),
            stopping,
            look_every: Duration::from_millis(2),
            open: Mutex::default(),
        }))
    }

    fn place(&self, principal: Uuid, company: CompanyId) -> Result<Place, Problem> {
        let mut open = self.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.in_all >= IN_ALL_MAX {
            return Err(Problem::Unavailable {
                what: "a place for a stream",
                retry_after_s: RETRY_AFTER_S,
            });
        }
        let refused = |whose| Err(Problem::TooMany { whose, retry_after_s: RETRY_AFTER_S });
        if open.of_principals.get(&principal) >= Some(&OF_PRINCIPAL_MAX) {
            return refused("for streams of this key or person");
        }
        if open.of_companies.get(&company) >= Some(&OF_COMPANY_MAX) {
            return refused("for streams in this company");
        }
        open.in_all += 1;
        *open.of_principals.entry(principal).or_default() += 1;
        *open.of_companies.entry(company).or_default() += 1;
        Ok(Place { live: self.clone(), principal, company })
    }
}

impl Default for Live {
    fn default() -> Self {
        Self::new(Announcements::default(), CancellationToken::new())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let open = &self.live.0.open;
        let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
        open.in_all = open.in_all.saturating_sub(1);
        leave(&mut open.of_principals, &self.principal);
        leave(&mut open.of_companies, &self.company);
    }
}

fn leave<K: std::hash::Hash + Eq + Clone>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

/// Who asks for a stream, and where.
#[derive(Debug)]
pub(super) struct Asker {
    /// The key or the person.
    pub(super) principal: Uuid,
    /// What they showed, to be looked up again.
    pub(super) presented: Presented,
    /// The company.
    pub(super) scope: TenantScope,
    /// What the stream takes.
    pub(super) permission: Permission,
}

impl Asker {
    /// Whether they still may.
    async fn is_let_in(&self, state: &ApiState) -> bool {
        let Self { presented, scope, permission, .. } = self;
        // Where the database does not say so, too: nothing could be told then either.
        presented.may(state, *permission, scope.company()).await.unwrap_or(false)
    }
}

/// Answers with a stream of what comes after a place, or from now on.
///
/// # Errors
///
/// When there is no place for it, or the database cannot be used.
pub(super) async fn respond(
    state: &ApiState,
    asker: Asker,
    last: Option<EventPlace>,
) -> Result<Response, Problem> {
    let place = state.live.place(asker.principal, asker.scope.company())?;
    // Before the place is looked up: what happens in between is announced to whoever waits.
    let waiting = state.live.0.announcements.wait();
    let at = state.clock.now();
    let (after, said) = match last {
        None => {
            // Who loses the line before anything happens goes on from here, and misses nothing.
            let after = company::beginning(&asker.scope, at).await?;
            (after, format!("id: {after}\n\n"))
        }
        Some(last) if company::is_kept(&asker.scope, last, at).await? => (last, "\n".to_owned()),
        Some(last) => {
            // Of a time that a restore has taken back: who waited behind it would hear of nothing for long.
            let after = last.min(company::present(&asker.scope).await?);
            // Forgotten, or never of this company: what is kept follows, and something may be missing.
            (after, "\nevent: gap\ndata: {}\n\n".to_owned())
        }
    };
    let begin = format!("retry: {RETRY_MS}\n{said}");
    let now = state.clock.instant();
    let streaming = Streaming {
        state: state.clone(),
        asker,
        waiting,
        after,
        said_at: now,
        checked_at: now,
        _place: place,
    };
    let begun = Some((streaming, Some(begin)));
    let body = stream::unfold(begun, |begun| async move {
        let (mut streaming, begin) = begun?;
        let piece = match begin {
            Some(begin) => begin,
            None => streaming.next().await?,
        };
        Some((Ok::<_, std::convert::Infallible>(piece), Some((streaming, None))))
    });
    Ok(event_stream(body))
}

/// The answer that a stream of pieces is.
fn event_stream(
    pieces: impl Stream<Item = Result<String, std::convert::Infallible>> + Send + 'static,
) -> Response {
    let mut response = Body::from_stream(pieces).into_response();
    let headers = response.headers_mut();
    let media = HeaderValue::from_static("text/event-stream");
    headers.insert(header::CONTENT_TYPE, media);
    // What stands before this program may otherwise collect all of it before it passes anything on.
    let buffering = HeaderName::from_static("x-accel-buffering");
    headers.insert(buffering, HeaderValue::from_static("no"));
    response
}

/// A stream under way.
struct Streaming {
    state: ApiState,
    asker: Asker,
    waiting: Waiting,
    after: EventPlace,
    said_at: Instant,
    checked_at: Instant,
    _place: Place,
}

impl Streaming {
    /// The next piece; `None` at the end.
    async fn next(&mut self) -> Option<String> {
        loop {
            let now = self.state.clock.instant();
            if now.duration_since(self.checked_at) >= CHECK_EVERY {
                self.checked_at = now;
                if !self.asker.is_let_in(&self.state).await {
                    return None;
                }
            }
            match self.look().await {
                Ok(Some(piece)) => {
                    self.said_at = now;
                    return Some(piece);
                }
                Ok(None) => {}
                Err(error) => {
                    // The client comes back, and goes on where it was.
                    tracing::debug!(%error, "a stream of events ends");
                    return None;
                }
            }
            if now.duration_since(self.said_at) >= HEARTBEAT_EVERY {
                self.said_at = now;
                return Some(": still here\n\n".to_owned());
            }
            if !self.wait().await {
                return None;
            }
        }
    }

    async fn look(&mut self) -> Result<Option<String>, StoreError> {
        let events = company::after(&self.asker.scope, self.after, EVENTS_A_TIME).await?;
        let Some(last) = events.last() else {
            return Ok(None);
        };
        self.after = last.id;
        Ok(Some(events.iter().fold(String::new(), write)))
    }

    /// Waits for something to look for; whether the stream goes on.
    async fn wait(&mut self) -> bool {
        let live = &self.state.live.0;
        let looking = tokio::time::sleep(live.look_every);
        tokio::pin!(looking);
        let company = self.asker.scope.company();
        loop {
            tokio::select! {
                () = live.stopping.cancelled() => return false,
                () = &mut looking => return true,
                happened = self.waiting.next() => match happened {
                    Happened::In(other) if other != company => {}
                    Happened::In(_) | Happened::Somewhere => return true,
                }
            }
        }
    }
}

/// An event as a stream says it. JSON has no line breaks but those that it escapes.
fn write(mut text: String, event: &CompanyEvent) -> String {
    let data = serde_json::to_string(event).unwrap_or_default();
    let kind = event.kind.as_str();
    // Writing into a string does not fail.
    let _written = write!(text, "id: {}\nevent: {kind}\ndata: {data}\n\n", event.id);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_by_principal_and_company_and_free_again() {
        let live = Live::default();
        let (company, other) = (CompanyId(Uuid::from_u128(1)), CompanyId(Uuid::from_u128(2)));
        let somebody = Uuid::from_u128(9);
        let mut places: Vec<_> =
            (0..OF_PRINCIPAL_MAX).map(|_| live.place(somebody, company).unwrap()).collect();
        let refused = live.place(somebody, company).unwrap_err();
        assert!(matches!(refused, Problem::TooMany { .. }), "{refused}");
        places.pop();
        places.push(live.place(somebody, company).unwrap());
        for number in 0..OF_COMPANY_MAX - OF_PRINCIPAL_MAX {
            let other = Uuid::from_u128(100 + number as u128);
            places.push(live.place(other, company).unwrap());
        }
        assert!(live.place(Uuid::from_u128(10), company).is_err());
        places.push(live.place(Uuid::from_u128(10), other).unwrap());
        drop(places);
        let open = live.0.open.lock().unwrap();
        assert_eq!((open.in_all, open.of_principals.len()), (0, 0));
        assert!(open.of_companies.is_empty());
    }
}
