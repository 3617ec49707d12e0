//! Time boxes: a job that does not end in time is left behind, and the rest goes on.
//!
//! A read from a dead network mount can hang inside the kernel, where nothing can interrupt it, so
//! each job has a thread of its own. When its time is over it is first asked to stop, which every
//! loop of a reader looks at; if it does not answer, its thread is abandoned, and the same job is
//! not begun again before that thread has ended. So there is never more than one abandoned thread a
//! job, whatever hangs and however often a scan is asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How long a job may take to notice that it should stop.
const GRACE: Duration = Duration::from_millis(500);

/// Readers keep their buffers on the heap: a small stack is enough.
const STACK_BYTES: usize = 512 * 1024;

/// Says that the time is over.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Whether to give up.
    pub(crate) fn is_set(&self) -> bool {
        // Relaxed, for nothing is handed over with it: the answer comes through the channel.
        self.0.load(Ordering::Relaxed)
    }

    /// Asks to give up.
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// How a job ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict<T> {
    /// With an answer.
    Done(T),
    /// Not in time; its thread is abandoned.
    TimedOut,
    /// It was not begun, because an earlier one of its name is still there.
    StillRunning,
    /// Its thread could not be made, or ended without an answer.
    Broken,
}

/// The abandoned threads, by the names of their jobs.
#[derive(Debug, Default)]
pub(crate) struct TimeBoxes {
    abandoned: Vec<(&'static str, JoinHandle<()>)>,
}

impl TimeBoxes {
    /// Runs a job on a thread of its own and waits at most `time_box`, and a short grace, for it.
    pub(crate) fn run<T, J>(&mut self, name: &'static str, time_box: Duration, job: J) -> Verdict<T>
    where
        T: Send + 'static,
        J: FnOnce(Stop) -> T + Send + 'static,
    {
        // What hung and came back may run again.
        self.abandoned.retain(|(_, thread)| !thread.is_finished());
        if self.abandoned.iter().any(|(other, _)| *other == name) {
            return Verdict::StillRunning;
        }
        let stop = Stop::default();
        // Room for one, so that an abandoned thread that does end need not wait for anybody to
        // listen.
        let (answer, answered) = sync_channel(1);
        let thread =
            thread::Builder::new().name(format!("scan {name}")).stack_size(STACK_BYTES).spawn({
                let stop = stop.clone();
                // Nobody listens any more when the thread was abandoned.
                move || drop(answer.send(job(stop)))
            });
        let Ok(thread) = thread else {
            return Verdict::Broken;
        };
        let verdict = answered.recv_timeout(time_box).or_else(|error| {
            stop.set();
            // An answer that comes with the grace is as good as one in time.
            match error {
                RecvTimeoutError::Timeout => answered.recv_timeout(GRACE),
                RecvTimeoutError::Disconnected => Err(error),
            }
        });
        if let Err(RecvTimeoutError::Timeout) = verdict {
            self.abandoned.push((name, thread));
            return Verdict::TimedOut;
        }
        // It has nothing left to do but to end, and a scan leaves no thread behind that could.
        drop(thread.join());
        verdict.map_or(Verdict::Broken, Verdict::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn takes_the_answer_of_a_job_that_stops_when_it_is_asked_to() {
        let verdict = TimeBoxes::default().run("a", SHORT, |stop| {
            while !stop.is_set() {
                thread::yield_now();
            }
            "stopped"
        });
        assert_eq!(verdict, Verdict::Done("stopped"));
    }

    #[test]
    fn abandons_a_job_that_hangs_once_and_never_begins_it_twice() {
        let mut boxes = TimeBoxes::default();
        let (release, released) = sync_channel::<()>(1);
        let hangs = move |_: Stop| assert_eq!(released.recv(), Ok(()));
        assert_eq!(boxes.run("a", SHORT, hangs), Verdict::TimedOut);
        assert_eq!(boxes.run("a", LONG, |_| ()), Verdict::StillRunning);
        assert_eq!(boxes.run("b", LONG, |_| 7), Verdict::Done(7));

        release.send(()).unwrap();
        while boxes.run("a", LONG, |_| ()) == Verdict::StillRunning {
            thread::yield_now();
        }
        assert_eq!(boxes.abandoned.len(), 0);
    }

    #[test]
    fn says_that_a_job_panicked() {
        let mut boxes = TimeBoxes::default();
        let verdict = boxes.run("a", LONG, |_| panic!("on purpose"));
        assert_eq!(verdict, Verdict::<()>::Broken);
    }
}
