//! Facts about a host that are not software: its name, its operating system, its hardware.

use serde::{Deserialize, Serialize};

/// The operating system, as far as it decides which records apply to a program.
///
/// It is part of every software key: a host that moves to another release of its system gets new
/// keys, and with them new judgements.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Platform {
    /// `linux`, `windows` or `macos`.
    pub family: String,
    /// The distribution (`ID` of os-release), or empty.
    pub id: String,
    /// The release: `VERSION_ID` of os-release, or the product version of Windows and macOS.
    pub version: String,
}

/// What a host says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostFacts {
    /// The host's name.
    pub hostname: String,
    /// The operating system.
    pub platform: Platform,
    /// The operating system's name for people, such as `Debian GNU/Linux 12 (bookworm)`.
    pub os_name: String,
    /// The release's code name, or empty.
    pub os_codename: String,
    /// The build of the operating system, or empty.
    pub os_build: String,
    /// The running kernel's release.
    pub kernel: String,
    /// The machine's architecture, such as `x86_64`.
    pub arch: String,
    /// The processor's model, or empty.
    pub cpu_model: String,
    /// Logical processors.
    pub cpu_count: u32,
    /// Main memory, in bytes.
    pub memory_bytes: u64,
    /// The agent's own version.
    pub agent_version: String,
}
