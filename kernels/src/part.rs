//! What a package holds of a kernel, told from its name.
//!
//! The names are those under which the distributions that are met build their kernels. A kernel
//! that is missing here is judged as any other package and never called dormant, so the lists may
//! be behind without hiding anything.

use crate::Package;

/// What a package holds of a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// Nothing.
    Nothing,
    /// A kernel or its modules.
    Image,
    /// What is built beside one and does not run as one: headers, tools, documentation. Whatever is
    /// said of the kernel is no statement about it.
    Beside,
}

/// How names of Debian's kernels and of those made for it begin.
const DEB: [&str; 5] = [
    "linux-image",
    "linux-modules",
    // Ubuntu's before 18.04, whose signed kernels had a package beside the plain one; since then
    // the plain name is the signed one's.
    "linux-signed-image",
    // Proxmox VE 8 renamed its kernels; the older name is `pve-kernel-`.
    "proxmox-kernel-",
    "pve-kernel-",
];

/// What follows `kernel-` in the names of rpms, at their beginning.
const RPM: [&str; 24] = [
    // Sizes of memory pages, of aarch64 only.
    "16k",
    "64k",
    // Red Hat's word for what SUSE calls `pae`.
    "PAE",
    "automotive",
    "azure",
    "core",
    "debug",
    "default",
    "desktop",
    "kvmsmall",
    "longterm",
    "lpae",
    // ELRepo's: of a long-term line, and of the main line.
    "lt",
    "ml",
    "modules",
    "pae",
    "plus",
    "preempt",
    "rt",
    // Oracle's own.
    "uek",
    // One file of kernel, initial ramdisk and command line: `kernel-uki-virt`.
    "uki",
    "vanilla",
    "xen",
    "zfcpdump",
];

/// How names of Alpine's kernels begin.
const APK: [&str; 6] =
    ["linux-asahi", "linux-edge", "linux-lts", "linux-rpi", "linux-stable", "linux-virt"];

/// What follows `linux` in the names of pacman's kernels; whole, because much else begins so
/// (`linux-firmware`, `linux-tools`).
const PACMAN: [&str; 10] =
    ["", "-aarch64", "-cachyos", "-hardened", "-lts", "-rpi", "-rt", "-rt-lts", "-xanmod", "-zen"];

/// How names of packages begin that are built beside one, wherever their source is not told.
const BESIDE: [&str; 15] = [
    // Beginnings are enough: behind them stand a version and a flavour.
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
    "proxmox-headers",
    "pve-headers",
];

/// Words that take a name out of the kernels.
const NO_IMAGE: [&str; 8] =
    ["dbg", "dbgsym", "debuginfo", "devel", "doc", "docs", "headers", "helper"];

pub(crate) fn of(package: &Package<'_>) -> Part {
    let name = package.name;
    if is_named_after_one(package) {
        let is_other = name.split('-').any(|word| NO_IMAGE.contains(&word))
            // Only Alpine's: elsewhere a kernel of one's own may well be called so.
            || (package.manager == "apk" && name.ends_with("-dev"));
        return if is_other { Part::Beside } else { Part::Image };
    }
    // Debian and Red Hat call the source by these; Ubuntu's has a name for each line, such as
    // `linux-aws-5.15`, and of those the names below tell.
    let is_built_beside = matches!(package.source_name, "linux" | "kernel")
        || rpm_flavour(name).is_some_and(|flavour| flavour.starts_with('-'))
        || BESIDE.iter().any(|beginning| name.starts_with(beginning));
    if is_built_beside { Part::Beside } else { Part::Nothing }
}

/// Whether the name is a kernel's, or a kernel's and more.
fn is_named_after_one(package: &Package<'_>) -> bool {
    let name = package.name;
    let begins = |name: &str, names: &[&str]| names.iter().any(|begin| name.starts_with(begin));
    match package.manager {
        "deb" => begins(name, &DEB),
        "rpm" => rpm_flavour(name).is_some_and(|flavour| {
            flavour.is_empty()
                || flavour.strip_prefix('-').is_some_and(|flavour| begins(flavour, &RPM))
        }),
        "apk" => begins(name, &APK),
        "pacman" => name.strip_prefix("linux").is_some_and(|flavour| {
            let flavour = flavour.strip_suffix("-headers").unwrap_or(flavour);
            // Manjaro's are of a line: linux66.
            PACMAN.contains(&flavour.trim_start_matches(|c: char| c.is_ascii_digit()))
        }),
        _ => false,
    }
}

