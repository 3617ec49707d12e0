//! What a route names to say who may use it: a type for each permission.
//!
//! `Tenant<may::ReadInventory>` is a company in which the caller may read the inventory. The
//! permissions themselves, and which role has which, are the table in `store::permission`.

use store::permission::Permission;

/// A permission as a type.
pub(crate) trait Needs: Send + Sync {
    /// Which.
    const PERMISSION: Permission;
}

/// Declares a type for each of some permissions.
macro_rules! types {
    ($($name:ident)+) => {
        $(
            #[doc = concat!("[`Permission::", stringify!($name), "`].")]
            #[derive(Debug)]
            pub(crate) struct $name;

            impl Needs for $name {
                const PERMISSION: Permission = Permission::$name;
            }
        )+

        #[cfg(test)]
        const DECLARED: &[Permission] = &[$(Permission::$name),+];
    };
}

types! {
    ReadInventory ExportInventory ScanHosts LabelHosts TriageFindings ImportDocuments ManageReports ApproveExceptions WritePolicies RevokeHosts ManageTokens ManageKeys ManageUsers WriteSettings ManageWebhooks
    ManageDeadLetters ExportCompany CancelJobs ReadAudit ManageCompanies ManageOperators ManageJobs ReadNodes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_permission_is_declared_twice() {
        let mut declared = DECLARED.to_vec();
        declared.sort_unstable();
        declared.dedup();
        assert_eq!(declared.len(), DECLARED.len());
    }
}
