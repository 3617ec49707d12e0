//! What one of everything costs, and how that is known.

use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

/// The costs that were measured last.
const BUILT_IN: &str = include_str!("../../data/costs.json");

/// One cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// How much.
    pub value: f64,
    /// With how many agents at once it was measured; 0 for a guess.
    pub measured_with: u64,
    /// How.
    pub how: String,
}

/// What one of everything costs. Processor times are of one core of the machine that is named.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Costs {
    /// When they were measured.
    pub date: String,
    /// On what.
    pub machine: String,
    /// Memory of a collector that nothing is connected to, in MiB.
    pub collector_mib: Cost,
    /// Memory of a connection that is held, in KiB.
    pub connection_kib: Cost,
    /// Processor time of the collector for a visit: a handshake, a heartbeat, a goodbye, in ms.
    pub visit_ms: Cost,
    /// Processor time of the collector for a heartbeat on a connection that is held, in ms.
    pub heartbeat_ms: Cost,
    /// Processor time of the collector for an enrolment, in ms.
    pub enrolment_ms: Cost,
    /// Processor time of the collector for a record of a first inventory, in µs.
    pub record_us: Cost,
    /// Processor time of PostgreSQL for a record of a first inventory, in µs.
    pub record_postgres_us: Cost,
    /// Processor time of the collector for a change of one package, in ms.
    pub change_ms: Cost,
    /// Processor time of PostgreSQL for a change of one package, in ms.
    pub change_postgres_ms: Cost,
    /// Bytes of a visit on the wire, both ways.
    pub visit_bytes: Cost,
    /// Bytes of a heartbeat on a held connection, both ways.
    pub heartbeat_bytes: Cost,
    /// Bytes of a record of a first inventory on the wire.
    pub record_bytes: Cost,
    /// Bytes of a change of one package on the wire.
    pub change_bytes: Cost,
    /// Bytes of an installation in PostgreSQL, indexes included.
    pub row_bytes: Cost,
    /// Bytes of a record that waits in a collector's queue.
    pub queued_record_bytes: Cost,
}

impl Costs {
    /// Those that came with the program.
    ///
    /// # Errors
    ///
    /// When the program was built with a broken file.
    pub fn built_in() -> anyhow::Result<Self> {
        serde_json::from_str(BUILT_IN).context("read the costs that came with the program")
    }

    /// Those of a file.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or lacks a cost.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path);
        let text = text.with_context(|| format!("read the costs {}", path.display()))?;
        // Without a default for what is missing: a plan with a cost of nothing would look like any
        // other.
        serde_json::from_str(&text).with_context(|| format!("read the costs {}", path.display()))
    }

    /// Every cost with its name, as the file has them.
    #[must_use]
    pub fn all(&self) -> Vec<(&'static str, &Cost)> {
        vec![
            ("collector_mib", &self.collector_mib),
            ("connection_kib", &self.connection_kib),
            ("visit_ms", &self.visit_ms),
            ("heartbeat_ms", &self.heartbeat_ms),
            ("enrolment_ms", &self.enrolment_ms),
            ("record_us", &self.record_us),
            ("record_postgres_us", &self.record_postgres_us),
            ("change_ms", &self.change_ms),
            ("change_postgres_ms", &self.change_postgres_ms),
            ("visit_bytes", &self.visit_bytes),
            ("heartbeat_bytes", &self.heartbeat_bytes),
            ("record_bytes", &self.record_bytes),
            ("change_bytes", &self.change_bytes),
            ("row_bytes", &self.row_bytes),
            ("queued_record_bytes", &self.queued_record_bytes),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_with_the_program_can_be_read_and_says_how_it_is_known() {
        let costs = Costs::built_in().expect("costs");
        for (name, cost) in costs.all() {
            assert!(cost.value > 0.0, "{name}");
            assert!(cost.how.len() > 10, "{name} does not say how it is known");
        }
        let json = serde_json::to_value(&costs).expect("JSON");
        // The two that are no costs: the date and the machine.
        let named = json.as_object().expect("an object").len();
        assert_eq!(named, costs.all().len() + 2, "one is not listed");
    }

    #[test]
    fn a_file_with_a_cost_too_few_or_too_many_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("costs.json");
        let mut costs: serde_json::Value = serde_json::from_str(BUILT_IN).expect("JSON");
        std::fs::write(&path, costs.to_string()).expect("writes");
        assert_eq!(Costs::read(&path).expect("costs"), Costs::built_in().unwrap());
        // Taking it leaves `null` behind, which serde would refuse for another reason; so the field
        // goes as well.
        let row = costs["row_bytes"].take();
        costs.as_object_mut().expect("an object").remove("row_bytes");
        std::fs::write(&path, costs.to_string()).expect("writes");
        let error = format!("{:#}", Costs::read(&path).expect_err("too few"));
        assert!(error.contains("row_bytes"), "{error}");
        costs["row_bytes"] = row.clone();
        costs["row_kilobytes"] = row;
        std::fs::write(&path, costs.to_string()).expect("writes");
        assert!(Costs::read(&path).is_err());
    }
}
