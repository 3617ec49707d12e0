//! Ids of traces and spans, and the header that carries them (W3C Trace Context, level 1).

use std::fmt;

use protocol::ids::{AgentId, Position};
use ring::digest::{SHA256, digest};
use uuid::Uuid;

use super::SHARE_BITS;

/// The bytes of a `traceparent` of version 00.
const PARENT_BYTES: usize = 55;
/// The flag that says that the caller keeps the trace.
const FLAG_SAMPLED: u8 = 1;

/// A trace's id.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId([u8; 16]);

/// A span's id.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId([u8; 8]);

impl TraceId {
    /// The trace of an agent's report, the same on every node and for whoever asks: the first half of the
    /// SHA-256 of its agent and its position.
    #[must_use]
    pub fn of_report(agent: AgentId, position: Position) -> Self {
        let Position { epoch, seq } = position;
        Self(hash(&[
            b"muster.report",
            agent.0.as_bytes(),
            &epoch.0.to_be_bytes(),
            &seq.0.to_be_bytes(),
        ]))
    }

    /// A trace whose id is a UUID.
    pub(crate) const fn of(id: Uuid) -> Self {
        Self(id.into_bytes())
    }

    /// A number that is as likely as any other below 2⁵⁶, by which traces are sampled.
    pub(crate) fn share(self) -> u64 {
        let [.., a, b, c, d, e, f, g, h] = self.0;
        u64::from_be_bytes([a, b, c, d, e, f, g, h]) & ((1 << SHARE_BITS) - 1)
    }

    pub(crate) fn to_vec(self) -> Vec<u8> {
        self.0.to_vec()
    }
}

impl SpanId {
    /// The span of a report's coming in. It came once at that moment, and may come again later.
    pub(crate) fn of_ingest(trace: TraceId, received_at_ms: u64) -> Self {
        let [a, b, c, d, e, f, g, h, ..] =
            hash(&[b"muster.ingest", &trace.0, &received_at_ms.to_be_bytes()]);
        Self([a, b, c, d, e, f, g, h])
    }

    /// A span that nobody else has to know.
    pub(crate) fn random() -> Self {
        // Of both halves: each has bits that say what kind of UUID it is.
        let (high, low) = Uuid::new_v4().as_u64_pair();
        Self((high ^ low.rotate_left(32)).to_be_bytes())
    }

    pub(crate) fn to_vec(self) -> Vec<u8> {
        self.0.to_vec()
    }
}

/// What a caller says of the trace that it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    /// Its trace.
    pub(crate) trace: TraceId,
    /// The span that asks.
    pub(crate) span: SpanId,
    /// Whether it keeps the trace.
    pub(crate) is_sampled: bool,
}

impl Caller {
    /// Reads a `traceparent`; `None` when it is none, as the standard wants it. Of a later version what is known
    /// is read.
    pub(crate) fn parse(header: &[u8]) -> Option<Self> {
        let (known, rest) = header.split_at_checked(PARENT_BYTES)?;
        let version = byte(known, 0)?;
        // Version 255 is forbidden; 00 ends here, and a later one goes on behind another dash.
        let has_end = match rest.first() {
            None => true,
            Some(next) => version > 0 && *next == b'-',
        };
        let has_dashes = [2, 35, 52].iter().all(|at| known.get(*at) == Some(&b'-'));
        if version == u8::MAX || !has_end || !has_dashes {
            return None;
        }
        let (mut trace, mut span) = ([0; 16], [0; 8]);
        for (number, place) in trace.iter_mut().enumerate() {
            *place = byte(known, 3 + 2 * number)?;
        }
        for (number, place) in span.iter_mut().enumerate() {
            *place = byte(known, 36 + 2 * number)?;
        }
        let is_sampled = byte(known, 53)? & FLAG_SAMPLED != 0;
        let is_valid = trace != [0; 16] && span != [0; 8];
        is_valid.then_some(Self { trace: TraceId(trace), span: SpanId(span), is_sampled })
    }
}

/// Two lower-case hexadecimal digits as a byte.
fn byte(text: &[u8], at: usize) -> Option<u8> {
    let digit = |at: usize| match text.get(at)? {
        digit @ b'0'..=b'9' => Some(digit - b'0'),
        digit @ b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    Some(digit(at)? << 4 | digit(at + 1)?)
}

fn hash(parts: &[&[u8]]) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&digest(&SHA256, &parts.concat()).as_ref()[..16]);
    half
}

fn digits(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        digits(f, &self.0)
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        digits(f, &self.0)
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        digits(f, &self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn reads_the_standards_own_example_and_what_a_later_version_adds() {
        let caller = Caller::parse(PARENT.as_bytes()).unwrap();
        assert_eq!(caller.trace.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(format!("{:?}", caller.span), "00f067aa0ba902b7");
        assert!(caller.is_sampled);
        assert!(!Caller::parse(PARENT.replace("-01", "-00").as_bytes()).unwrap().is_sampled);
        let later = format!("cc{}-what-comes", &PARENT[2..]);
        assert_eq!(Caller::parse(later.as_bytes()), Some(caller));
    }

    #[test]
    fn takes_nothing_that_is_no_parent() {
        let none = "0".repeat(32);
        let wrong = [
            String::new(),
            PARENT[..54].to_owned(),
            format!("{PARENT}-more"),
            format!("ff{}", &PARENT[2..]),
            format!("cc{}more", &PARENT[2..]),
            PARENT.to_uppercase(),
            PARENT.replace('-', "_"),
            PARENT.replace("4bf92f3577b34da6a3ce929d0e0e4736", &none),
            PARENT.replace("00f067aa0ba902b7", &none[..16]),
            PARENT.replace('b', "ä"),
        ];
        for text in wrong {
            assert_eq!(Caller::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_reports_trace_is_its_own_and_the_same_for_everybody() {
        let agent = AgentId(Uuid::from_u128(7));
        let trace = TraceId::of_report(agent, Position::new(3, 14));
        // People compute it from a line of the log, so it may never change.
        assert_eq!(trace.to_string(), "b2d2b59a4512796295deae0e0a13aaf7");
        let others = [
            TraceId::of_report(agent, Position::new(3, 15)),
            TraceId::of_report(agent, Position::new(14, 3)),
            TraceId::of_report(AgentId(Uuid::from_u128(8)), Position::new(3, 14)),
        ];
        assert!(!others.contains(&trace));
        assert_ne!(SpanId::of_ingest(trace, 1), SpanId::of_ingest(trace, 2));
    }
}
