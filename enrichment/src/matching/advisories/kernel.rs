//! Kernels: the one package of which several versions are installed and one is in use.
//!
//! Package managers keep old kernels for the next boot to fall back on, and only the one that runs
//! can be attacked. Where a subject says which one that is (`uname -r`), the others are not judged,
//! and say so; where it does not, each installed kernel is, and its findings say that it may not be
//! running. Headers, tools and documentation are built of the same source and hold nothing of it;
//! their findings would only repeat those of the kernel.

use crate::subject::Subject;

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

/// What is said of findings of an installed kernel where nobody says which one runs.
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

/// Whether a package of a kernel is of the one that runs; `None` where that cannot be told, because
/// the host does not say it or the package is of no one kernel (`linux-image-generic`).
pub(super) fn is_running(subject: &Subject<'_>) -> Option<bool> {
    let running = subject.running_kernel;
    if running.is_empty() {
        return None;
    }
    match subject.source {
        "deb" => {
            // linux-image-5.4.0-100-generic is 5.4.0-100-generic, and linux-modules-extra-… beside it.
            let at = subject.name.find(|c: char| c.is_ascii_digit())?;
            let of = subject.name[at..].trim_end_matches("-unsigned");
            Some(of == running)
        }
        "rpm" => {
            let version = subject.version.split_once(':');
            let version = version.map_or(subject.version, |(_, version)| version);
            let own = match subject.release {
                "" => version.to_owned(),
                release => format!("{version}-{release}"),
            };
            Some(is_rpm_of(&own, running))
        }
        "apk" => {
            // linux-lts 6.6.14-r0 is 6.6.14-0-lts.
            let (version, release) = subject.version.rsplit_once("-r")?;
            let flavour = subject.name.strip_prefix("linux-")?;
            Some(running == format!("{version}-{release}-{flavour}"))
        }
        _ => None,
    }
}

/// Red Hat's kernels call themselves by version, release and architecture, 4.18.0-305.el8.x86_64.
/// SUSE's leave the number of the last rebuild out and have their flavour behind: the package
/// 5.14.21-150500.55.49.1 is 5.14.21-150500.55.49-default.
fn is_rpm_of(own: &str, running: &str) -> bool {
    let begins = |long: &str, short: &str| {
        long.strip_prefix(short)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '+']))
    };
    let without_flavour = running
        .rsplit_once('-')
        .filter(|(_, flavour)| flavour.starts_with(|c: char| c.is_ascii_alphabetic()));
    begins(running, own) || without_flavour.is_some_and(|(kernel, _)| begins(own, kernel))
}

/// Why a kernel that does not run is not judged.
pub(super) fn not_judged(subject: &Subject<'_>) -> String {
    format!(
        "not evaluable: this kernel is installed and not running ({} is); it counts once the host \
         boots into it",
        subject.running_kernel
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is installed, what `uname -r` says, and whether that is it.
    const INSTALLED_AND_RUNNING: &[(&str, &str, Option<bool>)] = &[
        (
            "deb linux-image-5.4.0-100-generic 5.4.0-100.113",
            "5.4.0-100-generic",
            Some(true),
        ),
        (
            "deb linux-image-unsigned-5.4.0-100-generic 5.4.0-100.113",
            "5.4.0-100-generic",
            Some(true),
        ),
        (
            "deb linux-modules-extra-5.4.0-100-generic 5.4.0-100.113",
            "5.4.0-100-generic",
            Some(true),
        ),
        (
            "deb linux-image-5.4.0-10-generic 5.4.0-10.13",
            "5.4.0-100-generic",
            Some(false),
        ),
        (
            "deb linux-image-6.1.0-18-amd64-unsigned 6.1.76-1",
            "6.1.0-18-amd64",
            Some(true),
        ),
        (
            "deb linux-image-generic 5.4.0.100.104",
            "5.4.0-100-generic",
            None,
        ),
        ("deb linux-image-6.1.0-18-amd64 6.1.76-1", "", None),
        (
            "rpm kernel-core 4.18.0-305.el8",
            "4.18.0-305.el8.x86_64",
            Some(true),
        ),
        (
            "rpm kernel-core 4.18.0-305.el8",
            "4.18.0-305.25.1.el8_4.x86_64",
            Some(false),
        ),
        (
            "rpm kernel-core 4.18.0-305.el8",
            "4.18.0-305.el8.x86_64+debug",
            Some(true),
        ),
        (
            "rpm kernel-default 5.14.21-150500.55.49.1",
            "5.14.21-150500.55.49-default",
            Some(true),
        ),
        (
            "rpm kernel-default 5.14.21-150500.55.44.1",
            "5.14.21-150500.55.49-default",
            Some(false),
        ),
        ("apk linux-lts 6.6.14-r0", "6.6.14-0-lts", Some(true)),
        ("apk linux-lts 6.6.14-r0", "6.6.13-0-lts", Some(false)),
        ("pacman linux 6.7.4.arch1-1", "6.7.4-arch1-1", None),
    ];

    #[test]
    fn the_running_kernel_is_told_by_each_packagers_own_words() {
        for &(row, running, expected) in INSTALLED_AND_RUNNING {
            let words: Vec<&str> = row.split(' ').collect();
            let [source, name, version] = words[..] else {
                panic!("{row}");
            };
            let subject = Subject {
                source,
                name,
                version,
                running_kernel: running,
                ..Subject::default()
            };
            assert_eq!(is_running(&subject), expected, "{row} on {running}");
        }
    }

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
