//! What agents of a fleet share: routes over sockets and collectors, lines, packers.

use std::collections::BTreeSet;

use protocol::frame::Packing;
use protocol::ids::TokenId;
use protocol::limits::FRAME_WIRE_BYTES_MAX;
use uuid::Uuid;

use super::*;

async fn open(addresses: &[&str], sockets: u32) -> anyhow::Result<Context> {
    let token = EnrolmentToken {
        id: TokenId(Uuid::nil()),
        secret: [0; 32],
        ca_sha256: [0; 32],
        addresses: addresses.iter().map(|&address| address.to_owned()).collect(),
    };
    let tls = Tls::new(Duration::from_secs(1), false);
    Context::open(Clock, &token, sockets, tls).await
}

/// Where the first agents go: the collector's port and the agent's own address.
fn routes(context: &Context, agents: u32) -> Vec<(u16, SocketAddr)> {
    let route = |number| {
        let (endpoint, collector) = context.route(number);
        (collector.port(), endpoint.local_addr().expect("a socket"))
    };
    (0..agents).map(route).collect()
}

#[tokio::test]
async fn agents_are_spread_over_all_collectors_and_all_sockets() {
    let context =
        open(&["127.0.0.1:7001", "127.0.0.1:7002", "127.0.0.1:7003"], 4).await.expect("open");
    let routes = routes(&context, 12);
    for port in [7_001, 7_002, 7_003] {
        assert_eq!(routes.iter().filter(|(to, _)| *to == port).count(), 4);
    }
    let sockets: BTreeSet<_> = routes.iter().map(|(_, from)| from).collect();
    assert_eq!(sockets.len(), 4);
    // Three collectors by four sockets: every agent of twelve has a pair of its own.
    let pairs: BTreeSet<_> = routes.iter().collect();
    assert_eq!(pairs.len(), 12);
}

#[tokio::test]
async fn an_agent_has_the_same_route_each_time() {
    let context = open(&["127.0.0.1:7001", "127.0.0.1:7002"], 3).await.expect("open");
    assert_eq!(routes(&context, 20), routes(&context, 20));
}

#[tokio::test]
async fn sockets_on_this_machine_have_addresses_of_their_own_as_hosts_have() {
    let context = open(&["127.0.0.1:7001"], 3).await.expect("open");
    let sources: BTreeSet<_> = routes(&context, 3).iter().map(|(_, from)| from.ip()).collect();
    // Where only 127.0.0.1 is, one has to do.
    assert!(sources.len() == 3 || sources.len() == 1, "{sources:?}");
}

#[tokio::test]
async fn lines_take_the_place_of_the_collectors_for_those_who_have_one() {
    let context = open(&["127.0.0.1:7001"], 2).await.expect("open");
    let line = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    context.lay(vec![line(1_001), line(1_002)]);
    let ports: Vec<u16> = routes(&context, 3).iter().map(|(port, _)| *port).collect();
    assert_eq!(ports, [1_001, 1_002, 7_001]);
    // A second time would leave some on the old lines and some on the new.
    context.lay(vec![line(2_001), line(2_002)]);
    assert_eq!(routes(&context, 1)[0].0, 1_001);
}

#[tokio::test]
async fn a_token_without_addresses_or_with_one_that_is_none_is_refused() {
    let error = open(&[], 1).await.expect_err("no address").to_string();
    assert_eq!(error, "the token's names have no address");
    let error = open(&["127.0.0.1:nowhere"], 1).await.expect_err("no port");
    assert!(format!("{error:#}").contains("find the collector 127.0.0.1:nowhere"));
}

#[tokio::test]
async fn what_is_packed_can_be_unpacked_and_what_is_too_long_is_refused() {
    let context = open(&["127.0.0.1:7001"], 1).await.expect("open");
    for bytes in [0, 1, 10_000] {
        let frame = context.pack(vec![7; bytes]).expect("packs");
        let mut unpacker = context.unpacker.lock().expect("free");
        let unpacked = unpacker.unpack(frame.packing, &frame.payload);
        assert_eq!(unpacked.expect("unpacks"), vec![7; bytes]);
    }
    let short = context.pack(vec![1, 2, 3]).expect("packs");
    assert_eq!(short.packing, Packing::Plain, "three bytes do not pack");
    // What looks random does not pack either: one byte more than a frame takes.
    let mut random = crate::random::Random::new(1);
    let bytes = std::iter::repeat_with(|| random.next().to_le_bytes()).flatten();
    let long: Vec<u8> = bytes.take(FRAME_WIRE_BYTES_MAX + 1).collect();
    assert!(context.pack(long).is_err());
}
