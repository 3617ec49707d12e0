//! Waking up at a moment on the clock that counts suspended time.
//!
//! The runtime's own timers stand still while a machine sleeps, so a laptop that is opened again
//! would be silent for up to one more heartbeat. On Linux the kernel's timer on the boot-time clock
//! fires as soon as the machine is awake; elsewhere the runtime's timers have to do. It never wakes a
//! machine up.

use std::time::Duration;

use crate::clock::Clock;

/// One timer, set anew for every wait.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    #[cfg(target_os = "linux")]
    timer: Option<tokio::io::unix::AsyncFd<std::os::fd::OwnedFd>>,
}

impl Alarm {
    /// Waits until the clock's elapsed time reaches `deadline`; for ever without one.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the next wait sets the timer anew.
    pub(super) async fn wait_until(&mut self, deadline: Option<Duration>, clock: &dyn Clock) {
        let Some(deadline) = deadline else {
            return std::future::pending().await;
        };
        if deadline <= clock.elapsed() {
            return;
        }
        #[cfg(target_os = "linux")]
        if self.wait_for_timer(deadline).await.is_ok() {
            return;
        }
        tokio::time::sleep(deadline.saturating_sub(clock.elapsed())).await;
    }

    #[cfg(target_os = "linux")]
    async fn wait_for_timer(&mut self, deadline: Duration) -> std::io::Result<()> {
        use rustix::time::{
            Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
            timerfd_settime,
        };

        if self.timer.is_none() {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            self.timer = Some(register(timerfd_create(TimerfdClockId::Boottime, flags)?)?);
        }
        let Some(timer) = &self.timer else {
            return Err(std::io::Error::from(std::io::ErrorKind::NotFound));
        };
        let at = Itimerspec {
            it_interval: Timespec::default(),
            it_value: Timespec {
                tv_sec: i64::try_from(deadline.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: deadline.subsec_nanos().into(),
            },
        };
        // Absolute, on the same clock as the deadline: a suspend between computing and setting it
        // costs nothing.
        timerfd_settime(timer, TimerfdTimerFlags::ABSTIME, &at)?;
        loop {
            let mut ready = timer.readable().await?;
            let mut expirations = [0; 8];
            match rustix::io::read(timer, &mut expirations) {
                Ok(_) => return Ok(()),
                // An expiry of an earlier wait, which setting the timer has taken back.
                Err(rustix::io::Errno::AGAIN) => ready.clear_ready(),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Makes the runtime watch a descriptor.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "the runtime cannot know that a descriptor stays open")]
fn register(
    timer: std::os::fd::OwnedFd,
) -> std::io::Result<tokio::io::unix::AsyncFd<std::os::fd::OwnedFd>> {
    let interest = tokio::io::Interest::READABLE;
    // SAFETY: an OwnedFd is one open descriptor until it is dropped, and only the AsyncFd has it.
    let registered = unsafe { tokio::io::unix::AsyncFd::register_with_interest(timer, interest) };
    Ok(registered?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
    }

    #[test]
    fn fires_again_and_again_and_never_early() {
        let clock = SystemClock;
        runtime().block_on(async {
            let mut alarm = Alarm::default();
            for _ in 0..5 {
                let deadline = clock.elapsed() + Duration::from_millis(3);
                alarm.wait_until(Some(deadline), &clock).await;
                assert!(clock.elapsed() >= deadline);
            }
        });
    }

    #[test]
    fn does_not_wait_for_what_is_past() {
        runtime().block_on(async {
            let mut alarm = Alarm::default();
            alarm.wait_until(Some(Duration::ZERO), &SystemClock).await;
        });
    }

    #[test]
    fn a_wait_that_was_given_up_does_not_end_the_next_one() {
        let clock = SystemClock;
        runtime().block_on(async {
            let mut alarm = Alarm::default();
            let soon = clock.elapsed() + Duration::from_millis(1);
            let given_up = alarm.wait_until(Some(soon), &clock);
            tokio::select! {
                biased;
                () = given_up => panic!("it has not been polled before"),
                () = std::future::ready(()) => {}
            }
            // The first timer's moment passes while the second one is waited for.
            let later = clock.elapsed() + Duration::from_millis(20);
            alarm.wait_until(Some(later), &clock).await;
            assert!(clock.elapsed() >= later);
        });
    }

    #[test]
    fn without_a_deadline_it_never_fires() {
        runtime().block_on(async {
            let mut alarm = Alarm::default();
            let forever = alarm.wait_until(None, &SystemClock);
            let outcome = tokio::time::timeout(Duration::from_millis(5), forever).await;
            assert!(outcome.is_err());
        });
    }
}
