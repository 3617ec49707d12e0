//! Plugins of `JetBrains`' editors and of Android Studio that a person has added.
//!
//! A plugin is a folder with a `META-INF/plugin.xml` that names it, nearly always inside of one of the
//! jars in its `lib`. Plugins that come with the editor are parts of it and not listed.

use std::ffi::OsString;
use std::path::Path;

use super::defects::{ReadError, Reading};
use super::platform::System;
use super::records::{Draft, Records};
use super::root::Root;
use super::zip;

/// Folders of plugins, by editor and release.
const LINUX: [&str; 2] = ["~/.local/share/JetBrains/*", "~/.local/share/Google/AndroidStudio*"];
const MACOS: [&str; 2] = [
    "~/Library/Application Support/JetBrains/*/plugins",
    "~/Library/Application Support/Google/AndroidStudio*/plugins",
];
const WINDOWS: [&str; 2] =
    ["~/AppData/Roaming/JetBrains/*/plugins", "~/AppData/Roaming/Google/AndroidStudio*/plugins"];

const MANIFEST: &str = "META-INF/plugin.xml";
/// Bytes of a manifest, which describes every part of a plugin.
const MANIFEST_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Bytes of a jar.
const JAR_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Jars that are looked into for one plugin.
const JARS_MAX: usize = 40;

/// Reads the plugins.
pub(super) fn read(root: &Root, out: &mut Records) -> Result<Reading, ReadError> {
    let folders: &[&str] = match root.system() {
        System::Linux => &LINUX,
        System::Macos => &MACOS,
        System::Windows => &WINDOWS,
    };
    let mut reading = Reading::Absent;
    for folder in root.expand_all(folders)? {
        let names = root.list(&folder);
        for name in out.tolerate(names)?.flatten().unwrap_or_default() {
            let plugin = folder.join(&name);
            let manifest = manifest(root, &plugin, &name);
            if let Some(xml) = out.tolerate(manifest)?.flatten() {
                reading = Reading::Read;
                take(&xml, &name, &folder, out);
            }
        }
    }
    Ok(reading)
}

/// A plugin's manifest; `None` where there is no plugin.
fn manifest(root: &Root, plugin: &Path, name: &OsString) -> Result<Option<Vec<u8>>, ReadError> {
    let max = u64::try_from(MANIFEST_BYTES_MAX).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    if root.read_small(&plugin.join(MANIFEST), max, &mut bytes)?.is_some() {
        return Ok(Some(bytes));
    }
    let library = plugin.join("lib");
    let mut jars = root.list(&library)?.unwrap_or_default();
    jars.retain(|jar| jar.as_encoded_bytes().ends_with(b".jar"));
    // The jar with the manifest is most often called as the plugin is.
    jars.sort_by_key(|jar| !jar.as_encoded_bytes().starts_with(name.as_encoded_bytes()));
    for jar in jars.iter().take(JARS_MAX) {
        if let Some(archive) = root.file(&library.join(jar), JAR_BYTES_MAX)?
            && let Some(xml) = zip::read(&archive, MANIFEST, MANIFEST_BYTES_MAX)?
        {
            return Ok(Some(xml));
        }
    }
    Ok(None)
}

/// Hands over one plugin.
fn take(xml: &[u8], folder_name: &OsString, folder: &Path, out: &mut Records) {
    // Lossy, because a letter in another encoding must not cost the whole record.
    let text = String::from_utf8_lossy(xml);
    let [id, name, version, vendor] =
        ["id", "name", "version", "vendor"].map(|tag| element(&text, tag).unwrap_or_default());
    out.push(&Draft {
        name: if name.is_empty() { folder_name.as_encoded_bytes() } else { name.as_bytes() },
        version: version.as_bytes(),
        vendor: vendor.as_bytes(),
        bundle_id: id.as_bytes(),
        location: folder.as_os_str().as_encoded_bytes(),
        ..Draft::default()
    });
}

/// The text of the first element of a name, with or without attributes.
fn element<'x>(xml: &'x str, tag: &str) -> Option<&'x str> {
    let mut rest = xml;
    loop {
        let (_, after) = rest.split_once('<')?;
        rest = after;
        let Some(inside) = after.strip_prefix(tag) else {
            continue;
        };
        // `<idea-plugin>`, around all of it, begins with `id` as well.
        if !inside.starts_with(['>', ' ', '\n', '\r', '\t']) {
            continue;
        }
        let (attributes, content) = inside.split_once('>')?;
        if attributes.ends_with('/') {
            return None;
        }
        let text = content.split_once('<')?.0.trim();
        // A CDATA section stands where the text would.
        let inner = content.trim_start().strip_prefix("<![CDATA[");
        return match inner.and_then(|inner| inner.split_once("]]>")) {
            Some((inner, _)) => Some(inner.trim()),
            None => Some(text),
        };
    }
}

#[cfg(test)]
mod tests;
