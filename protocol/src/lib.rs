//! The wire between agent and collector: messages, frames, limits and fingerprints.
//!
//! Both sides, the simulator and the store share this crate, so it holds everything that two of
//! them must agree on and nothing else. It does no I/O, reads no clock and never panics on what a
//! peer sends: every limit of [`limits`] is checked before memory is taken for it.
//!
//! `docs/PROTOCOL.md` tells the same story for readers of other languages.

pub mod authorities;
pub mod enrolment;
pub mod fingerprint;
pub mod frame;
pub mod host;
pub mod ids;
pub mod label;
pub mod limits;
pub mod message;
pub mod reject;
pub mod report;
pub mod software;
pub mod token;
pub mod way;
pub mod wire;
