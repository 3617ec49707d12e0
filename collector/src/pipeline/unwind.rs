//! Turns a panic inside a future into an error, so that one poisonous report costs one report.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

/// What a panic said.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it panicked: {0}")]
pub(crate) struct Panicked(pub(crate) String);

/// Runs a future to its end or its panic. After a panic the future is dropped and nothing of it is
/// used again, which is why its state may be left anyhow.
///
/// # Cancel safety
///
/// As safe as `future` is.
pub(crate) async fn catch_panic<F: Future>(future: F) -> Result<F::Output, Panicked> {
    let mut future = pin!(future);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
        // A `catch_unwind` at each poll: a panic may come after any await.
        Err(payload) => Poll::Ready(Err(Panicked(message(&*payload)))),
    })
    .await
}

/// A panic's message, where it has one.
pub(crate) fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("without a message").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn gives_the_output_of_a_future_that_does_not_panic() {
        assert_eq!(catch_panic(async { 7 }).await, Ok(7));
    }

    #[tokio::test]
    async fn gives_the_message_of_one_that_does_even_after_it_waited() {
        let waits_and_panics = async {
            tokio::task::yield_now().await;
            panic!("record {}", 9);
        };
        let result: Result<(), _> = catch_panic(waits_and_panics).await;
        assert_eq!(result, Err(Panicked("record 9".to_owned())));
    }
}
