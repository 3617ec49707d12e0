//! Windows itself: which release it is and which build.
//!
//! The product's name still says 10 on a Windows 11, so the build decides. The revision, which every
//! monthly update raises, is in the record of Windows and not in the platform: all software would be
//! another one every month.

use super::registry::{Key, computer_name, with_software};
use super::updates::{self, Updates};
use crate::collect::defects::{Defects, ReadError, Reading};
use crate::collect::host::os_release::OsRelease;
use crate::collect::records::{Draft, Records};
use crate::collect::root::Root;
use crate::collect::text::clean;
use protocol::limits::{FACT_BYTES_MAX, LABEL_BYTES_MAX};

const VERSION: &str = r"Microsoft\Windows NT\CurrentVersion";

/// The first build of Windows 11.
const WINDOWS_11: u32 = 22_000;

/// What a Windows says of itself.
#[derive(Debug, Default, PartialEq, Eq)]
struct Windows {
    /// `Windows 11 Pro`.
    name: String,
    /// `10.0`, or `6.3` and below.
    kernel: String,
    build: String,
    /// The update build revision, or empty.
    revision: String,
    /// `23H2`, or empty.
    release: String,
    /// `amd64`, `arm64` or `x86`.
    arch: String,
    installed_at_s: Option<u32>,
}

/// Reads Windows as a piece of software.
pub(in crate::collect) fn read(root: &Root, out: &mut Records) -> Result<Reading, ReadError> {
    let found = with_software(root, |software| {
        let Some(windows) = windows(software)? else {
            return Ok(None);
        };
        // Since Windows 10 a build holds all updates before it, and says all by itself.
        let updates = if windows.kernel == "10.0" { None } else { updates::installed(software)? };
        Ok(Some((windows, updates.unwrap_or_default())))
    })?;
    let Some(Some((windows, updates))) = found else {
        return Ok(Reading::Absent);
    };
    out.push(&Draft {
        name: windows.name.as_bytes(),
        version: windows.full_version().as_bytes(),
        arch: windows.arch.as_bytes(),
        vendor: b"Microsoft Corporation",
        origin: newest(&updates).as_bytes(),
        installed_at_s: windows.installed_at_s,
        ..Draft::default()
    });
    Ok(Reading::Read)
}

/// The release that a tree holds, in the words that other systems have for it.
pub(in crate::collect) fn release(root: &Root) -> Result<OsRelease, ReadError> {
    let found = with_software(root, windows)?;
    let Some(Some(windows)) = found else {
        return Ok(OsRelease::default());
    };
    let fact = |text: &str| clean(text.as_bytes(), FACT_BYTES_MAX, &mut Defects::default());
    Ok(OsRelease {
        version_id: fact(&format!("{}.{}", windows.kernel, windows.build)),
        version_codename: fact(&windows.release),
        pretty_name: fact(&windows.name),
        build_id: fact(&windows.build_and_revision()),
        ..OsRelease::default()
    })
}

/// The host's name, of a tree that is not the running system's.
pub(in crate::collect) fn hostname(root: &Root) -> Result<String, ReadError> {
    computer_name(root)
}

fn windows(software: &Key<'_>) -> Result<Option<Windows>, ReadError> {
    let Some(key) = software.open(VERSION)? else {
        return Ok(None);
    };
    let build = match key.text("CurrentBuildNumber")? {
        Some(build) => build,
        None => key.text_or_empty("CurrentBuild")?,
    };
    // The text `CurrentVersion` has said 6.3 ever since; the numbers came with Windows 10.
    let kernel = match key.number("CurrentMajorVersionNumber")? {
        Some(major) => {
            let minor = key.number("CurrentMinorVersionNumber")?.unwrap_or_default();
            format!("{major}.{minor}")
        }
        None => key.text_or_empty("CurrentVersion")?,
    };
    // `ReleaseId` has stood still at 2009 since `DisplayVersion` came with 20H2.
    let release = match key.text("DisplayVersion")? {
        Some(release) => release,
        None => key.text_or_empty("ReleaseId")?,
    };
    let installed_at_s = key.number("InstallDate")?;
    Ok(Some(Windows {
        name: name(&key, &build)?,
        kernel,
        build,
        revision: key.number("UBR")?.map(|ubr| ubr.to_string()).unwrap_or_default(),
        release,
        arch: arch(&key.text_or_empty("BuildLabEx")?).to_owned(),
        installed_at_s: installed_at_s.and_then(|s| u32::try_from(s).ok()),
    }))
}

/// The product's name, put right.
fn name(key: &Key<'_>, build: &str) -> Result<String, ReadError> {
    let name = key.text_or_empty("ProductName")?;
    let kind = key.text_or_empty("InstallationType")?;
    let is_11 = build.parse().is_ok_and(|build: u32| build >= WINDOWS_11);
    let mut name = match name.strip_prefix("Windows 10") {
        Some(edition) if is_11 && kind == "Client" => format!("Windows 11{edition}"),
        _ => name,
    };
    // One without a desktop has other updates.
    if kind.eq_ignore_ascii_case("Server Core") && !name.to_lowercase().contains("core") {
        name.push_str(" (Server Core)");
    }
    Ok(name)
}

/// The architecture in a build's label: `amd64` of `22621.1.amd64fre.ni_release.220506-1250`.
fn arch(label: &str) -> &str {
    let part = label.split('.').nth(2).unwrap_or_default();
    part.strip_suffix("fre").or_else(|| part.strip_suffix("chk")).unwrap_or_default()
}

/// As many updates as a record has room for: the newest, which hold most of the others.
fn newest(updates: &Updates) -> String {
    let mut text = String::new();
    for number in updates.keys().rev() {
        let word = format!("KB{number}");
        if text.len() + 1 + word.len() > LABEL_BYTES_MAX {
            break;
        }
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&word);
    }
    text
}

impl Windows {
    fn build_and_revision(&self) -> String {
        if self.revision.is_empty() {
            return self.build.clone();
        }
        format!("{}.{}", self.build, self.revision)
    }

    fn full_version(&self) -> String {
        format!("{}.{}", self.kernel, self.build_and_revision())
    }
}

#[cfg(test)]
mod tests;
