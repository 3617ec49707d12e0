//! What keeps a transaction from taking its reports, and how long an answer is waited for.

use std::time::Duration;

use metrics::counter;

use super::Worker;
use crate::metrics::{LABEL_REASON, PIPELINE_RETRIES};
use crate::pipeline::outcome::DeadLetterReason;
use crate::pipeline::sink::{ReportSink, SinkError};

/// Longer than anything that the store is asked takes: for a connection whose other end is gone
/// without a word, which the kernel would try for a quarter of an hour. What was applied all the same
/// is found to be a duplicate when it is tried again.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);
/// The same for the question whether the database answers, which costs it nothing.
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// How long reports are tried again that a database which answers does not get done in time. A table that is rewritten
/// or indexed is locked for minutes, and that is none of their doing; a report that can never be stored in time
/// must not keep its agent's line for ever either.
pub(super) const LATE_FOR_MAX: Duration = Duration::from_secs(3_600);

/// Why a transaction did not take its reports.
pub(super) enum Trouble {
    /// The database is away.
    Away,
    /// Something that may pass.
    Passing(String),
    /// The database answers, but did not get it done in time: it waited for a lock, say.
    Late(String),
    /// The company is erased.
    Gone,
    /// The data.
    Bad(DeadLetterReason, String),
}

impl<S: ReportSink> Worker<S> {
    async fn is_up(&self) -> bool {
        let asking = tokio::time::timeout(PING_TIMEOUT, self.sink.is_up());
        asking.await.unwrap_or(false)
    }

    /// Tells a database that is away from one that answers.
    pub(super) async fn heard<T>(&self, result: Result<T, SinkError>) -> Result<T, Trouble> {
        let heard = match result {
            Ok(done) => Ok(done),
            Err(SinkError::Refused(why)) => Err(Trouble::Bad(DeadLetterReason::Refused, why)),
            Err(SinkError::CompanyGone) => Err(Trouble::Gone),
            // The error itself does not say whether it was the statement or the server; another
            // question does.
            Err(SinkError::Failed(why)) if self.is_up().await => Err(Trouble::Passing(why)),
            Err(SinkError::Late(why)) if self.is_up().await => Err(Trouble::Late(why)),
            // Not asked twice where the error says it: a failover may have ended by then, and would be
            // counted against the reports.
            Err(SinkError::Failed(why) | SinkError::Late(why) | SinkError::Away(why)) => {
                counter!(PIPELINE_RETRIES, LABEL_REASON => "away").increment(1);
                self.dispatcher.database_away(&why);
                return Err(Trouble::Away);
            }
        };
        self.dispatcher.database_answered();
        heard
    }
}

/// Waits for the store, but not for ever.
pub(super) fn in_time<T>(
    asking: impl Future<Output = Result<T, SinkError>>,
) -> impl Future<Output = Result<T, SinkError>> {
    // Boxed, because a future that is handed on by value has its room in each that holds it: three
    // such made a worker's own 30 KB.
    let answer = tokio::time::timeout(ANSWER_TIMEOUT, Box::pin(asking));
    async move {
        let answer = answer.await;
        answer.unwrap_or_else(|elapsed| Err(SinkError::Late(elapsed.to_string())))
    }
}
