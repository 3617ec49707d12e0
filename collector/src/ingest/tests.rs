//! Tests of ingest over real QUIC connections on loopback.

mod attendance;
mod bad_input;
mod certificates;
mod client;
mod enrolment;
mod fixture;
pub(crate) mod office;
mod pressure;
mod queue;
mod resumption;
mod road;
mod sessions;
mod slow;
