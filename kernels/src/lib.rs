//! Kernels: the one package of which several versions are installed and one is in use.
//!
//! Package managers keep old kernels for the next boot to fall back on, and only the one that runs
//! can be attacked. Which package that is, is asked on both sides of the wire: by the agent, which
//! knows what its host runs, and by the matching commands, which are told it. Both ask here, so
//! that there is one answer. It knows names and versions alone: it must never read a host, and it
//! never says what a kernel is vulnerable to.

mod part;
mod running;

pub use crate::part::Part;

/// A package, in the words of its package manager; an empty text means unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Package<'a> {
    /// The package manager: `deb`, `rpm`, `apk` or `pacman`. No other has kernels.
    pub manager: &'a str,
    /// The package's name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// rpm's release.
    pub release: &'a str,
    /// The name of the source package that it was built of.
    pub source_name: &'a str,
}

impl Package<'_> {
    /// What it holds of a kernel.
    #[must_use]
    pub fn part(&self) -> Part {
        part::of(self)
    }

    /// Whether it is of the kernel that runs, where `running` is what `uname -r` prints.
    ///
    /// `None` for everything but a kernel or its modules, and where it cannot be told: nobody says
    /// what runs, or the package is of no one kernel (`linux-image-generic`). `Some(false)` is said
    /// only of what is certainly another kernel, because nobody looks at it then. Debian's and
    /// Alpine's names tell flavours of one version apart; of rpm's each counts as running, because
    /// they have the same flaws.
    #[must_use]
    pub fn is_running(&self, running: &str) -> Option<bool> {
        if running.is_empty() || self.part() != Part::Image {
            return None;
        }
        running::is_running(self, running)
    }
}
