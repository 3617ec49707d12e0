//! Tests of ingest over real connections on loopback: QUIC, and TLS over TCP where `MUSTER_TEST_WIRE` is
//! `tcp`, which `make test` sets for a second run of them.

mod attendance;
mod authorities;
mod bad_input;
mod certificates;
mod client;
mod enrolment;
mod fixture;
mod identity;
pub(crate) mod office;
mod pressure;
mod queue;
mod resumption;
mod road;
mod sessions;
mod slow;
mod tcp;
