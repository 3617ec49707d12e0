//! The sources of Linux, in the order in which they are read.
//!
//! Package managers come first: what they own is not reported again as a language package.

use protocol::software::Source;

use super::super::{
    Reader, apk, appimage, cargo, chrome, dpkg, firefox, flatpak, gem, homebrew, jetbrains, npm,
    pacman, python, rpm, snap, vscode,
};

/// Every reader of this platform.
pub(super) const READERS: &[Reader] = &[
    Reader { source: Source::Deb, read: dpkg::read },
    Reader { source: Source::Rpm, read: rpm::read },
    Reader { source: Source::Apk, read: apk::read },
    Reader { source: Source::Pacman, read: pacman::read },
    Reader { source: Source::Snap, read: snap::read },
    Reader { source: Source::Flatpak, read: flatpak::read },
    Reader { source: Source::Homebrew, read: homebrew::read },
    Reader { source: Source::Appimage, read: appimage::read },
    // The next three ask who owns what it finds. The first that asks makes the lists, and the
    // time that takes is in its own time box.
    Reader { source: Source::Python, read: python::read },
    Reader { source: Source::Npm, read: npm::read },
    Reader { source: Source::Gem, read: gem::read },
    Reader { source: Source::Cargo, read: cargo::read },
    Reader { source: Source::ChromeExtension, read: chrome::read },
    Reader { source: Source::FirefoxAddon, read: firefox::read },
    Reader { source: Source::Vscode, read: vscode::read },
    Reader { source: Source::JetbrainsPlugin, read: jetbrains::read },
];
