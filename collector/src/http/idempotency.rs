//! Writes that are asked again with the same `Idempotency-Key`: done once, answered twice.
//!
//! The answer is kept for 24 hours, and it may hold a secret that is shown once. So it is sealed with
//! a key that is made of the asker's own credential and the word that came with the request: the
//! database has neither, and nobody who reads it reads the answer.
//!
//! What is begun is done to its end by a task of its own, also when its asker hangs up or is told that it takes too
//! long: whoever hears no answer is who asks again. It keeps its turn among the requests until then, and says now and
//! then that it is still at work, so that no node takes it for given up and does it a second time.

mod seal;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use store::idempotency::{self, Asked, Known, RENEWED_EVERY};
use tokio::sync::oneshot;
use tracing::Instrument as _;
use uuid::Uuid;

use self::seal::{Seal, sha256};
use super::bounds::Turn;
use super::extract::{Authenticated, COMPANY, Credential};
use super::problem::Problem;
use super::request_id::RequestId;
use super::state::ApiState;
use crate::causes::Causes;

/// The word of a request that may be asked again.
pub(super) static KEY: HeaderName = HeaderName::from_static("idempotency-key");
static REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Bytes of a key at most.
const KEY_BYTES_MAX: usize = 200;
/// Bytes of a body that can be asked again, and of an answer that can be kept.
const BYTES_MAX: usize = 1 << 20;
/// When to try again what is being answered, in seconds.
const RETRY_AFTER_S: u32 = 1;

/// Does a request with a key once.
pub(super) async fn once(
    State(state): State<ApiState>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let Some(key) = request.headers().get(&KEY) else {
        return Ok(next.run(request).await);
    };
    if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(next.run(request).await);
    }
    let key = key
        .to_str()
        .ok()
        .filter(|key| (1..=KEY_BYTES_MAX).contains(&key.len()))
        .ok_or_else(|| Problem::field("Idempotency-Key", "1 to 200 printable ASCII characters"))?
        .to_owned();
    let (mut parts, body) = request.into_parts();
    // Who is let in at all, before anything is kept for them. Signing in has nobody yet, and is
    // done as often as it is asked.
    let Ok(credential) = Credential::of(&parts) else {
        return Ok(next.run(Request::from_parts(parts, body)).await);
    };
    let who = Authenticated::from_request_parts(&mut parts, &state).await?;
    let body = to_bytes(body, BYTES_MAX).await.map_err(|_| {
        let detail = format!("a request with an Idempotency-Key has at most {BYTES_MAX} bytes");
        Problem::Body(StatusCode::PAYLOAD_TOO_LARGE, detail)
    })?;
    let company = parts.headers.get(&COMPANY).map_or(&b""[..], HeaderValue::as_bytes);
    let fingerprint = sha256(&[
        parts.method.as_str().as_bytes(),
        parts.uri.to_string().as_bytes(),
        company,
        &body,
    ]);
    let asking = Asking {
        principal: who.principal.id(),
        key_hash: sha256(&[key.as_bytes()]),
        seal: Seal::new(credential.secret(), &key, &fingerprint),
        fingerprint,
        attempt: Uuid::new_v4(),
    };
    let turn: Option<Turn> = parts.extensions.get().cloned();
    let request = Request::from_parts(parts, Body::from(body));
    let (answer, answered) = oneshot::channel();
    let tasks = state.tasks.clone();
    let work = async move {
        // Nobody hears it who has hung up.
        answer.send(asking.answer(&state, request, next).await).ok();
        drop(turn);
    };
    tasks.spawn("http.once", RequestId::kept(work).in_current_span());
    answered.await.unwrap_or_else(|_| {
        let error = anyhow::anyhow!("a request that may be asked again ended without an answer");
        Err(Problem::Internal(error))
    })
}

/// A request that may be asked again.
struct Asking {
    principal: Uuid,
    key_hash: [u8; 32],
    fingerprint: [u8; 32],
    attempt: Uuid,
    seal: Seal,
}

