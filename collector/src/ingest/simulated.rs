//! For simulations: ingest without a socket. Sessions run over whatever streams they are given.
//!
//! What admits, answers and refuses is the code that a listener's connections reach; only who
//! accepted the stream, and who checked the certificate, is somebody else.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};

use super::{Parts, Shared, session};
use crate::authority::PeerIdentity;

/// Ingest of one node.
#[derive(Clone, Debug)]
pub struct Door {
    shared: Arc<Shared>,
}

impl Door {
    /// Ingest of these parts, which listens nowhere.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self { shared: Arc::new(Shared::new(parts)) }
    }

    /// Serves one agent over a stream until one side ends the session; how it ended, as the metric
    /// says it.
    pub async fn serve<R, W>(&self, peer: &PeerIdentity, receive: R, send: W) -> &'static str
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        session::run(&self.shared, peer, receive, send).await.as_str()
    }

    /// Notes heartbeats every moment until the stop, and once more then.
    pub async fn note_heartbeats(&self) {
        let Shared { heartbeats, agents, lifecycle, .. } = &*self.shared;
        heartbeats.flush_until_stopped(&**agents, lifecycle).await;
    }

    /// Bytes of reports whose answers are due.
    #[must_use]
    pub fn bytes_in_flight(&self) -> u64 {
        self.shared.bytes.taken()
    }
}
