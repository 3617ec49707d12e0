//! Extensions of Chrome and of the browsers that are built of it.
//!
//! A profile keeps a folder per extension, called by its identifier, and in it one per version with a
//! `manifest.json`. Names are often left to a file of translations beside it. Extensions that a person
//! loads from a folder of their own are only in the browser's private settings and are not seen.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::path::Path;

use serde::Deserialize;

use super::defects::{ReadError, Reading};
use super::json::{self, Author};
use super::platform::System;
use super::records::{Draft, Records};
use super::root::Root;

/// Folders of profiles, each of which has a folder `Extensions`.
const LINUX: [&str; 15] = [
    "~/.config/google-chrome/*/Extensions",
    "~/.config/google-chrome-beta/*/Extensions",
    "~/.config/google-chrome-unstable/*/Extensions",
    "~/.config/chromium/*/Extensions",
    "~/.config/microsoft-edge/*/Extensions",
    "~/.config/BraveSoftware/Brave-Browser/*/Extensions",
    "~/.config/vivaldi/*/Extensions",
    "~/.config/opera/Extensions",
    "~/.config/opera/*/Extensions",
    "~/snap/chromium/common/chromium/*/Extensions",
    "~/snap/brave/*/.config/BraveSoftware/Brave-Browser/*/Extensions",
    "~/.var/app/com.google.Chrome/config/google-chrome/*/Extensions",
    "~/.var/app/org.chromium.Chromium/config/chromium/*/Extensions",
    "~/.var/app/com.microsoft.Edge/config/microsoft-edge/*/Extensions",
    "~/.var/app/com.brave.Browser/config/BraveSoftware/Brave-Browser/*/Extensions",
];
const MACOS: [&str; 8] = [
    "~/Library/Application Support/Google/Chrome/*/Extensions",
    "~/Library/Application Support/Chromium/*/Extensions",
    "~/Library/Application Support/Microsoft Edge/*/Extensions",
    "~/Library/Application Support/BraveSoftware/Brave-Browser/*/Extensions",
    "~/Library/Application Support/Vivaldi/*/Extensions",
    "~/Library/Application Support/Arc/User Data/*/Extensions",
    "~/Library/Application Support/com.operasoftware.Opera/Extensions",
    "~/Library/Application Support/com.operasoftware.Opera/*/Extensions",
];
const WINDOWS: [&str; 7] = [
    "~/AppData/Local/Google/Chrome/User Data/*/Extensions",
    "~/AppData/Local/Chromium/User Data/*/Extensions",
    "~/AppData/Local/Microsoft/Edge/User Data/*/Extensions",
    "~/AppData/Local/BraveSoftware/Brave-Browser/User Data/*/Extensions",
    "~/AppData/Local/Vivaldi/User Data/*/Extensions",
    "~/AppData/Roaming/Opera Software/*/Extensions",
    "~/AppData/Roaming/Opera Software/*/*/Extensions",
];

/// Shops, by the server that their extensions are updated from.
const SHOPS: [(&str, &str); 3] = [
    ("clients2.google.com", "Chrome Web Store"),
    ("edge.microsoft.com", "Edge Add-ons"),
    ("extension-updates.opera.com", "Opera add-ons"),
];

/// Bytes of a manifest, and of a file of translations.
const MANIFEST_BYTES_MAX: u64 = 1024 * 1024;
const MESSAGES_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// What a record needs of a manifest.
#[derive(Deserialize)]
struct Manifest<'a> {
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    version: Cow<'a, str>,
    #[serde(borrow, default)]
    default_locale: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    update_url: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    author: Author<'a>,
}

/// A translated text.
#[derive(Deserialize)]
struct Message {
    message: String,
}

/// Reads the extensions.
pub(super) fn read(root: &Root, out: &mut Records) -> Result<Reading, ReadError> {
    let folders: &[&str] = match root.system() {
        System::Linux => &LINUX,
        System::Macos => &MACOS,
        System::Windows => &WINDOWS,
    };
    let mut reading = Reading::Absent;
    let mut bytes = Vec::new();
    for folder in root.expand_all(folders)? {
        reading = Reading::Read;
        let ids = root.list(&folder);
        for id in out.tolerate(ids)?.flatten().unwrap_or_default() {
            if !is_id(&id) {
                continue;
            }
            let versions = root.list(&folder.join(&id));
            // The version before stays until the browser has been started again, so there may be
            // two.
            for version in out.tolerate(versions)?.flatten().unwrap_or_default() {
                let place = folder.join(&id).join(version);
                take(root, &id, &place, &mut bytes, out)?;
            }
        }
    }
    Ok(reading)
}

