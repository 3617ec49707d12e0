//! Stateless resets (RFC 9000, section 10.3): telling agents that a connection is gone.
//!
//! A collector that was killed has forgotten its connections, and its agents would wait for answers
//! until they give up. With a key that outlives the process, the next one can prove that
//! their connections are gone. The key comes from the authority's, so that all nodes with one
//! authority have the same.

use std::sync::Arc;
use std::time::Duration;

use quinn::{ConnectionId, ConnectionIdGenerator, EndpointConfig};
use ring::hmac::{HMAC_SHA256, Key};
use ring::rand::{SecureRandom as _, SystemRandom};

use crate::authority::Authority;

/// Bytes of a connection's id.
const ID_BYTES: usize = 8;
/// The least time between two resets: enough for a fleet that comes back, little for noise.
const RESET_EVERY: Duration = Duration::from_millis(1);

/// An endpoint that can reset connections of the process before.
pub(super) fn endpoint_config(authority: &Authority) -> EndpointConfig {
    let key = Key::new(HMAC_SHA256, &authority.derive_key(b"quic stateless reset"));
    let mut config = EndpointConfig::new(Arc::new(key));
    config
        // quinn's own generator keys its ids with a secret of the process, and would take packets
        // for another process' connections for noise.
        .cid_generator(|| Box::new(Ids))
        .min_reset_interval(RESET_EVERY);
    config
}

/// Random connection ids. They mean the same to every process, so that each takes the packets of
/// the one before for what they are.
struct Ids;

impl ConnectionIdGenerator for Ids {
    fn generate_cid(&mut self) -> ConnectionId {
        let mut id = [0; ID_BYTES];
        // Without random bytes no handshake gets this far; quinn takes no id twice.
        SystemRandom::new().fill(&mut id).ok();
        ConnectionId::new(&id)
    }

    fn cid_len(&self) -> usize {
        ID_BYTES
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}
