//! The figures of a running collector, as `make bench` prints them: how many records a second become
//! durable and become rows, and how long one change takes, seen from the agents.
//!
//! It exists so that these figures come from the same clients as every other load figure. Clients,
//! collector and database share one machine there, so what it measures is the least that the
//! collector can do. It must never print a figure of a fleet that did not get through.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde::Serialize;

use crate::cli::{BenchArgs, FleetArgs, Scenario, Touch};
use crate::clock::Clock;
use crate::fleet::{self, Summary};

/// How long what is on its way may take.
const SETTLE_S: u32 = 180;
/// Records of each agent that changes: a usual host, and a small one where they are thousands.
const CHANGING_APPS: (u32, u32) = (300, 100);
/// From so many on they are thousands.
const MANY: u32 = 2_000;
/// For how long the plain file is written.
const FILE_FOR: Duration = Duration::from_secs(2);
/// The inventories of the agents that change are others than those before.
// With the same seed their software would be known already, and the cache would be measured.
const CHANGING_SEED: u64 = 2;

/// One line: a figure, and what it is compared with.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// What was measured.
    pub name: &'static str,
    /// How much it is.
    pub value: f64,
    /// Of what.
    pub unit: &'static str,
    /// The value by the rival's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio: Option<f64>,
    /// The rival of the same run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub against: Option<&'static str>,
    /// How it came about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Figure {
    /// A figure without a rival.
    fn new(name: &'static str, value: f64, unit: &'static str) -> Self {
        Self { name, value: rounded(value), unit, ratio: None, against: None, note: None }
    }

    fn against(mut self, rival: Option<f64>, name: &'static str) -> Self {
        // A rival that did nothing has no ratio: JSON has no infinity, and would say null.
        if let Some(rival) = rival.filter(|rival| *rival > 0.0) {
            self.ratio = Some(rounded(self.value / rival));
            self.against = Some(name);
        }
        self
    }

    /// With several collectors the note says so.
    fn on(mut self, nodes: u32) -> Self {
        if nodes > 1 {
            // Every figure that is printed carries it, also one without a note of its own.
            let note = self.note.as_deref().unwrap_or_default();
            self.note = Some(format!("{nodes} collectors on one PostgreSQL; {note}"));
        }
        self
    }

    fn note(mut self, note: &str) -> Self {
        self.note = Some(note.to_owned());
        self
    }
}

/// Four digits say enough.
fn rounded(value: f64) -> f64 {
    if value >= 1_000.0 { value.round() } else { (value * 1_000.0).round() / 1_000.0 }
}

/// Measures a collector, and gives every figure to `print` as soon as it is there.
///
/// # Errors
///
/// When a fleet cannot run, or does not get through: agents that are not enrolled, reports without
/// an answer, records that do not become rows, changes that do not become visible.
pub fn run(
    args: &BenchArgs,
    print: &mut dyn FnMut(&Figure) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    // A fleet of its own for each half: changes among a storm of first inventories would measure
    // the storm.
    let first = through(fleet::run(&first_inventories(args))?)?;
    let file = match &args.disk {
        Some(folder) => Some(file_rate(folder, &first, Clock)?),
        None => None,
    };
    for figure in rates(&first, (args.copy_rate, file)) {
        print(&figure.on(args.nodes))?;
    }
    // Another seed for each run, so that none finds its software judged by the one before.
    for (agents, seed) in args.changing_agents.iter().zip(CHANGING_SEED..) {
        let changing = through(fleet::run(&changes(args, *agents, seed))?)?;
        for figure in latencies(&changing, args.changing_s) {
            print(&figure.on(args.nodes))?;
        }
    }
    Ok(())
}

/// Records a second of whoever appends the same reports to a file, each synced before the next.
fn file_rate(folder: &Path, first: &Summary, clock: Clock) -> anyhow::Result<f64> {
    // A fleet that got through has reports; the one is for whoever calls it with another.
    let reports = first.reports_acked.max(1);
    // The mean frame: a rival that wrote shorter or longer ones would be another disk's.
    let frame = vec![0x5a; usize::try_from(first.bytes_sent / reports)?];
    let path = folder.join("appended");
    let mut file = File::create(&path).with_context(|| format!("create {}", path.display()))?;
    let began_at = clock.now();
    let mut appended = 0_u64;
    while clock.now() - began_at < FILE_FOR {
        file.write_all(&frame)?;
        // As the queue does it. With fsync the journal's write for the file's time would be counted
        // too.
        file.sync_data()?;
        appended += 1;
    }
    let seconds = (clock.now() - began_at).as_secs_f64();
    std::fs::remove_file(&path)?;
    let records = fleet::float(first.records_acked) / fleet::float(reports);
    Ok(fleet::float(appended) * records / seconds)
}

