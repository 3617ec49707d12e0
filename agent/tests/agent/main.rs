//! The real agent, as a process, against a collector of the tests' own that speaks the protocol over
//! real QUIC and does to the agent whatever a network, a disk or an operator may do.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "these files are tests and what tests need, and nothing else"
)]

mod bad_input;
mod cli;
mod collector;
mod commands;
mod crash;
mod delivery;
mod diagnostics;
mod enrolment;
mod host;
mod idle;
mod leaving;
mod middlebox;
mod waiting;
mod ways;

/// The agent that is tested.
fn binary() -> &'static std::path::Path {
    std::path::Path::new(env!("CARGO_BIN_EXE_muster-agent"))
}
