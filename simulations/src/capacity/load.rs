//! What hosts do, and what machines can be had.

use serde::Serialize;

use crate::cli::CapacityArgs;

/// Seconds of a day.
pub(super) const DAY_S: f64 = 86_400.0;

/// Which hosts hold their connections; the others visit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Held {
    /// This share of them.
    Share(f64),
    /// As many as a node has room for, on each of the nodes that the load needs.
    OnANode(f64),
}

/// What hosts do, and what machines can be had.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Load {
    /// Records of a host.
    pub records: f64,
    /// Packages that change on a host in a day.
    pub changes_a_day: f64,
    /// How many times the mean the busiest minutes are.
    pub peak_factor: f64,
    /// Seconds between two heartbeats of a host that holds its connection.
    pub heartbeat_every_s: f64,
    /// Seconds between two visits of a host that does not.
    pub visit_every_s: f64,
    /// Which hosts hold their connections.
    pub held: Held,
    /// Connections to PostgreSQL that a node may have.
    pub database_connections: f64,
    /// Days that what is gone is kept.
    pub retention_days: f64,
    /// Cores of a node.
    pub node_cores: f64,
    /// Memory of a node in GiB.
    pub node_gib: f64,
    /// The share of a node's cores and memory that is planned with.
    pub node_use: f64,
    /// Hours that the queue has to last while PostgreSQL is away.
    pub outage_hours: f64,
    /// Hours in which a whole site is enrolled.
    pub rollout_hours: f64,
}

impl From<&CapacityArgs> for Load {
    fn from(args: &CapacityArgs) -> Self {
        Self {
            records: args.records.into(),
            changes_a_day: args.changes_a_day,
            peak_factor: args.peak_factor,
            heartbeat_every_s: args.heartbeat_every_s.into(),
            visit_every_s: args.visit_every_s.into(),
            held: match args.held_percent {
                Some(percent) => Held::Share(f64::from(percent) / 100.0),
                None => Held::OnANode(args.held_max.into()),
            },
            database_connections: args.database_connections_max.into(),
            retention_days: args.retention_days.into(),
            node_cores: args.node_cores.into(),
            node_gib: args.node_gib.into(),
            node_use: f64::from(args.node_use_percent) / 100.0,
            outage_hours: args.outage_hours,
            rollout_hours: args.rollout_hours,
        }
    }
}

impl Load {
    /// Every assumption, for people.
    #[must_use]
    pub fn told(&self) -> Vec<String> {
        let held = match self.held {
            Held::Share(share) => {
                format!("{} % of the hosts hold their connections", share * 100.0)
            }
            Held::OnANode(most) => {
                format!("each node that the load needs holds {most} connections")
            }
        };
        vec![
            format!("{} records a host", self.records),
            format!(
                "{} packages change on a host in a day, each closing one row and opening another; {} times \
                 the mean in the busiest minutes",
                self.changes_a_day, self.peak_factor
            ),
            format!(
                "{held}, with a heartbeat every {} s; the others visit every {} s",
                self.heartbeat_every_s, self.visit_every_s
            ),
            format!("a node has {} connections to PostgreSQL", self.database_connections),
            format!("what is gone is kept for {} days", self.retention_days),
            format!(
                "nodes of {} cores and {} GiB, planned to {} %, and one more than the load needs",
                self.node_cores,
                self.node_gib,
                self.node_use * 100.0
            ),
            format!(
                "queues last {} h without PostgreSQL; a new site is enrolled within {} h",
                self.outage_hours, self.rollout_hours
            ),
            "every cost grows in proportion, and a core elsewhere is a core of the machine that was measured"
                .to_owned(),
        ]
    }
}
