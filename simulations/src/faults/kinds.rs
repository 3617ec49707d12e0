//! The kinds of faults, and how often each comes.

use std::fmt;

use crate::random::Random;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident $words:literal $weight:literal),+ $(,)?) => {
        /// A kind of fault.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $($(#[$doc])* $name),+
        }

        impl Kind {
            /// Every kind, with how often it comes beside the others.
            pub const ALL: &'static [(Self, u32)] = &[$((Self::$name, $weight)),+];

            /// The kind in words.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $words),+
                }
            }
        }
    };
}

kinds! {
    /// A connection is torn at both ends, with what was under way lost from some byte on.
    Cut "connection cut" 10,
    /// An agent loses its connection; what it had sent still arrives, after its next one began.
    CutLate "connection cut, its bytes late" 8,
    /// Nothing goes through between an agent and a node for less than a connection bears.
    Stall "path silent for a while" 5,
    /// Nothing goes through between an agent and a node until both give the connection up.
    Partition "partition" 4,
    /// A path becomes slow.
    SlowPath "slow path" 3,
    /// An agent's process dies at some await.
    AgentCrash "agent crash" 8,
    /// An agent's machine loses its power, within a write of its spool or between two.
    AgentPowerCut "agent power cut" 6,
    /// An agent's disk is full for a while.
    AgentDiskFull "agent disk full" 3,
    /// Syncs of an agent's disk fail after everything was written.
    AgentDiskFails "agent sync fails" 4,
    /// An agent's clock jumps.
    AgentClock "agent clock jumps" 3,
    /// An agent's spool is lost, as when it is installed again.
    SpoolLost "spool lost" 2,
    /// An agent's disk goes back to an image of before.
    SpoolRestored "spool restored from an image" 2,
    /// A machine moves to another release of its system: all keys are others.
    Upgraded "operating system upgraded" 1,
    /// A collector's process dies at some await.
    NodeCrash "node crash" 6,
    /// A node loses its power, within a write of its queue or between two.
    NodePowerCut "node power cut" 6,
    /// A collector is stopped in order and started again.
    NodeStop "node stopped in order" 3,
    /// A node loses its disk.
    NodeWiped "node wiped" 1,
    /// Syncs of a queue's disk fail.
    QueueSyncFails "queue sync fails" 4,
    /// Writes of a queue's disk end half-way.
    QueueWriteFails "queue write torn" 4,
    /// A queue's disk is full for a while.
    QueueDiskFull "queue disk full" 3,
    /// A queue's bytes rot.
    QueueRots "queue bytes rot" 1,
    /// A node's clock jumps.
    NodeClock "node clock jumps" 2,
    /// The database is away.
    StoreAway "database away" 4,
    /// The database takes long.
    StoreSlow "database slow" 4,
    /// The database takes a question and never answers.
    StoreHangs "database hangs" 3,
    /// The database fails before it commits.
    StoreFails "transaction fails" 6,
    /// The database commits, and the answer is lost.
    AnswerLost "commit whose answer is lost" 6,
    /// The database refuses the data of a report.
    StoreRefuses "data refused" 3,
    /// Storing a report panics.
    StorePanics "storing panics" 2,
    /// The database goes back to a moment, as with a standby that lagged or a restore.
    StoreGoesBack "database goes back to a moment" 2,
    /// A company is suspended for a while.
    Suspended "company suspended" 2,
    /// Somebody asks for a scan.
    ScanAsked "scan asked for" 4,
}

impl Kind {
    /// One of them, each as often as its weight says.
    pub(super) fn draw(random: &mut Random) -> Self {
        let total: u32 = Self::ALL.iter().map(|(_, weight)| weight).sum();
        let mut left = random.below(usize::try_from(total).unwrap_or(1));
        for (kind, weight) in Self::ALL {
            let weight = usize::try_from(*weight).unwrap_or(0);
            if left < weight {
                return *kind;
            }
            // Not below zero: it was at least the weight.
            left -= weight;
        }
        // Not reached, for what was drawn is below the sum of all weights.
        Self::Cut
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests;
