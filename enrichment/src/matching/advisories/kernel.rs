//! Kernels: the one package of which several versions are installed and one is in use.
//!
//! Package managers keep old kernels for the next boot to fall back on, and only the one that runs
//! can be attacked. A subject does not say which one that is, so each installed kernel is judged,
//! and its findings say that it may not be running. Headers, tools and documentation are built of
//! the same source and hold nothing of it; their findings would only repeat those of the kernel.

use crate::identity::ubuntu_kernel;

/// What a package of a kernel's source holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kernel {
    /// It has nothing to do with a kernel.
    No,
    /// A kernel or its modules.
    Image,
    /// What is built beside a kernel.
    Beside,
}

/// What is said of findings of an installed kernel. Where a subject one day says which kernel
/// runs, this is where its others stop counting.
pub(super) const MAY_NOT_RUN: &str = "whether this installed kernel is the one that runs is not known";

/// Beginnings of names of packages that hold a kernel or its modules.
const IMAGES: [&str; 14] = [
    "kernel-64k",
    "kernel-azure",
    "kernel-core",
    "kernel-debug",
    "kernel-default",
    "kernel-modules",
    "kernel-rt",
    "kernel-uek",
    "kernel-zfcpdump",
    "linux-image",
    "linux-livepatch",
    "linux-lts",
    "linux-modules",
    "linux-virt",
];

/// Ends and middles that take a name out of the above.
const BESIDE: [&str; 4] = ["-devel", "-headers", "-doc", "-debuginfo"];

/// Tells what a binary package of a source package is.
pub(super) fn of(source: &str, binary: &str) -> Kernel {
    let is_kernel = source == "linux"
        || source == "kernel"
        || binary == "kernel"
        || source.starts_with("linux-")
            && ubuntu_kernel_sources().any(|line| source.starts_with(line))
        || binary.starts_with("kernel-");
    if !is_kernel {
        return Kernel::No;
    }
    let is_image = binary == "kernel"
        || source == binary
        || IMAGES.iter().any(|name| binary.starts_with(name));
    if is_image && !BESIDE.iter().any(|part| binary.contains(part)) {
        Kernel::Image
    } else {
        Kernel::Beside
    }
}
