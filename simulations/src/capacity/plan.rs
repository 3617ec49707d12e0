//! What one size needs.

use serde::Serialize;

use super::costs::{Cost, Costs};
use super::load::{DAY_S, Held, Load};

const KIB: f64 = 1_024.0;
const GIB: f64 = 1_024.0 * 1_024.0 * 1_024.0;

/// How a figure is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// It follows from what hosts do.
    Assumed,
    /// Everything in it was measured with as many agents.
    Measured,
    /// Something in it was measured with fewer.
    Extrapolated,
    /// Something in it was not measured.
    Guessed,
}

impl Basis {
    /// As it stands in a table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Assumed => "assumed",
            Self::Measured => "measured",
            Self::Extrapolated => "extrapolated",
            Self::Guessed => "guessed",
        }
    }
}

/// One figure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// What.
    pub name: &'static str,
    /// How much.
    pub value: f64,
    /// Of what.
    pub unit: &'static str,
    /// How it is known.
    pub basis: Basis,
}

/// What one size needs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// Agents.
    pub agents: u64,
    /// What they come to.
    pub figures: Vec<Figure>,
}

/// What a number of agents does in a second.
struct Rates {
    agents: f64,
    held: f64,
    heartbeats: f64,
    visits: f64,
    changes: f64,
}

impl Rates {
    fn new(costs: &Costs, load: &Load, agents: u64) -> Self {
        // Exact: a site would need 2^53 agents before the number lost a digit.
        let agents = crate::fleet::float(agents);
        match load.held {
            Held::Share(share) => Self::with_held(load, agents, agents * share),
            Held::OnANode(most) => {
                // More nodes hold more, and who holds takes memory in place of visits: until it fits. It
                // does in the end, for no more can be held than there are agents.
                let mut nodes = 1.0;
                loop {
                    let rates = Self::with_held(load, agents, agents.min(nodes * most));
                    let needed = rates.nodes(costs, load);
                    if needed <= nodes {
                        return rates;
                    }
                    nodes = needed;
                }
            }
        }
    }

    fn with_held(load: &Load, agents: f64, held: f64) -> Self {
        Self {
            agents,
            held,
            heartbeats: held / load.heartbeat_every_s,
            visits: (agents - held) / load.visit_every_s,
            changes: agents * load.changes_a_day / DAY_S,
        }
    }

    /// Cores of all collectors.
    fn cores(&self, costs: &Costs, load: &Load) -> f64 {
        let busy = self.heartbeats * costs.heartbeat_ms.value
            + self.visits * costs.visit_ms.value
            + self.changes * load.peak_factor * costs.change_ms.value;
        busy / 1_000.0 / load.node_use
    }

    /// Memory of the connections that are held, in GiB.
    fn memory(&self, costs: &Costs) -> f64 {
        self.held * costs.connection_kib.value * KIB / GIB
    }

    /// Collectors that this takes.
    fn nodes(&self, costs: &Costs, load: &Load) -> f64 {
        // What a node holds beside what every node has.
        let free = (load.node_gib * load.node_use - costs.collector_mib.value / KIB).max(0.001);
        let by_cores = self.cores(costs, load) / load.node_cores;
        by_cores.max(self.memory(costs) / free).ceil().max(1.0)
    }
}

impl Plan {
    /// What this many agents need.
    #[must_use]
    pub fn new(costs: &Costs, load: &Load, agents: u64) -> Self {
        let mut plan = Self { agents, figures: Vec::new() };
        let rates = Rates::new(costs, load, agents);
        plan.traffic(costs, load, &rates);
        plan.database(costs, load, &rates);
        plan.collectors(costs, load, &rates);
        plan
    }

