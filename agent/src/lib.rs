//! The endpoint agent: collects the software inventory and delivers its changes.
//!
//! The agent is a library so that the simulator can drive the very same parts. What decides is pure
//! and takes the time as an argument; what touches the world is a thin driver around it. It must
//! never be noticed by the person at the endpoint, and never run what a collector sends.
//!
//! One scan's way: [`collect`] reads the host, [`delta`] says what changed, [`recording`] puts it into
//! the [`spool`], [`session`] decides when it goes and [`uplink`] carries it. [`run`] puts them
//! together and [`cli`] is the door.

pub mod backoff;
pub mod cli;
pub mod clock;
#[cfg_attr(
    not(any(target_os = "linux", test, feature = "test-support")),
    expect(
        dead_code,
        reason = "what the readers of Linux alone need of the common parts is small"
    )
)]
pub mod collect;
pub mod config;
pub mod control;
pub mod delta;
pub mod enrol;
pub mod identity;
pub mod lock;
pub mod logging;
pub mod memory;
pub mod private_file;
pub mod recording;
pub mod redaction;
pub mod run;
#[cfg(windows)]
pub mod service;
pub mod session;
pub mod spool;
pub mod status;
pub mod tls;
pub mod uplink;
