//! The program as people run it: real processes, a real database, real QUIC.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what a test cannot do, it fails for"
)]

mod agent;
mod bad_input;
mod cluster;
mod damaged_files;
mod outages;
mod output;
mod process;
mod serve;
mod webhooks;
mod world;
