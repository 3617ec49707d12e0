//! A long way between a client and a collector: every packet takes its time, in both directions.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Larger than any packet that quinn sends without probing.
const PACKET_BYTES: usize = 2_048;
const LOCAL: (&str, u16) = ("127.0.0.1", 0);

/// The way of one client. Dropped, it ends, and packets on it are lost.
pub(super) struct Road {
    /// Where the client connects.
    pub(super) address: SocketAddr,
    _lanes: JoinSet<()>,
}

impl Road {
    /// A way to a collector that takes so long in each direction.
    pub(super) async fn to(collector: SocketAddr, takes: Duration) -> Self {
        let near = Arc::new(UdpSocket::bind(LOCAL).await.unwrap());
        let far = Arc::new(UdpSocket::bind(LOCAL).await.unwrap());
        far.connect(collector).await.unwrap();
        let address = near.local_addr().unwrap();
        let mut lanes = JoinSet::new();
        lanes.spawn(async move {
            let mut packet = [0; PACKET_BYTES];
            // Only looked at: the packet itself is carried as all others are.
            let (length, client) = near.peek_from(&mut packet).await.unwrap();
            assert!(length < PACKET_BYTES);
            // There is one client, so what comes back has one way to go.
            near.connect(client).await.unwrap();
            tokio::join!(
                carry(Arc::clone(&near), Arc::clone(&far), takes),
                carry(far, near, takes)
            );
        });
        Self { address, _lanes: lanes }
    }
}

/// Carries packets one way.
async fn carry(from: Arc<UdpSocket>, to: Arc<UdpSocket>, takes: Duration) {
    let mut under_way = JoinSet::new();
    let mut packet = [0; PACKET_BYTES];
    // A peer that is gone answers with ICMP, which reads as an error and ends the way.
    while let Ok(length) = from.recv(&mut packet).await {
        let (to, packet) = (Arc::clone(&to), packet[..length].to_vec());
        // Each by itself: one that waited for the one before would make the way narrow besides long.
        under_way.spawn(async move {
            sleep(takes).await;
            drop(to.send(&packet).await);
        });
    }
}
