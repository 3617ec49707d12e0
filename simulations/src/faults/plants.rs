//! Mistakes that are made on purpose, to show that a run finds each of them.
//!
//! Every one is in a simulated part or in a wrapper around a real one, never in what ships.

use std::fmt;

/// A mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// The collector acknowledges before its disk has synced.
    AcknowledgesBeforeSync,
    /// The collector acknowledges what its queue refused.
    AcknowledgesRefusals,
    /// The agent forgets reports when they are sent.
    ForgetsWhatIsSent,
    /// The agent forgets what waits when its connection ends.
    ForgetsAtReconnect,
    /// An agent's reports reach the rows in another order.
    ReordersAnAgent,
    /// A report ends as stored whatever the database said.
    EndsBeforeTheCommit,
    /// Reports reach the rows of another company.
    MixesCompanies,
    /// A mistake in the rows.
    Rows(store::simulated::Plant),
}

impl Plant {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::AcknowledgesBeforeSync,
        Self::AcknowledgesRefusals,
        Self::ForgetsWhatIsSent,
        Self::ForgetsAtReconnect,
        Self::ReordersAnAgent,
        Self::EndsBeforeTheCommit,
        Self::MixesCompanies,
        Self::Rows(store::simulated::Plant::AppliesDuplicates),
        Self::Rows(store::simulated::Plant::JumpsGaps),
        Self::Rows(store::simulated::Plant::ComparesNoDigests),
        Self::Rows(store::simulated::Plant::KeepsWhatIsGone),
        Self::Rows(store::simulated::Plant::BuriesBesideTheLine),
        Self::Rows(store::simulated::Plant::BelievesWhatWas),
    ];

    /// The mistake of the rows, if it is one.
    pub(super) const fn of_rows(self) -> Option<store::simulated::Plant> {
        match self {
            Self::Rows(plant) => Some(plant),
            // Named one by one, so that a new mistake has to say whose it is.
            Self::AcknowledgesBeforeSync
            | Self::AcknowledgesRefusals
            | Self::ForgetsWhatIsSent
            | Self::ForgetsAtReconnect
            | Self::ReordersAnAgent
            | Self::EndsBeforeTheCommit
            | Self::MixesCompanies => None,
        }
    }
}

impl fmt::Display for Plant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use store::simulated::Plant as Rows;
        f.write_str(match self {
            Self::AcknowledgesBeforeSync => "acknowledges before the sync",
            Self::AcknowledgesRefusals => "acknowledges what the queue refused",
            Self::ForgetsWhatIsSent => "forgets reports when they are sent",
            Self::ForgetsAtReconnect => "forgets reports when a connection ends",
            Self::ReordersAnAgent => "reorders an agent's reports",
            Self::EndsBeforeTheCommit => "ends reports before the commit",
            Self::MixesCompanies => "stores in another company",
            Self::Rows(Rows::AppliesDuplicates) => "applies a duplicate",
            Self::Rows(Rows::JumpsGaps) => "jumps a gap",
            Self::Rows(Rows::ComparesNoDigests) => "compares no digests",
            Self::Rows(Rows::KeepsWhatIsGone) => "keeps what a snapshot leaves out",
            Self::Rows(Rows::BuriesBesideTheLine) => "does not move the line over a dead letter",
            Self::Rows(Rows::BelievesWhatWas) => "believes what was before the database went back",
        })
    }
}
