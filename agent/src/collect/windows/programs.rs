//! Programs that have an entry among those that Windows can uninstall.
//!
//! A key per program, for the machine in two views (64 and 32 bits) and for every person. What
//! "Programs and Features" leaves out is left out here: parts of other programs, updates, and what
//! cannot be uninstalled. Whoever wrote the entry wrote its texts; none of them is ever run.

use super::registry::{Key, Personal, each_person, with_software};
use crate::collect::defects::{ReadError, Reading};
use crate::collect::records::{Draft, Records};
use crate::collect::root::Root;

/// Where the entries are below `SOFTWARE`, and the architecture of each view: programs of 64 bits
/// write into the first, and so do those of 32 on a Windows of 32.
const VIEWS: [(&str, &str); 2] = [
    (r"Microsoft\Windows\CurrentVersion\Uninstall", ""),
    (r"WOW6432Node\Microsoft\Windows\CurrentVersion\Uninstall", "x86"),
];

/// Kinds of entries that are changes to another program.
const UPDATES: [&str; 5] = ["Hotfix", "Security Update", "Service Pack", "Update", "Update Rollup"];

/// Reads the programs.
pub(in crate::collect) fn read(root: &Root, out: &mut Records) -> Result<Reading, ReadError> {
    let machine = with_software(root, |software| read_views(software, r"HKLM\SOFTWARE", out));
    let mut reading = machine?.unwrap_or(Reading::Absent);
    each_person(root, Personal::Settings, out, &mut |person, out| {
        let Some(software) = person.open("Software")? else {
            return Ok(());
        };
        if read_views(&software, r"HKCU\Software", out)? == Reading::Read {
            reading = Reading::Read;
        }
        Ok(())
    })?;
    Ok(reading)
}

/// Reads both views of a `SOFTWARE` key.
fn read_views(software: &Key<'_>, place: &str, out: &mut Records) -> Result<Reading, ReadError> {
    let mut reading = Reading::Absent;
    for (path, arch) in VIEWS {
        let Some(entries) = software.open(path)? else {
            continue;
        };
        reading = Reading::Read;
        entries.each(&mut |name, entry| {
            let taken = take(entry, &format!(r"{place}\{path}\{name}"), name, arch, out);
            out.tolerate(taken).map(|_| ())
        })?;
    }
    Ok(reading)
}

/// Hands over one entry, if it is one that people see.
fn take(
    entry: &Key<'_>,
    place: &str,
    name: &str,
    arch: &str,
    out: &mut Records,
) -> Result<(), ReadError> {
    let Some(display_name) = entry.text("DisplayName")? else {
        return Ok(());
    };
    if display_name.trim().is_empty() || is_left_out(entry)? {
        return Ok(());
    }
    let version = entry.text_or_empty("DisplayVersion")?;
    let vendor = entry.text_or_empty("Publisher")?;
    let folder = entry.text_or_empty("InstallLocation")?;
    let installed_at = entry.text_or_empty("InstallDate")?;
    // Windows Installer calls entries by the product's code.
    let is_product = name.len() == 38 && name.starts_with('{') && name.ends_with('}');
    out.push(&Draft {
        name: display_name.as_bytes(),
        version: version.as_bytes(),
        arch: arch.as_bytes(),
        vendor: vendor.as_bytes(),
        bundle_id: if is_product { name.as_bytes() } else { b"" },
        installed_at_s: day_s(&installed_at),
        location: place.as_bytes(),
        // Installers write the folder in quotes, as for a command line.
        also_at: folder.trim().trim_matches('"').as_bytes(),
        ..Draft::default()
    });
    Ok(())
}

/// Whether "Programs and Features" does not show an entry that has a name.
fn is_left_out(entry: &Key<'_>) -> Result<bool, ReadError> {
    let is_set = |name| Ok::<_, ReadError>(entry.number(name)? == Some(1));
    if is_set("SystemComponent")? {
        return Ok(true);
    }
    let parent = entry.text_or_empty("ParentKeyName")?;
    let kind = entry.text_or_empty("ReleaseType")?;
    if !parent.is_empty() || UPDATES.iter().any(|one| one.eq_ignore_ascii_case(&kind)) {
        return Ok(true);
    }
    let command = entry.text_or_empty("UninstallString")?;
    // Windows Installer knows how to uninstall by the product's code and needs no command.
    Ok(command.is_empty() && !is_set("WindowsInstaller")?)
}

/// The beginning of a day that is written as `20240131`; other ways of writing depend on where the
/// installer's author lives.
fn day_s(text: &str) -> Option<u32> {
    let text = text.trim();
    if text.len() != 8 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<u32>().ok();
    let (year, month, day) = (number(0..4)?, number(4..6)?, number(6..8)?);
    if !(1980..2100).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Years begin in March here, so that the day that comes every four years is the last.
    let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
    let leap_days = year / 4 - year / 100 + year / 400;
    let days = year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1;
    /// Days from March of the year 0 to 1970.
    const TO_1970: u32 = 719_468;
    days.checked_sub(TO_1970)?.checked_mul(86_400)
}

#[cfg(test)]
mod tests;
