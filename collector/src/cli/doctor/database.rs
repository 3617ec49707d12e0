//! The database: server, role, schema, tenancy, partitions, clock; and what it knows of feeds and nodes.

use std::time::Duration;

use store::backups::Newest;
use store::database::{ConnectError, Replication, SESSIONS_MAX, Store};
use store::error::StoreError;
use store::inspection::{Inspection, Schema, Table};
use store::nodes::Node;
use time::OffsetDateTime;

use super::finding::Finding;
use crate::clock::Clock;
use crate::config::{Config, FeedsConfig};
use crate::feeds::FeedStatus;

/// How far clocks may be apart before something goes wrong, and before somebody should know.
const CLOCK_WRONG: time::Duration = time::Duration::seconds(10);
const CLOCK_OFF: time::Duration = time::Duration::seconds(2);
/// How old a feed may be that is fetched more often.
const FEED_OLD: Duration = Duration::from_secs(86_400);
/// How old the newest backup may be: two nights, of which one went wrong.
const BACKUP_OLD: time::Duration = time::Duration::days(2);
/// Connections beside the nodes' own: some are kept for superusers, a backup and a migration have theirs, and people
/// want in with psql.
const CONNECTIONS_BESIDE: u32 = 10;
/// How far a standby may be behind while nobody needs to know: a second of much writing.
const BEHIND_BYTES: i64 = 64 << 20;
/// Names of a list that are said.
const NAMES_MAX: usize = 5;

/// Where the database is: its address may hold a password and is not shown.
const DATABASE: &str = "the database";

/// A database that cannot be used at all.
pub(super) fn unreachable(error: &ConnectError) -> Finding {
    Finding::problem("database", DATABASE, error.to_string()).todo(
        "see that PostgreSQL runs at that address and lets this role in (its log says why not)",
    )
}

/// Looks at a database that answers; gives the authority that its nodes share.
pub(super) async fn examine(
    store: &Store,
    config: &Config,
    clock: &Clock,
    findings: &mut Vec<Finding>,
) -> Option<[u8; 32]> {
    let asked_at = clock.now();
    let found = match store.inspect().await {
        Ok(found) => found,
        Err(error) => {
            findings.push(unanswered(&error));
            return None;
        }
    };
    // Between the question and its answer; what is looked for is seconds.
    findings.push(clocks((asked_at - found.now).max(found.now - clock.now())));
    findings.push(server(&found));
    findings.extend(pooler(config, &found.schema).await);
    findings.extend(replica(store).await);
    findings.push(role(&found));
    findings.push(schema(&found.schema));
    findings.extend(tables(&found.tables));
    if !found.schema.is_current() {
        // The tables that follow may not be there, or be others.
        return None;
    }
    match rows(store, config, clock.now(), found.connections_max, findings).await {
        Ok(shared) => shared,
        Err(error) => {
            findings.push(unanswered(&error));
            None
        }
    }
}

fn unanswered(error: &StoreError) -> Finding {
    Finding::problem("database", DATABASE, error.to_string())
        .todo("what the message says; PostgreSQL's log has more")
}

async fn rows(
    store: &Store,
    config: &Config,
    now: OffsetDateTime,
    connections_max: u32,
    findings: &mut Vec<Finding>,
) -> Result<Option<[u8; 32]>, StoreError> {
    for feed in FeedStatus::list(store, &config.feeds, now).await? {
        findings.push(judge_feed(&feed, &config.feeds));
    }
    findings.extend(store::backups::newest(store).await?.map(|newest| judge_backup(&newest, now)));
    let nodes = store::nodes::list(store).await?;
    let alive = nodes.iter().filter(|node| node.is_alive).count();
    findings.extend(connections(connections_max, alive, config));
    findings.extend(nodes.iter().filter(|node| !node.is_alive).map(judge_node));
    store::cluster::authority(store).await
}

/// `off` is how far this clock is ahead of everything that the database's can have said, or behind.
fn clocks(off: time::Duration) -> Finding {
    let place = "this machine and the database";
    let what = format!("{:.1} s apart", off.as_seconds_f64().max(0.0));
    let todo = "set the wrong one right: `timedatectl` on both";
    if off > CLOCK_WRONG {
        Finding::problem("clock", place, what).todo(todo)
    } else if off > CLOCK_OFF {
        Finding::remark("clock", place, what).todo(todo)
    } else {
        Finding::good("clock", place, what)
    }
}

