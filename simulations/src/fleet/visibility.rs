//! Whether, and how soon, a change of a host can be read from the API.
//!
//! A sample of the changes: a few lookers take one each, ask for it until it is there, and take
//! the next. So the figure does not load what it measures.

use std::sync::Arc;
use std::time::Duration;

use protocol::fingerprint::SoftwareKey;
use tokio::sync::Mutex;
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::context::Context;
use super::identity::Identity;
use crate::api::Api;

/// Changes that are looked for at once.
pub(crate) const LOOKERS: usize = 4;
/// Time between two looks: the resolution of the figure.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How long a change is looked for.
const SEEN_WITHIN: Duration = Duration::from_secs(60);

/// A change to look for.
#[derive(Debug)]
pub(crate) struct Probe {
    /// Whose it is.
    pub(crate) identity: Arc<Identity>,
    /// What appears.
    pub(crate) key: SoftwareKey,
    /// Its name.
    pub(crate) name: String,
    /// When the host changed.
    pub(crate) changed_at: Instant,
}

/// One looker: takes probes until it is told to stop.
pub(crate) async fn look(
    context: Arc<Context>,
    api: Api,
    probes: Arc<Mutex<Receiver<Probe>>>,
    stop: CancellationToken,
) {
    loop {
        // The lock is held while waiting, and so is the turn: lookers take probes one after
        // another, in the order of their asking.
        let next = async { probes.lock().await.recv().await };
        let probe = tokio::select! {
            () = stop.cancelled() => return,
            probe = next => probe,
        };
        let Some(probe) = probe else {
            return;
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = find(&context, &api, &probe) => {}
        }
    }
}

async fn find(context: &Context, api: &Api, probe: &Probe) {
    let Identity { company, agent, .. } = *probe.identity;
    loop {
        // By its name for a short answer; only the key, which holds the version, tells it from the
        // record that it takes the place of.
        let found = api.software(company, agent, Some(&probe.name)).await;
        // Behind the answer: the figure is when it was seen.
        let after = context.clock.now() - probe.changed_at;
        match found {
            Ok(keys) if keys.contains(&probe.key) => return context.stats.seen(after),
            Ok(_) => {}
            // The context names hosts and requests, and would make a text of its own of each.
            Err(error) => context.stats.error(format!("look: {}", error.root_cause())),
        }
        // Looked at last, so that every probe is looked for once at least.
        if after > SEEN_WITHIN {
            return context.stats.unseen();
        }
        sleep(LOOK_EVERY).await;
    }
}
