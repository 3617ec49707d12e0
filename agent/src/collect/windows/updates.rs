//! Updates of Windows that are installed.
//!
//! Windows' own list of its components names the package of every update and how far its
//! installation is. One update comes as several packages; the number of its article, `KB5036892`, is
//! in the package's name, or, for the monthly ones, only in the name of the folder that it was unpacked
//! from.

use std::collections::BTreeMap;

use super::registry::{Key, with_software};
use crate::collect::defects::{ReadError, Reading};
use crate::collect::records::{Draft, Records};
use crate::collect::root::Root;

const PACKAGES: &str = r"Microsoft\Windows\CurrentVersion\Component Based Servicing\Packages";

/// The state of a package that is installed, and of one that cannot be taken away again.
const INSTALLED: [u64; 2] = [0x70, 0x80];

/// Updates that are told; the longest lists have some hundreds.
const UPDATES_MAX: usize = 5_000;

/// Installed updates by number, and since when.
pub(super) type Updates = BTreeMap<u32, Option<u32>>;

/// Reads the updates.
pub(in crate::collect) fn read(root: &Root, out: &mut Records) -> Result<Reading, ReadError> {
    let Some(Some(updates)) = with_software(root, installed)? else {
        return Ok(Reading::Absent);
    };
    for (number, installed_at_s) in updates {
        out.push(&Draft {
            name: format!("KB{number}").as_bytes(),
            vendor: b"Microsoft Corporation",
            installed_at_s,
            ..Draft::default()
        });
    }
    Ok(Reading::Read)
}

/// The installed updates; `None` where Windows keeps no list.
pub(super) fn installed(software: &Key<'_>) -> Result<Option<Updates>, ReadError> {
    let Some(packages) = software.open(PACKAGES)? else {
        return Ok(None);
    };
    let mut updates = Updates::new();
    packages.each(&mut |name, package| {
        let state = package.number("CurrentState")?;
        if !state.is_some_and(|state| INSTALLED.contains(&state)) {
            return Ok(());
        }
        let number = match article(name) {
            Some(number) => Some(number),
            // Only packages of updates are worth the second look: most are of languages and
            // features.
            None if name.starts_with("Package_for_") => {
                article(&package.text_or_empty("InstallLocation")?)
            }
            None => None,
        };
        let Some(number) = number else {
            return Ok(());
        };
        if updates.len() < UPDATES_MAX || updates.contains_key(&number) {
            let since = installed_at_s(package)?;
            let known = updates.entry(number).or_insert(since);
            *known = match (*known, since) {
                // An update comes as several packages; since the first of them it is there.
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        }
        Ok(())
    })?;
    Ok(Some(updates))
}

/// The number of an article in a name: 5036892 of `Package_1_for_KB5036892~31bf…`.
fn article(name: &str) -> Option<u32> {
    let bytes = name.as_bytes();
    let at = bytes
        .windows(3)
        .position(|w| w[..2].eq_ignore_ascii_case(b"kb") && w[2].is_ascii_digit())?;
    let digits = &bytes[at + 2..];
    let count = digits.iter().take_while(|b| b.is_ascii_digit()).count();
    // Articles have six or seven digits; other numbers behind `kb` are none of them.
    if !(6..=8).contains(&count) {
        return None;
    }
    name.get(at + 2..at + 2 + count)?.parse().ok()
}

/// When a package was installed: a count of 100 nanoseconds since 1601, in two halves.
fn installed_at_s(package: &Key<'_>) -> Result<Option<u32>, ReadError> {
    let high = package.number("InstallTimeHigh")?;
    let low = package.number("InstallTimeLow")?;
    let (Some(high), Some(low)) = (high, low) else {
        return Ok(None);
    };
    let since_1601_s = ((high & 0xffff_ffff) << 32 | (low & 0xffff_ffff)) / 10_000_000;
    let since_1970_s = since_1601_s.checked_sub(11_644_473_600);
    Ok(since_1970_s.and_then(|s| u32::try_from(s).ok()))
}

#[cfg(test)]
mod tests;
