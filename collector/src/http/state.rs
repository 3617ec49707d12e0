//! What handlers work with, put together by the composition root.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;
use store::database::Store;

use crate::clock::Clock;
use crate::http::export::Exports;
use crate::http::gate::Gate;
use crate::http::live::Live;
use crate::http::node::Node;
use crate::http::upload::Uploads;
use crate::lifecycle::Lifecycle;
use crate::mail::{Mailer, Passes};
use crate::oidc::Oidc;
use crate::traces::Tracer;
use crate::webhooks::{Reach, Sealer};

/// The state of the API. Clones share it.
#[derive(Clone)]
pub struct ApiState {
    /// The database.
    pub store: Store,
    /// The time.
    pub clock: Clock,
    /// The process' metrics.
    pub metrics: PrometheusHandle,
    /// What only this process knows: its queue, its index, its CA.
    pub node: Arc<dyn Node>,
    /// What every request is held to.
    pub gate: Gate,
    /// The process' tasks, for what goes on when who asked for it hangs up.
    pub tasks: Lifecycle,
    /// Places for exports.
    pub exports: Exports,
    /// Documents that come in.
    pub uploads: Uploads,
    /// Streams of events.
    pub live: Live,
    /// Where webhooks' messages may go.
    pub reach: Reach,
    /// What seals webhooks' secrets.
    pub sealer: Sealer,
    /// What signs people in by companies' own providers.
    pub oidc: Oidc,
    /// What sends mail; `None` where no server is named.
    pub mail: Option<Mailer>,
    /// What reads the links that end digests.
    pub passes: Passes,
    /// How long what ended is kept, in days: as far back lists can be asked for.
    pub history_days: u32,
    /// What takes traces.
    pub tracer: Tracer,
    /// How long a company that is to be deleted can be kept after all.
    pub deletion_wait: Duration,
}

impl fmt::Debug for ApiState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiState").finish_non_exhaustive()
    }
}
