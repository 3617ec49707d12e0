//! Messages as bytes: the postcard layout of version 1, with a string table in each report.
//!
//! The types here mirror the public ones and exist so that the layout has one home. They borrow
//! from the input, and no list grows past its limit while it is read.

use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::fingerprint::{InventoryDigest, SoftwareKey};
use crate::host::{HostFacts, Platform};
use crate::ids::Position;
use crate::limits;
use crate::message::{AgentMessage, CollectorMessage, Heartbeat, Hello};
use crate::report::{Report, ReportBody};
use crate::software::{SoftwareRecord, Source, SourceStatus};

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

fn encode<T: Serialize>(message: &T) -> Vec<u8> {
    // Encoding into memory cannot fail for types of plain fields; no peer takes an empty message.
    postcard::to_stdvec(message).unwrap_or_default()
}

fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, DecodeError> {
    let (message, rest) = postcard::take_from_bytes(bytes).map_err(DecodeError::Layout)?;
    if rest.is_empty() {
        Ok(message)
    } else {
        Err(DecodeError::Trailing(rest.len()))
    }
}

#[derive(Serialize, Deserialize)]
#[expect(
    clippy::large_enum_variant,
    reason = "lives for one call, and nearly always as a report"
)]
enum WireAgentMessage<'a> {
    Hello(Hello),
    #[serde(borrow)]
    Report(WireReport<'a>),
    Heartbeat(Heartbeat),
    Renew {
        csr: Vec<u8>,
    },
}

/// Lists may be read a little past their limit, so that validation can say which limit it was.
const SLACK: usize = 4;

#[derive(Serialize, Deserialize)]
struct WireReport<'a> {
    position: Position,
    made_at_ms: u64,
    platform: Platform,
    facts: Option<Box<HostFacts>>,
    #[serde(deserialize_with = "bounded::<_, _, { limits::REPORT_SOURCES_MAX * SLACK }>")]
    sources: Vec<SourceStatus>,
    #[serde(
        borrow,
        deserialize_with = "bounded::<_, _, { limits::REPORT_STRINGS_MAX * SLACK }>"
    )]
    strings: Vec<&'a str>,
    /// The earliest installation time of the records.
    installed_base_s: u32,
    body: WireBody<'a>,
    digest: Option<InventoryDigest>,
}

#[derive(Serialize, Deserialize)]
enum WireBody<'a> {
    Snapshot {
        from: SoftwareKey,
        to: Option<SoftwareKey>,
        #[serde(
            borrow,
            deserialize_with = "bounded::<_, _, { limits::REPORT_RECORDS_MAX * SLACK }>"
        )]
        records: Vec<WireRecord<'a>>,
    },
    Delta {
        #[serde(
            borrow,
            deserialize_with = "bounded::<_, _, { limits::REPORT_RECORDS_MAX * SLACK }>"
        )]
        upserts: Vec<WireRecord<'a>>,
        #[serde(deserialize_with = "bounded::<_, _, { limits::REPORT_RECORDS_MAX * SLACK }>")]
        removes: Vec<SoftwareKey>,
    },
}

/// A record; `StringId`s point into the report's table, 0 is the empty string.
#[derive(Serialize, Deserialize)]
struct WireRecord<'a> {
    source: Source,
    name: &'a str,
    version: &'a str,
    epoch: Option<u32>,
    release: &'a str,
    arch: StringId,
    vendor: StringId,
    source_name: &'a str,
    source_version: &'a str,
    origin: StringId,
    bundle_id: &'a str,
    installed_after_s: Option<u32>,
    #[serde(
        borrow,
        deserialize_with = "bounded::<_, _, { limits::LOCATIONS_MAX * SLACK }>"
    )]
    locations: Vec<&'a str>,
}

type StringId = u16;

/// Gives every distinct string of a report a number.
#[derive(Default)]
struct StringTable<'a> {
    numbers: HashMap<&'a str, StringId>,
    strings: Vec<&'a str>,
}

impl<'a> StringTable<'a> {
    fn intern(&mut self, text: &'a str) -> StringId {
        if text.is_empty() {
            return 0;
        }
        *self.numbers.entry(text).or_insert_with(|| {
            self.strings.push(text);
            // Three strings a record and a hundred records stay far below the type's range.
            StringId::try_from(self.strings.len()).unwrap_or(0)
        })
    }
}

