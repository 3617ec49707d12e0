//! The figures of a running collector, as `make bench` prints them: how many records a second become
//! durable and become rows, and how long one change takes, seen from the agents.
//!
//! It exists so that these figures come from the same clients as every other load figure. Clients,
//! collector and database share one machine there, so what it measures is the least that the
//! collector can do. It must never print a figure of a fleet that did not get through.

use anyhow::ensure;
use serde::Serialize;

use crate::cli::{BenchArgs, FleetArgs, Scenario, Touch};
use crate::fleet::{self, Summary};

/// How long what is on its way may take.
const SETTLE_S: u32 = 180;
/// Records of each agent that changes: a usual host.
const CHANGING_APPS: u32 = 300;
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
        Self {
            name,
            value: rounded(value),
            unit,
            ratio: None,
            against: None,
            note: None,
        }
    }

    fn against(mut self, rival: Option<f64>, name: &'static str) -> Self {
        if let Some(rival) = rival.filter(|rival| *rival > 0.0) {
            self.ratio = Some(rounded(self.value / rival));
            self.against = Some(name);
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
    if value >= 1_000.0 {
        value.round()
    } else {
        (value * 1_000.0).round() / 1_000.0
    }
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
    for figure in rates(&first, args.copy_rate) {
        print(&figure)?;
    }
    let changing = through(fleet::run(&changes(args))?)?;
    for figure in latencies(&changing) {
        print(&figure)?;
    }
    Ok(())
}

/// A summary whose figures mean something.
fn through(summary: Summary) -> anyhow::Result<Summary> {
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
        verify: false,
        settle_s: SETTLE_S,
        enrol_s: SETTLE_S,
        // More patience than a fleet has by default: on a full machine a slow connection is what is
        // measured, and not a lost one.
        idle_s: 60,
        sockets: 4,
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

fn changes(args: &BenchArgs) -> FleetArgs {
    FleetArgs {
        agents: args.changing_agents,
        apps: CHANGING_APPS,
        seconds: args.changing_s,
        change_every_s: 1,
        seed: CHANGING_SEED,
        ..first_inventories(args)
    }
}

fn rates(summary: &Summary, copy_rate: Option<f64>) -> Vec<Figure> {
    let unit = "records/s";
    let note = format!(
        "{} agents send {} records each at once; clients, collector and PostgreSQL share the cores",
        summary.agents, summary.apps
    );
    let acknowledged = Figure::new(
        "socket_to_durable_ack",
        summary.snapshot_records_per_second,
        unit,
    );
    let committed = summary
        .commits
        .iter()
        .map(|commits| Figure::new("socket_to_committed_row", commits.records_per_second, unit));
    let mut figures: Vec<Figure> = std::iter::once(acknowledged)
        .chain(committed)
        .map(|figure| figure.against(copy_rate, "plain COPY").note(&note))
        .collect();
    figures.push(Figure::new(
        "frame_bytes_a_record",
        summary.bytes_per_record,
        "bytes",
    ));
    figures
}

fn latencies(summary: &Summary) -> Vec<Figure> {
    let measured = &summary.measured;
    let kinds = [
        (["ack_p50", "ack_p99"], &measured.change_ack_ms, ""),
        (
            ["change_to_row_p50", "change_to_row_p99"],
            &measured.end_to_end_ms,
            ", seen over the API to 20 ms",
        ),
    ];
    let mut figures = Vec::new();
    for (names, percentiles, how) in kinds {
        let note = format!(
            "{} agents change once a second each; {} changes measured{how}",
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
        assert_eq!(
            Figure::new("a", 2.0, "s").against(Some(0.0), "b").ratio,
            None
        );
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
        let error = through(lost).unwrap_err().to_string();
        assert!(error.contains("1 without an answer"), "{error}");
        let mut blind = summary();
        blind.measured.unseen = 2;
        let error = through(blind).unwrap_err().to_string();
        assert!(
            error.contains("2 changes did not become visible"),
            "{error}"
        );
    }

    #[test]
    fn rates_are_compared_with_copy_and_rows_stand_there_only_when_they_were_counted() {
        let mut summary = summary();
        let names = |figures: &[Figure]| figures.iter().map(|f| f.name).collect::<Vec<_>>();
        let figures = rates(&summary, Some(1_200.0));
        assert_eq!(
            names(&figures),
            ["socket_to_durable_ack", "frame_bytes_a_record"]
        );
        assert_eq!(figures[0].ratio, Some(0.5));
        assert_eq!(figures[1].ratio, None);
        summary.commits = Some(Commits {
            records_per_second: 300.0,
            ..Commits::default()
        });
        let figures = rates(&summary, None);
        assert_eq!(figures[1].name, "socket_to_committed_row");
        assert_eq!((figures[1].value, figures[1].ratio), (300.0, None));
    }

    #[test]
    fn latencies_are_those_of_changes_and_not_of_first_snapshots() {
        let mut summary = summary();
        summary.measured.ack_ms.p50 = 1_000.0;
        summary.measured.change_ack_ms.p50 = 7.0;
        summary.measured.end_to_end_ms.p99 = 90.0;
        let figures = latencies(&summary);
        let value = |name| figures.iter().find(|f| f.name == name).map(|f| f.value);
        assert_eq!(value("ack_p50"), Some(7.0));
        assert_eq!(value("change_to_row_p99"), Some(90.0));
    }
}
