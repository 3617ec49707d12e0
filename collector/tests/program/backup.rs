//! Backup and restore: what comes back is what was there, and agents go on with whom they know.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use protocol::fingerprint::{InventoryDigest, RecordFingerprint, SoftwareKey};
use protocol::ids::Position;
use protocol::message::{AgentMessage, CollectorMessage, Heartbeat};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::Value;
use tempfile::TempDir;

use super::agent::{Agent, record, report};
use super::desk::{Said, program};
use super::outages::server::Server;
use super::process::{Collector, command, data_dir, print_at};
use super::world::{listening, names_of, set};

/// NVD's records of a year, as they were fetched.
const NVD: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../enrichment/tests/data/feeds/nvdcve-2.0-2002.json.gz");

/// A database and a data directory; a collector may run on them.
struct Place {
    server: Server,
    dir: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { server: Server::start(""), dir: data_dir() }
    }

    fn start(&self) -> Collector {
        let mut serve = command(self.dir.path(), None);
        serve.env("DATABASE_URL", self.server.url());
        Collector::start(serve)
    }

    fn print(&self, words: &[&str]) -> Value {
        print_at(self.dir.path(), &self.server.url(), words)
    }

    fn say(&self, words: &[&str]) -> Said {
        let mut command = program(words);
        command.arg("--data-dir").arg(self.dir.path()).env("DATABASE_URL", self.server.url());
        Said::of(&mut command)
    }

    /// A line for each table: its rows, and a digest of all that is in them. But for the list of backups, which has
    /// one more as soon as it is finished.
    fn rows(&self) -> Vec<String> {
        let tables =
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition AND relname <> 'backups'
                      AND relnamespace = 'public'::regnamespace ORDER BY 1";
        let tables = self.server.sql(tables);
        let digest = |table: &str| {
            let rows = self.server.sql(&format!(
                "SELECT count(*), md5(string_agg(md5(t::text), '' ORDER BY md5(t::text)))
                 FROM \"{table}\" AS t"
            ));
            format!("{table}: {rows}")
        };
        tables.lines().map(digest).collect()
    }
}

