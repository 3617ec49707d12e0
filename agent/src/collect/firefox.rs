//! Add-ons of Firefox and of the programs that are built of it, Thunderbird among them.
//!
//! A profile's `extensions.json` lists every add-on with its version and where it came from. What comes
//! with the program itself is a part of it and not listed.

use std::path::Path;

use serde::Deserialize;

use super::defects::{ReadError, Reading};
use super::json;
use super::platform::System;
use super::records::{Draft, Records};
use super::root::Root;

/// Folders of profiles.
const LINUX: [&str; 9] = [
    "~/.mozilla/firefox/*",
    "~/.config/mozilla/firefox/*",
    "~/.librewolf/*",
    "~/.waterfox/*",
    "~/.thunderbird/*",
    "~/snap/firefox/common/.mozilla/firefox/*",
    "~/snap/thunderbird/common/.thunderbird/*",
    "~/.var/app/org.mozilla.firefox/.mozilla/firefox/*",
    "~/.var/app/org.mozilla.Thunderbird/.thunderbird/*",
];
const MACOS: [&str; 4] = [
    "~/Library/Application Support/Firefox/Profiles/*",
    "~/Library/Application Support/LibreWolf/Profiles/*",
    "~/Library/Application Support/Waterfox/Profiles/*",
    "~/Library/Thunderbird/Profiles/*",
];
const WINDOWS: [&str; 4] = [
    "~/AppData/Roaming/Mozilla/Firefox/Profiles/*",
    "~/AppData/Roaming/LibreWolf/Profiles/*",
    "~/AppData/Roaming/Waterfox/Profiles/*",
    "~/AppData/Roaming/Thunderbird/Profiles/*",
];

const LIST: &str = "extensions.json";
/// Bytes of a list; one with a hundred add-ons has a megabyte.
const LIST_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// One add-on, as far as a record needs it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Addon {
    #[serde(default)]
    id: String,
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    r#type: Option<String>,
    #[serde(default)]
    location: Option<String>,
    #[serde(default)]
    default_locale: Option<Locale>,
    #[serde(default, rename = "sourceURI")]
    source: Option<String>,
    #[serde(default)]
    install_date: Option<u64>,
}

/// What people see of an add-on.
#[derive(Deserialize)]
struct Locale {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    creator: Option<String>,
}

/// Reads the add-ons.
pub(super) fn read(root: &Root, out: &mut Records) -> Result<Reading, ReadError> {
    let folders: &[&str] = match root.system() {
        System::Linux => &LINUX,
        System::Macos => &MACOS,
        System::Windows => &WINDOWS,
    };
    let mut reading = Reading::Absent;
    let mut bytes = Vec::new();
    for folder in root.expand_all(folders)? {
        let path = folder.join(LIST);
        let read = root.read_small(&path, LIST_BYTES_MAX, &mut bytes);
        if out.tolerate(read)?.flatten().is_none() {
            continue;
        }
        reading = Reading::Read;
        if json::each_of(&bytes, "addons", |addon: Addon| take(&addon, &folder, out)).is_err() {
            out.unreadable(&path, "not a list of add-ons");
        }
    }
    Ok(reading)
}

/// Hands over one add-on, unless it is a part of the program or no program itself.
fn take(addon: &Addon, folder: &Path, out: &mut Records) {
    let location = addon.location.as_deref().unwrap_or_default();
    if location.starts_with("app-builtin") || location.starts_with("app-system") {
        return;
    }
    // The others are themes, dictionaries, languages and descriptions of sites, which run nothing.
    if addon.r#type.as_deref() != Some("extension") {
        return;
    }
    let locale = addon.default_locale.as_ref();
    let name = locale.and_then(|locale| locale.name.as_deref());
    let creator = locale.and_then(|locale| locale.creator.as_deref());
    let is_from_shop =
        addon.source.as_deref().is_some_and(|url| url.starts_with("https://addons.mozilla.org/"));
    out.push(&Draft {
        name: name.unwrap_or(&addon.id).as_bytes(),
        version: addon.version.as_deref().unwrap_or_default().as_bytes(),
        vendor: creator.unwrap_or_default().as_bytes(),
        origin: if is_from_shop { b"addons.mozilla.org" } else { b"" },
        bundle_id: addon.id.as_bytes(),
        installed_at_s: addon.install_date.and_then(|ms| u32::try_from(ms / 1000).ok()),
        location: folder.as_os_str().as_encoded_bytes(),
        ..Draft::default()
    });
}

#[cfg(test)]
mod tests;
