//! Reports whose answers are due: appended at once, answered in the order in which they came.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use protocol::ids::Position;
use protocol::report::Lane;

use super::limits::BytePermit;
use super::line::Refusal;

/// An append that is under way.
pub(super) type Append = Pin<Box<dyn Future<Output = Result<(), Refusal>> + Send>>;

/// A report whose answer is due.
pub(super) struct Due {
    /// The report.
    pub(super) position: Position,
    /// The last report that had been taken before it.
    pub(super) before: Position,
    /// When what became of it.
    pub(super) moments: Moments,
    /// The lane that it is for.
    pub(super) lane: Lane,
    /// Records that it brings.
    pub(super) records: u16,
    /// The bytes that it holds until it is answered.
    pub(super) permit: Option<BytePermit>,
}

/// When a report was read, understood and admitted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moments {
    /// Its first bytes came.
    pub(super) read_from: Instant,
    /// Its frame was complete.
    pub(super) came_at: Instant,
    /// It was unpacked and decoded.
    pub(super) decoded_at: Instant,
    /// It was admitted, or refused.
    pub(super) admitted_at: Instant,
    /// It was taken, in milliseconds since 1970, as the queue has it.
    pub(super) received_at_ms: u64,
}

/// A report's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The queue holds it.
    Durable,
    /// The queue did not take it, so nothing behind it counts as taken.
    Failed(Refusal),
    /// It never went to the queue, or what went before it failed.
    Refused(Refusal),
}

enum State {
    Appending(Append),
    Done(Outcome),
}

/// The reports of one connection whose answers are due.
#[derive(Default)]
pub(super) struct InFlight {
    queue: VecDeque<(Due, State)>,
}

impl InFlight {
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Takes a report whose append begins at the next [`Self::answered`].
    pub(super) fn push(&mut self, due: Due, append: Append) {
        self.queue.push_back((due, State::Appending(append)));
    }

    /// Takes a report that is refused, behind the answers of those before it.
    pub(super) fn push_refused(&mut self, due: Due, refusal: Refusal) {
        self.queue.push_back((due, State::Done(Outcome::Refused(refusal))));
    }

    /// Refuses everything that is still due: its answers would speak for a report that was not
    /// taken. What the queue makes durable nevertheless will be a redelivery when it comes again.
    pub(super) fn refuse_rest(&mut self, refusal: &Refusal) {
        for (_, state) in &mut self.queue {
            match state {
                // An append that is dropped here may still become durable. That is no harm: the
                // agent sends it again, and the store takes a position once.
                State::Appending(_) | State::Done(Outcome::Durable | Outcome::Failed(_)) => {
                    *state = State::Done(Outcome::Refused(refusal.clone()));
                }
                State::Done(Outcome::Refused(_)) => {}
            }
        }
    }

    /// Drives the appends, and resolves once the first report's answer is there. Never resolves
    /// while nothing is due.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    pub(super) async fn answered(&mut self) {
        std::future::poll_fn(|context| self.poll_answered(context)).await;
    }

    /// The next answer, in the reports' order, if it is there.
    pub(super) fn try_next(&mut self) -> Option<(Due, Outcome)> {
        match self.queue.pop_front()? {
            (due, State::Done(outcome)) => Some((due, outcome)),
            // Popped and put back, since a peek and a pop would be two looks with an impossible
            // case between.
            appending @ (_, State::Appending(_)) => {
                self.queue.push_front(appending);
                None
            }
        }
    }

    fn poll_answered(&mut self, context: &mut Context<'_>) -> Poll<()> {
        // All are driven, front to back, so that they reach the queue together and in order.
        for (_, state) in &mut self.queue {
            // An append enters the queue's channel in its first poll, so the order of polling is
            // the order in the log. Positions of one agent depend on it.
            if let State::Appending(append) = state
                && let Poll::Ready(result) = append.as_mut().poll(context)
            {
                *state = State::Done(match result {
                    Ok(()) => Outcome::Durable,
                    Err(refusal) => Outcome::Failed(refusal),
                });
            }
        }
        match self.queue.front() {
            Some((_, State::Done(_))) => Poll::Ready(()),
            // With nothing due nobody is woken either: the caller only selects on this while
            // something is.
            Some((_, State::Appending(_))) | None => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use protocol::reject::RejectReason;
    use tokio::sync::oneshot;

    use super::*;
    use crate::clock::Clock;

    fn due(seq: u32) -> Due {
        let now = Clock::system().instant();
        Due {
            position: Position::new(1, seq),
            before: Position::new(1, seq - 1),
            moments: Moments {
                read_from: now,
                came_at: now,
                decoded_at: now,
                admitted_at: now,
                received_at_ms: 0,
            },
            lane: Lane::Delta,
            records: 0,
            permit: None,
        }
    }

    fn append(in_flight: &mut InFlight, seq: u32) -> oneshot::Sender<Result<(), Refusal>> {
        let (sender, receiver) = oneshot::channel();
        in_flight.push(due(seq), Box::pin(async { receiver.await.unwrap() }));
        sender
    }

    async fn next(in_flight: &mut InFlight) -> (Due, Outcome) {
        in_flight.answered().await;
        in_flight.try_next().unwrap()
    }

    #[tokio::test]
    async fn answers_in_order_though_the_second_is_durable_first() {
        let mut in_flight = InFlight::default();
        let first = append(&mut in_flight, 1);
        let second = append(&mut in_flight, 2);
        second.send(Ok(())).unwrap();
        let is_answered = |in_flight: &mut InFlight, context: &mut Context<'_>| {
            Poll::Ready(in_flight.poll_answered(context).is_ready())
        };
        assert!(!std::future::poll_fn(|context| is_answered(&mut in_flight, context)).await);
        first.send(Ok(())).unwrap();
        assert_eq!(next(&mut in_flight).await.0.position, Position::new(1, 1));
        assert_eq!(in_flight.try_next().unwrap().0.position, Position::new(1, 2));
        assert!(in_flight.is_empty());
    }

    #[tokio::test]
    async fn a_refusal_waits_for_the_answers_before_it() {
        let mut in_flight = InFlight::default();
        let first = append(&mut in_flight, 1);
        in_flight.push_refused(due(2), Refusal::new(RejectReason::Gap, ""));
        assert!(in_flight.try_next().is_none());
        first.send(Ok(())).unwrap();
        assert_eq!(next(&mut in_flight).await.1, Outcome::Durable);
        assert!(matches!(next(&mut in_flight).await.1, Outcome::Refused(_)));
    }

    #[tokio::test]
    async fn refuses_what_is_due_behind_a_failure_durable_or_not() {
        let mut in_flight = InFlight::default();
        let full = Refusal::new(RejectReason::QueueFull, "");
        let first = append(&mut in_flight, 1);
        let second = append(&mut in_flight, 2);
        let _third = append(&mut in_flight, 3);
        first.send(Err(full.clone())).unwrap();
        second.send(Ok(())).unwrap();
        assert_eq!(next(&mut in_flight).await.1, Outcome::Failed(full.clone()));
        in_flight.refuse_rest(&full);
        assert_eq!(next(&mut in_flight).await.1, Outcome::Refused(full.clone()));
        assert_eq!(next(&mut in_flight).await.1, Outcome::Refused(full));
    }
}