/// A summary whose figures mean something.
fn through(summary: Summary) -> anyhow::Result<Summary> {
    // A change that was never seen has no latency, so the percentiles would be of the quick ones
    // alone.
    ensure!(
        summary.is_good() && summary.measured.unseen == 0,
        "the fleet did not get through, so its figures mean nothing:\n{summary}"
    );
    Ok(summary)
}

fn first_inventories(args: &BenchArgs) -> FleetArgs {
    FleetArgs {
        agents: args.agents,
        apps: args.apps,
        // Nothing but the first inventories.
        seconds: 0,
        change_every_s: 0,
        seed: 1,
        token: None,
        token_file: vec![args.token_file.clone()],
        state: None,
        api: Some(args.api.clone()),
        api_key_file: Some(args.api_key_file.clone()),
        committed: true,
        after_inventories: false,
        verify: false,
        // Longer than any figure that is worth printing, so that a slow machine gives slow figures
        // and not none.
        settle_s: SETTLE_S,
        enrol_s: SETTLE_S,
        // More patience than a fleet has by default: on a full machine a slow connection is what is
        // measured, and not a lost one.
        idle_s: 60,
        sockets: 4,
        full_handshakes: false,
        json: true,
        scenario: Scenario::Steady,
        share_percent: 10,
        touch: Touch::Told,
        speed: 1,
        heartbeat_every_s: None,
        ramp_s: 0,
        restart_command: None,
        neighbour_token_file: None,
        neighbour_agents: 50,
        link_kbit_s: 64,
        link_loss_percent: 1,
        collector_run: Vec::new(),
    }
}

fn changes(args: &BenchArgs, agents: u32, seed: u64) -> FleetArgs {
    FleetArgs {
        agents,
        apps: match agents < MANY {
            true => CHANGING_APPS.0,
            false => CHANGING_APPS.1,
        },
        seconds: args.changing_s,
        change_every_s: 1,
        // Else the first changes would queue behind the inventories, and p99 would be of those.
        after_inventories: true,
        seed,
        ..first_inventories(args)
    }
}

fn rates(summary: &Summary, (copy, file): (Option<f64>, Option<f64>)) -> Vec<Figure> {
    let unit = "records/s";
    let note = format!(
        "{} agents send {} records each at once; clients, collector and PostgreSQL share the cores",
        summary.agents, summary.apps
    );
    let value = summary.snapshot_records_per_second;
    let acknowledged = |rival, name| {
        Figure::new("socket_to_durable_ack", value, unit).against(rival, name).note(&note)
    };
    let mut figures = vec![acknowledged(copy, "plain COPY")];
    if file.is_some() {
        figures.push(acknowledged(file, "append and sync a file, a report at a time"));
    }
    if let Some(commits) = &summary.commits {
        let value = commits.records_per_second;
        // The first is there with and without a ratio: a row that nothing is compared with is a
        // figure as well.
        for (rival, name) in
            [(copy, "plain COPY"), (file, "append and sync a file, a report at a time")]
        {
            if rival.is_some() || name == "plain COPY" {
                let figure = Figure::new("socket_to_committed_row", value, unit);
                figures.push(figure.against(rival, name).note(&note));
            }
        }
    }
    // A full report has 100 records (`REPORT_RECORDS_MAX`).
    let batches = summary.records_per_second / 100.0;
    let note = format!("while about {batches:.0} batches of 100 a second are acknowledged");
    let waits = &summary.measured.ack_ms;
    figures.push(Figure::new("full_batch_ack_p50", waits.p50, "ms").note(&note));
    figures.push(Figure::new("full_batch_ack_p99", waits.p99, "ms").note(&note));
    figures.push(Figure::new("frame_bytes_a_record", summary.bytes_per_record, "bytes"));
    figures
}

