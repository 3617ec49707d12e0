//! The systems that can be scanned, and which readers each of them has.
//!
//! A build carries the readers of its own system alone: what an endpoint cannot have would only make
//! its agent larger. Tests have all of them, because most of a reader is the same everywhere and is
//! tested on trees of files.

#[cfg(any(target_os = "linux", test, feature = "test-support"))]
mod linux;
#[cfg(any(target_os = "macos", test, feature = "test-support"))]
mod macos;
#[cfg(any(windows, test, feature = "test-support"))]
mod windows;

use super::Reader;

/// An operating system, by how its files are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// Linux, and whatever else is like it.
    Linux,
    /// macOS.
    Macos,
    /// Windows.
    Windows,
}

impl System {
    /// The one that this agent was built for.
    pub const HERE: Self = if cfg!(windows) {
        Self::Windows
    } else if cfg!(target_os = "macos") {
        Self::Macos
    } else {
        Self::Linux
    };

    /// The name in [`protocol::host::Platform::family`].
    #[must_use]
    pub const fn family(self) -> &'static str {
        match self {
            Self::Linux => "linux",
            Self::Macos => "macos",
            Self::Windows => "windows",
        }
    }

    /// Its readers, in the order in which they are read.
    pub(super) const fn readers(self) -> &'static [Reader] {
        match self {
            #[cfg(any(target_os = "linux", test, feature = "test-support"))]
            Self::Linux => linux::READERS,
            #[cfg(any(target_os = "macos", test, feature = "test-support"))]
            Self::Macos => macos::READERS,
            #[cfg(any(windows, test, feature = "test-support"))]
            Self::Windows => windows::READERS,
            #[cfg(not(any(target_os = "linux", test, feature = "test-support")))]
            Self::Linux => &[],
            #[cfg(not(any(target_os = "macos", test, feature = "test-support")))]
            Self::Macos => &[],
            #[cfg(not(any(windows, test, feature = "test-support")))]
            Self::Windows => &[],
        }
    }
}
