//! The lifecycle: every task of the process, and the two ways to stop them.
//!
//! A *soft stop* asks: listeners take nothing new, agents are told to go elsewhere, workers finish
//! what they hold. A *hard stop* follows when the deadline passes or a second signal comes: what
//! still runs is dropped where it waits, which is safe because nothing is acknowledged before it
//! is durable. Tasks are spawned here and nowhere else, so that none is ever forgotten.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use crate::causes::Causes;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It was asked to stop and everything ended in time.
    Stopped,
    /// It was asked to stop, and something had to be dropped.
    Forced,
    /// A part that it cannot do without ended.
    Crashed,
}

/// A handle to the process' tasks. Clones share one lifecycle.
#[derive(Clone)]
pub struct Lifecycle(Arc<Shared>);

struct Shared {
    tracker: TaskTracker,
    soft: CancellationToken,
    hard: CancellationToken,
    crashed: Mutex<Option<String>>,
}

impl fmt::Debug for Lifecycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lifecycle")
            .field("tasks", &self.0.tracker.len())
            .field("stopping", &self.0.soft.is_cancelled())
            .finish_non_exhaustive()
    }
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self::new()
    }
}

impl Lifecycle {
    /// A lifecycle without tasks.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Shared {
            tracker: TaskTracker::new(),
            soft: CancellationToken::new(),
            hard: CancellationToken::new(),
            crashed: Mutex::new(None),
        }))
    }

    /// Spawns a task that may end at any time. It is dropped at a hard stop.
    #[expect(
        clippy::disallowed_methods,
        reason = "the tracker's own spawn is this crate's only way to a task"
    )]
    pub fn spawn<F>(&self, name: &'static str, task: F) -> JoinHandle<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let hard = self.0.hard.clone();
        let guarded = async move {
            tokio::select! {
                // The hard stop first: a task that is always ready would otherwise be polled before
                // its end is looked at.
                biased;
                () = hard.cancelled() => tracing::warn!(task = name, "dropping a task"),
                () = task => {}
            }
        };
        tokio::spawn(
            self.0.tracker.track_future(guarded.instrument(tracing::debug_span!("task", name))),
        )
    }

    /// Spawns a task that the process cannot do without: when it fails, panics or ends before a
    /// stop was asked for, the whole process stops and says so by its exit code.
    pub fn spawn_essential<F>(&self, name: &'static str, task: F) -> JoinHandle<()>
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let watch = Essential { lifecycle: self.clone(), name };
        self.spawn(name, async move {
            let result = task.await;
            if let Err(error) = result {
                watch.lifecycle.crash(name, &Causes(&error).to_string());
            }
            // Named, so that it lives as long as the task: its drop is what tells an end that
            // nobody asked for.
            drop(watch);
        })
    }

    /// Resolves when a soft stop was asked for.
    ///
    /// # Cancel safety
    ///
    /// Safe: it keeps no state.
    pub async fn stopping(&self) {
        self.0.soft.cancelled().await;
    }

    /// Whether a soft stop was asked for.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.0.soft.is_cancelled()
    }

    /// A token that is cancelled by the soft stop.
    #[must_use]
    pub fn soft_token(&self) -> CancellationToken {
        self.0.soft.clone()
    }

    /// A token that is cancelled by the hard stop. Tasks are dropped by it without their doing;
    /// what waits outside of a task, such as a blocking thread, watches it.
    #[must_use]
    pub fn hard_token(&self) -> CancellationToken {
        self.0.hard.clone()
    }

    /// Asks for a soft stop.
    pub fn stop(&self) {
        self.0.soft.cancel();
    }

    /// Waits for a soft stop, then for all tasks, and forces them once `timeout` has passed or
    /// `second_signal` resolves.
    ///
    /// Returns how it ended, and what crashed.
    pub async fn run_to_end(
        &self,
        timeout: Duration,
        second_signal: impl Future<Output = ()>,
    ) -> (Ending, Option<String>) {
        self.stopping().await;
        // Only a closed tracker's `wait` returns; tasks that are spawned later, by tasks that end,
        // are still counted.
        self.0.tracker.close();
        let mut ending = Ending::Stopped;
        tokio::select! {
            () = self.0.tracker.wait() => {}
            () = tokio::time::sleep(timeout) => ending = Ending::Forced,
            () = second_signal => ending = Ending::Forced,
        }
        if ending == Ending::Forced {
            tracing::warn!(
                tasks = self.0.tracker.len(),
                "tasks did not end in time: dropping them"
            );
            self.0.hard.cancel();
            // Dropping is prompt: every task is one `select!` away from its end. A thread that
            // blocks is not waited for here.
            self.0.tracker.wait().await;
        }
        let crashed = self.lock_crashed().take();
        match crashed {
            Some(what) => (Ending::Crashed, Some(what)),
            None => (ending, None),
        }
    }

    fn crash(&self, name: &'static str, why: &str) {
        self.lock_crashed()
            // The first is the cause; what ends after it mostly ends because of it.
            .get_or_insert_with(|| format!("{name}: {why}"));
        tracing::error!(task = name, error = why, "an essential task ended: stopping");
        self.stop();
    }

    fn lock_crashed(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.0.crashed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Dropped with its task, however that ends: a panic unwinds through it.
struct Essential {
    lifecycle: Lifecycle,
    name: &'static str,
}

impl Drop for Essential {
    fn drop(&mut self) {
        // A panic runs destructors on the thread that panics, so this tells it from every other
        // end.
        if std::thread::panicking() {
            self.lifecycle.crash(self.name, "it panicked");
        } else if !self.lifecycle.is_stopping() {
            self.lifecycle.crash(self.name, "it ended");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3_600);

    #[tokio::test(start_paused = true)]
    async fn waits_for_a_task_that_ends_after_the_soft_stop() {
        let lifecycle = Lifecycle::new();
        let (sent, received) = tokio::sync::oneshot::channel();
        let inner = lifecycle.clone();
        lifecycle.spawn("slow", async move {
            inner.stopping().await;
            tokio::time::sleep(Duration::from_secs(5)).await;
            sent.send(()).ok();
        });
        lifecycle.stop();
        let (ending, _) =
            lifecycle.run_to_end(Duration::from_secs(60), std::future::pending()).await;
        assert_eq!(ending, Ending::Stopped);
        assert_eq!(received.await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn drops_a_task_that_ignores_the_soft_stop() {
        let lifecycle = Lifecycle::new();
        lifecycle.spawn("deaf", std::future::pending());
        lifecycle.stop();
        let (ending, _) = lifecycle.run_to_end(LONG, std::future::pending()).await;
        assert_eq!(ending, Ending::Forced);
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_signal_does_not_wait_for_the_deadline() {
        let lifecycle = Lifecycle::new();
        lifecycle.spawn("deaf", std::future::pending());
        lifecycle.stop();
        let ending = lifecycle.run_to_end(LONG, std::future::ready(()));
        let (ending, _) = tokio::time::timeout(LONG / 2, ending).await.unwrap();
        assert_eq!(ending, Ending::Forced);
    }

    #[tokio::test]
    async fn an_essential_task_that_ends_stops_the_process_as_a_crash() {
        let lifecycle = Lifecycle::new();
        lifecycle.spawn_essential("listener", async { Ok(()) });
        let (ending, what) = lifecycle.run_to_end(LONG, std::future::pending()).await;
        assert_eq!(ending, Ending::Crashed);
        assert_eq!(what.as_deref(), Some("listener: it ended"));
    }

    #[tokio::test]
    async fn an_essential_task_that_fails_says_why() {
        let lifecycle = Lifecycle::new();
        lifecycle.spawn_essential("queue", async { anyhow::bail!("disk is gone") });
        let (ending, what) = lifecycle.run_to_end(LONG, std::future::pending()).await;
        assert_eq!(ending, Ending::Crashed);
        assert_eq!(what.as_deref(), Some("queue: disk is gone"));
    }

    #[tokio::test]
    async fn an_essential_task_that_panics_is_a_crash() {
        let lifecycle = Lifecycle::new();
        lifecycle.spawn_essential("worker", async { panic!("bug") });
        let (ending, what) = lifecycle.run_to_end(LONG, std::future::pending()).await;
        assert_eq!(ending, Ending::Crashed);
        assert_eq!(what.as_deref(), Some("worker: it panicked"));
    }

    #[tokio::test]
    async fn an_essential_task_that_ends_after_the_stop_is_no_crash() {
        let lifecycle = Lifecycle::new();
        let inner = lifecycle.clone();
        lifecycle.spawn_essential("listener", async move {
            inner.stopping().await;
            Ok(())
        });
        lifecycle.stop();
        let (ending, what) = lifecycle.run_to_end(LONG, std::future::pending()).await;
        assert_eq!((ending, what), (Ending::Stopped, None));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_dropped_before_the_deadline_and_all_at_it() {
        let lifecycle = Lifecycle::new();
        let dropped = lifecycle.hard_token();
        lifecycle.spawn("deaf", std::future::pending());
        lifecycle.stop();
        let deadline = Duration::from_secs(30);
        let ending = lifecycle.run_to_end(deadline, std::future::pending());
        tokio::pin!(ending);
        let early = tokio::time::timeout(deadline - Duration::from_millis(1), &mut ending).await;
        assert!(early.is_err() && !dropped.is_cancelled());
        assert_eq!(ending.await.0, Ending::Forced);
        assert!(dropped.is_cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_another_leaves_at_the_stop_is_waited_for() {
        let lifecycle = Lifecycle::new();
        let (sent, received) = tokio::sync::oneshot::channel();
        let inner = lifecycle.clone();
        lifecycle.spawn("listener", async move {
            inner.stopping().await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            inner.spawn("last words", async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                sent.send(()).ok();
            });
        });
        lifecycle.stop();
        let (ending, _) = lifecycle.run_to_end(LONG, std::future::pending()).await;
        assert_eq!((ending, received.await), (Ending::Stopped, Ok(())));
    }

    #[tokio::test]
    async fn the_first_of_several_crashes_is_the_reason() {
        let lifecycle = Lifecycle::new();
        lifecycle.spawn_essential("queue", async { anyhow::bail!("disk is gone") });
        let inner = lifecycle.clone();
        lifecycle.spawn_essential("worker", async move {
            inner.stopping().await;
            anyhow::bail!("no queue")
        });
        let (ending, what) = lifecycle.run_to_end(LONG, std::future::pending()).await;
        assert_eq!(ending, Ending::Crashed);
        assert_eq!(what.as_deref(), Some("queue: disk is gone"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_crash_is_the_ending_even_when_tasks_had_to_be_dropped() {
        let lifecycle = Lifecycle::new();
        lifecycle.spawn("deaf", std::future::pending());
        lifecycle.spawn_essential("queue", async { anyhow::bail!("disk is gone") });
        let (ending, _) = lifecycle.run_to_end(LONG, std::future::pending()).await;
        assert_eq!(ending, Ending::Crashed);
    }
}
