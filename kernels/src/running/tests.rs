//! What is installed, what runs, and whether that is it, by the words of each packager.

use super::*;

fn is_running_row(row: &str, running: &str) -> Option<bool> {
    let words: Vec<&str> = row.split_whitespace().collect();
    let [manager, name, version] = words[..] else {
        panic!("{row}");
    };
    let package = Package { manager, name, version, ..Package::default() };
    package.is_running(running)
}

/// Checks a table: what is installed, what `uname -r` says, and what that means.
fn check(table: &str) {
    let rows: Vec<_> = table.lines().filter(|row| !row.trim().is_empty()).collect();
    assert!(!rows.is_empty());
    for row in rows {
        let columns: Vec<_> = row.split('|').map(str::trim).collect();
        let [installed, running, expected] = columns[..] else {
            panic!("{row}");
        };
        let expected = match expected {
            "it runs" => YES,
            "it waits" => NO,
            "not known" => None,
            other => panic!("{other}"),
        };
        assert_eq!(is_running_row(installed, running), expected, "{row}");
    }
}

const YES: Option<bool> = Some(true);
const NO: Option<bool> = Some(false);

#[test]
fn the_name_of_a_deb_is_the_kernels() {
    // Debian's up to 12 are named by the number of their ABI, 6.1.0-18, which upstream never made;
    // from 13 on by upstream's version. Ubuntu's package 5.4.0-100.113 is build 113 of ABI 100.
    // Raspberry Pi's and Proxmox's are their own builds.
    check(
        "
        deb linux-image-5.4.0-100-generic 5.4.0-100.113          | 5.4.0-100-generic   | it runs
        deb linux-image-unsigned-5.4.0-100-generic 5.4.0-100.113 | 5.4.0-100-generic   | it runs
        deb linux-modules-extra-5.4.0-100-generic 5.4.0-100.113  | 5.4.0-100-generic   | it runs
        deb linux-image-5.4.0-10-generic 5.4.0-10.13             | 5.4.0-100-generic   | it waits
        deb linux-image-5.4.0-100-lowlatency 5.4.0-100.113       | 5.4.0-100-generic   | it waits
        deb linux-image-15.4.0-100-generic 15.4.0-100.113        | 5.4.0-100-generic   | it waits
        deb linux-image-6.1.0-18-amd64-unsigned 6.1.76-1         | 6.1.0-18-amd64      | it runs
        deb linux-image-6.1.0-18-rt-amd64 6.1.76-1               | 6.1.0-18-amd64      | it waits
        deb linux-image-6.12.38+deb13-amd64 6.12.38-1            | 6.12.38+deb13-amd64 | it runs
        deb linux-image-6.12.33+deb13-amd64 6.12.33-1            | 6.12.38+deb13-amd64 | it waits
        deb linux-image-5.15.0-1023-aws 5.15.0-1023.27           | 5.15.0-1023-aws     | it runs
        deb linux-image-5.15.0-1023-azure-fde 5.15.0-1023.29     | 5.15.0-1023-azure   | it waits
        deb linux-image-6.5.0-1014-gcp 6.5.0-1014.14~22.04.1     | 6.5.0-1014-gcp      | it runs
        deb linux-image-6.6.20+rpt-rpi-v8 1:6.6.20-1+rpt1        | 6.6.20+rpt-rpi-v8   | it runs
        deb linux-image-6.6.20+rpt-rpi-2712 1:6.6.20-1+rpt1      | 6.6.20+rpt-rpi-v8   | it waits
        deb pve-kernel-5.15.102-1-pve 5.15.102-1                 | 5.15.102-1-pve      | it runs
        deb proxmox-kernel-6.8.12-1-pve-signed 6.8.12-1          | 6.8.12-1-pve        | it runs
        deb proxmox-kernel-6.5.13-5-pve-signed 6.5.13-5          | 6.8.12-1-pve        | it waits
        deb linux-image-6.9.0-custom 6.9.0-1                     | 6.9.0-custom        | it runs
        deb linux-image-6.9.0 6.9.0-1                            | 6.9.1               | it waits",
    );
}

