//! The sources of macOS, in the order in which they are read.

use protocol::software::Source;

use super::super::macos::{apps, macports, os, receipts, safari};
use super::super::{Reader, cargo, chrome, firefox, gem, homebrew, jetbrains, npm, python, vscode};

/// Every reader of this platform.
pub(super) const READERS: &[Reader] = &[
    Reader { source: Source::Os, read: os::read },
    Reader { source: Source::Apps, read: apps::read },
    Reader { source: Source::Pkg, read: receipts::read },
    Reader { source: Source::Homebrew, read: homebrew::read },
    Reader { source: Source::Macports, read: macports::read },
    Reader { source: Source::Python, read: python::read },
    Reader { source: Source::Npm, read: npm::read },
    Reader { source: Source::Gem, read: gem::read },
    Reader { source: Source::Cargo, read: cargo::read },
    Reader { source: Source::ChromeExtension, read: chrome::read },
    Reader { source: Source::FirefoxAddon, read: firefox::read },
    Reader { source: Source::SafariExtension, read: safari::read },
    Reader { source: Source::Vscode, read: vscode::read },
    Reader { source: Source::JetbrainsPlugin, read: jetbrains::read },
];
