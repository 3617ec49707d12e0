//! Kernels: the one package of which several versions are installed and one is in use.
//!
//! Package managers keep old kernels for the next boot to fall back on, and only the one that runs
//! can be attacked. A subject does not say which one that is, so each installed kernel is judged,
//! and its findings say that it may not be running. Headers, tools and documentation are built of
//! the same source and hold nothing of it; their findings would only repeat those of the kernel.

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
pub(super) const MAY_NOT_RUN: &str =
    "whether this installed kernel is the one that runs is not known";

/// Beginnings of names of packages that hold a kernel or its modules.
const IMAGES: [&str; 16] = [
    "kernel-64k",
    "kernel-azure",
    "kernel-core",
    "kernel-debug",
    "kernel-default",
    "kernel-modules",
    "kernel-rt",
    "kernel-uek",
    "kernel-zfcpdump",
    "linux-edge",
    "linux-image",
    "linux-lts",
    "linux-modules",
    "linux-rpi",
    "linux-signed-image",
    "linux-virt",
];

/// Beginnings of names of packages that are built beside one, wherever their source is not told.
const BESIDE: [&str; 14] = [
    "kernel-",
    "linux-buildinfo",
    "linux-cloud-tools",
    "linux-compiler",
    "linux-config",
    "linux-doc",
    "linux-headers",
    "linux-hwe",
    "linux-kbuild",
    "linux-libc-dev",
    "linux-perf",
    "linux-source",
    "linux-support",
    "linux-tools",
];

/// What takes a name out of the images.
const NO_IMAGE: [&str; 5] = ["-devel", "-headers", "-doc", "-debuginfo", "-dbg"];

/// Tells what a binary package of a source package is.
pub(super) fn of(source: &str, binary: &str) -> Kernel {
    let begins = |names: &[&str]| names.iter().any(|name| binary.starts_with(name));
    let is_source = |name: &str| matches!(name, "linux" | "kernel");
    if is_source(binary) || begins(&IMAGES) {
        return if NO_IMAGE.iter().any(|part| binary.contains(part)) {
            Kernel::Beside
        } else {
            Kernel::Image
        };
    }
    if is_source(source) || begins(&BESIDE) {
        Kernel::Beside
    } else {
        Kernel::No
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_images_and_modules_are_a_kernel() {
        for (source, binary, kernel) in [
            ("linux", "linux-image-6.1.0-18-amd64", Kernel::Image),
            (
                "linux-hwe-5.13",
                "linux-modules-5.13.0-30-generic",
                Kernel::Image,
            ),
            ("kernel", "kernel-core", Kernel::Image),
            ("kernel", "kernel", Kernel::Image),
            ("linux-lts", "linux-lts", Kernel::Image),
            ("linux", "linux-libc-dev", Kernel::Beside),
            ("linux", "bpftool", Kernel::Beside),
            ("kernel", "kernel-headers", Kernel::Beside),
            ("kernel", "kernel-debug-devel", Kernel::Beside),
            ("", "kernel-tools-libs", Kernel::Beside),
            ("linux-base", "linux-base", Kernel::No),
            ("linux-firmware", "linux-firmware", Kernel::No),
            ("linux-atm", "libatm1", Kernel::No),
        ] {
            assert_eq!(of(source, binary), kernel, "{source} {binary}");
        }
    }
}