fn latencies(summary: &Summary, seconds: u32) -> Vec<Figure> {
    let measured = &summary.measured;
    let kinds = [
        (["ack_p50", "ack_p99"], &measured.change_ack_ms, ""),
        (
            ["change_to_row_p50", "change_to_row_p99"],
            &measured.end_to_end_ms,
            ", seen over the API to 20 ms",
        ),
    ];
    // What they did and not what they were told: a machine that is full changes less often.
    let rate = fleet::float(summary.changes) / f64::from(seconds.max(1));
    let mut figures = Vec::new();
    for (names, percentiles, how) in kinds {
        let note = format!(
            "{} agents change once a second each, {rate:.0} reports a second; {} changes measured{how}",
            summary.agents, percentiles.count
        );
        for (name, value) in names.into_iter().zip([percentiles.p50, percentiles.p99]) {
            figures.push(Figure::new(name, value, "ms").note(&note));
        }
    }
    figures
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::{Commits, summary};

    #[test]
    fn a_line_has_a_ratio_only_where_there_is_a_rival() {
        let alone = Figure::new("a", 2.0, "s").against(None, "b");
        assert_eq!(
            serde_json::to_string(&alone).expect("JSON"),
            r#"{"name":"a","value":2.0,"unit":"s"}"#
        );
        let beside = Figure::new("a", 2.0, "s").against(Some(8.0), "b");
        assert_eq!((beside.ratio, beside.against), (Some(0.25), Some("b")));
        assert_eq!(Figure::new("a", 2.0, "s").against(Some(0.0), "b").ratio, None);
    }

    #[test]
    fn keeps_digits_where_they_matter() {
        assert!((rounded(0.123_456) - 0.123).abs() < 1e-9);
        assert!((rounded(123_456.7) - 123_457.0).abs() < 1e-9);
    }

    #[test]
    fn a_fleet_that_did_not_get_through_gives_no_figures_and_says_why() {
        assert!(through(summary()).is_ok());
        let mut lost = summary();
        lost.reports_unanswered = 1;
        // Without the summary in it, whoever reads the log knows only that there are no figures.
        let error = through(lost).unwrap_err().to_string();
        assert!(error.contains("1 without an answer"), "{error}");
        let mut blind = summary();
        blind.measured.unseen = 2;
        let error = through(blind).unwrap_err().to_string();
        assert!(error.contains("2 changes did not become visible"), "{error}");
    }

    #[test]
    fn rates_are_compared_with_copy_and_rows_stand_there_only_when_they_were_counted() {
        let mut summary = summary();
        let names = |figures: &[Figure]| figures.iter().map(|f| f.name).collect::<Vec<_>>();
        let figures = rates(&summary, (Some(1_200.0), None));
        assert_eq!(
            names(&figures),
            [
                "socket_to_durable_ack",
                "full_batch_ack_p50",
                "full_batch_ack_p99",
                "frame_bytes_a_record"
            ]
        );
        assert_eq!(figures[0].ratio, Some(0.5));
        assert_eq!(figures[1].ratio, None);
        summary.commits = Some(Commits { records_per_second: 300.0, ..Commits::default() });
        let figures = rates(&summary, (None, None));
        assert_eq!(figures[1].name, "socket_to_committed_row");
        assert_eq!((figures[1].value, figures[1].ratio), (300.0, None));
        // Both rivals, so that a ratio by the wrong one would show.
        let figures = rates(&summary, (Some(1_200.0), Some(150.0)));
        let ratios: Vec<_> = figures.iter().filter_map(|figure| figure.ratio).collect();
        assert_eq!(ratios, [0.5, 4.0, 0.25, 2.0]);
    }

    #[test]
    fn a_plain_file_is_written_for_comparison_and_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let rate = file_rate(folder.path(), &summary(), Clock).expect("a rate");
        assert!(rate > 0.0);
        assert_eq!(std::fs::read_dir(folder.path()).expect("reads").count(), 0);
    }

    #[test]
    fn several_collectors_are_said() {
        let one = Figure::new("a", 1.0, "s").note("so").on(1);
        assert_eq!(one.note.as_deref(), Some("so"));
        let three = Figure::new("a", 1.0, "s").note("so").on(3);
        assert!(three.note.expect("a note").starts_with("3 collectors"));
    }

    #[test]
    fn latencies_are_those_of_changes_and_not_of_first_snapshots() {
        let mut summary = summary();
        summary.measured.ack_ms.p50 = 1_000.0;
        summary.measured.change_ack_ms.p50 = 7.0;
        summary.measured.end_to_end_ms.p99 = 90.0;
        let figures = latencies(&summary, 20);
        let value = |name| figures.iter().find(|f| f.name == name).map(|f| f.value);
        assert_eq!(value("ack_p50"), Some(7.0));
        assert_eq!(value("change_to_row_p99"), Some(90.0));
    }
}