impl Asking {
    async fn answer(
        &self,
        state: &ApiState,
        request: Request,
        next: Next,
    ) -> Result<Response, Problem> {
        let Self { principal, key_hash, fingerprint, attempt, seal } = self;
        let asked = Asked { principal: *principal, key_hash, fingerprint, attempt: *attempt };
        match idempotency::begin(&state.store, &asked, state.clock.now()).await? {
            Known::Differs => Err(Problem::KeyReused),
            Known::Running => Err(Problem::Running(RETRY_AFTER_S)),
            // With another credential of the same person, the answer is sealed for good.
            Known::Answered(sealed) => {
                seal.open(&sealed).and_then(|plain| Kept::restore(&plain)).ok_or(Problem::KeyReused)
            }
            Known::New => {
                let answer = renewing(next.run(request), || renew(state, &asked)).await;
                keep(state, &asked, seal, answer).await
            }
        }
    }
}

/// Does work to its end, and every [`RENEWED_EVERY`] something else beside it. What is under way of that when the work
/// ends is dropped.
async fn renewing<T, R: Future<Output = ()>>(
    work: impl Future<Output = T>,
    renew: impl Fn() -> R,
) -> T {
    let renewals = async {
        loop {
            tokio::time::sleep(RENEWED_EVERY).await;
            renew().await;
        }
    };
    tokio::select! {
        biased;
        done = work => done,
        // Without an end.
        never = renewals => never,
    }
}

async fn renew(state: &ApiState, asked: &Asked<'_>) {
    match idempotency::renew(&state.store, asked, state.clock.now()).await {
        Ok(true) => {}
        Ok(false) => tracing::warn!("a request that may be asked again was taken over"),
        // The next time may be soon enough.
        Err(error) => {
            let error = anyhow::Error::from(error);
            tracing::warn!("renew a request that may be asked again: {}", Causes(&error));
        }
    }
}

/// Keeps an answer, or forgets that anything was asked when the answer is none that would come again.
async fn keep(
    state: &ApiState,
    asked: &Asked<'_>,
    seal: &Seal,
    answer: Response,
) -> Result<Response, Problem> {
    let status = answer.status();
    // What is refused now may be allowed later: the asker mends it and asks again.
    if !status.is_success() {
        idempotency::forget(&state.store, asked).await?;
        return Ok(answer);
    }
    let (parts, body) = answer.into_parts();
    let body = match to_bytes(body, BYTES_MAX).await {
        Ok(body) => body,
        Err(error) => {
            idempotency::forget(&state.store, asked).await?;
            return Err(Problem::Internal(error.into()));
        }
    };
    let kept = Kept::of(status, &parts.headers, &body);
    match kept.sealed(seal) {
        Some(sealed) => idempotency::finish(&state.store, asked, &sealed).await?,
        None => idempotency::forget(&state.store, asked).await?,
    }
    Ok(Response::from_parts(parts, Body::from(body)))
}

/// An answer as it is kept.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// Headers that are part of the answer; the others are made anew each time.
const HEADERS: [HeaderName; 3] = [header::CONTENT_TYPE, header::ETAG, header::LOCATION];

impl Kept {
    fn of(status: StatusCode, headers: &HeaderMap, body: &Bytes) -> Self {
        let headers = HEADERS.iter().filter_map(|name| {
            let value = headers.get(name)?.to_str().ok()?;
            Some((name.to_string(), value.to_owned()))
        });
        Self { status: status.as_u16(), headers: headers.collect(), body: body.to_vec() }
    }

    fn sealed(&self, seal: &Seal) -> Option<Vec<u8>> {
        seal.close(postcard::to_stdvec(self).ok()?)
    }

    fn restore(plain: &[u8]) -> Option<Response> {
        let kept: Self = postcard::from_bytes(plain).ok()?;
        let status = StatusCode::from_u16(kept.status).ok()?;
        let mut response = (status, kept.body).into_response();
        let headers = response.headers_mut();
        headers.remove(header::CONTENT_TYPE);
        for (name, value) in kept.headers {
            headers.insert(HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?);
        }
        headers.insert(REPLAYED.clone(), HeaderValue::from_static("true"));
        Some(response)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_takes_long_says_so_until_it_is_done() {
        let said = Cell::new(0);
        let renew = || async {
            said.set(said.get() + 1);
            // The last one is slower than the work's end, which waits for nobody.
            tokio::time::sleep(Duration::from_secs(5)).await;
        };
        let work = async {
            tokio::time::sleep(3 * RENEWED_EVERY + Duration::from_secs(12)).await;
            "done"
        };
        assert_eq!(renewing(work, &renew).await, "done");
        assert_eq!(said.get(), 3);
        assert_eq!(renewing(async { "at once" }, &renew).await, "at once");
        assert_eq!(said.get(), 3);
    }
}
