//! The composition root: the parts of a collector, put together.
//!
//! Starting goes from what others stand on to what stands on it: data directory, database,
//! certificate authority, queue, sessions, API. Stopping goes the other way, and nothing is taken
//! away before all that uses it has ended.

mod agents;
mod api;
pub(crate) mod cluster;
mod data_dir;
mod database;
mod gate;
mod measures;
mod node;
mod pace;
mod presence;
mod reload;
mod telling;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use metrics_exporter_prometheus::PrometheusHandle;
use store::database::Store;

use self::data_dir::DataDir;
pub use self::data_dir::{RunFile, running};
use self::database::Database;
use self::gate::Gate;
use self::presence::Presence;
use self::reload::Reloadable;
use crate::authority::Authority;
use crate::clock::Clock;
use crate::config::{Config, Environment, Role};
use crate::directory::Directory;
use crate::feeds::{FeedPaths, FeedSyncer, Sleeper};
use crate::http;
use crate::ingest::{self, registry::Registry};
use crate::jobs::Jobs;
use crate::lifecycle::{Ending, Lifecycle};
use crate::pipeline::matcher::Matcher;
use crate::pipeline::{Dispatcher, Pipeline};
use crate::queue::{Queue, QueueLimits};
use crate::traces::Tracer;

/// How long a stop waits at most for the queue to be empty.
const DRAIN_MAX: Duration = Duration::from_secs(10);

/// A collector that runs in this process.
#[derive(Debug)]
pub struct App {
    lifecycle: Lifecycle,
    addresses: Addresses,
    config: Config,
    store: Store,
    database: Database,
    work: Option<Work>,
    reloadable: Reloadable,
    data_dir: DataDir,
}

/// Where a collector listens; `None` for a role that it does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// Agents, over UDP.
    pub ingest: Option<SocketAddr>,
    /// The API, over TCP.
    pub http: Option<SocketAddr>,
}

/// What all parts are given.
struct Base {
    config: Config,
    clock: Clock,
    lifecycle: Lifecycle,
    store: Store,
    authority: Arc<Authority>,
    tracer: Tracer,
}

/// What the roles of a node have become.
#[derive(Default)]
struct Started {
    addresses: Addresses,
    work: Option<Work>,
    reloadable: Reloadable,
}

/// What works through the queue of this node.
#[derive(Clone, Debug)]
struct Work {
    queue: Queue,
    dispatcher: Arc<Dispatcher>,
    matcher: Arc<Matcher>,
    presence: Presence,
}

