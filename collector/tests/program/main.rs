//! The program as people run it: real processes, a real database, real QUIC.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what a test cannot do, it fails for"
)]

mod agent;
mod backup;
mod bad_input;
mod cluster;
mod configuration;
mod damaged_files;
mod desk;
mod doctor;
mod feeds;
mod gitops;
mod lines;
mod operators;
mod outages;
mod output;
mod process;
mod rotation;
mod serve;
mod tenants;
mod traces;
mod usage;
mod web;
mod webhooks;
mod world;
