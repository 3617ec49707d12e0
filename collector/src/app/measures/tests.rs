//! What a node says of its disk, its database and itself.

use std::future::Future;

use metrics_exporter_prometheus::PrometheusBuilder;
use ring::rand::SystemRandom;
use store::test_support::FreshDatabase;

use super::*;
use crate::authority::Home;

/// What `/metrics` says of what was set while something was done. On one thread, because a local
/// recorder is one thread's.
pub(super) async fn scraped(doing: impl Future<Output = ()>) -> String {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let _guard = metrics::set_default_local_recorder(&recorder);
    doing.await;
    handle.render()
}

/// The value of a series.
pub(super) fn value(text: &str, series: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{series} is missing in\n{text}")).parse().unwrap()
}

fn node(store: &Store, clock: Clock) -> Node {
    let matcher = Some(Arc::new(Matcher::in_memory(10)));
    let dir = tempfile::tempdir().unwrap();
    let (home, random) = (Home::of(dir.path()), SystemRandom::new());
    let authority = Authority::open_or_create(&home, "muster.internal", &random, clock.now());
    let authority = Arc::new(authority.unwrap());
    Node { data_dir: std::env::temp_dir(), store: store.clone(), clock, authority, matcher }
}

#[tokio::test]
async fn a_node_says_how_much_room_it_has_and_that_it_has_no_index() {
    let database = FreshDatabase::create().await;
    let node = node(database.store(), Clock::system());
    let text = scraped(node.measure()).await;
    let free = value(&text, DISK_FREE_BYTES);
    assert!(free > 0.0 && free <= value(&text, DISK_SIZE_BYTES), "{text}");
    assert!(value(&text, MATCH_INDEX_BYTES).abs() < 0.5, "{text}");
    assert!(!text.contains(MATCH_INDEX_MADE), "{text}");
    let files = value(&text, crate::metrics::PROCESS_OPEN_FILES);
    assert!(files > 3.0 && files < value(&text, crate::metrics::PROCESS_OPEN_FILES_MAX), "{text}");
}

#[tokio::test]
async fn a_clock_that_is_behind_the_databases_is_said_and_a_database_that_is_away_too() {
    let database = FreshDatabase::create().await;
    let late = database.store().now().await.unwrap() - Duration::from_secs(90);
    let (clock, _hand) = Clock::manual(late);
    let node = node(database.store(), clock);
    let text = scraped(node.database()).await;
    assert!(value(&text, DATABASE_UP) > 0.5, "{text}");
    let offset = value(&text, CLOCK_OFFSET_SECONDS);
    assert!((-120.0..-89.0).contains(&offset), "{offset}");
    database.store().close().await;
    let text = scraped(node.database()).await;
    assert!(value(&text, DATABASE_UP) < 0.5, "{text}");
    // What is not known is not made up.
    assert!(!text.contains(CLOCK_OFFSET_SECONDS), "{text}");
}

#[tokio::test]
async fn a_database_whose_pooler_is_away_is_away() {
    use store::database::StoreConfig;
    let database = FreshDatabase::create().await;
    // Taken and given back: nobody listens there.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = StoreConfig {
        pooler_url: Some(format!("postgres://nobody@{gone}/nothing")),
        acquire_timeout: Duration::from_millis(100),
        ..StoreConfig::new(database.url())
    };
    let store = Store::connect(&config).await.unwrap();
    let text = scraped(node(&store, Clock::system()).database()).await;
    assert!(value(&text, DATABASE_UP) < 0.5, "{text}");
    store.close().await;
}

#[test]
fn reads_of_a_standby_are_declared_as_they_are_counted() {
    assert_eq!(crate::metrics::DATABASE_READS, store::database::READS);
    assert_eq!(crate::metrics::LABEL_SERVER, "server");
}

#[tokio::test]
async fn a_transaction_is_timed_under_its_name_and_counted_when_it_is_not_committed() {
    use crate::metrics::{DATABASE_ROLLBACKS, DATABASE_TRANSACTION_SECONDS, LABEL_TRANSACTION};
    assert_eq!(DATABASE_TRANSACTION_SECONDS, store::database::TRANSACTION_SECONDS);
    assert_eq!(DATABASE_ROLLBACKS, store::database::ROLLBACKS);
    let database = FreshDatabase::create().await;
    let operator = database.store().local_operator();
    let text = scraped(async {
        store::fleet::watched(&operator).await.unwrap();
        database.execute("ALTER TABLE companies RENAME TO gone").await;
        store::fleet::watched(&operator).await.unwrap_err();
    })
    .await;
    let of = |metric: &str| format!("{metric}{{{LABEL_TRANSACTION}=\"fleet.watched\"}}");
    let timed = value(&text, &of(&format!("{DATABASE_TRANSACTION_SECONDS}_count")));
    assert!((timed - 2.0).abs() < 0.1, "{text}");
    assert!((value(&text, &of(DATABASE_ROLLBACKS)) - 1.0).abs() < 0.1, "{text}");
}