/// Whether a folder is called as extensions are: 32 letters from a to p. `Temp` is another.
fn is_id(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.len() == 32 && name.iter().all(|byte| (b'a'..=b'p').contains(byte))
}

/// Hands over one version of an extension.
fn take(
    root: &Root,
    id: &OsStr,
    place: &Path,
    bytes: &mut Vec<u8>,
    out: &mut Records,
) -> Result<(), ReadError> {
    let path = place.join("manifest.json");
    let read = root.read_small(&path, MANIFEST_BYTES_MAX, bytes);
    let Some(installed_at_s) = out.tolerate(read)?.flatten() else {
        return Ok(());
    };
    // RFC 8259, section 8.1: a byte order mark may be passed over, which `serde_json` does not do.
    let json = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let Ok(manifest) = serde_json::from_slice::<Manifest<'_>>(json) else {
        out.unreadable(&path, "not an extension's manifest");
        return Ok(());
    };
    let translated = match placeholder(&manifest.name) {
        Some(key) => translation(root, place, manifest.default_locale.as_deref(), key)?,
        None => Some(manifest.name.as_ref().to_owned()),
    };
    out.push(&Draft {
        // An identifier is no name, but it is what the shop finds the extension by.
        name: translated.as_ref().map_or(id.as_encoded_bytes(), String::as_bytes),
        version: manifest.version.as_bytes(),
        // A text, or since version 3 of manifests an object with an address.
        vendor: manifest.author.name().as_bytes(),
        origin: shop(manifest.update_url.as_deref().unwrap_or_default()).as_bytes(),
        bundle_id: id.as_encoded_bytes(),
        installed_at_s,
        // The profile's folder: with the version's, every update would be another place.
        location: place.ancestors().nth(2).unwrap_or(place).as_os_str().as_encoded_bytes(),
        ..Draft::default()
    });
    Ok(())
}

/// The key of a text that is left to the translations: `appName` of `__MSG_appName__`.
fn placeholder(name: &str) -> Option<&str> {
    name.trim().strip_prefix("__MSG_")?.strip_suffix("__")
}

/// A translated text, in the extension's own language or else in English.
fn translation(
    root: &Root,
    place: &Path,
    default: Option<&str>,
    key: &str,
) -> Result<Option<String>, ReadError> {
    let mut bytes = Vec::new();
    for locale in default.into_iter().chain(["en", "en_US"]) {
        // It becomes a part of a path, so it may be nothing but the name of a language.
        let is_locale = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        if locale.is_empty() || !locale.bytes().all(is_locale) {
            continue;
        }
        let path = place.join("_locales").join(locale).join("messages.json");
        match root.read_small(&path, MESSAGES_BYTES_MAX, &mut bytes) {
            // Translations that cannot be read cost the name alone; the time box ends the whole
            // scan.
            Err(ReadError::Stopped) => return Err(ReadError::Stopped),
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => continue,
        }
        if let Some(text) = message(&bytes, key) {
            return Ok(Some(text));
        }
    }
    Ok(None)
}

/// A text of a file of translations, whose keys browsers compare without regard to case.
fn message(json: &[u8], key: &str) -> Option<String> {
    let json = json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json);
    let found = json::find::<Message>(json, |name| name.eq_ignore_ascii_case(key)).ok()?;
    // Rather the identifier than a name of nothing.
    found.map(|message| message.message).filter(|text| !text.trim().is_empty())
}

/// The shop that an extension is updated from, or else the server's name.
fn shop(url: &str) -> &str {
    let Some((_, rest)) = url.split_once("://") else {
        return "";
    };
    let host = rest.split(['/', ':', '?']).next().unwrap_or_default();
    let known = SHOPS.iter().find(|(server, _)| *server == host);
    known.map_or(host, |(_, shop)| shop)
}

#[cfg(test)]
mod tests;
