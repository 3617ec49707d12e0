//! What the API asks of the process that it runs in, as a trait, so that handlers can be tested
//! without a queue and a CA.

use enrichment::matching::WhyNot;
use protocol::host::Platform;
use protocol::ids::TokenId;
use protocol::software::SoftwareRecord;
use protocol::token::EnrolmentToken;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The process behind the API.
pub trait Node: Send + Sync + 'static {
    /// What stands in this node's queue, and which index it matches with.
    fn status(&self) -> NodeStatus;

    /// A new token with this collector's addresses and CA: its public part and its secret are new.
    ///
    /// # Errors
    ///
    /// When the system gives no random bytes.
    fn new_token(&self, id: TokenId) -> anyhow::Result<EnrolmentToken>;

    /// Whether the node takes work: its queue, where it has one, took what came last.
    fn is_ready(&self) -> bool;

    /// Why a piece of software does not have a CVE by this node's index; `None` while it has none. Blocks for as
    /// long as the index's pages take to come.
    fn why_not(&self, record: &SoftwareRecord, platform: &Platform, cve: &str)
    -> Option<Explained>;
}

/// Why a piece of software does not have a CVE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// The first condition that fails.
    pub answer: WhyNot,
    /// The generation of the index that says so.
    pub generation: u64,
}

/// One node's pipeline at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NodeStatus {
    /// The release of the collector.
    pub version: String,
    /// Reports that came to their end within the last minute.
    pub reports_per_minute: u64,
    /// Reports in the queue that changes are waiting in.
    pub queued_deltas: u64,
    /// Parts of snapshots in the queue.
    pub queued_snapshots: u64,
    /// Bytes of the queue's files.
    pub queue_bytes: u64,
    /// Bytes that the queue's files may have.
    pub queue_bytes_max: u64,
    /// Reports in the queue, with those that are being stored.
    pub queue_reports: u64,
    /// Reports that the queue may hold; 0 where the node's release does not say it.
    pub queue_reports_max: u64,
    /// Age of the oldest report in the queue, in milliseconds.
    pub oldest_ms: u64,
    /// The match index in use; absent when no feed was imported yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<IndexStatus>,
}

impl NodeStatus {
    /// As a node says it to the others.
    pub(crate) fn to_said(&self) -> Value {
        // Numbers and texts alone, which JSON takes.
        serde_json::to_value(self).unwrap_or_default()
    }

    /// What a node has said, which may be of another release: what that does not say is nothing here, and what it
    /// says beyond is passed over.
    pub(crate) fn of_said(said: Value) -> Self {
        let mut all = Self::default().to_said();
        if let (Value::Object(all), Value::Object(said)) = (&mut all, said) {
            all.extend(said);
        }
        serde_json::from_value(all).unwrap_or_default()
    }
}

/// The match index in use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IndexStatus {
    /// Names its content.
    pub generation: String,
    /// CVEs with rules.
    pub cves: u64,
    /// Products with rules.
    pub products: u64,
    /// Rules.
    pub rules: u64,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_another_release_says_is_read_as_far_as_it_is_understood() {
        let index = IndexStatus { generation: "00".to_owned(), cves: 1, products: 2, rules: 3 };
        let said = NodeStatus { queued_deltas: 4, index: Some(index), ..NodeStatus::default() };
        assert_eq!(NodeStatus::of_said(said.to_said()), said);
        let other = NodeStatus::of_said(json!({ "queued_deltas": 4, "later": [1] }));
        assert_eq!(other, NodeStatus { queued_deltas: 4, ..NodeStatus::default() });
        for none in [json!(null), json!([]), json!({ "queued_deltas": "many" })] {
            assert_eq!(NodeStatus::of_said(none), NodeStatus::default());
        }
    }
}