fn server(found: &Inspection) -> Finding {
    let mib = found.bytes >> 20;
    let (open, most) = (found.connections, found.connections_max);
    let what = format!("PostgreSQL {}, {mib} MiB, {open} of {most} connections", found.version);
    if !found.is_durable {
        return Finding::problem(
            "database",
            DATABASE,
            format!("{what}; it does not wait for its disk"),
        )
        .todo("set fsync and synchronous_commit to on: a power cut loses what was stored");
    }
    Finding::good("database", DATABASE, what)
}

/// Whether the server has a connection for each that the nodes may open, if it does not. Nodes are taken to be set up as
/// this one; it counts as one where none runs.
fn connections(most: u32, alive: usize, config: &Config) -> Option<Finding> {
    let nodes = u32::try_from(alive).unwrap_or(u32::MAX).max(1);
    let of_one = match config.database.pooler {
        Some(_) => SESSIONS_MAX,
        None => config.database.connections_max,
    };
    let wanted = nodes.saturating_mul(of_one).saturating_add(CONNECTIONS_BESIDE);
    if most >= wanted {
        return None;
    }
    let what = format!("{most} connections, where {nodes} nodes may open {of_one} each");
    Some(Finding::remark("database", DATABASE, what).todo(format!(
        "raise max_connections to {wanted}, lower database.connections_max of the nodes, or put PgBouncer before the \
         server (database.pooler_url_file)"
    )))
}

/// The pooler that transactions go through, if there is one.
async fn pooler(config: &Config, schema: &Schema) -> Option<Finding> {
    const PLACE: &str = "the pooler";
    let url = config.database.pooler.as_ref()?;
    if !schema.is_current() {
        // The role that transactions take may not be there.
        return Some(
            Finding::remark("database", PLACE, "not asked: the schema is another")
                .todo("ask again once the schema is up to date"),
        );
    }
    Some(match Store::try_pooler(url.expose()).await {
        Ok(()) => Finding::good("database", PLACE, "passes transactions on"),
        Err(error) => Finding::problem("database", PLACE, error.to_string()).todo(
            "see that it runs at the address in database.pooler_url_file and is set up as OPERATIONS.md says; \
             until then nothing is stored and nobody is answered",
        ),
    })
}

/// The standby that lists are read from, if there is one.
async fn replica(store: &Store) -> Option<Finding> {
    const PLACE: &str = "the standby";
    let found = store.replication().await.transpose()?;
    Some(match found {
        Err(error) => Finding::remark("database", PLACE, error.to_string())
            .todo("see that it runs and lets this role in; until then the server reads for it"),
        Ok(Replication::Primary) => Finding::problem("database", PLACE, "takes writes itself").todo(
            "name a standby of the server in database.replica_url_file: after a failover, the other one",
        ),
        Ok(Replication::Foreign) => {
            let what = "is of another cluster: nothing is read from it";
            Finding::problem("database", PLACE, what).todo(
                "name a standby of this server in database.replica_url_file; after a restore onto another server, a new one",
            )
        }
        Ok(Replication::Parted { standby, server }) => {
            let what = format!("is on timeline {standby}, the server on {server}: nothing is read from it");
            Finding::remark("database", PLACE, what).todo(
                "nothing for some minutes after a failover (CHECKPOINT there hastens it); if it stays so, have it follow \
                 this server, or make it anew",
            )
        }
        Ok(Replication::Standby { behind_bytes }) if behind_bytes > BEHIND_BYTES => {
            let what = format!("{} MiB behind", behind_bytes >> 20);
            Finding::remark("database", PLACE, what)
                .todo("see what keeps it (disk, network, a long query there); until then the server reads for it")
        }
        Ok(Replication::Standby { .. }) => Finding::good("database", PLACE, "replays as the server writes"),
    })
}

fn role(found: &Inspection) -> Finding {
    let (login, role) = (&found.login, &found.role);
    if found.is_privileged {
        return Finding::problem("role", role, "row-level security does not hold for it")
            .todo("log in as an ordinary owner of the database, or migrate as a superuser once");
    }
    Finding::good("role", role, format!("logs in as {login}; row-level security holds for it"))
}

