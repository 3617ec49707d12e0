//! What a host says of its Windows: release, kind of machine, build and updates.

use std::collections::BTreeSet;

use crate::subject::Subject;
use crate::windows::{self, Arch, Release};

/// The updates that a host tells: a question has a list, and a record of an agent has them where other
/// records say where they came from.
fn listed<'s>(subject: &Subject<'s>) -> impl Iterator<Item = &'s str> {
    let in_record = subject.origin.split_ascii_whitespace();
    subject.updates.iter().map(String::as_str).chain(in_record)
}

/// A Windows.
#[derive(Debug)]
pub(super) struct Host<'s> {
    pub(super) release: &'static Release,
    pub(super) arch: Arch,
    pub(super) is_core: bool,
    /// The version with its revision, `10.0.19045.4291`; `None` where the revision is not told.
    pub(super) build: Option<&'s str>,
    /// The updates that its list names.
    pub(super) updates: BTreeSet<u32>,
}

/// Whether a subject is an operating system of Microsoft's.
pub(super) fn is_windows(subject: &Subject<'_>) -> bool {
    subject.source == "os" && subject.platform.family == "windows"
}

impl<'s> Host<'s> {
    /// The Windows of a subject; `None` for a build that no release is known by.
    pub(super) fn of(subject: &Subject<'s>) -> Option<Self> {
        let release = Release::of_version(subject.version, windows::is_server(subject.name))?;
        // Server's editions say "Server Standard Core" or "Datacenter (Server Core)".
        let is_core = release.is_server && subject.name.to_lowercase().contains("core");
        Some(Self {
            release,
            arch: Arch::of_host(subject.arch),
            is_core,
            // `10.0.19045` alone is every month's build of that release.
            build: release.has_build(subject.version).then_some(subject.version),
            updates: listed(subject).filter_map(windows::update).collect(),
        })
    }

    /// The places of the host's product, and those of the same product for other machines. Where
    /// the host does not tell its architecture, all are its own.
    pub(super) fn places(&self) -> (Vec<String>, Vec<String>) {
        let label = |arch| windows::label(self.release, arch, self.is_core);
        // Of most servers Microsoft names no kind of machine (`Windows Server 2019`), so those
        // statements are about all.
        let mut own = vec![label(Arch::Unsaid)];
        let mut others = Vec::new();
        for arch in [Arch::X64, Arch::Arm64, Arch::X86] {
            if self.arch == Arch::Unsaid || self.arch == arch {
                own.push(label(arch));
            } else {
                others.push(label(arch));
            }
        }
        (own, others)
    }
}
