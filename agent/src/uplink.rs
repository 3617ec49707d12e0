//! The connection to a collector: QUIC as a place to put frames and a source of events.
//!
//! A thin driver of the session: it decides nothing but whether the path is dead. It holds at most a
//! few frames, keeps nothing alive by itself, and sleeps as long as nobody speaks: with no timer and
//! no keep-alive of its own, an idle agent wakes up for its heartbeats alone.

mod dial;
mod frames;

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use protocol::frame::Frame;
use rustls::ClientConfig;

pub use self::dial::{CONNECT_WITHIN, DialError, Dialled, dial};
pub use self::frames::{FrameReader, ReadError};

/// Frames that wait to be written; the session sends more when they are gone.
const OUTBOX_FRAMES_MAX: usize = 4;
/// How long the other side may stay wholly silent after something was sent to it. QUIC answers
/// within milliseconds even when the collector has nothing to say.
const SILENT_FOR: Duration = Duration::from_secs(10);
/// How long the farewell may take.
const FAREWELL_WITHIN: Duration = Duration::from_millis(500);

/// What happened on the connection.
#[derive(Debug)]
pub enum UplinkEvent {
    /// It stands.
    Connected(SocketAddr),
    /// It cannot be made.
    Failed(DialError),
    /// A frame came.
    Received(Frame),
    /// What came is no frame.
    Garbled(ReadError),
    /// It ended.
    Closed(String),
    /// There is room for more frames.
    Drained,
}

/// Bytes of UDP payload that went over one connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Sent.
    pub sent_bytes: u64,
    /// Received.
    pub received_bytes: u64,
}

type Dialling = Pin<Box<dyn Future<Output = Result<Dialled, DialError>>>>;

/// At most one connection.
#[derive(Default)]
pub struct Uplink {
    state: State,
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
    /// Begins to connect; [`Self::next`] says how it went.
    pub fn connect(&mut self, address: String, config: ClientConfig) {
        self.hang_up("");
        self.state = State::Dialling(Box::pin(dial(address, config)));
    }

    /// Puts a frame behind those that wait. Without a connection it goes nowhere.
    pub fn send(&mut self, frame: &Frame) {
        if let State::Up(line) = &mut self.state {
            line.outbox.push_back(frame.to_bytes());
        }
    }

    /// Whether another report may be put behind those that wait.
    #[must_use]
    pub fn has_room(&self) -> bool {
        match &self.state {
            State::Up(line) => line.outbox.len() < OUTBOX_FRAMES_MAX,
            State::Down | State::Dialling(_) => false,
        }
    }

    /// Ends the connection, whatever still waits. No event follows.
    pub fn hang_up(&mut self, why: &str) {
        if let State::Up(line) = &self.state {
            // Without waiting: the session goes on at once, and a collector that does not hear it
            // finds out by the idle timeout.
            line.dialled.connection.close(0_u32.into(), why.as_bytes());
        }
        self.forget();
    }

    /// Ends the connection and waits, for half a second at most, until the collector can know.
    pub async fn farewell(&mut self) {
        if let State::Up(line) = &self.state {
            line.dialled.connection.close(0_u32.into(), b"stopping");
            let idle = line.dialled.endpoint.wait_idle();
            tokio::time::timeout(FAREWELL_WITHIN, idle).await.ok();
        }
        self.forget();
    }

    /// The traffic of this connection and those before it.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        let now = match &self.state {
            State::Up(line) => line.traffic(),
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
                Ok(dialled) => {
                    let address = dialled.address;
                    self.state = State::Up(Box::new(Line::new(dialled)));
                    return UplinkEvent::Connected(address);
                }
                Err(error) => UplinkEvent::Failed(error),
            },
            State::Up(line) => line.next().await,
        };
        if matches!(event, UplinkEvent::Failed(_) | UplinkEvent::Closed(_)) {
            self.forget();
        }
        event
    }

    fn forget(&mut self) {
        self.before = self.traffic();
        self.state = State::Down;
    }
}

/// A connection that stands.
struct Line {
    dialled: Dialled,
    reader: FrameReader,
    outbox: VecDeque<Vec<u8>>,
    /// Bytes of the first frame that are written.
    written: usize,
    silence: Option<Silence>,
}

/// Something was sent, and nothing was heard since.
struct Silence {
    /// Datagrams received before.
    heard: u64,
    ends: Pin<Box<tokio::time::Sleep>>,
}

impl Line {
    fn new(dialled: Dialled) -> Self {
        Self {
            dialled,
            reader: FrameReader::default(),
            outbox: VecDeque::new(),
            written: 0,
            silence: None,
        }
    }

    async fn next(&mut self) -> UplinkEvent {
        loop {
            // Made anew in every turn: nothing but the fields is kept, so giving up loses nothing.
            let silence = async {
                match &mut self.silence {
                    Some(silence) => silence.ends.as_mut().await,
                    None => std::future::pending().await,
                }
            };
            let rest = self.outbox.front().map(|frame| &frame[self.written..]);
            let write = async {
                match rest {
                    // `write`, not `write_all`: quinn says how much it took, so a write that is
                    // given up half-way leaves a count and not a riddle.
                    Some(rest) => self.dialled.send.write(rest).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                frame = self.reader.read(&mut self.dialled.recv) => {
                    // Whoever speaks is alive.
                    self.silence = None;
                    match frame {
                        Ok(Some(frame)) => return UplinkEvent::Received(frame),
                        Ok(None) => return UplinkEvent::Closed("the collector ended it".to_owned()),
                        Err(ReadError::Connection(why)) => return UplinkEvent::Closed(why),
                        Err(error @ ReadError::Frame(_)) => return UplinkEvent::Garbled(error),
                    }
                }
                written = write => match written {
                    Ok(bytes) => {
                        if self.has_written(bytes) {
                            return UplinkEvent::Drained;
                        }
                    }
                    Err(error) => return UplinkEvent::Closed(error.to_string()),
                },
                () = silence => {
                    if self.is_dead() {
                        self.dialled.connection.close(0_u32.into(), b"no answer");
                        return UplinkEvent::Closed("the network path is dead".to_owned());
                    }
                }
            }
        }
    }

    /// Takes note of bytes that were written; says whether a frame is out.
    fn has_written(&mut self, bytes: usize) -> bool {
        self.written += bytes;
        // One timer from the first byte that may be unanswered; more bytes do not put it off.
        if self.silence.is_none() {
            // The runtime's timer is the right one here because it stands still in suspend: a
            // laptop that slept for an hour has not been left without an answer for an hour.
            self.silence = Some(Silence {
                heard: self.datagrams_heard(),
                ends: Box::pin(tokio::time::sleep(SILENT_FOR)),
            });
        }
        let is_out = self
            .outbox
            .front()
            .is_some_and(|frame| self.written >= frame.len());
        if is_out {
            self.outbox.pop_front();
            self.written = 0;
        }
        is_out
    }

    /// Whether nothing at all was heard since something was sent.
    fn is_dead(&mut self) -> bool {
        let heard = self.datagrams_heard();
        self.silence
            .take()
            .is_some_and(|silence| silence.heard == heard)
    }

    fn datagrams_heard(&self) -> u64 {
        // Datagrams and not frames: an acknowledgement of QUIC's own shows that the path lives
        // though the collector has nothing to say.
        self.dialled.connection.stats().udp_rx.datagrams
    }

    fn traffic(&self) -> Traffic {
        let stats = self.dialled.connection.stats();
        Traffic {
            sent_bytes: stats.udp_tx.bytes,
            received_bytes: stats.udp_rx.bytes,
        }
    }
}