/// What follows `kernel` in the name of an rpm. Amazon's are of a line: `kernel6.12` and
/// `kernel6.12-modules-extra`.
fn rpm_flavour(name: &str) -> Option<&str> {
    let rest = name.strip_prefix("kernel")?;
    Some(rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(manager: &str, source_name: &str, name: &str) -> Part {
        of(&Package { manager, name, source_name, ..Package::default() })
    }

    #[test]
    fn kernels_are_told_by_the_names_that_distributions_give_them() {
        for (manager, names) in [
            (
                "deb",
                "linux-image-6.1.0-18-amd64 linux-image-6.1.0-18-cloud-amd64-unsigned \
                 linux-image-unsigned-5.4.0-100-generic linux-signed-image-4.4.0-21-generic \
                 linux-modules-extra-5.15.0-1023-aws linux-modules-nvidia-535-6.5.0-14-generic \
                 linux-image-6.6.20+rpt-rpi-v8 linux-image-generic-hwe-22.04 \
                 pve-kernel-5.15.102-1-pve proxmox-kernel-6.8.12-1-pve-signed",
            ),
            (
                "rpm",
                "kernel kernel-core kernel-modules-extra kernel-uek kernel-rt-core \
                 kernel-default-base kernel-debug-modules kernel-64k-core kernel-ml-modules \
                 kernel-PAE kernel6.1 kernel6.12-modules-extra",
            ),
            ("apk", "linux-lts linux-virt linux-edge4virt linux-rpi4"),
            ("pacman", "linux linux-lts linux-zen linux-rt-lts linux66 linux61-rt"),
        ] {
            for name in names.split_whitespace() {
                assert_eq!(part(manager, "", name), Part::Image, "{manager} {name}");
            }
        }
    }

    #[test]
    fn what_is_built_beside_a_kernel_is_none() {
        for (manager, source, name) in [
            // On nearly every host that builds anything, and listed by each of Debian's kernel
            // advisories, because it is of the same source.
            ("deb", "linux", "linux-libc-dev"),
            ("deb", "linux", "bpftool"),
            ("deb", "", "linux-headers-6.1.0-18-amd64"),
            ("deb", "", "linux-image-6.1.0-18-amd64-dbg"),
            ("deb", "", "linux-image-unsigned-6.8.0-49-generic-dbgsym"),
            ("deb", "", "proxmox-kernel-helper"),
            ("deb", "pve-kernel-helper", "pve-kernel-helper"),
            ("rpm", "kernel", "kernel-headers"),
            ("rpm", "kernel", "kernel-debug-devel-matched"),
            ("rpm", "", "kernel-debuginfo-common-x86_64"),
            ("rpm", "", "kernel-tools-libs"),
            ("rpm", "", "kernel6.12-devel"),
            ("apk", "linux-lts", "linux-lts-dev"),
            ("apk", "linux-lts", "linux-lts-doc"),
            ("pacman", "", "linux-zen-headers"),
        ] {
            assert_eq!(part(manager, source, name), Part::Beside, "{manager} {name}");
        }
    }

    #[test]
    fn names_that_only_begin_alike_have_nothing_to_do_with_it() {
        for (manager, source, name) in [
            // Scripts that packages of kernels call when they are installed.
            ("deb", "", "linux-base"),
            ("deb", "firmware-nonfree", "linux-firmware"),
            ("deb", "linux-atm", "libatm1"),
            ("rpm", "", "kernelshark"),
            ("rpm", "linux-firmware", "linux-firmware"),
            ("apk", "linux-pam", "linux-pam"),
            ("pacman", "", "linux-firmware"),
            ("pacman", "", "linux-api-headers"),
            ("npm", "", "linux"),
            ("homebrew", "", "kernel"),
        ] {
            assert_eq!(part(manager, source, name), Part::Nothing, "{manager} {name}");
        }
    }
}