impl App {
    /// Starts a collector with the roles that it is configured for.
    ///
    /// # Errors
    ///
    /// When a part does not start. What had started before it has been stopped again.
    pub async fn start(
        config: Config,
        environment: &Environment,
        clock: Clock,
        metrics: PrometheusHandle,
    ) -> anyhow::Result<Self> {
        // The lock comes before everything that it guards: two collectors on one directory would
        // share a queue and a server.
        let data_dir = DataDir::lock(&config.node.data_dir).await?;
        let lifecycle = Lifecycle::new();
        let database = Database::open(&config.database, environment, &lifecycle).await?;
        // The database before the authority, because it knows which one all nodes share.
        let opening = async {
            let store = database.connect(&config.database, config.http.request_timeout).await?;
            let authority = cluster::open_authority(&config, &store, &clock).await?;
            let tracer = telling::start_traces(&config, &clock, &lifecycle)?;
            anyhow::Ok((store, authority, tracer))
        };
        let (store, authority, tracer) = match opening.await {
            Ok(opened) => opened,
            Err(error) => {
                lifecycle.stop();
                database.close().await;
                return Err(error);
            }
        };
        let following = store.clone();
        let stopping = lifecycle.soft_token();
        lifecycle.spawn("store.primary", async move {
            tokio::select! {
                () = stopping.cancelled() => {}
                () = following.follow_primary() => {}
            }
        });
        // One that signs with a retired authority must not go on.
        lifecycle.spawn_essential(
            "authority",
            cluster::follow(
                Arc::clone(&authority),
                config.node.clone(),
                store.clone(),
                clock.clone(),
                lifecycle.clone(),
            ),
        );
        let base = Base { config, clock, lifecycle, store, authority, tracer };
        // Its result is looked at only after the app stands, because only the app knows how to take
        // everything down again.
        let started = Box::pin(base.start_roles(metrics)).await;
        let mut app = Self {
            lifecycle: base.lifecycle,
            addresses: Addresses::default(),
            config: base.config,
            store: base.store,
            database,
            work: None,
            reloadable: Reloadable::default(),
            data_dir,
        };
        let announced = started.and_then(|started| {
            app.addresses = started.addresses;
            app.work = started.work;
            app.reloadable = started.reloadable;
            app.data_dir.announce(&app.addresses)
        });
        if let Err(error) = announced {
            // A private PostgreSQL would outlive this process, so no error skips this.
            app.lifecycle.stop();
            app.run_to_end(std::future::pending()).await;
            return Err(error);
        }
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            roles = %app.config.node.roles,
            ingest = app.addresses.ingest.map(tracing::field::display),
            http = app.addresses.http.map(tracing::field::display),
            data_dir = %app.config.node.data_dir.display(),
            "the collector is up"
        );
        Ok(app)
    }

    /// Where it listens.
    #[must_use]
    pub const fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Its tasks, and the way to stop them.
    #[must_use]
    pub const fn lifecycle(&self) -> &Lifecycle {
        &self.lifecycle
    }

    /// Waits for the stop and for everything to end. `second_signal` cuts the waiting short.
    ///
    /// Gives how it ended, and what crashed.
    pub async fn run_to_end(
        self,
        second_signal: impl Future<Output = ()>,
    ) -> (Ending, Option<String>) {
        // It holds what sessions share, and the last traces go once nobody can make one any more.
        drop(self.reloadable);
        let ending = self.lifecycle.run_to_end(self.config.node.stop_timeout, second_signal).await;
        // After the tasks, which are its only users, and before the store: a worker that was
        // dropped has left its entries in the queue, where the next start finds them.
        if let Some(work) = self.work {
            work.presence.leave().await;
            let queue = work.queue;
            // It waits for the disk once more.
            let closing = tokio::task::spawn_blocking(move || queue.close());
            if closing.await.is_err() {
                tracing::error!("closing the queue panicked");
            }
        }
        // Connections go before their server, or its stop would wait for them.
        self.store.close().await;
        self.database.close().await;
        self.data_dir.release();
        ending
    }
}

impl Base {
    async fn start_roles(&self, metrics: PrometheusHandle) -> anyhow::Result<Started> {
        let roles = self.config.node.roles;
        let Started { mut addresses, mut work, mut reloadable } = Started::default();
        let jobs = Jobs {
            store: self.store.clone(),
            // One matcher for the pipeline and the jobs: a second would judge everything again for
            // itself.
            matcher: Arc::new(Matcher::new(&self.config.enrichment)),
            clock: self.clock.clone(),
            dead_letters_kept: self.config.jobs.dead_letters_kept,
            history_kept: Duration::from_secs(86_400 * u64::from(self.config.jobs.retention_days)),
            feeds: self.feeds()?,
            mail: self.mailer()?,
        };
        if roles.has(Role::Ingest) || roles.has(Role::Jobs) {
            // Before the first report is judged, so that nothing is judged twice for want of an
            // index.
            jobs.watch_index(&self.config.enrichment, &self.lifecycle).await;
        }
        self.start_measures(Arc::clone(&jobs.matcher));
        // The workers stand before the listener: what an agent brings in its first second finds
        // somebody who stores it.
        if roles.has(Role::Ingest) {
            let started = self.start_work(Arc::clone(&jobs.matcher)).await?;
            let (queue, dispatcher) = (started.queue.clone(), Arc::clone(&started.dispatcher));
            let listening = self.start_ingest(Gate { queue, dispatcher }).await?;
            addresses.ingest = Some(listening.address);
            reloadable.rates = Some(listening.rates);
            work = Some(started);
        }
        let node = self.this_node(addresses, Arc::clone(&jobs.matcher), work.clone());
        self.start_watched(Arc::clone(&node), metrics.clone()).await?;
        let announcements = self.announcements();
        if roles.has(Role::Api) {
            let live = http::Live::new(announcements.clone(), self.lifecycle.soft_token());
            let outside = (live, metrics);
            let api = self.start_api(node, outside).await?;
            addresses.http = Some(api.address);
            reloadable.api = Some(api);
        }
        if roles.has(Role::Jobs) {
            self.start_webhooks(&announcements)?;
            jobs.start(&self.config.jobs, &self.lifecycle).await?;
        }
        Ok(Started { addresses, work, reloadable })
    }

