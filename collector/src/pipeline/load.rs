//! From a group of slips to reports in memory: read, unpacked, decoded, validated.
//!
//! Everything here was whole and valid when it was acknowledged. What is not any more is told
//! apart, so that it becomes a dead letter in its place and stops nothing else.

use std::panic::{AssertUnwindSafe, catch_unwind};

use protocol::frame::Unpacker;
use protocol::ids::AgentId;
use protocol::message::AgentMessage;
use store::reports::IncomingReport;
use time::OffsetDateTime;

use super::lanes::Group;
use super::outcome::{DeadLetterReason, Ticket};
use super::unwind::message;
use crate::queue::{Queue, ReadError, Slip};

/// A report with its ticket.
#[derive(Debug)]
pub(crate) struct Item {
    /// The number of its part in the group.
    pub(crate) part: usize,
    /// Its ticket.
    pub(crate) ticket: Ticket,
    /// What it holds.
    pub(crate) content: Content,
}

/// What an entry holds.
#[derive(Debug)]
pub(crate) enum Content {
    /// A report. It stands at this place in its chunk.
    Report(Box<IncomingReport>),
    /// Nothing that can be stored.
    Unreadable(Unreadable),
    /// The disk gave nothing this time.
    Unread(String),
}

/// Why nothing of an entry can be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable {
    /// The reason.
    pub(crate) reason: DeadLetterReason,
    /// For people.
    pub(crate) detail: String,
}

/// Loads a group. Blocks on the disk.
pub(crate) fn load(group: &Group, queue: &Queue, unpacker: &mut Unpacker) -> Vec<Item> {
    let slips =
        group.parts.iter().enumerate().flat_map(|(number, part)| {
            part.slips.iter().map(move |slip| (number, part.agent, slip))
        });
    slips
        .map(|(part, agent, slip)| Item {
            part,
            ticket: Ticket::new(*slip, queue.clone()),
            content: content_or_panic(agent, slip, queue, unpacker),
        })
        .collect()
}

/// No bytes should make a decoder panic. Some that do all the same are one dead letter, where a
/// panic would end the process, and the next one at the same bytes.
fn content_or_panic(
    agent: AgentId,
    slip: &Slip,
    queue: &Queue,
    unpacker: &mut Unpacker,
) -> Content {
    // The unpacker is the only state that crosses, and zstd resets it with every frame.
    let loading = AssertUnwindSafe(|| content(agent, slip, queue, unpacker));
    catch_unwind(loading)
        .unwrap_or_else(|panic| unreadable(DeadLetterReason::Panicked, &message(&*panic)))
}

fn content(agent: AgentId, slip: &Slip, queue: &Queue, unpacker: &mut Unpacker) -> Content {
    let frame = match queue.read(slip) {
        Ok(frame) => frame,
        // Unknown is an entry that was completed: not possible while a group holds it, and if it
        // were, a dead letter shows it.
        Err(error @ (ReadError::Damaged(_) | ReadError::Unknown(_))) => {
            return unreadable(DeadLetterReason::Damaged, &error);
        }
        Err(error @ ReadError::Disk { .. }) => return Content::Unread(error.to_string()),
    };
    let bytes = match unpacker.unpack(frame.packing, &frame.payload) {
        Ok(bytes) => bytes,
        Err(error) => return unreadable(DeadLetterReason::Undecodable, &error),
    };
    let report = match AgentMessage::decode(&bytes) {
        Ok(AgentMessage::Report(report)) => report,
        Ok(
            AgentMessage::Hello(_)
            | AgentMessage::Heartbeat(_)
            | AgentMessage::Renew { .. }
            | AgentMessage::Leave
            | AgentMessage::Rekey { .. },
        ) => {
            return unreadable(DeadLetterReason::Undecodable, &"the message is no report");
        }
        Err(error) => return unreadable(DeadLetterReason::Undecodable, &error),
    };
    // The slip decides the order in which reports are applied; a report that says something else
    // would break it unseen.
    if report.position != slip.position {
        let detail = format!("the report says that it is {}", report.position);
        return unreadable(DeadLetterReason::Invalid, &detail);
    }
    match report.validate() {
        Ok(keys) => Content::Report(Box::new(IncomingReport {
            agent,
            report,
            keys,
            received_at: received_at(slip),
        })),
        Err(error) => unreadable(DeadLetterReason::Invalid, &error),
    }
}

fn unreadable(reason: DeadLetterReason, error: &dyn std::fmt::Display) -> Content {
    Content::Unreadable(Unreadable { reason, detail: error.to_string() })
}

/// When ingest took a report. A time outside the calendar is the epoch's.
pub(crate) fn received_at(slip: &Slip) -> OffsetDateTime {
    let nanos = i128::from(slip.received_at_ms) * 1_000_000;
    OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
