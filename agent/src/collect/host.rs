//! Facts about this host that are not software.
//!
//! Names and the operating system come from the scanned tree, so an image tells its own; hardware and
//! kernel are those of the running machine and are left out for any other tree. The platform among
//! them is part of every software key.

pub(crate) mod os_release;

use std::path::Path;

use protocol::host::{HostFacts, Platform};
use protocol::limits::FACT_BYTES_MAX;
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System as Machine};

use self::os_release::OsRelease;
use super::defects::{Defects, ReadError};
use super::platform::System;
use super::root::Root;
use super::text::clean;

/// Bytes of `/etc/hostname`, which is one name.
const HOSTNAME_BYTES_MAX: u64 = 4096;

/// Reads the facts.
pub(crate) fn read(root: &Root) -> Result<HostFacts, ReadError> {
    let release = release(root)?;
    let mut facts = if root.is_host() { machine() } else { HostFacts::default() };
    // Of the running system the kernel's name counts: the file may hold that of the next boot.
    if facts.hostname.is_empty() {
        // An image without a name is an image all the same.
        match hostname(root) {
            Ok(name) => facts.hostname = fact(&name),
            Err(ReadError::Stopped) => return Err(ReadError::Stopped),
            Err(_) => {}
        }
    }
    describe(&mut facts, root.system(), &release);
    Ok(facts)
}

/// The name that a tree gives its host.
fn hostname(root: &Root) -> Result<Vec<u8>, ReadError> {
    #[cfg(any(windows, test, feature = "test-support"))]
    if root.system() == System::Windows {
        return Ok(super::windows::os::hostname(root)?.into_bytes());
    }
    let mut name = Vec::new();
    root.read_small(Path::new("/etc/hostname"), HOSTNAME_BYTES_MAX, &mut name)?;
    Ok(name)
}

/// Which release of its system a tree holds.
fn release(root: &Root) -> Result<OsRelease, ReadError> {
    match root.system() {
        System::Linux => os_release::read(root),
        #[cfg(any(target_os = "macos", test, feature = "test-support"))]
        System::Macos => super::macos::os::release(root),
        #[cfg(any(windows, test, feature = "test-support"))]
        System::Windows => super::windows::os::release(root),
        #[cfg(not(any(target_os = "macos", test, feature = "test-support")))]
        System::Macos => Ok(OsRelease::default()),
        #[cfg(not(any(windows, test, feature = "test-support")))]
        System::Windows => Ok(OsRelease::default()),
    }
}

/// What is known when no file answers.
pub(crate) fn without_files() -> HostFacts {
    let mut facts = machine();
    describe(&mut facts, System::HERE, &OsRelease::default());
    facts
}

fn describe(facts: &mut HostFacts, system: System, release: &OsRelease) {
    facts.platform = Platform {
        family: system.family().to_owned(),
        id: release.id.clone(),
        version: release.version_id.clone(),
    };
    facts.os_name.clone_from(&release.pretty_name);
    facts.os_codename.clone_from(&release.version_codename);
    facts.os_build.clone_from(&release.build_id);
    env!("CARGO_PKG_VERSION").clone_into(&mut facts.agent_version);
}

/// The running machine. The tables that sysinfo fills for it are gone when this returns.
fn machine() -> HostFacts {
    let wanted = RefreshKind::nothing()
        .with_memory(MemoryRefreshKind::nothing().with_ram())
        .with_cpu(CpuRefreshKind::nothing());
    let mut facts = HostFacts {
        hostname: fact(Machine::host_name().unwrap_or_default().as_bytes()),
        kernel: fact(Machine::kernel_version().unwrap_or_default().as_bytes()),
        arch: fact(Machine::cpu_arch().as_bytes()),
        ..HostFacts::default()
    };
    if let Ok(system) = Machine::new_with_specifics(wanted) {
        let cpus = system.cpus();
        facts.cpu_count = u32::try_from(cpus.len()).unwrap_or(u32::MAX);
        facts.cpu_model = fact(cpus.first().map_or("", sysinfo::Cpu::brand).as_bytes());
        facts.memory_bytes = system.total_memory();
    }
    facts
}

/// A fact as the wire takes it.
fn fact(text: &[u8]) -> String {
    // A fact that is cut is no defect of any source, so it is counted nowhere.
    clean(text, FACT_BYTES_MAX, &mut Defects::default())
}

#[cfg(test)]
mod tests;