#[test]
fn a_name_that_follows_a_line_of_kernels_is_none_of_them() {
    // Empty packages, which depend on the newest of their line and bring it with an upgrade.
    for name in [
        "linux-image-generic",
        "linux-image-amd64",
        "linux-image-generic-hwe-22.04",
        "linux-image-oem-22.04d",
        "linux-image-rpi-v8",
        "linux-modules-nvidia-535-generic-hwe-22.04",
        "proxmox-kernel-6.8",
        "pve-kernel-5.15",
    ] {
        let row = format!("deb {name} 5.4.0.100.104");
        assert_eq!(is_running_row(&row, "5.4.0-100-generic"), None, "{name}");
    }
}

#[test]
fn modules_of_another_program_are_of_the_kernel_that_their_name_ends_with() {
    // 535 is the driver's number, not a kernel's.
    check(
        "
        deb linux-modules-nvidia-535-6.5.0-14-generic 6.5.0-14.14 | 6.5.0-14-generic | it runs
        deb linux-modules-nvidia-535-6.5.0-9-generic 6.5.0-9.9    | 6.5.0-14-generic | it waits
        deb linux-modules-ipu6-6.5.0-14-generic 6.5.0-14.14       | 6.5.0-14-generic | it runs",
    );
}

#[test]
fn an_rpm_is_the_kernel_of_its_version_and_release() {
    // `el8_4` is of a minor release's updates, `rt7.72` the number of the real-time patches, and
    // WSL runs a kernel of Microsoft's whatever the distribution has installed.
    check(
        "
        rpm kernel-core 4.18.0-305.el8          | 4.18.0-305.el8.x86_64             | it runs
        rpm kernel-core 0:4.18.0-305.el8        | 4.18.0-305.el8.x86_64             | it runs
        rpm kernel-modules 4.18.0-305.el8       | 4.18.0-305.el8.x86_64             | it runs
        rpm kernel-core 4.18.0-305.el8          | 4.18.0-305.25.1.el8_4.x86_64      | it waits
        rpm kernel-core 4.18.0-305.el8          | 4.18.0-305.el8.x86_64+debug       | it runs
        rpm kernel 3.10.0-957.el7               | 3.10.0-957.el7.x86_64             | it runs
        rpm kernel-uek 5.4.17-2136.300.7.el8uek | 5.4.17-2136.300.7.el8uek.x86_64   | it runs
        rpm kernel-uek 5.4.17-2136.300.7.el8uek | 4.18.0-305.el8.x86_64             | it waits
        rpm kernel-rt 4.18.0-305.rt7.72.el8     | 4.18.0-305.rt7.72.el8.x86_64      | it runs
        rpm kernel-rt-core 5.14.0-362.8.1.el9_3 | 5.14.0-362.8.1.el9_3.x86_64+rt    | it runs
        rpm kernel6.1 6.1.158-178.288.amzn2023  | 6.1.158-178.288.amzn2023.x86_64   | it runs
        rpm kernel6.12 6.12.40-64.114.amzn2023  | 6.1.158-178.288.amzn2023.x86_64   | it waits
        rpm kernel-ml 6.8.1-1.el9.elrepo        | 6.8.1-1.el9.elrepo.x86_64         | it runs
        rpm kernel-core 4.18.0-305.el8          | 5.15.90.1-microsoft-standard-WSL2 | it waits",
    );
}

#[test]
fn suse_leaves_the_rebuild_out_of_the_kernels_own_name() {
    // The base of the second row is built of the first's package, and has its own rebuild behind.
    check(
        "
        rpm kernel-default 5.14.21-150500.55.49.1                    | 5.14.21-150500.55.49-default | it runs
        rpm kernel-default-base 5.14.21-150500.55.49.1.150500.6.21.2 | 5.14.21-150500.55.49-default | it runs
        rpm kernel-default 5.14.21-150500.55.44.1                    | 5.14.21-150500.55.49-default | it waits
        rpm kernel-default 5.14.21-150500.55.490.1                   | 5.14.21-150500.55.49-default | it waits
        rpm kernel-default 6.8.1-1.1                                 | 6.8.1-1-default              | it runs
        rpm kernel-default 6.8.1-10.1                                | 6.8.1-1-default              | it waits",
    );
}