    /// A figure by its name.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<f64> {
        let found = self.figures.iter().find(|figure| figure.name == name);
        found.map(|figure| figure.value)
    }

    fn push(&mut self, name: &'static str, value: f64, unit: &'static str, costs: &[&Cost]) -> f64 {
        self.figures.push(Figure { name, value, unit, basis: self.basis(costs) });
        value
    }

    fn basis(&self, costs: &[&Cost]) -> Basis {
        // A chain of costs is known as well as its weakest one; a guess counts as measured with
        // nobody.
        let fewest = costs.iter().map(|cost| cost.measured_with).min();
        match fewest {
            None => Basis::Assumed,
            Some(0) => Basis::Guessed,
            Some(fewest) if fewest < self.agents => Basis::Extrapolated,
            Some(_) => Basis::Measured,
        }
    }

    fn traffic(&mut self, costs: &Costs, load: &Load, rates: &Rates) {
        self.push("connections held", rates.held, "", &[]);
        self.push("heartbeats", rates.heartbeats, "/s", &[]);
        self.push("visits", rates.visits, "/s", &[]);
        self.push("changes", rates.changes, "/s", &[]);
        // Only changes have a peak: visits and heartbeats are spread over their time by the agents'
        // own jitter.
        let peak = rates.changes * load.peak_factor;
        self.push("changes at the peak", peak, "/s", &[]);
        let bytes = rates.heartbeats * costs.heartbeat_bytes.value
            + rates.visits * costs.visit_bytes.value
            + rates.changes * costs.change_bytes.value;
        let from = [&costs.heartbeat_bytes, &costs.visit_bytes, &costs.change_bytes];
        self.push("traffic", bytes, "B/s", &from);
        let first = rates.agents * load.records * costs.record_bytes.value / GIB;
        self.push("all first inventories", first, "GiB", &[&costs.record_bytes]);
    }

    fn database(&mut self, costs: &Costs, load: &Load, rates: &Rates) {
        let open = self.push("installations now", rates.agents * load.records, "", &[]);
        // A change closes a row and opens another, and the closed one stays until retention takes
        // it.
        let closed = rates.agents * load.changes_a_day * load.retention_days;
        self.push("installations that were", closed, "", &[]);
        let disk = (open + closed) * costs.row_bytes.value / GIB;
        self.push("rows on disk", disk, "GiB", &[&costs.row_bytes]);
        let change = costs.change_postgres_ms.value / 1_000.0;
        // For the peak and not the mean: what is slow then is what people see.
        let cores = rates.changes * load.peak_factor * change / load.node_use;
        self.push("PostgreSQL cores", cores, "", &[&costs.change_postgres_ms]);
        // One PostgreSQL as long as one machine does it; then hosts are spread by their company.
        let nodes = (cores / load.node_cores).ceil().max(1.0);
        self.push("PostgreSQL nodes", nodes, "", &[&costs.change_postgres_ms]);
    }

    fn collectors(&mut self, costs: &Costs, load: &Load, rates: &Rates) {
        let from = [&costs.heartbeat_ms, &costs.visit_ms, &costs.change_ms];
        self.push("collector cores", rates.cores(costs, load), "", &from);
        let held = rates.memory(costs);
        self.push("memory of connections", held, "GiB", &[&costs.connection_kib]);
        let by_load = rates.nodes(costs, load);
        let both = [&from[..], &[&costs.connection_kib, &costs.collector_mib]].concat();
        // One more than the load takes, so that one may be away.
        let nodes = self.push("collector nodes", by_load + 1.0, "", &both);
        let sessions = nodes * load.database_connections;
        self.push("PostgreSQL connections", sessions, "", &both);
        // By the nodes that the load needs: when one is away, the others have its connections too.
        let memory = costs.collector_mib.value / KIB + held / by_load;
        let from = [&costs.connection_kib, &costs.collector_mib];
        self.push("memory of a collector", memory, "GiB", &from);
        // Two records a change, the one that goes and the one that comes, and nothing leaves the
        // queue meanwhile.
        let queued = rates.changes * load.peak_factor * load.outage_hours * 3_600.0 * 2.0;
        let queue = queued * costs.queued_record_bytes.value / by_load / GIB;
        let from = [&costs.queued_record_bytes];
        self.push("queue of a collector", queue, "GiB", &from);
        // Whichever of both bounds is reached first; a change is a report.
        self.push("reports in that queue", queued / 2.0 / by_load, "", &both);
        self.storms(costs, load, (rates, nodes * load.node_cores));
    }

    /// What happens once: everyone comes back, or everyone comes for the first time.
    fn storms(&mut self, costs: &Costs, load: &Load, (rates, cores): (&Rates, f64)) {
        // All of the cores, and not the planned part of them: this is what the rest is kept for.
        let back = rates.agents * costs.visit_ms.value / 1_000.0 / cores;
        self.push("all come back after an outage in", back, "s", &[&costs.visit_ms]);
        let first = costs.enrolment_ms.value / 1_000.0
            + load.records * (costs.record_us.value + costs.record_postgres_us.value) / 1e6;
        let seconds = load.rollout_hours * 3_600.0;
        let from = [&costs.enrolment_ms, &costs.record_us, &costs.record_postgres_us];
        self.push("cores of the rollout", rates.agents * first / seconds, "", &from);
    }
}

#[cfg(test)]
mod tests;
