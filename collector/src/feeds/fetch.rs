//! Fetching with patience: asks again when that may help, as often and as fast as a server allows.

use std::pin::Pin;
use std::time::Duration;

use tokio::sync::Mutex;

use super::http::{ApiAccess, Http, HttpError, Refusal, Reply, Request, shown};
use super::mirror::{FileWriter, Part};
use super::retry::{FILES, Miss, NVD_API, Pace, Patience};
use super::sleeper::Sleeper;
use crate::clock::Clock;

/// How long one file may take.
const FILE_TIMEOUT: Duration = Duration::from_secs(3_600);
/// How long one answer of an API may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(180);
/// Bytes of one answer of an API; 2,000 of NVD's records have about 10 MB.
const ANSWER_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// Bytes of a file as it is sent.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;
/// Bytes of a list of files; Microsoft's has 40 KB.
const LIST_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Bytes of a note about a file.
const NOTE_BYTES_MAX: u64 = 64 * 1024;

/// Fetches.
#[derive(Debug)]
pub(super) struct Fetcher {
    http: Http,
    clock: Clock,
    sleeper: Sleeper,
    pace: Mutex<Pace>,
}

/// Why something was not fetched. What is in the mirror still counts.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The server cannot be reached, or what it sends is not taken.
    #[error("{error} ({tries} tries)")]
    Http {
        /// What happened the last time.
        error: HttpError,
        /// How often it was tried.
        tries: u32,
    },
    /// The server answers with something else.
    #[error("{url}: {refusal} ({tries} tries)")]
    Refused {
        /// What was asked for.
        url: String,
        /// What it says.
        refusal: String,
        /// How often it was tried.
        tries: u32,
    },
    /// What came is not what it should be.
    #[error("{what}: {reason}; what was fetched before stays")]
    Content {
        /// What it should be.
        what: String,
        /// What is wrong.
        reason: String,
    },
    /// The mirror's disk.
    #[error("keep it in the mirror: {0}")]
    Disk(#[from] std::io::Error),
}

impl FetchError {
    pub(super) fn content(what: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Content { what: what.into(), reason: reason.into() }
    }
}

/// One try. Boxed, so that the compiler sees that it may move between threads.
type Attempt<'a, T> = Pin<Box<dyn Future<Output = Result<T, Bad>> + Send + 'a>>;

/// How one try ended badly.
enum Bad {
    Refused(Refusal),
    Http(HttpError),
    Content(String),
}

impl Fetcher {
    /// A fetcher that asks an API for so many answers in any 30 seconds.
    pub(super) fn new(http: Http, clock: Clock, sleeper: Sleeper, api_requests: usize) -> Self {
        Self {
            http,
            clock,
            sleeper,
            pace: Mutex::new(Pace::new(api_requests, Duration::from_secs(30))),
        }
    }

    /// Fetches a file into the mirror, where nobody names it yet; `None` when what is there is the
    /// newest.
    ///
    /// # Errors
    ///
    /// When it does not come, however often it is asked for.
    pub(super) async fn file(
        &self,
        request: &Request<'_>,
        create: impl Fn() -> std::io::Result<FileWriter> + Send + Sync,
    ) -> Result<Option<Part>, FetchError> {
        let attempt =
            || -> Attempt<'_, Option<Part>> { Box::pin(self.file_once(request, &create)) };
        self.repeat(request.url, FILES, FILE_TIMEOUT, attempt).await
    }

    /// Fetches a small note; `None` when there is none.
    ///
    /// # Errors
    ///
    /// When it does not come, however often it is asked for.
    pub(super) async fn note(&self, url: &str) -> Result<Option<Vec<u8>>, FetchError> {
        let request = Request { url, ..Request::default() };
        let attempt = || -> Attempt<'_, Option<Vec<u8>>> { Box::pin(self.note_once(&request)) };
        self.repeat(url, FILES, ANSWER_TIMEOUT, attempt).await
    }

    /// Fetches a list of files, in the kind of content that is wanted.
    ///
    /// # Errors
    ///
    /// When it does not come, however often it is asked for.
    pub(super) async fn list(
        &self,
        url: &str,
        accept: &'static str,
    ) -> Result<Vec<u8>, FetchError> {
        let request = Request { url, accept: Some(accept), ..Request::default() };
        let attempt = || -> Attempt<'_, Vec<u8>> { Box::pin(self.list_once(&request)) };
        self.repeat(url, FILES, ANSWER_TIMEOUT, attempt).await
    }