fn schema(found: &Schema) -> Finding {
    let list = |numbers: &[i64]| names(numbers.iter().map(i64::to_string).collect());
    let place = "migrations";
    if !found.unknown.is_empty() {
        let what = format!("a newer program has been here: {}", list(&found.unknown));
        return Finding::problem("schema", place, what)
            .todo("run that version or a newer one: there is no way back but a backup");
    }
    if !found.different.is_empty() {
        let what = format!("not as this program knows them: {}", list(&found.different));
        return Finding::problem("schema", place, what)
            .todo("run the release that made them, or restore a backup");
    }
    if !found.missing.is_empty() {
        let what = format!("not yet: {}", list(&found.missing));
        return Finding::remark("schema", place, what)
            .todo("nothing: the next `serve` or `migrate` does it; back up before an upgrade");
    }
    Finding::good("schema", place, "as this program knows it")
}

fn tables(found: &[Table]) -> Vec<Finding> {
    let that = |is_so: fn(&Table) -> bool| -> Vec<String> {
        found.iter().filter(|table| is_so(table)).map(|table| table.name.clone()).collect()
    };
    let mut findings = Vec::new();
    let open = that(|table| !table.is_protected || table.open_partitions > 0);
    if !open.is_empty() {
        let what = "companies are not kept apart: row-level security is off or has no policy";
        findings.push(Finding::problem("tenancy", names(open), what).todo(
            "ALTER TABLE … ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY, on partitions too; \
             restore a policy that is gone from a backup",
        ));
    }
    let closed = that(|table| !table.is_granted);
    if !closed.is_empty() {
        let what = "the role that queries run as may not read and write them";
        findings.push(
            Finding::problem("tenancy", names(closed), what)
                .todo("GRANT SELECT, INSERT, UPDATE, DELETE on them to it"),
        );
    }
    let parted = that(|table| table.partitions != table.modulus);
    if !parted.is_empty() {
        let what = "partitions are missing: rows of some companies have no place";
        findings.push(
            Finding::problem("partitions", names(parted), what)
                .todo("attach what was detached, or restore it from a backup"),
        );
    }
    if findings.is_empty() && !found.is_empty() {
        let place = format!("{} tables", found.len());
        findings.push(Finding::good("tenancy", place, "protected, granted, all partitions there"));
    }
    findings
}

fn judge_feed(feed: &FeedStatus, config: &FeedsConfig) -> Finding {
    let place = &feed.source;
    let source = config.sources.iter().find(|source| source.name == feed.source);
    let Some(age_s) = feed.age_s else {
        let what = match &feed.error {
            Some(error) => format!("never fetched: {error}"),
            None => "not fetched yet".to_owned(),
        };
        return Finding::remark("feed", place, what)
            .todo("`muster-collector feed sync`; without internet bring files with `feed import`");
    };
    let age = Duration::from_secs(age_s.unsigned_abs());
    let patience = source.map_or(FEED_OLD, |source| FEED_OLD.max(source.every * 2));
    let hours = age.as_secs() / 3_600;
    let what = match &feed.error {
        Some(error) => format!("{hours} hours old; the last {} tries: {error}", feed.failures),
        None => format!("{hours} hours old"),
    };
    if age <= patience {
        return Finding::good("feed", place, what);
    }
    if config.sync && source.is_some() {
        return Finding::problem("feed", place, what).todo(
            "mend the way to its server (proxy, firewall), then `muster-collector feed sync`",
        );
    }
    Finding::remark("feed", place, what).todo("bring a newer one with `feed import`")
}

fn judge_backup(newest: &Newest, now: OffsetDateTime) -> Finding {
    let hours = (now - newest.made_at).whole_hours().max(0);
    let place = "the newest";
    let what = match newest.bytes {
        Some(bytes) => format!("{hours} hours old, {} MiB", bytes >> 20),
        None => "none was ever made".to_owned(),
    };
    if newest.bytes.is_some() && now - newest.made_at <= BACKUP_OLD {
        return Finding::good("backup", place, what);
    }
    Finding::remark("backup", place, what).todo(
        "`muster-collector backup` every night, and a copy elsewhere; if you back up another way, nothing",
    )
}

fn judge_node(node: &Node) -> Finding {
    let what = format!("not heard of since {}", node.seen_at);
    Finding::remark("node", &node.name, what)
        .todo("start it again; if it is gone for good, nothing: it is forgotten after a week")
}

