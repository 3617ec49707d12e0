//! A session of a command: a hello, a welcome, a word or none, and an end.

use std::fmt::Display;
use std::time::Duration;

use protocol::frame::{Frame, Packing, Unpacker};
use protocol::ids::Position;
use protocol::message::{
    AgentMessage, Capabilities, CollectorMessage, Hello, VERSION_MAX, VERSION_MIN, Welcome,
};
use rustls::ClientConfig;

use crate::logging::sanitise;
use crate::uplink::{FrameReader, Plan, Stream, dial_first};

/// How long a collector may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// A session that was welcomed.
pub(super) struct Visit {
    address: String,
    stream: Stream,
    reader: FrameReader,
    /// The collector's welcome.
    pub(super) welcome: Welcome,
}

/// Why there is no visit.
pub(super) struct NoVisit {
    /// The collector that answered and was of no use; `None` where none did.
    pub(super) at: Option<String>,
    /// In words for people.
    pub(super) why: String,
}

impl Visit {
    /// Connects to the first collector that answers and is welcomed, or says why not.
    pub(super) async fn begin(plans: Vec<Plan>, config: ClientConfig) -> Result<Self, NoVisit> {
        let dialled = dial_first(plans, config).await;
        let mut stream = dialled.map_err(|error| NoVisit { at: None, why: error.to_string() })?;
        let address = stream.to.clone();
        let mut reader = FrameReader::default();
        let hello = AgentMessage::Hello(Hello {
            version_min: VERSION_MIN,
            version_max: VERSION_MAX,
            // Whoever only looks changes nothing of the agent.
            capabilities: Capabilities::current().without(Capabilities::AUTHORITIES),
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            acknowledged: Position::default(),
            scan_done: 0,
            // A visit of somebody who looks says nothing of the agent that runs.
            extension: Vec::new(),
        });
        let answer = exchange(&address, &mut stream, &mut reader, &hello).await;
        let why = match answer {
            Ok(CollectorMessage::Welcome(welcome)) => {
                return Ok(Self { address, stream, reader, welcome });
            }
            Ok(CollectorMessage::Refuse { reason, detail, .. }) => {
                said(&address, &format_args!("refused: {reason} {detail}"))
            }
            Ok(_) => said(&address, &"it answers the hello with something else"),
            Err(why) => why,
        };
        // The collector shall not hold a place for this session until its idle timeout.
        stream.farewell("refused").await;
        Err(NoVisit { at: Some(address), why })
    }

    /// The collector, `host:port`.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// The word for the way that it took.
    pub(super) const fn way(&self) -> &'static str {
        self.stream.path.way.as_str()
    }

    /// Says something and waits for an answer that is one, passing over everything else.
    pub(super) async fn ask(
        &mut self,
        message: &AgentMessage,
        is_answer: impl Fn(&CollectorMessage) -> bool,
    ) -> Result<(), String> {
        let (address, reader) = (&self.address, &mut self.reader);
        let mut answer = exchange(address, &mut self.stream, reader, message).await?;
        while !is_answer(&answer) {
            if let CollectorMessage::Refuse { reason, detail, .. } = answer {
                return Err(said(address, &format_args!("refused: {reason} {detail}")));
            }
            answer = hear(address, &mut self.stream, reader).await?;
        }
        Ok(())
    }

    /// Ends it.
    pub(super) async fn end(self, why: &str) {
        self.stream.farewell(why).await;
    }
}

async fn exchange(
    address: &str,
    stream: &mut Stream,
    reader: &mut FrameReader,
    message: &AgentMessage,
) -> Result<CollectorMessage, String> {
    let frame = Frame { packing: Packing::Plain, payload: message.encode() };
    stream.say(&frame.to_bytes()).await.map_err(|error| said(address, &error))?;
    hear(address, stream, reader).await
}

async fn hear(
    address: &str,
    stream: &mut Stream,
    reader: &mut FrameReader,
) -> Result<CollectorMessage, String> {
    let text = |error: &dyn Display| said(address, error);
    let frame = tokio::time::timeout(ANSWER_WITHIN, reader.read(stream))
        .await
        .map_err(|_| text(&"no answer in time"))?
        .map_err(|error| text(&error))?
        .ok_or_else(|| text(&"it ends the connection without a word"))?;
    let message = Unpacker::new()
        .map_err(|error| text(&error))?
        .unpack(frame.packing, &frame.payload)
        .map_err(|error| text(&error))?;
    CollectorMessage::decode(&message).map_err(|error| text(&error))
}

fn said(address: &str, what: &dyn Display) -> String {
    sanitise(&format!("{address}: {what}"))
}
