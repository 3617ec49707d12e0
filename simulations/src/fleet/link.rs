//! A slow line between an agent and its collector, in user space: so much a second, and some packets
//! never arrive.
//!
//! Real hosts sit behind mobile and satellite lines, and a collector sees of them what QUIC makes of
//! loss and delay. Nothing of the machine's network is touched, so it works for any user.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::select;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::random::Random;

/// Bytes that wait at the slow end before packets are thrown away, as in a cheap router.
const QUEUE_BYTES_MAX: u64 = 32 * 1024;
/// More than any packet that QUIC sends.
const PACKET_BYTES_MAX: usize = 2 * 1024;

/// What a line can do, in each direction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    /// Bytes a second.
    pub(crate) bytes_per_second: u64,
    /// Packets in a hundred that are lost.
    pub(crate) loss_percent: u32,
}

/// One direction of a line.
#[derive(Debug)]
struct Shaper {
    line: Line,
    random: Random,
    /// When everything that was taken is through.
    free_at: Instant,
}

impl Shaper {
    const fn new(line: Line, random: Random, now: Instant) -> Self {
        Self { line, random, free_at: now }
    }

    fn takes(&self, bytes: u64) -> Duration {
        let micros = bytes.saturating_mul(1_000_000) / self.line.bytes_per_second.max(1);
        Duration::from_micros(micros)
    }

    /// When a packet arrives that is sent now; `None` when it is lost.
    fn admit(&mut self, bytes: usize, now: Instant) -> Option<Instant> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let begins_at = self.free_at.max(now);
        // In time and not in bytes: what waits is what the line is busy with for so long.
        if begins_at - now > self.takes(QUEUE_BYTES_MAX) {
            return None;
        }
        // What is lost on the way has taken the line's time as well.
        self.free_at = begins_at + self.takes(bytes);
        let percent = usize::try_from(self.line.loss_percent).unwrap_or(0);
        (!self.random.percent(percent)).then_some(self.free_at)
    }
}

/// Opens a line to a collector; gives the address of its near end.
///
/// # Errors
///
/// When the system gives no sockets.
pub(crate) async fn open(
    line: Line,
    collector: SocketAddr,
    random: &Random,
    (tracker, stop): (&TaskTracker, &CancellationToken),
) -> io::Result<SocketAddr> {
    // On this machine alone: the near end is a door to the collector.
    let near = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?);
    let far = Arc::new(UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?);
    // Connected, so that what others send to it never reaches the agent.
    far.connect(collector).await?;
    let address = near.local_addr()?;
    let agent = Arc::new(Mutex::new(None));
    for is_up in [true, false] {
        let shaper = Shaper::new(line, random.fork(is_up.into()), Clock.now());
        let pipe = Pipe {
            near: Arc::clone(&near),
            far: Arc::clone(&far),
            agent: Arc::clone(&agent),
            is_up,
        };
        let stop = stop.clone();
        tracker.spawn(async move {
            select! {
                () = pipe.carry(shaper) => {}
                () = stop.cancelled() => {}
            }
        });
    }
    Ok(address)
}

/// One direction of an open line.
struct Pipe {
    near: Arc<UdpSocket>,
    far: Arc<UdpSocket>,
    /// Where the agent was heard last.
    agent: Arc<Mutex<Option<SocketAddr>>>,
    is_up: bool,
}

impl Pipe {
    async fn carry(&self, mut shaper: Shaper) {
        // In order of arrival, for a line has one end: each packet leaves behind the one before.
        let mut under_way: VecDeque<(Instant, Vec<u8>)> = VecDeque::new();
        let mut buffer = [0; PACKET_BYTES_MAX];
        loop {
            let arrives_at = under_way.front().map(|(at, _)| *at);
            let arrival = async {
                match arrives_at {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            select! {
                received = self.receive(&mut buffer) => {
                    // A collector that is away answers with an error, and is asked again.
                    let Ok(length) = received else { continue };
                    let at = shaper.admit(length, Clock.now());
                    let packet = buffer.get(..length).map(<[u8]>::to_vec);
                    under_way.extend(at.zip(packet));
                }
                () = arrival => {
                    if let Some((_, packet)) = under_way.pop_front() {
                        // What cannot be sent is lost, as on any line.
                        self.send(&packet).await.ok();
                    }
                }
            }
        }
    }

    async fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.is_up {
            return self.far.recv(buffer).await;
        }
        let (length, from) = self.near.recv_from(buffer).await?;
        *self.agent.lock().unwrap_or_else(PoisonError::into_inner) = Some(from);
        Ok(length)
    }

    async fn send(&self, packet: &[u8]) -> io::Result<usize> {
        if self.is_up {
            return self.far.send(packet).await;
        }
        let agent = *self.agent.lock().unwrap_or_else(PoisonError::into_inner);
        match agent {
            Some(agent) => self.near.send_to(packet, agent).await,
            None => Ok(0),
        }
    }
}

#[cfg(test)]
mod tests;
