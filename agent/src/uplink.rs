//! The connection to a collector: a place to put frames and a source of events.
//!
//! A thin driver of the session: it decides nothing but which way leads there and whether the path is
//! dead. It holds at most a few frames, keeps nothing alive by itself, and sleeps as long as nobody
//! speaks: with no timer and no keep-alive of its own, an idle agent wakes up for its heartbeats alone.

mod dial;
mod error;
mod frames;
mod line;
mod paths;
mod proxy;
mod quic;
mod stagger;
mod stream;
mod tcp;
#[cfg(test)]
mod tests;

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;

use protocol::frame::Frame;
use protocol::way::Path;
use rustls::ClientConfig;

pub use self::dial::{CONNECT_WITHIN, dial_first, network};
pub use self::error::{DialError, Unreached, WayError};
pub use self::frames::{FrameReader, ReadError};
use self::line::Line;
pub use self::paths::{Network, Paths, Plan};
#[cfg(feature = "test-support")]
pub use self::proxy::judge_proxy;
pub use self::stream::{Stream, Traffic};

/// What happened on the connection.
#[derive(Debug)]
pub enum UplinkEvent {
    /// It stands.
    Connected {
        /// Where it was to lead, `host:port`.
        to: String,
        /// The address that answered.
        address: SocketAddr,
        /// The way that it takes.
        path: Path,
    },
    /// It cannot be made.
    Failed(Unreached),
    /// A frame came.
    Received(Frame),
    /// What came is no frame.
    Garbled(ReadError),
    /// It ended.
    Closed(String),
    /// It ended, because the network has stopped to carry it.
    Dead,
    /// There is room for more frames.
    Drained,
    /// QUIC was tried beside it; whether it works.
    Probed(Result<(), WayError>),
}

type Dialling = Pin<Box<dyn Future<Output = Result<Stream, Unreached>>>>;
type Probing = Pin<Box<dyn Future<Output = Result<Stream, WayError>>>>;

/// At most one connection, and beside it one that may take its place.
#[derive(Default)]
pub struct Uplink {
    state: State,
    probe: Probe,
    /// The traffic of connections that are over.
    before: Traffic,
}

#[derive(Default)]
enum State {
    #[default]
    Down,
    Dialling(Dialling),
    Up(Box<Line>),
}

#[derive(Default)]
enum Probe {
    #[default]
    None,
    Trying(Probing),
    /// A connection over QUIC that waits to be used.
    Ready(Box<Stream>),
}

impl fmt::Debug for Uplink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            State::Down => "Uplink(down)",
            State::Dialling(_) => "Uplink(dialling)",
            State::Up(_) => "Uplink(up)",
        })
    }
}

impl Uplink {
    /// Begins to connect to the first collector that answers, the preferred one first; [`Self::next`] says how it
    /// went.
    pub fn connect(&mut self, plans: Vec<Plan>, config: ClientConfig) {
        self.hang_up("");
        self.state = State::Dialling(match std::mem::take(&mut self.probe) {
            Probe::Ready(stream) => Box::pin(std::future::ready(Ok(*stream))),
            Probe::Trying(_) | Probe::None => Box::pin(dial_first(plans, config)),
        });
    }

    /// Tries QUIC beside the connection that stands; [`Self::next`] says how it went, and the next
    /// connection is the one that this made.
    pub fn probe(&mut self, address: String, config: ClientConfig) {
        if matches!(self.state, State::Up(_)) {
            self.probe = Probe::Trying(Box::pin(dial::probe(address, config)));
        }
    }

    /// Whether QUIC is being tried.
    #[must_use]
    pub const fn is_probing(&self) -> bool {
        !matches!(self.probe, Probe::None)
    }

    /// Whether QUIC was tried with success: the next connection is that one, wherever it is planned to go.
    #[must_use]
    pub const fn has_better(&self) -> bool {
        matches!(self.probe, Probe::Ready(_))
    }

    /// Puts a frame behind those that wait. Without a connection it goes nowhere.
    pub fn send(&mut self, frame: &Frame) {
        if let State::Up(line) = &mut self.state {
            line.send(frame.to_bytes());
        }
    }

    /// Whether another report may be put behind those that wait.
    #[must_use]
    pub fn has_room(&self) -> bool {
        match &self.state {
            State::Up(line) => line.has_room(),
            State::Down | State::Dialling(_) => false,
        }
    }

    /// Ends the connection, whatever still waits. No event follows.
    pub fn hang_up(&mut self, why: &str) {
        if let State::Up(line) = &mut self.state {
            line.stream.close(why);
        }
        self.forget();
    }

    /// Ends the connection and waits, for half a second at most, until the collector can know.
    pub async fn farewell(&mut self) {
        // Counted while the connection is there, since each counts its own traffic alone.
        self.before = self.traffic();
        if let State::Up(line) = std::mem::take(&mut self.state) {
            line.stream.farewell("stopping").await;
        }
    }

    /// The traffic of this connection and those before it.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        let now = match &self.state {
            State::Up(line) => line.stream.traffic(),
            State::Down | State::Dialling(_) => Traffic::default(),
        };
        Traffic {
            sent_bytes: self.before.sent_bytes + now.sent_bytes,
            received_bytes: self.before.received_bytes + now.received_bytes,
        }
    }

    /// The next thing that happens; nothing ever does without a connection.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: what was read or written in part is kept.
    pub async fn next(&mut self) -> UplinkEvent {
        let event = match &mut self.state {
            State::Down => std::future::pending().await,
            State::Dialling(dialling) => match dialling.await {
                Ok(stream) => {
                    let (address, path) = (stream.address, stream.path);
                    let to = stream.to.clone();
                    self.state = State::Up(Box::new(Line::new(stream)));
                    return UplinkEvent::Connected { to, address, path };
                }
                Err(error) => UplinkEvent::Failed(error),
            },
            State::Up(line) => tokio::select! {
                event = line.next() => event,
                probed = next_probe(&mut self.probe) => UplinkEvent::Probed(probed),
            },
        };
        if matches!(event, UplinkEvent::Failed(_) | UplinkEvent::Closed(_) | UplinkEvent::Dead) {
            self.forget();
        }
        event
    }

    fn forget(&mut self) {
        self.before = self.traffic();
        self.state = State::Down;
        // A try belongs to the connection that it was made beside; one that has succeeded is the next.
        if matches!(self.probe, Probe::Trying(_)) {
            self.probe = Probe::None;
        }
    }
}

/// How a try went, once.
async fn next_probe(probe: &mut Probe) -> Result<(), WayError> {
    let Probe::Trying(trying) = probe else {
        return std::future::pending().await;
    };
    match trying.await {
        Ok(stream) => {
            *probe = Probe::Ready(Box::new(stream));
            Ok(())
        }
        Err(error) => {
            *probe = Probe::None;
            Err(error)
        }
    }
}
