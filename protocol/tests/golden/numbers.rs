//! The numbers by which reasons, ways, sources and abilities go over the wire.

use protocol::message::{Capabilities, Hello, Presence};
use protocol::reject::RejectReason;
use protocol::software::Source;
use protocol::way::{NotQuic, Path, Way};

#[test]
fn every_way_and_reason_keeps_its_number() {
    let ways = [Way::Quic, Way::Tcp, Way::Proxy];
    let reasons = [
        NotQuic::NoAnswer,
        NotQuic::Refused,
        NotQuic::Handshake,
        NotQuic::Unavailable,
        NotQuic::Configured,
    ];
    for (number, way) in (0_u8..).zip(ways) {
        let path = Path { way, not_quic: None };
        let bytes = Hello::extension_of(Presence { path, process: 0 });
        assert_eq!(bytes, [number, 0, 0], "{}", way.as_str());
    }
    for (number, reason) in (0_u8..).zip(reasons) {
        let path = Path { way: Way::Tcp, not_quic: Some(reason) };
        let bytes = Hello::extension_of(Presence { path, process: 0 });
        assert_eq!(bytes, [1, 1, number, 0], "{}", reason.as_str());
    }
}

#[test]
fn abilities_keep_their_bits() {
    assert_eq!(Capabilities::current(), Capabilities(0b111_1111));
    assert_eq!(Capabilities::ATTEND, Capabilities(0b1000));
    assert_eq!(Capabilities::REKEY, Capabilities(0b1_0000));
    assert_eq!(Capabilities::LEAVE, Capabilities(0b10_0000));
    assert_eq!(Capabilities::AUTHORITIES, Capabilities(0b100_0000));
}

#[test]
fn every_reject_reason_keeps_its_number() {
    let numbers: Vec<_> = RejectReason::ALL
        .iter()
        .map(|reason| postcard::to_stdvec(reason).expect("encodes"))
        .collect();
    let expected: Vec<_> = (0..20_u8).map(|number| vec![number]).collect();
    assert_eq!(numbers, expected);
    // A reason that `ALL` does not name would have no number above, and no metric before it
    // happens.
    assert!(postcard::from_bytes::<RejectReason>(&[20]).is_err());
}

#[test]
fn every_source_keeps_its_number() {
    let numbers: Vec<_> =
        Source::ALL.iter().map(|source| postcard::to_stdvec(source).expect("encodes")).collect();
    let expected: Vec<_> = (0..29_u8).map(|number| vec![number]).collect();
    assert_eq!(numbers, expected);
    // A source that `ALL` does not name could be sent and never be read out of a database again.
    assert!(postcard::from_bytes::<Source>(&[29]).is_err());
}