impl<'a> From<&'a Report> for WireReport<'a> {
    fn from(report: &'a Report) -> Self {
        let records: &[SoftwareRecord] = match &report.body {
            ReportBody::Snapshot { records, .. } => records,
            ReportBody::Delta { upserts, .. } => upserts,
        };
        let installed_base_s = records
            .iter()
            .filter_map(|r| r.installed_at_s)
            .min()
            .unwrap_or(0);
        let mut table = StringTable::default();
        let records: Vec<_> = records
            .iter()
            .map(|r| WireRecord::new(r, &mut table, installed_base_s))
            .collect();
        Self {
            position: report.position,
            made_at_ms: report.made_at_ms,
            platform: report.platform.clone(),
            facts: report.facts.clone(),
            sources: report.sources.clone(),
            strings: table.strings,
            installed_base_s,
            body: match &report.body {
                ReportBody::Snapshot { from, to, .. } => WireBody::Snapshot {
                    from: *from,
                    to: *to,
                    records,
                },
                ReportBody::Delta { removes, .. } => WireBody::Delta {
                    upserts: records,
                    removes: removes.clone(),
                },
            },
            digest: report.digest,
        }
    }
}

impl<'a> WireRecord<'a> {
    fn new(record: &'a SoftwareRecord, table: &mut StringTable<'a>, installed_base_s: u32) -> Self {
        Self {
            source: record.source,
            name: &record.name,
            version: &record.version,
            epoch: record.epoch,
            release: &record.release,
            arch: table.intern(&record.arch),
            vendor: table.intern(&record.vendor),
            source_name: &record.source_name,
            source_version: &record.source_version,
            origin: table.intern(&record.origin),
            bundle_id: &record.bundle_id,
            installed_after_s: record.installed_at_s.map(|at| at - installed_base_s),
            locations: record.locations.iter().map(String::as_str).collect(),
        }
    }

    fn into_record(
        self,
        strings: &[&str],
        installed_base_s: u32,
    ) -> Result<SoftwareRecord, DecodeError> {
        let string = |id: StringId| match id.checked_sub(1) {
            None => Ok(String::new()),
            Some(index) => strings
                .get(usize::from(index))
                .map(|text| (*text).to_owned())
                .ok_or(DecodeError::UnknownString(id, strings.len())),
        };
        Ok(SoftwareRecord {
            source: self.source,
            name: self.name.to_owned(),
            version: self.version.to_owned(),
            epoch: self.epoch,
            release: self.release.to_owned(),
            arch: string(self.arch)?,
            vendor: string(self.vendor)?,
            source_name: self.source_name.to_owned(),
            source_version: self.source_version.to_owned(),
            origin: string(self.origin)?,
            bundle_id: self.bundle_id.to_owned(),
            installed_at_s: self
                .installed_after_s
                .map(|after| installed_base_s.saturating_add(after)),
            locations: self.locations.into_iter().map(str::to_owned).collect(),
        })
    }
}

impl TryFrom<WireReport<'_>> for Report {
    type Error = DecodeError;

    fn try_from(wire: WireReport<'_>) -> Result<Self, DecodeError> {
        let owned = |records: Vec<WireRecord<'_>>| {
            records
                .into_iter()
                .map(|record| record.into_record(&wire.strings, wire.installed_base_s))
                .collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            position: wire.position,
            made_at_ms: wire.made_at_ms,
            platform: wire.platform,
            facts: wire.facts,
            sources: wire.sources,
            body: match wire.body {
                WireBody::Snapshot { from, to, records } => ReportBody::Snapshot {
                    from,
                    to,
                    records: owned(records)?,
                },
                WireBody::Delta { upserts, removes } => ReportBody::Delta {
                    upserts: owned(upserts)?,
                    removes,
                },
            },
            digest: wire.digest,
        })
    }
}

/// Reads a list of at most `MAX` entries, and refuses a longer one before it takes memory for it.
fn bounded<'de, D, T, const MAX: usize>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct Bounded<T, const MAX: usize>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for Bounded<T, MAX> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "at most {MAX} entries")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Vec<T>, A::Error> {
            let announced = entries.size_hint().unwrap_or(0);
            if announced > MAX {
                return Err(A::Error::invalid_length(announced, &self));
            }
            let mut list = Vec::with_capacity(announced);
            while let Some(entry) = entries.next_element()? {
                if list.len() == MAX {
                    return Err(A::Error::invalid_length(MAX + 1, &self));
                }
                list.push(entry);
            }
            Ok(list)
        }
    }

    deserializer.deserialize_seq(Bounded::<T, MAX>(PhantomData))
}