/// Waits until a host stands at a position, and gives the names of what it has.
async fn stored(collector: &Collector, key: &str, agent: &Agent, at: Position) -> BTreeSet<String> {
    let host = format!("/api/v1/hosts/{}", agent.id);
    for _ in 0..1_500 {
        let (status, answer) = collector.ask("GET", &host, key);
        if status == 200 && answer["delivery"]["applied"] == at.to_string() {
            let ask = |path: &str| collector.ask("GET", path, key).1;
            return names_of(ask, agent.id);
        }
        // Between two questions to another process; the bound of the loop is what fails.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("half a minute and {at} is not there");
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn digest(names: &[&str]) -> InventoryDigest {
    let platform = report(1, 1, Vec::new()).platform;
    let fingerprint = |name: &&str| {
        let record = record(name);
        RecordFingerprint::of(SoftwareKey::of(&record, &platform), &record)
    };
    names.iter().map(fingerprint).collect()
}

#[tokio::test]
async fn a_restored_site_is_the_one_that_was_backed_up_and_its_agents_go_on() {
    let (old, kept) = (Place::new(), data_dir());
    let folder = kept.path().join("backup");
    let backup = folder.to_str().unwrap();
    old.print(&["feed", "import", NVD]);
    let collector = old.start();
    old.print(&["company", "create", "Ours"]);
    let key = old.print(&["key", "create", "tests", "--company", "Ours"]);
    let key = key["key"].as_str().unwrap();
    let token = old.print(&["token", "create", "--company", "Ours"]);
    let enrolled = Agent::enrol(old.dir.path(), token["token"].as_str().unwrap()).await;
    let mut agent = enrolled.unwrap_or_else(|why| panic!("{why:?}"));
    let mut stream = agent.welcomed(Position::default()).await;
    stream.deliver(report(1, 1, vec![record("a"), record("b")])).await;
    stored(&collector, key, &agent, Position::new(1, 1)).await;
    assert_eq!(collector.stop().0.code(), Some(0));
    let said = old.print(&["backup", backup]);
    assert_eq!(said["authority_sha256"], old.print(&["authority", "show"])["sha256"]);
    let noted =
        format!("SELECT bytes = {} FROM backups ORDER BY made_at DESC LIMIT 1", said["bytes"]);
    assert_eq!(old.server.sql(&noted), "t", "the site knows of it");
    let rows = old.rows();
    assert_eq!((mode(&folder), mode(&folder.join("ca/ca.key"))), (0o700, 0o600));
    // What comes after the backup is not in it, and the agent still has it.
    let collector = old.start();
    agent.moved_to(listening(old.dir.path()));
    let mut stream = agent.welcomed(Position::new(1, 1)).await;
    stream.deliver(report(1, 2, vec![record("late")])).await;
    stored(&collector, key, &agent, Position::new(1, 2)).await;
    assert_eq!(collector.stop().0.code(), Some(0));
    drop(old);

    let new = Place::new();
    assert_eq!(new.print(&["restore", backup]), said);
    assert_eq!(new.rows(), rows);
    assert!(new.say(&["restore", backup]).failed().contains("the database is not empty"));
    assert!(new.dir.path().join("index/current").exists(), "and the index");
    assert_eq!(new.print(&["feed", "import", NVD])["changed"], 0, "and the feeds");

    let collector = new.start();
    agent.moved_to(listening(new.dir.path()));
    let mut stream = agent.welcomed(Position::new(1, 2)).await;
    let heartbeat = Heartbeat {
        acknowledged: Position::new(1, 2),
        digest: Some(digest(&["a", "b", "late"])),
        scan_done: 0,
    };
    let asked = async {
        loop {
            stream.say(&AgentMessage::Heartbeat(heartbeat)).await;
            let answer = tokio::time::timeout(Duration::from_secs(2), stream.answer());
            if let Ok(answer) = answer.await {
                return answer;
            }
        }
    };
    // Within a minute: the node that had it has to be missed for a while before it counts as gone.
    let asked = tokio::time::timeout(Duration::from_secs(60), asked).await;
    assert_eq!(asked.unwrap(), CollectorMessage::SendSnapshot);
    stream.deliver(report(2, 1, vec![record("a"), record("b"), record("late")])).await;
    let names = stored(&collector, key, &agent, Position::new(2, 1)).await;
    assert_eq!(names, set(&["a", "b", "late"]));
    assert_eq!(collector.stop().0.code(), Some(0));
}

#[tokio::test]
async fn whoever_sees_no_companys_rows_is_told_and_leaves_no_backup() {
    let (place, kept) = (Place::new(), data_dir());
    place.server.sql("CREATE ROLE muster LOGIN CREATEROLE");
    place.server.sql("CREATE DATABASE muster OWNER muster");
    place.server.sql("CREATE ROLE reader LOGIN BYPASSRLS IN ROLE pg_read_all_data");
    let url = |role: &str| format!("postgres://{role}@127.0.0.1:{}/muster", place.server.port);
    let folder = kept.path().join("backup");
    let backup = folder.to_str().unwrap();
    let run = |words: &[&str]| {
        let mut command = program(words);
        command.arg("--data-dir").arg(place.dir.path()).env("DATABASE_URL", url("muster"));
        Said::of(&mut command)
    };
    let nothing = run(&["backup", backup]).failed();
    assert!(nothing.contains("open the authority"), "{nothing}");
    let mut serve = command(place.dir.path(), None);
    serve.env("DATABASE_URL", url("muster"));
    assert_eq!(Collector::start(serve).stop().0.code(), Some(0));

    let error = run(&["backup", backup]).failed();
    assert!(error.contains("--database-url-file"), "{error}");
    assert!(run(&["restore", backup]).failed().contains("is it a backup that was finished?"));
    std::fs::remove_dir_all(&folder).unwrap();
    let reader = kept.path().join("reader");
    std::fs::write(&reader, url("reader")).unwrap();
    run(&["company", "create", "Ours"]).done();
    run(&["backup", backup, "--database-url-file", reader.to_str().unwrap()]).done();
    assert!(run(&["backup", backup]).failed().contains("make the folder"), "never over another");

    // It comes back under the same role, which owns the new database and is no superuser.
    place.server.sql("CREATE DATABASE restored OWNER muster");
    let restored = format!("postgres://muster@127.0.0.1:{}/restored", place.server.port);
    let dir = data_dir();
    let there = |words: &[&str]| {
        let mut command = program(words);
        command.arg("--data-dir").arg(dir.path()).env("DATABASE_URL", &restored);
        Said::of(&mut command).done()
    };
    there(&["restore", backup]);
    assert!(there(&["company", "list"]).contains("Ours"));
}

#[test]
fn a_site_on_its_private_database_comes_back_from_its_backup() {
    let (old, new, kept) = (data_dir(), data_dir(), data_dir());
    let folder = kept.path().join("backup");
    let run = |dir: &TempDir, words: &[&str]| {
        let mut command = program(words);
        command.arg("--data-dir").arg(dir.path());
        Said::of(&mut command)
    };
    let mut serve = command(old.path(), None);
    serve.env("MUSTER_INGEST_LISTEN", "127.0.0.1:0");
    let collector = Collector::start(serve);
    run(&old, &["company", "create", "Ours"]).done();
    // Beside a running collector, as at night.
    run(&old, &["backup", folder.to_str().unwrap()]).done();
    assert_eq!(collector.stop().0.code(), Some(0));

    let said = run(&new, &["restore", folder.to_str().unwrap()]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    assert!(run(&new, &["company", "list"]).done().contains("Ours"));
    let same = |file: &str| std::fs::read(old.path().join(file)).unwrap();
    assert_eq!(std::fs::read(new.path().join("ca/ca.key")).unwrap(), same("ca/ca.key"));
    let collector = Collector::start(command(new.path(), None));
    assert_eq!(collector.stop().0.code(), Some(0));
}

#[test]
fn a_folder_without_rows_goes_beside_a_database_that_is_there_again() {
    let (old, kept) = (Place::new(), data_dir());
    let folder = kept.path().join("backup");
    let backup = folder.to_str().unwrap();
    assert_eq!(old.start().stop().0.code(), Some(0));
    old.print(&["feed", "import", NVD]);
    old.print(&["company", "create", "Ours"]);
    old.print(&["backup", backup, "--without-rows"]);
    assert!(!folder.join("database.dump").exists());
    let rows = old.rows();
    // A node that has all it needs: only its feeds are taken in again, which may be younger than the rows.
    let applied = old.dir.path().join("mirror/applied.json");
    assert!(applied.exists());
    old.print(&["restore", backup, "--without-rows"]);
    assert!(!applied.exists());
    assert_eq!(old.rows(), rows);

    // One that has nothing.
    let new = Place { dir: data_dir(), ..old };
    assert!(new.say(&["restore", backup]).failed().contains("was made without rows"));
    new.print(&["restore", backup, "--without-rows"]);
    assert_eq!(new.rows(), rows);
    assert_eq!(new.print(&["feed", "import", NVD])["changed"], 0, "the feeds are there");
    assert_eq!(new.start().stop().0.code(), Some(0));
    let empty = Place::new();
    let said = empty.say(&["restore", backup, "--without-rows"]).failed();
    assert!(said.contains("the database is empty"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_after_a_rotation_needs_no_note_of_it_and_no_key_of_the_authority_before() {
    let (old, kept, empty) = (Place::new(), data_dir(), data_dir());
    let folder = kept.path().join("backup");
    let backup = folder.to_str().unwrap();
    let collector = old.start();
    old.print(&["company", "create", "Ours"]);
    for step in ["prepare", "activate"] {
        old.say(&["authority", "rotate", step]).done();
    }
    // A start signs with the new one at once, where a running node takes two seconds to hear of it.
    assert_eq!(collector.stop().0.code(), Some(0));
    let collector = old.start();
    let token = old.print(&["token", "create", "--company", "Ours"]);
    let enrolled = Agent::enrol(old.dir.path(), token["token"].as_str().unwrap()).await;
    let mut agent = enrolled.unwrap_or_else(|why| panic!("{why:?}"));
    old.say(&["authority", "rotate", "retire", "--leave-behind"]).done();
    assert_eq!(collector.stop().0.code(), Some(0));
    let ca = old.dir.path().join("ca");
    std::fs::remove_file(ca.join("ca.key")).unwrap();

    // As by night in a container: the authority is mounted, and the data directory knows nothing.
    let run = |authority: &Path| {
        let mut command = program(&["backup", backup]);
        command.arg("--data-dir").arg(empty.path()).env("DATABASE_URL", old.server.url());
        Said::of(command.env("MUSTER_AUTHORITY_DIR", authority))
    };
    let sha256 = old.print(&["authority", "show"])["sha256"].as_str().unwrap().to_owned();
    let elsewhere = kept.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    std::fs::copy(ca.join("ca.crt"), elsewhere.join("ca.crt")).unwrap();
    // Where the one that counts is not, nothing is backed up that looks as if it were.
    assert!(run(&elsewhere).failed().contains("ca.key"));
    assert!(!folder.exists());
    run(&ca).done();

    let new = Place::new();
    assert_eq!(new.print(&["restore", backup])["authority_sha256"], sha256.as_str());
    let collector = new.start();
    let active = new.dir.path().join("ca").join(&sha256).join("ca.crt");
    agent.trust(vec![CertificateDer::from_pem_file(active).unwrap().to_vec()]);
    agent.moved_to(listening(new.dir.path()));
    let mut stream = agent.welcomed(Position::default()).await;
    stream.deliver(report(1, 1, vec![record("after")])).await;
    assert_eq!(collector.stop().0.code(), Some(0));
}

#[test]
fn an_authority_is_made_for_nodes_that_are_given_it_and_never_twice() {
    let dir = data_dir();
    let folder = dir.path().join("authority");
    let make = || Said::of(&mut program(&["authority", "create", folder.to_str().unwrap()]));
    let sha256 = make().done();
    assert_eq!(sha256.trim_end().len(), 64, "{sha256}");
    assert_eq!(mode(&folder.join("ca/ca.key")), 0o600);
    assert!(make().failed().contains("there is an authority"));
}
