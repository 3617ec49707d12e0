//! What makes one cluster of several nodes: the same database, and in front of it the same
//! certificate authority.
//!
//! Nodes share nothing but PostgreSQL, which holds the fingerprint of the authority and never its key
//! (decision 24). It must never let a node start that agents of the others would not trust.

use anyhow::Context as _;
use ring::rand::SystemRandom;
use store::cluster;
use store::database::Store;

use crate::authority::{Authority, Home};
use crate::clock::Clock;
use crate::config::Config;

/// Opens this node's authority and makes sure that it is the one that all nodes of the database
/// share; the first node makes it.
///
/// # Errors
///
/// When the authority is another one or cannot be used, or the database cannot be.
pub(crate) async fn open_authority(
    config: &Config,
    store: &Store,
    clock: &Clock,
) -> anyhow::Result<Authority> {
    let shared = cluster::authority(store).await.context("ask which authority the nodes share")?;
    let (node, trust_domain) = (config.node.clone(), config.ingest.trust_domain.clone());
    let now = clock.now();
    // Reads and syncs files, and signs with a new key the first time.
    let opening = tokio::task::spawn_blocking(move || {
        let home = Home { shared, ..Home::of_node(&node) };
        Authority::open_or_create(&home, &trust_domain, &SystemRandom::new(), now)
    });
    let authority = opening.await??;
    if shared.is_none() {
        // Another first node may have been quicker.
        let counts = cluster::note_authority(store, authority.fingerprint(), now)
            .await
            .context("note the authority that the nodes share")?;
        // The slower one made an authority of its own a moment ago, which no agent has yet: it ends
        // here, with what to copy.
        authority.is_shared(&Home::of_node(&config.node), counts)?;
    }
    Ok(authority)
}
