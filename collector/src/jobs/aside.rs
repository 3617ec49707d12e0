//! Work for a processor that may take seconds, beside agents that wait for an acknowledgement.

use std::io;

use anyhow::Context as _;
use tokio::sync::oneshot;

/// By how much such work stands back: at 5 it has a quarter of what any other thread has where both want
/// the same core, and all of a core that nobody else wants.
#[cfg(target_os = "linux")]
const STANDS_BACK: i32 = 5;

/// Does work on a thread of its own that stands back behind all others of the process.
///
/// Not on one of the runtime's blocking threads: what was made to stand back may not come forward again, and the
/// next to use that thread would do so as well.
///
/// # Errors
///
/// When there is no thread, or the work panicked.
///
/// # Cancel safety
///
/// Dropped, it leaves the work to end by itself.
pub(super) async fn run<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> anyhow::Result<T> {
    let (done, doing) = oneshot::channel();
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            if let Err(error) = stand_back() {
                // The work is the same; others only wait longer for it.
                tracing::debug!(%error, "a thread keeps the priority of the others");
            }
            // Nobody waits any more when the node stops.
            let _unheard = done.send(work());
        })
        .with_context(|| format!("begin the thread {name}"))?;
    doing.await.with_context(|| format!("the thread {name} ended without a result"))
}

#[cfg(target_os = "linux")]
fn stand_back() -> io::Result<()> {
    // On Linux it is the calling thread's alone, whatever POSIX says of processes (nice(2)).
    rustix::process::nice(STANDS_BACK)?;
    Ok(())
}

/// Elsewhere it would be the whole process that stands back.
#[cfg(not(target_os = "linux"))]
fn stand_back() -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_thread_that_works_stands_back() {
        let before = rustix::process::getpriority_process(None).expect("read");
        let within = run("probe", || rustix::process::getpriority_process(None))
            .await
            .expect("done")
            .expect("read");
        let after = rustix::process::getpriority_process(None).expect("read");
        assert_eq!(after, before);
        assert_eq!(within, (before + STANDS_BACK).min(19));
    }

    #[tokio::test]
    async fn work_that_panics_is_an_error_and_no_end_of_the_process() {
        let outcome = run("doomed", || panic!("planted")).await;
        let why = outcome.map(|(): ()| ()).expect_err("an error").to_string();
        assert!(why.contains("doomed"), "{why}");
    }
}
