//! A collector's side of a sync: a database, a data folder, and a clock that a test moves.

use std::path::PathBuf;
use std::time::Duration;

use collector::clock::{Clock, ManualClock};
use collector::config::{Config, FeedsConfig, Layers};
use collector::feeds::{FeedImporter, FeedPaths, FeedSyncer, Outcome, Sleeper, SyncReport, Wanted};
use enrichment::index::Index;
use store::feeds::Feed;
use store::test_support::FreshDatabase;
use tempfile::TempDir;
use time::OffsetDateTime;

/// The day after the pages were fetched from NVD.
pub(crate) const NOW: OffsetDateTime = time::macros::datetime!(2023-11-11 12:00 UTC);

pub(crate) struct Site {
    pub(crate) dir: TempDir,
    pub(crate) database: FreshDatabase,
    pub(crate) clock: Clock,
    pub(crate) hand: ManualClock,
    pub(crate) sleeper: Sleeper,
    pub(crate) config: FeedsConfig,
    page_records: u64,
}

impl Site {
    /// A site whose `[feeds]` are these lines.
    pub(crate) async fn new(feeds: &str) -> Self {
        let (clock, hand) = Clock::manual(NOW);
        let dir = tempfile::tempdir().unwrap();
        let layers = Layers::defaults().with_table(format!("[feeds]\n{feeds}").parse().unwrap());
        Self {
            dir,
            database: FreshDatabase::create().await,
            // Waits move the clock and take no time: some of them are minutes.
            sleeper: Sleeper::manual(hand.clone()),
            clock,
            hand,
            config: Config::from_layers(layers).unwrap().feeds,
            // As the pages were fetched: NVD's own two thousand would make every set a single page.
            page_records: 3,
        }
    }

    pub(crate) fn paths(&self) -> FeedPaths {
        FeedPaths {
            mirror: self.dir.path().join("mirror"),
            index: self.dir.path().join("index").join("current"),
        }
    }

    pub(crate) fn syncer(&self) -> FeedSyncer {
        let syncer = FeedSyncer::new(
            self.database.store().clone(),
            self.clock.clone(),
            self.sleeper.clone(),
            self.config.clone(),
            self.paths(),
        );
        syncer.unwrap().with_page_records(self.page_records)
    }

    pub(crate) fn importer(&self) -> FeedImporter {
        FeedImporter::new(self.database.store().clone(), self.clock.clone(), self.paths())
    }

    pub(crate) async fn sync(&self) -> SyncReport {
        self.syncer().sync(&Wanted::All, false).await.unwrap()
    }

    /// Syncs the one source there is; how it ended, and why.
    pub(crate) async fn sync_one(&self) -> (Outcome, String) {
        let report = self.sync().await;
        let source = report.sources.into_iter().next().unwrap();
        (source.outcome, source.error.unwrap_or_default())
    }

    pub(crate) async fn row(&self, source: &str) -> Feed {
        let rows = store::feeds::list(self.database.store()).await.unwrap();
        rows.into_iter().find(|row| row.source == source).unwrap()
    }

    pub(crate) fn index(&self) -> Index {
        Index::open(&self.paths().index).unwrap()
    }

    pub(crate) fn manifest(&self) -> serde_json::Value {
        let text = std::fs::read(self.paths().mirror.join("manifest.json")).unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    /// The lines of all of a source's files, in the order of their names.
    pub(crate) fn lines(&self, source: &str) -> Vec<String> {
        let manifest = self.manifest();
        let parts = manifest["sources"][source]["parts"].as_object().unwrap();
        let mut lines = Vec::new();
        for part in parts.values() {
            let file = std::fs::File::open(self.file(part["sha256"].as_str().unwrap())).unwrap();
            let text = std::io::read_to_string(zstd::Decoder::new(file).unwrap()).unwrap();
            lines.extend(text.lines().map(str::to_owned));
        }
        lines
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.paths().mirror.join(name)
    }

    pub(crate) fn pass(&self, hours: u64) {
        self.hand.advance(Duration::from_secs(hours * 3_600));
    }
}