#[test]
fn a_release_may_stand_in_its_own_field_or_not_at_all() {
    let on = |release| Package {
        manager: "rpm",
        name: "kernel-core",
        version: "4.18.0",
        release,
        ..Package::default()
    };
    let running = "4.18.0-305.el8.x86_64";
    assert_eq!(on("305.el8").is_running(running), YES);
    assert_eq!(on("240.el8").is_running(running), NO);
    // It may be any kernel of the line, the running one too.
    assert_eq!(on("").is_running(running), None);
}

#[test]
fn alpines_kernels_are_called_by_version_release_and_flavour() {
    // The `r` of a release is the package's, and is left out of the kernel's name.
    check(
        "
        apk linux-lts 6.6.14-r0  | 6.6.14-0-lts  | it runs
        apk linux-lts 6.6.14-r0  | 6.6.13-0-lts  | it waits
        apk linux-virt 6.6.14-r0 | 6.6.14-0-lts  | it waits
        apk linux-rpi4 6.1.77-r0 | 6.1.77-0-rpi4 | it runs
        apk linux-lts 6.6.14     | 6.6.14-0-lts  | not known",
    );
}

#[test]
fn archs_kernels_are_called_by_the_words_of_their_version() {
    // A version must not hold a hyphen, so that arch1 is behind a point in it. Manjaro's are named
    // after their line, and their own name ends with the distribution's.
    check(
        "
        pacman linux 6.6.10.arch1-1              | 6.6.10-arch1-1    | it runs
        pacman linux 6.7.arch3-1                 | 6.7.0-arch3-1     | not known
        pacman linux 6.7.4.arch1-1               | 6.6.10-arch1-1    | it waits
        pacman linux 6.7.arch3-1                 | 6.7.4-arch1-1     | it waits
        pacman linux-lts 6.6.11-1                | 6.6.11-1-lts      | it runs
        pacman linux-lts 6.6.11-1                | 6.6.10-arch1-1    | it waits
        pacman linux-zen 6.6.10.zen1-1           | 6.6.10-zen1-1-zen | it runs
        pacman linux-hardened 6.6.10.hardened1-1 | 6.6.10-arch1-1    | not known
        pacman linux66 6.6.10-1                  | 6.6.10-1-MANJARO  | not known
        pacman linux61 6.1.71-1                  | 6.6.10-1-MANJARO  | it waits",
    );
}

#[test]
fn nothing_is_said_of_what_is_no_kernel_or_where_nobody_says_what_runs() {
    check(
        "
        deb linux-image-6.1.0-18-amd64 6.1.76-1   |                             | not known
        deb linux-headers-6.1.0-18-amd64 6.1.76-1 | 6.1.0-20-amd64              | not known
        deb openssl 3.0.11-1~deb12u2              | 6.1.0-20-amd64              | not known
        rpm kernel-headers 4.18.0-240.el8         | 4.18.0-305.el8.x86_64       | not known
        rpm bash 5.1.8-6.el9                      | 5.14.0-362.8.1.el9_3.x86_64 | not known
        npm linux 1.0.0-1                         | 6.6.10-arch1-1              | not known",
    );
}

#[test]
fn texts_that_no_kernel_has_are_not_the_running_one() {
    // Both sides are cut at bytes that were found by search, which must be ends of letters.
    for running in ["é", "6", "..", "6.1.0-18-amd64-"] {
        for row in [
            "deb linux-image- 1",
            "deb linux-image-é-6.1.0-18-amd64 1",
            "rpm kernel -",
            "rpm kernel :",
            "apk linux-lts -r",
            "pacman linux .-.",
        ] {
            assert_ne!(is_running_row(row, running), YES, "{row} on {running}");
        }
    }
}
