//! What was done for one piece of work, and when: for whoever asks, and at no cost for anybody else.
//!
//! Transactions note themselves under their names, and a few parts of the work between them. Whoever wants to
//! know wraps the work in [`watched`]. Names are constants of the code; nothing of a company's is noted.

use std::cell::RefCell;
use std::time::{Duration, Instant};

/// Steps that are kept of one piece of work; what comes behind them is left out.
pub const STEPS_MAX: usize = 64;

tokio::task_local! {
    // Of the task, because a transaction is begun many calls below whoever asks.
    static NOTED: RefCell<Noted>;
}

#[derive(Debug, Default)]
struct Noted {
    steps: Vec<Step>,
    counts: Vec<(&'static str, u64)>,
}

/// Something that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its name in the code.
    pub name: &'static str,
    /// What it was.
    pub kind: StepKind,
    /// When it began.
    pub began: Instant,
    /// How long it took.
    pub took: Duration,
    /// What was counted in it.
    pub counts: Vec<(&'static str, u64)>,
}

/// What a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepKind {
    /// A transaction, the wait for its connection included; whether it was committed.
    Transaction(bool),
    /// A part of the work, inside of a transaction or between two.
    Part,
}

/// Does work, and gives its result with what was noted of it in this task.
///
/// # Cancel safety
///
/// As the work itself; what was noted is lost with it.
pub async fn watched<F: Future>(work: F) -> (F::Output, Vec<Step>) {
    NOTED
        .scope(RefCell::default(), async {
            let done = work.await;
            (done, NOTED.with(|noted| std::mem::take(&mut noted.borrow_mut().steps)))
        })
        .await
}

/// Counts something of the part that is being done, as long as somebody watches.
pub fn count(name: &'static str) {
    noted(|noted| match noted.counts.iter_mut().find(|(known, _)| *known == name) {
        Some((_, number)) => *number += 1,
        None => noted.counts.push((name, 1)),
    });
}

/// Does a part of the work that does not wait, and notes it with what is counted in it.
pub(crate) fn part<T>(name: &'static str, work: impl FnOnce() -> T) -> T {
    let watch = Watch::begin();
    let done = work();
    watch.end(name, StepKind::Part);
    done
}

/// Does a part of the work, and notes it.
pub(crate) async fn waiting_part<F: Future>(name: &'static str, work: F) -> F::Output {
    let watch = Watch::begin();
    let done = work.await;
    watch.end(name, StepKind::Part);
    done
}

/// Times something.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watch(Instant);

impl Watch {
    #[expect(
        clippy::disallowed_methods,
        reason = "a length for a metric or a trace decides nothing, so no test has to move it"
    )]
    pub(crate) fn begin() -> Self {
        Self(Instant::now())
    }

    /// Notes what was timed, and gives how long it took.
    pub(crate) fn end(self, name: &'static str, kind: StepKind) -> Duration {
        let took = self.0.elapsed();
        noted(|noted| {
            let counts = std::mem::take(&mut noted.counts);
            if noted.steps.len() < STEPS_MAX {
                noted.steps.push(Step { name, kind, began: self.0, took, counts });
            }
        });
        took
    }
}

fn noted(note: impl FnOnce(&mut Noted)) {
    // Nobody watches: nothing is noted.
    let _unwatched = NOTED.try_with(|noted| note(&mut noted.borrow_mut()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn notes_what_was_done_in_its_order_with_what_was_counted() {
        let work = async {
            part("first", || {
                count("memory");
                count("memory");
                count("disk");
            });
            waiting_part("second", tokio::task::yield_now()).await;
            7
        };
        let (done, steps) = watched(work).await;
        assert_eq!(done, 7);
        let names: Vec<_> = steps.iter().map(|step| step.name).collect();
        assert_eq!(names, ["first", "second"]);
        assert_eq!(steps[0].counts, [("memory", 2), ("disk", 1)]);
        assert_eq!(steps[1].counts, []);
        assert!(steps[0].began + steps[0].took <= steps[1].began);
    }

    #[tokio::test]
    async fn keeps_a_bounded_number_of_steps() {
        let work = async { (0..1_000).for_each(|_| part("one", || ())) };
        assert_eq!(watched(work).await.1.len(), STEPS_MAX);
    }

    #[test]
    fn what_nobody_watches_is_done_all_the_same() {
        assert_eq!(part("alone", || 3), 3);
        count("nothing");
    }
}
