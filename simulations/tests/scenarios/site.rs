//! A real collector with a real database, in this process: started, stopped and started again at the
//! same addresses.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use collector::app::App;
use collector::authority::{Authority, Home};
use collector::clock::Clock;
use collector::config::{Config, Environment, Layers};
use collector::tokens::TokenMaker;
use metrics_exporter_prometheus::PrometheusHandle;
use protocol::ids::{CompanyId, TokenId};
use ring::rand::SystemRandom;
use store::api_keys::{self, NewApiKey, PresentedKey};
use store::companies;
use store::enrolment_tokens::{self, NewEnrolmentToken};
use store::test_support::FreshDatabase;
use tempfile::TempDir;
use uuid::Uuid;

/// A collector, its database and its files.
pub(crate) struct Site {
    database: FreshDatabase,
    directory: TempDir,
    config: Config,
    app: Option<App>,
}

impl Site {
    /// A collector that is up, with limits that a test's fleet does not meet.
    pub(crate) async fn start() -> Self {
        Self::with(|layers| layers).await
    }

    /// The same with settings of its own.
    pub(crate) async fn with(change: impl FnOnce(Layers) -> Layers) -> Self {
        let database = FreshDatabase::create().await;
        let directory = tempfile::tempdir().expect("a directory");
        let (ingest, http) = free_addresses();
        // A file, for settings name secrets by their paths.
        let url_file = directory.path().join("url");
        std::fs::write(&url_file, database.url()).expect("writes");
        let layers = Layers::defaults()
            .with("node", "data_dir", text(&directory.path().join("data")))
            .with("database", "url_file", text(&url_file))
            .with("ingest", "listen", ingest.to_string())
            .with("http", "listen", http.to_string())
            .with("ingest", "enrolments_per_minute", 10_000)
            .with("ingest", "agent_requests_per_minute", 10_000)
            .with("ingest", "company_requests_per_minute", 1_000_000)
            // Nothing of a test goes out to the network.
            .with("feeds", "sync", false)
            // The machine that tests may have less free than a collector wants.
            .with("queue", "disk_free_bytes_min", 0);
        let config = Config::from_layers(change(layers)).expect("a configuration");
        let mut site = Self { database, directory, config, app: None };
        site.start_again().await;
        let key = PresentedKey::new(Uuid::new_v4(), [7; 32]);
        let new = NewApiKey { key: &key, name: "tests", expires_at: None };
        let operator = site.database.store().local_operator();
        let made = api_keys::create_operator(&operator, &new, Clock::system().now()).await;
        made.expect("a key");
        std::fs::write(site.path("key"), key.expose()).expect("writes");
        site
    }

    /// Starts the collector at the addresses that it had.
    pub(crate) async fn start_again(&mut self) {
        let environment = Environment::default();
        let starting = App::start(self.config.clone(), &environment, Clock::system(), metrics());
        self.app = Some(Box::pin(starting).await.expect("a collector"));
    }

    /// Stops the collector in order.
    pub(crate) async fn stop(&mut self) {
        if let Some(app) = self.app.take() {
            app.lifecycle().stop();
            let (_, crashed) = app.run_to_end(std::future::pending()).await;
            assert_eq!(crashed, None);
        }
    }

    /// A company, and the file with a token for its hosts.
    pub(crate) async fn company(&self, name: &str) -> PathBuf {
        let operator = self.database.store().local_operator();
        let (clock, random) = (Clock::system(), SystemRandom::new());
        let id = CompanyId(Uuid::new_v4());
        let made = companies::create(&operator, id, name, clock.now()).await;
        made.expect("a company");
        let scope = operator.scope(id).await.expect("a scope");
        let scope = scope.expect("a company that is there");
        let ingest = &self.config.ingest;
        let data = &self.config.node.data_dir;
        let authority =
            Authority::open_or_create(&Home::of(data), &ingest.trust_domain, &random, clock.now());
        let authority = authority.expect("an authority");
        let maker = TokenMaker::new(authority.fingerprint(), &[], ingest.listen);
        let token = maker.make(TokenId(Uuid::new_v4()), &random);
        let token = token.expect("a token");
        let new = NewEnrolmentToken {
            id: token.id,
            secret: &token.secret,
            name: "tests",
            labels: &std::collections::BTreeMap::new(),
            expires_at: None,
            uses_max: None,
        };
        let made = enrolment_tokens::create(&scope, &new, clock.now()).await;
        made.expect("a token");
        let path = self.path(&format!("token-{name}"));
        std::fs::write(&path, token.expose()).expect("writes");
        path
    }

    /// The API.
    pub(crate) fn api(&self) -> String {
        format!("http://{}", self.config.http.listen)
    }

    /// A file in the site's directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

/// A path as an argument.
pub(crate) fn text(path: &Path) -> String {
    path.display().to_string()
}

/// Addresses that nobody has: a collector that is started again has to find its own. Their numbers are below
/// those that the kernel gives by itself (32,768 and up on Linux), or a connection of another test could
/// take one between two lives; where the search begins is the process's own.
fn free_addresses() -> (SocketAddr, SocketAddr) {
    let begin = std::process::id() % 5_000 * 4;
    let numbers = (0..20_000).map(|next| 10_000 + (begin + next) % 20_000);
    let addresses = numbers.map(|number| {
        let port = u16::try_from(number).expect("below 30,000");
        SocketAddr::from((Ipv4Addr::LOCALHOST, port))
    });
    let mut free = addresses
        .filter(|address| UdpSocket::bind(address).is_ok() && TcpListener::bind(address).is_ok());
    let mut next = || free.next().expect("a free number");
    (next(), next())
}

/// One recorder for all collectors of a process.
fn metrics() -> PrometheusHandle {
    static METRICS: OnceLock<PrometheusHandle> = OnceLock::new();
    let install = || collector::metrics::install().expect("metrics");
    METRICS.get_or_init(install).clone()
}

/// How long a test waits for what has to come.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);
