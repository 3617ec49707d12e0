//! The collector: takes reports in, keeps them, matches them and answers for them.
//!
//! One report's way through the modules: [`ingest`] admits a frame from a connected agent,
//! [`queue`] makes it durable, the agent gets its acknowledgement; [`pipeline`] takes frames in
//! batches, matches what is new and writes one transaction for many reports through the `store`
//! crate. Beside that way, [`jobs`] does what the clock asks for and [`http`] answers people and
//! their tools. [`app`] puts the parts together, and [`lifecycle`] starts and stops them.
//!
//! Nothing but `store` speaks SQL, nothing but `ingest::listener` names quinn, and nothing but
//! [`app`] names [`http`].

mod announcements;
pub mod app;
pub mod authority;
pub mod backup;
mod causes;
pub mod cli;
pub mod clock;
pub mod config;
mod csv;
pub mod directory;
pub mod feeds;
pub mod http;
mod imports;
pub mod ingest;
pub mod jobs;
pub mod lifecycle;
pub mod mail;
pub mod metrics;
pub mod oidc;
pub mod pipeline;
pub mod postgres;
pub mod queue;
mod sealing;
mod tar;
pub mod telemetry;
pub mod tokens;
pub mod traces;
pub mod webhooks;
