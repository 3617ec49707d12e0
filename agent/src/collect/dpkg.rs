//! Debian packages, from dpkg's database.
//!
//! `/var/lib/dpkg/status` holds every package that dpkg knows; images without a package manager keep
//! one file per package in `/var/lib/dpkg/status.d` instead. A package counts as installed when its
//! files are on the disk: `installed`, and the states between unpacking and that one. What was
//! removed and left its configuration behind does not count, nor does what was only begun.
//!
//! Formats: deb-status in dpkg's manual, `dpkg-query(1)`.

mod apt;

use std::io::BufRead;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use super::defects::{ReadError, Reading};
use super::lines::Lines;
use super::records::{Draft, Records};
use super::root::Root;
use super::stanza::Stanza;

/// Where dpkg keeps the lists of the packages' files.
pub(super) const INFO: &str = "/var/lib/dpkg/info";
const STATUS: &str = "/var/lib/dpkg/status";
const STATUS_PARTS: &str = "/var/lib/dpkg/status.d";

/// Bytes of a status file: forty times what a host with 10,000 packages has.
const STATUS_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// Third words of a `Status` whose packages have their files on the disk.
const ON_DISK: [&[u8]; 5] =
    [b"installed", b"triggers-pending", b"triggers-awaited", b"half-configured", b"unpacked"];

/// Reads the packages of dpkg.
pub(super) fn read(root: &Root, out: &mut Records) -> Result<Reading, ReadError> {
    let mut times = InstallTimes::new(root);
    // Both may be there: tools that add packages to a distroless image write the first.
    let mut reading = Reading::Absent;
    if let Some(mut lines) = root.lines(Path::new(STATUS), STATUS_BYTES_MAX)? {
        reading = Reading::Read;
        parse(&mut lines, false, &mut times, out)?;
    }
    let parts = Path::new(STATUS_PARTS);
    for name in root.list(parts)?.unwrap_or_default() {
        // Distroless images keep a package's checksums beside its stanza.
        if name.as_bytes().ends_with(b".md5sums") {
            continue;
        }
        reading = Reading::Read;
        let lines = root.lines(&parts.join(&name), STATUS_BYTES_MAX);
        if let Some(mut lines) = out.tolerate(lines)?.flatten() {
            parse(&mut lines, true, &mut times, out)?;
        }
    }
    if reading == Reading::Read {
        apt::name_origins(root, out)?;
    }
    Ok(reading)
}

/// Hands over every stanza whose package is installed. Stanzas of `status.d` have no status.
fn parse<R: BufRead>(
    lines: &mut Lines<R>,
    is_part: bool,
    times: &mut InstallTimes<'_>,
    out: &mut Records,
) -> Result<(), ReadError> {
    let mut stanza = Stanza::new([
        "Package",
        "Status",
        "Version",
        "Architecture",
        "Source",
        "Maintainer",
        "Origin",
        "Multi-Arch",
    ]);
    while stanza.read(lines)? {
        let [name, status, version, arch, source, vendor, origin, multi_arch] = stanza.values();
        let is_installed = is_on_disk(status) || (is_part && status.is_empty());
        if !is_installed {
            continue;
        }
        let (source_name, source_version) = split_source(source);
        out.push(&Draft {
            name,
            version,
            arch,
            vendor,
            source_name,
            source_version,
            origin,
            installed_at_s: times.of(name, arch, multi_arch)?,
            ..Draft::default()
        });
    }
    Ok(())
}

/// Whether a `Status` (what is wanted, whether an error is known, the state) means files on the disk.
fn is_on_disk(status: &[u8]) -> bool {
    // The first word is what somebody wants, and a package on hold is installed all the same.
    let state = status.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).nth(2);
    state.is_some_and(|state| ON_DISK.contains(&state))
}

/// Splits `name (version)`. The version is only there when it is not the package's.
fn split_source(source: &[u8]) -> (&[u8], &[u8]) {
    let Some(open) = source.iter().position(|byte| *byte == b'(') else {
        return (source, b"");
    };
    let (name, version) = source.split_at(open);
    let version = version[1..].trim_ascii_end();
    (name.trim_ascii_end(), version.strip_suffix(b")").unwrap_or(version))
}

/// When packages were installed: dpkg writes the list of a package's files when it unpacks it.
struct InstallTimes<'a> {
    root: &'a Root,
    path: Vec<u8>,
}

impl<'a> InstallTimes<'a> {
    const fn new(root: &'a Root) -> Self {
        Self { root, path: Vec::new() }
    }

    fn of(
        &mut self,
        name: &[u8],
        arch: &[u8],
        multi_arch: &[u8],
    ) -> Result<Option<u32>, ReadError> {
        // A name is part of a path here, so it has to be one: no slashes, no zeros.
        if name.is_empty() || name.iter().chain(arch).any(|b| matches!(b, b'/' | 0)) {
            return Ok(None);
        }
        // Packages that can be there for several architectures have the architecture in the name.
        let arch: &[u8] = if multi_arch == b"same" { arch } else { b"" };
        self.path.clear();
        self.path.extend_from_slice(INFO.as_bytes());
        self.path.push(b'/');
        self.path.extend_from_slice(name);
        if !arch.is_empty() {
            self.path.push(b':');
            self.path.extend_from_slice(arch);
        }
        self.path.extend_from_slice(b".list");
        let path = std::ffi::OsStr::from_bytes(&self.path);
        self.root.modified_at_s(Path::new(path))
    }
}

#[cfg(test)]
mod tests;
