//! The fleet simulator: real protocol clients in one process, and the figures that they give.
//!
//! It exists to load a collector as thousands of hosts would, over the same sockets, certificates
//! and messages, and to prove afterwards that nothing was lost and nothing stands twice. It must
//! never take a short cut that an agent does not have; the one exception, [`seed`], makes the rows
//! of a site that would take days to grow.

mod api;
pub mod bench;
pub mod capacity;
#[cfg(target_os = "linux")]
pub mod chaos;
pub mod cli;
mod clock;
pub mod faults;
pub mod fleet;
mod random;
pub mod readers;
pub mod seed;
