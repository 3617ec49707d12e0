//! Attempts beside each other, each begun a little after the one before it (RFC 8305, section 5).
//!
//! What is dead says nothing, so waiting for its end costs its whole time-out. The next attempt has its turn after
//! a lead, or at once when one fails; the first that succeeds is taken, and dropping the others ends them. No
//! more than a few run at once, whatever a name server or a token says.

use std::collections::VecDeque;
use std::future::{Future as _, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use super::error::WayError;

/// What an address has for itself before the next one is tried: what RFC 8305 recommends. Within it a collector has
/// answered that is not on the other side of the earth.
pub(super) const LEAD: Duration = Duration::from_millis(250);

/// Attempts that run at once.
const AT_ONCE_MAX: usize = 4;

/// One attempt.
pub(super) type Attempt<T, E> = Pin<Box<dyn Future<Output = Result<T, E>>>>;

/// Attempts under way, and attempts that have their turn later, each with a word for what it is.
pub(super) struct Stagger<K, T, E> {
    pub(super) waiting: VecDeque<(K, Attempt<T, E>)>,
    pub(super) running: Vec<(K, Attempt<T, E>)>,
    /// In the order in which they failed.
    pub(super) failed: Vec<(K, E)>,
    lead: Duration,
    /// Whether an error makes it useless to begin another attempt. What runs goes on: it may be past what this one
    /// has failed at.
    is_final: fn(&E) -> bool,
}

enum Turn<T> {
    Won(T),
    Next,
}

impl<K, T, E> Stagger<K, T, E> {
    pub(super) fn new(
        attempts: impl IntoIterator<Item = (K, Attempt<T, E>)>,
        lead: Duration,
        is_final: fn(&E) -> bool,
    ) -> Self {
        let waiting = attempts.into_iter().collect();
        Self { waiting, running: Vec::new(), failed: Vec::new(), lead, is_final }
    }

    /// The first success; `None` when every attempt has failed.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: what runs goes on where it was, with a new lead.
    pub(super) async fn run(&mut self) -> Option<T> {
        loop {
            if self.running.len() < AT_ONCE_MAX {
                self.running.extend(self.waiting.pop_front());
            }
            if self.running.is_empty() {
                return None;
            }
            let mut lead = pin!(tokio::time::sleep(self.lead));
            let has_next = !self.waiting.is_empty() && self.running.len() < AT_ONCE_MAX;
            let turn = poll_fn(|context| match self.poll(context) {
                Poll::Ready(turn) => Poll::Ready(turn),
                Poll::Pending if has_next => lead.as_mut().poll(context).map(|()| Turn::Next),
                // Nothing is woken up for.
                Poll::Pending => Poll::Pending,
            });
            match turn.await {
                Turn::Won(won) => return Some(won),
                Turn::Next => {}
            }
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Turn<T>> {
        let mut place = 0;
        let mut has_failed = false;
        while place < self.running.len() {
            let (_, attempt) = &mut self.running[place];
            match attempt.as_mut().poll(context) {
                Poll::Ready(Ok(won)) => return Poll::Ready(Turn::Won(won)),
                Poll::Ready(Err(error)) => {
                    let (key, _) = self.running.remove(place);
                    if (self.is_final)(&error) {
                        self.waiting.clear();
                    }
                    self.failed.push((key, error));
                    has_failed = true;
                }
                Poll::Pending => place += 1,
            }
        }
        // The next one waits for nobody who has given up.
        if has_failed && (self.running.is_empty() || !self.waiting.is_empty()) {
            Poll::Ready(Turn::Next)
        } else {
            Poll::Pending
        }
    }
}

/// What the first of a name's addresses gives that gives anything.
///
/// # Errors
///
/// When none does: what the first of them says, or that the collector is busy where one has said so.
pub(super) async fn first_of<T>(
    sockets: Vec<SocketAddr>,
    attempt: impl Fn(SocketAddr) -> Attempt<T, WayError>,
) -> Result<T, WayError> {
    let attempts = sockets.into_iter().map(attempt).enumerate();
    // One that is busy says nothing of the others, which may be other nodes; and where they are one, it may have refused
    // the second handshake because of the first, which is under way.
    let mut stagger = Stagger::new(attempts, LEAD, |_| false);
    if let Some(won) = stagger.run().await {
        return Ok(won);
    }
    let failed = stagger.failed.into_iter();
    let told = failed.min_by_key(|(place, error)| (!matches!(error, WayError::Busy), *place));
    Err(told.map_or(WayError::NoAnswer, |(_, error)| error))
}

#[cfg(test)]
mod tests;
