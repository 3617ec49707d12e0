//! Messages as bytes: the postcard layout of version 1, with a string table in each report.
//!
//! The types below mirror the public ones and exist so that the layout has one home. They borrow
//! from the input, and no list grows past its limit while it is read.

pub(crate) mod bounded;
mod records;
mod report;

use serde::{Deserialize, Serialize};

use self::report::WireReport;
use crate::limits;
use crate::message::{AgentMessage, CollectorMessage, Heartbeat, Hello};

/// Lists of a report may be read a little past their limit, so that its validation can say which
/// limit it was.
const SLACK: usize = 4;

/// Bytes that are no message of this protocol version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// They do not follow the layout, or a list is far longer than it may be.
    #[error("the bytes are not a message of this protocol: {0}")]
    Layout(postcard::Error),
    /// Something follows the message.
    #[error("{0} bytes follow the message")]
    Trailing(usize),
    /// A record names a string that the report's table does not have.
    #[error("a record names string {0} of a table of {1}")]
    UnknownString(u16, usize),
    /// A record names an installation time that the report's table does not have.
    #[error("a record names time {0} of a table of {1}")]
    UnknownTime(u16, usize),
    /// The kernels of a report name a record that it does not have, or are out of order.
    #[error("a kernel is record {0} of {1}, or out of order")]
    UnknownKernel(u16, usize),
    /// A string of the report's table is far longer than it may be.
    #[error("a string of {0} bytes in the report's table")]
    LongString(usize),
    /// A column of records is shorter or longer than the others.
    #[error("column {column} has {entries} entries for {records} records")]
    Column {
        /// The column.
        column: &'static str,
        /// What it has.
        entries: usize,
        /// What it must have.
        records: usize,
    },
}

impl AgentMessage {
    /// The message as bytes, to be put into a frame.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        encode(&match self {
            Self::Hello(hello) => WireAgentMessage::Hello(hello.clone()),
            Self::Report(report) => WireAgentMessage::Report(WireReport::from(report)),
            Self::Heartbeat(heartbeat) => WireAgentMessage::Heartbeat(*heartbeat),
            Self::Renew { csr } => WireAgentMessage::Renew { csr: csr.clone() },
            Self::Leave => WireAgentMessage::Leave,
            Self::Rekey { csr } => WireAgentMessage::Rekey { csr: csr.clone() },
        })
    }

    /// The message that the bytes are. A report still has to be validated.
    ///
    /// # Errors
    ///
    /// When the bytes are no message, or more than one.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        Ok(match decode(bytes)? {
            WireAgentMessage::Hello(hello) => Self::Hello(hello),
            WireAgentMessage::Report(report) => Self::Report(report.try_into()?),
            WireAgentMessage::Heartbeat(heartbeat) => Self::Heartbeat(heartbeat),
            WireAgentMessage::Renew { csr } => Self::Renew { csr },
            WireAgentMessage::Leave => Self::Leave,
            WireAgentMessage::Rekey { csr } => Self::Rekey { csr },
        })
    }
}

impl CollectorMessage {
    /// The message as bytes, to be put into a frame.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// The message that the bytes are.
    ///
    /// # Errors
    ///
    /// When the bytes are no message, or more than one.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode(bytes)
    }
}

macro_rules! plain_message {
    ($($name:ty),+) => {$(
        impl $name {
            /// The message as bytes, to be put into a frame.
            #[must_use]
            pub fn encode(&self) -> Vec<u8> {
                encode(self)
            }

            /// The message that the bytes are.
            ///
            /// # Errors
            ///
            /// When the bytes are no message, or more than one.
            pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
                decode(bytes)
            }
        }
    )+};
}

plain_message!(crate::enrolment::EnrolRequest, crate::enrolment::EnrolReply);

pub(crate) fn encode<T: Serialize>(message: &T) -> Vec<u8> {
    // Encoding into memory cannot fail for types of plain fields; no peer takes an empty message.
    postcard::to_stdvec(message).unwrap_or_default()
}

fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, DecodeError> {
    // postcard stops at the end of the value and says nothing of what follows. Bytes behind a
    // message are somebody else's idea of the layout, and refusing them now keeps them free for
    // later versions.
    let (message, rest) = postcard::take_from_bytes(bytes).map_err(DecodeError::Layout)?;
    if rest.is_empty() { Ok(message) } else { Err(DecodeError::Trailing(rest.len())) }
}

#[derive(Serialize, Deserialize)]
#[expect(clippy::large_enum_variant, reason = "lives for one call, and nearly always as a report")]
enum WireAgentMessage<'a> {
    Hello(Hello),
    #[serde(borrow)]
    Report(WireReport<'a>),
    Heartbeat(Heartbeat),
    Renew {
        #[serde(deserialize_with = "bounded::list::<_, _, { limits::CSR_BYTES_MAX }>")]
        csr: Vec<u8>,
    },
    Leave,
    Rekey {
        #[serde(deserialize_with = "bounded::list::<_, _, { limits::CSR_BYTES_MAX }>")]
        csr: Vec<u8>,
    },
}
