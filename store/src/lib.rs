//! Everything that Muster keeps in PostgreSQL: schema, tenancy, queries.
//!
//! It is the only crate that speaks SQL, so that every query can be seen to stay inside one
//! company. Company data is reached through a [`tenant::TenantScope`] and nothing else; what is
//! global (CVEs, feeds, jobs, signals to agents) holds no company's data and is reached through
//! [`database::Store`]. It never reads a clock, but to time what it does, and never makes a secret: both are
//! arguments.

mod actors;
pub mod agents;
pub mod api_keys;
pub mod audit;
pub mod backups;
pub mod cluster;
pub mod commands;
pub mod companies;
pub mod counts;
pub mod cve_history;
pub mod cves;
pub mod database;
pub mod dead_letters;
pub mod digests;
pub mod distribute;
pub mod enrolment_tokens;
pub mod error;
pub mod events;
pub mod exceptions;
pub mod export;
pub mod feeds;
pub mod findings;
pub mod fleet;
pub mod history;
pub mod hosts;
pub mod idempotency;
pub mod imports;
pub mod inspection;
pub mod invitations;
pub mod jobs;
pub mod labels;
pub mod names;
pub mod nodes;
pub mod oidc;
pub mod page;
pub mod permission;
pub mod policies;
pub mod report_files;
pub mod report_schedules;
pub mod reports;
pub mod sessions;
#[cfg(any(test, feature = "test-support"))]
pub mod simulated;
pub mod software;
pub mod statistics;
pub mod summary;
pub mod tenant;
#[cfg(any(test, feature = "test-support"))]
pub mod test_support;
pub mod timeline;
pub mod users;
pub mod webhooks;

mod known;
mod on_hosts;
mod restore;
mod revised;
#[cfg(test)]
mod test_fixtures;
mod tx;
mod versions;