    /// What fetches feeds on this node, if it is told to.
    fn feeds(&self) -> anyhow::Result<Option<Arc<FeedSyncer>>> {
        if !self.config.feeds.sync || !self.config.node.roles.has(Role::Jobs) {
            return Ok(None);
        }
        let syncer = FeedSyncer::new(
            self.store.clone(),
            self.clock.clone(),
            Sleeper::system(),
            self.config.feeds.clone(),
            FeedPaths::of(&self.config),
        );
        Ok(Some(Arc::new(syncer?)))
    }

    async fn start_work(&self, matcher: Arc<Matcher>) -> anyhow::Result<Work> {
        let dispatcher = Dispatcher::new(&self.config.pipeline, self.clock.clone());
        let queue = self.open_queue(Arc::clone(&dispatcher)).await?;
        let work = Work {
            presence: Presence::open(
                &self.config.node.data_dir,
                self.store.clone(),
                self.clock.clone(),
                Arc::clone(&dispatcher),
                Arc::clone(&self.authority),
            )?,
            queue,
            dispatcher,
            matcher,
        };
        let pipeline = Pipeline {
            queue: work.queue.clone(),
            dispatcher: Arc::clone(&work.dispatcher),
            store: self.store.clone(),
            matcher: Arc::clone(&work.matcher),
            clock: self.clock.clone(),
            tracer: self.tracer.clone(),
        };
        // Half of the stop's time, so that what the workers hold then can still end.
        let drain_within = (self.config.node.stop_timeout / 2).min(DRAIN_MAX);
        let ended = pipeline.start(&self.config.pipeline, drain_within, &self.lifecycle);
        let told = work.clone();
        self.lifecycle.spawn("presence", async move {
            told.presence.tell_until(&ended, || told.status()).await;
        });
        Ok(work)
    }

    async fn open_queue(&self, dispatcher: Arc<Dispatcher>) -> anyhow::Result<Queue> {
        let config = self.config.queue.clone();
        let clock = self.clock.clone();
        let opening = tokio::task::spawn_blocking(move || {
            let limits = QueueLimits {
                bytes_max: config.bytes_max,
                entries_max: config.entries_max,
                segment_bytes: config.segment_bytes,
                disk_free_bytes_min: config.disk_free_bytes_min,
            };
            Queue::open(&config.dir, limits, dispatcher, clock)
        });
        let (queue, recovered) = opening.await?.context("open the queue")?;
        tracing::info!(?recovered, "opened the queue");
        Ok(queue)
    }

    async fn start_ingest(&self, queue: Gate) -> anyhow::Result<ingest::Listening> {
        let registry = Registry::new();
        let directory =
            Directory::open(self.store.clone(), registry.clone(), self.clock.clone()).await?;
        let lifecycle = self.lifecycle.clone();
        self.lifecycle.spawn_essential("directory", async move {
            directory.follow(lifecycle).await;
            Ok(())
        });
        let agents = agents::StoredAgents::new(self.store.clone(), self.clock.clone());
        let (behind, lifecycle) = (agents.clone(), self.lifecycle.clone());
        self.lifecycle.spawn("agents.behind", async move {
            behind.note_again(&lifecycle).await;
        });
        Ok(ingest::start(ingest::Parts {
            config: self.config.ingest.clone(),
            clock: self.clock.clone(),
            authority: Arc::clone(&self.authority),
            queue: Arc::new(queue),
            agents: Arc::new(agents),
            registry,
            lifecycle: self.lifecycle.clone(),
            tracer: self.tracer.clone(),
        })?)
    }
}
