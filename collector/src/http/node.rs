//! What the API asks of the process that it runs in, as a trait, so that handlers can be tested
//! without a queue and a CA.

use enrichment::matching::WhyNot;
use protocol::host::Platform;
use protocol::ids::TokenId;
use protocol::software::SoftwareRecord;
use protocol::token::EnrolmentToken;
use schemars::JsonSchema;
use serde::Serialize;

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
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct NodeStatus {
    /// Reports in the queue that changes are waiting in.
    pub queued_deltas: u64,
    /// Parts of snapshots in the queue.
    pub queued_snapshots: u64,
    /// Bytes of the queue's files.
    pub queue_bytes: u64,
    /// Bytes that the queue's files may have.
    pub queue_bytes_max: u64,
    /// Age of the oldest report in the queue, in milliseconds.
    pub oldest_ms: u64,
    /// The match index in use; absent when no feed was imported yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<IndexStatus>,
}

/// The match index in use.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
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