/// Some names, and how many more there are.
fn names(mut all: Vec<String>) -> String {
    let more = all.len().saturating_sub(NAMES_MAX);
    all.truncate(NAMES_MAX);
    let some = all.join(", ");
    if more == 0 { some } else { format!("{some} and {more} more") }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;
    use crate::config::{Config, Layers};

    fn table(change: impl FnOnce(&mut Table)) -> Table {
        let mut table = Table {
            name: "findings".to_owned(),
            is_protected: true,
            is_granted: true,
            partitions: 4,
            modulus: 4,
            open_partitions: 0,
        };
        change(&mut table);
        table
    }

    fn levels(findings: &[Finding]) -> Vec<(&'static str, Level)> {
        findings.iter().map(|finding| (finding.check, finding.level)).collect()
    }

    #[test]
    fn tables_are_one_good_line_or_a_problem_for_each_thing_that_is_wrong() {
        assert_eq!(levels(&tables(&[table(|_| {})])), [("tenancy", Level::Good)]);
        // Nothing is said of a schema that is not there.
        assert_eq!(tables(&[]), []);
        let open = table(|table| table.open_partitions = 1);
        let closed = table(|table| table.is_granted = false);
        let parted = table(|table| table.partitions = 3);
        let found = tables(&[open, closed, parted]);
        let expected = ["tenancy", "tenancy", "partitions"].map(|check| (check, Level::Problem));
        assert_eq!(levels(&found), expected);
        assert!(found.iter().all(|finding| finding.place == "findings" && finding.todo.is_some()));
    }

    #[test]
    fn a_schema_that_is_behind_is_a_remark_and_one_that_is_ahead_is_a_problem() {
        let behind = Schema { missing: (1..=7).collect(), ..Schema::default() };
        let found = schema(&behind);
        assert_eq!(found.level, Level::Remark);
        assert_eq!(found.what, "not yet: 1, 2, 3, 4, 5 and 2 more");
        let ahead = Schema { unknown: vec![9], ..behind.clone() };
        assert_eq!(schema(&ahead).level, Level::Problem);
        let changed = Schema { different: vec![3], ..behind };
        assert_eq!(schema(&changed).level, Level::Problem);
        assert_eq!(schema(&Schema::default()).level, Level::Good);
    }

    #[test]
    fn clocks_are_judged_by_how_far_they_are_apart() {
        let level = |seconds| clocks(time::Duration::seconds(seconds)).level;
        assert_eq!((level(1), level(3), level(11)), (Level::Good, Level::Remark, Level::Problem));
    }

    #[test]
    fn connections_are_counted_for_all_nodes_together() {
        let config = Config::from_layers(Layers::defaults()).unwrap();
        assert_eq!(config.database.connections_max, 24);
        assert_eq!(connections(100, 3, &config), None);
        let found = connections(100, 4, &config).unwrap();
        assert_eq!(found.what, "100 connections, where 4 nodes may open 24 each");
        assert!(found.todo.unwrap().starts_with("raise max_connections to 106,"));
        // Nobody runs yet.
        assert_eq!(connections(34, 0, &config), None);
        assert!(connections(33, 0, &config).is_some());
    }

    #[test]
    fn a_backup_is_old_after_two_nights_and_one_that_was_never_made_is_none() {
        let now = OffsetDateTime::UNIX_EPOCH + time::Duration::days(9);
        let level = |hours, bytes| {
            let made_at = now - time::Duration::hours(hours);
            judge_backup(&Newest { made_at, bytes }, now).level
        };
        assert_eq!((level(47, Some(1)), level(49, Some(1))), (Level::Good, Level::Remark));
        assert_eq!(level(1, None), Level::Remark);
    }

    #[test]
    fn a_feed_is_old_when_a_day_and_two_of_its_turns_went_by() {
        let config = Config::from_layers(Layers::defaults()).unwrap();
        let level = |source: &str, hours: i64| {
            let age_s = Some(hours * 3_600);
            let feed = FeedStatus { source: source.to_owned(), age_s, ..FeedStatus::default() };
            judge_feed(&feed, &config.feeds).level
        };
        assert_eq!((level("kev", 23), level("kev", 25)), (Level::Good, Level::Problem));
        // Fetched once a day.
        assert_eq!(
            (level("vulnrichment", 47), level("vulnrichment", 49)),
            (Level::Good, Level::Problem)
        );
        // Nobody fetches it.
        assert_eq!(level("by-hand", 25), Level::Remark);
        let never = FeedStatus { source: "kev".to_owned(), ..FeedStatus::default() };
        assert_eq!(judge_feed(&never, &config.feeds).level, Level::Remark);
    }
}
