//! What must hold for any bytes of a peer: used by the fuzz targets and by the corpus test.
//!
//! Each function takes one input, and panics only when the crate broke a promise.

use protocol::enrolment::{EnrolReply, EnrolRequest};
use protocol::frame::{HEADER_BYTES, Header, Unpacker};
use protocol::limits;
use protocol::message::{AgentMessage, CollectorMessage};
use protocol::report::Report;
use protocol::token::EnrolmentToken;

/// A frame: no more memory than its limits allow, and no panic in what it holds.
pub(crate) fn frame(input: &[u8]) {
    let Some((header, payload)) = input.split_first_chunk::<HEADER_BYTES>() else {
        return;
    };
    let Ok(header) = Header::parse(*header) else {
        return;
    };
    assert!(header.payload_bytes <= limits::FRAME_WIRE_BYTES_MAX);
    let payload = &payload[..payload.len().min(header.payload_bytes)];
    let Ok(mut unpacker) = Unpacker::new() else {
        return;
    };
    if let Ok(message) = unpacker.unpack(header.packing, payload) {
        assert!(message.len() <= limits::FRAME_RAW_BYTES_MAX);
        // A frame does not say whose message it holds, so it is held to be either's.
        agent_message(&message);
        collector_message(&message);
    }
}

/// An agent's message: what decodes encodes to something that decodes to the same, and a report
/// that is valid is within every limit.
pub(crate) fn agent_message(input: &[u8]) {
    let Ok(message) = AgentMessage::decode(input) else {
        return;
    };
    if let AgentMessage::Report(report) = &message {
        check_report(report);
    }
    assert_eq!(AgentMessage::decode(&message.encode()).as_ref(), Ok(&message));
}

/// A collector's message, and both of enrolment.
pub(crate) fn collector_message(input: &[u8]) {
    if let Ok(message) = CollectorMessage::decode(input) {
        assert_eq!(CollectorMessage::decode(&message.encode()).as_ref(), Ok(&message));
    }
    if let Ok(request) = EnrolRequest::decode(input) {
        assert!(request.csr.len() <= limits::CSR_BYTES_MAX);
        // Not `assert_eq`, which would need a `Debug` that shows the secret to be of any use.
        assert!(EnrolRequest::decode(&request.encode()).as_ref() == Ok(&request));
    }
    if let Ok(reply) = EnrolReply::decode(input) {
        assert_eq!(EnrolReply::decode(&reply.encode()).as_ref(), Ok(&reply));
    }
}

/// A token: what parses is written as something that parses to the same.
pub(crate) fn token(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    if let Ok(token) = text.parse::<EnrolmentToken>() {
        assert!(token.expose().parse::<EnrolmentToken>().as_ref() == Ok(&token));
    }
}

fn check_report(report: &Report) {
    let records = report.body.records();
    let bytes: usize = records
        .iter()
        .map(|record| record.vendor.len() + record.arch.len() + record.origin.len())
        .sum();
    // A string of the table is copied for each record that names it. Four hundred records of three
    // strings of two kilobytes are 2.4 MB; without the limits a megabyte would unfold to a
    // gigabyte.
    assert!(bytes <= 16 * limits::FRAME_RAW_BYTES_MAX, "{bytes} bytes out of a table");
    if let Ok(keys) = report.validate() {
        assert_eq!(keys.len(), records.len());
        assert!(report.body.record_count() <= limits::REPORT_RECORDS_MAX);
    }
}
