//! What may be done, and the least role that may do it: the one table of it.
//!
//! A route names one of these, an API key may be narrowed to some of them, and nobody compares
//! roles anywhere else.

use crate::tenant::Role;

/// Declares the permissions: `Name "word" Role;`, each with what it lets one do.
macro_rules! permissions {
    ($($(#[doc = $doc:literal])+ $name:ident $word:literal $role:ident;)+) => {
        /// Something that may be done.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Permission {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Permission {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The name in the API and the database.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }

            /// The least role that has it.
            #[must_use]
            pub const fn role(self) -> Role {
                match self {
                    $(Self::$name => Role::$role,)+
                }
            }
        }
    };
}

permissions! {
    /// Hosts, software, findings, CVEs, labels, policies and the numbers of all that.
    ReadInventory "inventory:read" Viewer;
    /// Exports of what may be read.
    ExportInventory "inventory:export" Viewer;
    /// Asks hosts for a scan.
    ScanHosts "hosts:scan" Analyst;
    /// Puts labels on hosts and takes them off.
    LabelHosts "hosts:label" Analyst;
    /// Writes exceptions and reads VEX documents in.
    TriageFindings "findings:triage" Analyst;
    /// Schedules of reports: makes and changes them, and deletes reports.
    ManageReports "reports:manage" Analyst;
    /// Lets exceptions of others hold.
    ApproveExceptions "exceptions:approve" Admin;
    /// Writes policies and the rules of labels.
    WritePolicies "policies:write" Admin;
    /// Cancels the company's jobs: imports, reports.
    CancelJobs "jobs:cancel" Analyst;
    /// Brings in documents that list software (SBOMs), and cancels that.
    ImportDocuments "imports:write" Analyst;
    /// Lets hosts go.
    RevokeHosts "hosts:revoke" Admin;
    /// Enrolment tokens: sees, makes and revokes them.
    ManageTokens "tokens:manage" Admin;
    /// API keys: sees, makes and revokes them.
    ManageKeys "keys:manage" Admin;
    /// People of the company: sees, invites, changes and removes them.
    ManageUsers "users:manage" Admin;
    /// What the company's agents are told, and the company's other settings.
    WriteSettings "settings:write" Admin;
    /// Webhooks: sees, makes and changes them, and sends their messages again.
    ManageWebhooks "webhooks:manage" Admin;
    /// Reports that could not be stored: sees them and makes up for them.
    ManageDeadLetters "dead_letters:manage" Admin;
    /// Takes along everything that is kept of the company, or of one host.
    ExportCompany "company:export" Admin;
    /// Who changed what.
    ReadAudit "audit:read" Admin;
    /// Companies: sees, makes, suspends and resumes them.
    ManageCompanies "companies:manage" Operator;
    /// Operators: sees, invites and removes them, and reads what they did.
    ManageOperators "operators:manage" Operator;
    /// Cancels any job of the collector's.
    ManageJobs "jobs:manage" Operator;
    /// How the collector's nodes get on.
    ReadNodes "nodes:read" Operator;
}

impl Permission {
    /// The permission of a name, if it is one.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|one| one.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_different_and_read_back() {
        for one in Permission::ALL {
            assert_eq!(Permission::parse(one.as_str()), Some(*one));
        }
        assert_eq!(Permission::parse("everything"), None);
    }

    #[test]
    fn who_only_reads_changes_nothing() {
        let of_viewers = Permission::ALL.iter().filter(|p| p.role() == Role::Viewer);
        for one in of_viewers {
            let word = one.as_str();
            assert!(word.ends_with(":read") || word.ends_with(":export"), "{word}");
        }
    }
}
