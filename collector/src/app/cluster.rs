//! What makes one cluster of several nodes: the same database, and in front of it the same
//! certificate authority.
//!
//! Nodes share nothing but PostgreSQL, which holds the fingerprint of the authority and never its key
//! (decision 24). It must never let a node start that agents of the others would not trust.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use ring::rand::SystemRandom;
use store::cluster;
use store::database::Store;
use store::error::StoreError;
use store::nodes::Signs;

use crate::authority::{Authority, AuthorityError, Home, Shared, hex};
use crate::clock::Clock;
use crate::config::{Config, NodeConfig};
use crate::lifecycle::Lifecycle;

/// How often a node looks which authorities the others share.
const FOLLOW_EVERY: Duration = Duration::from_secs(2);

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
) -> anyhow::Result<Arc<Authority>> {
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
    let authority = Arc::new(authority);
    is_sealed_alike(&authority, &config.node, store).await?;
    follow_once(&authority, &config.node, store, clock).await?;
    Ok(authority)
}

/// Compares what secrets are sealed with: an authority that took another's place brings that in a file of its own,
/// and without it this node would open no secret of the others, and seal some that they do not open.
async fn is_sealed_alike(
    authority: &Authority,
    node: &NodeConfig,
    store: &Store,
) -> anyhow::Result<()> {
    let active = authority.fingerprint();
    let seal = Home { shared: Some(active), ..Home::of_node(node) }.seal_of_shared();
    let noted = cluster::authorities(store).await.context("ask which authority the nodes share")?;
    // By itself, for the first node that says it: it would note the wrong one for all.
    let has_taken_a_place = noted.is_some_and(|noted| noted.activated_at.is_some());
    if has_taken_a_place && !seal.exists() {
        return Err(AuthorityError::Seal { path: seal }.into());
    }
    let check = authority.seal_check();
    let counts = cluster::note_seal(store, check).await.context("note how secrets are sealed")?;
    match counts.is_none_or(|counts| counts == check) {
        true => Ok(()),
        false => Err(AuthorityError::Seal { path: seal }.into()),
    }
}

/// Goes along with what the nodes share until the stop.
///
/// # Errors
///
/// When what this node signs with was retired, and it has nothing to go on with: whoever has that key would
/// be let in here.
pub(super) async fn follow(
    authority: Arc<Authority>,
    node: NodeConfig,
    store: Store,
    clock: Clock,
    lifecycle: Lifecycle,
) -> anyhow::Result<()> {
    let mut said = None;
    loop {
        tokio::select! {
            () = lifecycle.stopping() => return Ok(()),
            () = tokio::time::sleep(FOLLOW_EVERY) => {}
        }
        match follow_once(&authority, &node, &store, &clock).await {
            Ok(has_changed) => {
                if has_changed {
                    let active = hex(&authority.fingerprint());
                    tracing::info!(active, "the authorities that the nodes share have changed");
                }
                said = None;
            }
            // What others notice as well, and says nothing of the files: what was said of those stays said.
            Err(error) if error.downcast_ref::<StoreError>().is_some() => {
                tracing::debug!(%error, "asking which authorities the nodes share");
            }
            Err(error) if is_retired(&error) => return Err(error),
            Err(error) => say_once(&mut said, format!("{error:#}")),
        }
    }
}

fn is_retired(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(AuthorityError::Retired { .. }))
}

/// Says what is wrong when it is something else than what was said before: it is looked at every two seconds.
fn say_once(said: &mut Option<String>, error: String) {
    if said.as_ref() != Some(&error) {
        tracing::error!(
            error,
            "this node cannot go along with the authorities that the nodes share"
        );
    }
    *said = Some(error);
}

/// Goes along with what the nodes share; says whether anything changed.
async fn follow_once(
    authority: &Arc<Authority>,
    node: &NodeConfig,
    store: &Store,
    clock: &Clock,
) -> anyhow::Result<bool> {
    let Some(noted) = cluster::authorities(store).await? else {
        return Ok(false);
    };
    let shared = shared(&noted);
    let (authority, node, now) = (Arc::clone(authority), node.clone(), clock.now());
    let following = tokio::task::spawn_blocking(move || {
        let home = Home { shared: Some(shared.active), ..Home::of_node(&node) };
        authority.follow(&home, &shared, now)
    });
    following.await?.map_err(as_missing)
}

/// What is missing where the files of a prepared authority are not on this node yet.
fn as_missing(error: AuthorityError) -> anyhow::Error {
    let error = anyhow::Error::from(error);
    if is_retired(&error) {
        return error;
    }
    error
        .context("copy the folder that `authority rotate prepare` named into this node's authority")
}

/// What this node says of the authorities that it has.
pub(super) fn signs(authority: &Authority) -> Signs {
    let present = authority.present();
    Signs { active: present.signer.fingerprint, next: present.next() }
}

/// What the database says of the authorities that the nodes share.
pub(crate) fn shared(noted: &cluster::Authorities) -> Shared {
    Shared {
        active: noted.active,
        next: noted.next,
        previous: noted.previous,
        is_retired: noted.retired_at.is_some(),
    }
}