    /// Fetches an answer of the API at its pace. One that `read` does not take is asked for again:
    /// NVD ends some answers early, and says 200 to them.
    ///
    /// # Errors
    ///
    /// When it does not come, however often it is asked for.
    pub(super) async fn answer<T: Send + 'static>(
        &self,
        url: &str,
        access: ApiAccess<'_>,
        read: impl Fn(Vec<u8>) -> Result<T, String> + Clone + Send + Sync + 'static,
    ) -> Result<T, FetchError> {
        let request = Request { url, api: Some(access), ..Request::default() };
        let attempt = || -> Attempt<'_, T> { Box::pin(self.answer_once(&request, read.clone())) };
        self.repeat(url, NVD_API, ANSWER_TIMEOUT, attempt).await
    }

    async fn file_once(
        &self,
        request: &Request<'_>,
        create: &(impl Fn() -> std::io::Result<FileWriter> + Send + Sync),
    ) -> Result<Option<Part>, Bad> {
        match self.http.get(request).await.map_err(Bad::Http)? {
            // Without a condition there is nothing here that it could be the same as, and the source
            // would be up to date with nothing.
            Reply::NotModified if !request.has_condition() => Err(unasked_for()),
            Reply::NotModified => Ok(None),
            Reply::Refused(refusal) => Err(Bad::Refused(refusal)),
            Reply::Found(body) => {
                let file = create().map_err(|error| Bad::Http(error.into()))?;
                // A try that fails drops the writer, which removes the half file: the next begins
                // with an empty one.
                let part = body.into_file(file, FILE_BYTES_MAX).await;
                Ok(Some(part.map_err(Bad::Http)?))
            }
        }
    }

    async fn note_once(&self, request: &Request<'_>) -> Result<Option<Vec<u8>>, Bad> {
        match self.http.get(request).await.map_err(Bad::Http)? {
            Reply::NotModified => Err(unasked_for()),
            // Of a note its absence is an answer, as of the next year's `.meta`; of a file it is a
            // mistake.
            Reply::Refused(refusal) if refusal.status == 404 => Ok(None),
            Reply::Refused(refusal) => Err(Bad::Refused(refusal)),
            Reply::Found(body) => {
                let bytes = body.bytes(NOTE_BYTES_MAX).await;
                Ok(Some(bytes.map_err(Bad::Http)?))
            }
        }
    }

    async fn list_once(&self, request: &Request<'_>) -> Result<Vec<u8>, Bad> {
        match self.http.get(request).await.map_err(Bad::Http)? {
            Reply::NotModified => Err(unasked_for()),
            Reply::Refused(refusal) => Err(Bad::Refused(refusal)),
            Reply::Found(body) => body.bytes(LIST_BYTES_MAX).await.map_err(Bad::Http),
        }
    }

    async fn answer_once<T: Send + 'static>(
        &self,
        request: &Request<'_>,
        read: impl FnOnce(Vec<u8>) -> Result<T, String> + Send + 'static,
    ) -> Result<T, Bad> {
        // Within the try's time limit, which is six times the longest wait for a turn.
        self.wait_for_turn().await;
        match self.http.get(request).await.map_err(Bad::Http)? {
            Reply::NotModified => Err(unasked_for()),
            Reply::Refused(refusal) => Err(Bad::Refused(refusal)),
            Reply::Found(body) => {
                let bytes = body.bytes(ANSWER_BYTES_MAX).await.map_err(Bad::Http)?;
                // Ten megabytes of JSON are work for a processor.
                tokio::task::spawn_blocking(move || read(bytes))
                    .await
                    .map_err(|error| Bad::Content(error.to_string()))?
                    .map_err(Bad::Content)
            }
        }
    }

    /// Tries until it goes well, or no more makes sense.
    async fn repeat<'a, T>(
        &self,
        url: &str,
        patience: Patience,
        timeout: Duration,
        attempt: impl Fn() -> Attempt<'a, T> + Send,
    ) -> Result<T, FetchError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let bad = match tokio::time::timeout(timeout, attempt()).await {
                Ok(Ok(found)) => return Ok(found),
                Ok(Err(bad)) => bad,
                Err(_elapsed) => Bad::Http(HttpError::Broken {
                    url: shown(url),
                    reason: format!("it takes longer than {} s", timeout.as_secs()),
                }),
            };
            let now = self.clock.now();
            // A refusal is judged by its status, a break may be anything and is worth another try.
            let wait = match &bad {
                Bad::Refused(refusal) => patience.wait(tries, &Miss::Refused(refusal), now),
                Bad::Content(_) | Bad::Http(HttpError::Broken { .. }) => {
                    patience.wait(tries, &Miss::Broken, now)
                }
                // Asking again changes neither a bound, a disk nor a setting.
                Bad::Http(
                    HttpError::TooLarge { .. } | HttpError::Disk(_) | HttpError::Setting { .. },
                ) => None,
            };
            let Some(wait) = wait else {
                return Err(bad.into_error(url, tries));
            };
            tracing::debug!(
                url = shown(url),
                tries,
                wait_s = wait.as_secs(),
                why = bad.to_string(),
                "asking again"
            );
            self.sleeper.sleep(wait).await;
        }
    }

    async fn wait_for_turn(&self) {
        // Held while it waits, on purpose: whoever comes next takes the turn after this one.
        let mut pace = self.pace.lock().await;
        let wait = pace.wait(self.clock.instant());
        if !wait.is_zero() {
            self.sleeper.sleep(wait).await;
        }
        // Noted before it is sent: a request that gets no answer has been counted by the server,
        // too.
        pace.note(self.clock.instant());
    }
}

/// "Not modified" to a request without a condition, as some proxies say it all the same.
fn unasked_for() -> Bad {
    Bad::Content("304 to no condition".to_owned())
}

impl Bad {
    fn into_error(self, url: &str, tries: u32) -> FetchError {
        match self {
            Self::Refused(refusal) => {
                FetchError::Refused { url: shown(url), refusal: refusal.to_string(), tries }
            }
            Self::Http(error) => FetchError::Http { error, tries },
            Self::Content(reason) => FetchError::content(shown(url), reason),
        }
    }
}

impl std::fmt::Display for Bad {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Http(error) => error.fmt(f),
            Self::Content(reason) => f.write_str(reason),
        }
    }
}
