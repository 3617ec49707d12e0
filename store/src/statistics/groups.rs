//! Numbers by group. A finding is in the group of all, in that of its severity, and where it is known to be
//! exploited in that group as well.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::StoreError;

/// The numbers of a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Numbers {
    /// Findings that some host has, and no exception leaves out for all.
    pub open: u64,
    /// Those once for every host that has them, without those that exceptions leave out there.
    pub exposure: u64,
    /// CVEs that a host got, within the hour or the day; once for every host.
    pub opened: u64,
    /// CVEs that a host got rid of.
    pub resolved: u64,
    /// How long those stood that were got rid of in the last [`super::FIXED_WITHIN`], in the middle: seconds.
    pub fix_median_s: Option<u64>,
    /// How long nine of ten of them stood at most.
    pub fix_p90_s: Option<u64>,
}

/// Numbers by group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Groups {
    /// All findings.
    pub all: Numbers,
    /// Of CVEs that are known to be exploited.
    pub kev: Numbers,
    /// Of critical severity.
    pub critical: Numbers,
    /// Of high severity.
    pub high: Numbers,
    /// Of medium severity.
    pub medium: Numbers,
    /// Of low severity.
    pub low: Numbers,
    /// Of none, and of a severity that nobody knows.
    pub other: Numbers,
}

impl Groups {
    /// The group of a severity's name.
    pub(super) fn of(&mut self, severity: &str) -> &mut Numbers {
        match severity {
            "critical" => &mut self.critical,
            "high" => &mut self.high,
            "medium" => &mut self.medium,
            "low" => &mut self.low,
            _ => &mut self.other,
        }
    }

    /// Does something to every group that a finding is in.
    pub(super) fn each(&mut self, severity: &str, is_kev: bool, put: impl Fn(&mut Numbers)) {
        put(&mut self.all);
        put(self.of(severity));
        if is_kev {
            put(&mut self.kev);
        }
    }

    /// Adds what came and went before, within the same hour or day.
    pub(super) fn add_flow(&mut self, before: &Self) {
        let pairs = [
            (&mut self.all, before.all),
            (&mut self.kev, before.kev),
            (&mut self.critical, before.critical),
            (&mut self.high, before.high),
            (&mut self.medium, before.medium),
            (&mut self.low, before.low),
            (&mut self.other, before.other),
        ];
        for (numbers, before) in pairs {
            numbers.opened += before.opened;
            numbers.resolved += before.resolved;
        }
    }
}

/// Groups out of a row.
pub(super) fn read(groups: Value) -> Result<Groups, StoreError> {
    serde_json::from_value(groups)
        .map_err(|error| StoreError::inconsistent("statistics", "groups", &error.to_string()))
}

/// Groups as a row has them.
pub(super) fn write(groups: &Groups) -> Value {
    // Plain numbers under text keys: this cannot fail.
    serde_json::to_value(groups).unwrap_or_default()
}
