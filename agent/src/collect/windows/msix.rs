//! Apps of the Store and other MSIX packages.
//!
//! Windows lists the packages that it has unpacked, and every person's hive those that the person
//! has. Both name a package in full, `NAME_VERSION_ARCH_RESOURCE_PUBLISHER`, which gives all but
//! the name that people see. That is in the package's manifest; where the manifest leaves it to a file
//! of translations, the person's hive may hold the translated one, and else the package's own name
//! stands, which is at least never wrong.

mod manifest;

use std::collections::BTreeMap;
use std::path::PathBuf;

use self::manifest::Manifest;
use super::registry::{Key, Personal, each_person, path_in_tree, with_software};
use crate::collect::defects::{ReadError, Reading};
use crate::collect::records::{Draft, Records};
use crate::collect::root::Root;

/// Lists of the machine, below `SOFTWARE`.
const OF_MACHINE: [&str; 3] = [
    r"Microsoft\Windows\CurrentVersion\Appx\AppxAllUserStore\Applications",
    r"Microsoft\Windows\CurrentVersion\Appx\AppxAllUserStore\InboxApplications",
    r"Classes\Local Settings\Software\Microsoft\Windows\CurrentVersion\AppModel\PackageRepository\Packages",
];
/// The list of a person, below the person's classes.
const OF_PERSON: &str =
    r"Local Settings\Software\Microsoft\Windows\CurrentVersion\AppModel\Repository\Packages";

/// Where packages are unpacked, when no list says another place.
const APPS: &str = "/Program Files/WindowsApps";

const MANIFEST: &str = "AppxManifest.xml";
/// Bytes of a manifest.
const MANIFEST_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Packages that are looked at; a real machine has some hundreds.
const PACKAGES_MAX: usize = 20_000;

/// What the lists say of a package beside its full name.
#[derive(Debug, Default, PartialEq, Eq)]
struct Listed {
    folder: Option<PathBuf>,
    /// The name that people see, where a list has it.
    name: String,
}

/// A package's full name, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FullName<'a> {
    name: &'a str,
    version: &'a str,
    arch: &'a str,
    resource: &'a str,
    publisher: &'a str,
}

/// Reads the packages.
pub(in crate::collect) fn read(root: &Root, out: &mut Records) -> Result<Reading, ReadError> {
    let mut packages = BTreeMap::new();
    let mut reading = Reading::Absent;
    let machine = with_software(root, |software| {
        for path in OF_MACHINE {
            if let Some(list) = software.open(path)? {
                reading = Reading::Read;
                read_list(&list, &mut packages)?;
            }
        }
        Ok(())
    });
    machine?;
    each_person(root, Personal::Classes, out, &mut |classes, _| {
        if let Some(list) = classes.open(OF_PERSON)? {
            reading = Reading::Read;
            read_list(&list, &mut packages)?;
        }
        Ok(())
    })?;
    let mut bytes = Vec::new();
    for (full_name, listed) in &packages {
        root.check()?;
        // Resource packages, such as a language of another package, are parts of it.
        if let Some(name) = FullName::parse(full_name)
            && !name.resource.starts_with("split.")
        {
            take(root, full_name, name, listed, &mut bytes, out)?;
        }
    }
    Ok(reading)
}

/// Adds a list's packages to what other lists gave.
fn read_list(list: &Key<'_>, packages: &mut BTreeMap<String, Listed>) -> Result<(), ReadError> {
    list.each(&mut |full_name, key| {
        if packages.len() >= PACKAGES_MAX {
            return Ok(());
        }
        let known = packages.entry(full_name.to_owned()).or_default();
        if known.folder.is_none() {
            known.folder = folder(key)?;
        }
        if known.name.is_empty() {
            let name = key.text_or_empty("DisplayName")?;
            if manifest::is_resolved(&name) {
                known.name = name;
            }
        }
        Ok(())
    })
}

/// The folder of a package, which lists write in three ways.
fn folder(key: &Key<'_>) -> Result<Option<PathBuf>, ReadError> {
    if let Some(folder) = key.text("PackageRootFolder")? {
        return Ok(path_in_tree(&folder));
    }
    let Some(path) = key.text("Path")? else {
        return Ok(None);
    };
    let Some(mut path) = path_in_tree(&path) else {
        return Ok(None);
    };
    // A list that names the manifest means the folder that it is in.
    let is_file = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("xml"));
    if is_file {
        path.pop();
    }
    Ok(Some(path))
}

/// Hands over one package.
fn take(
    root: &Root,
    full_name: &str,
    name: FullName<'_>,
    listed: &Listed,
    bytes: &mut Vec<u8>,
    out: &mut Records,
) -> Result<(), ReadError> {
    let folder = match &listed.folder {
        Some(folder) => folder.clone(),
        None => PathBuf::from(format!("{APPS}/{full_name}")),
    };
    let read = root.read_small(&folder.join(MANIFEST), MANIFEST_BYTES_MAX, bytes);
    let found = out.tolerate(read)?.flatten();
    let manifest = match found {
        Some(_) => Manifest::parse(bytes),
        None => Manifest::default(),
    };
    let display_name = [manifest.display_name.as_str(), listed.name.as_str()]
        .into_iter()
        .find(|name| manifest::is_resolved(name))
        .unwrap_or(name.name);
    // Name and publisher's hash, Windows' "family name": the same for every version of the package.
    let family = format!("{}_{}", name.name, name.publisher);
    let publisher = Some(manifest.publisher.as_str()).filter(|name| manifest::is_resolved(name));
    out.push(&Draft {
        name: display_name.as_bytes(),
        version: name.version.as_bytes(),
        // Such a package runs on every processor, so it has no architecture to tell.
        arch: if name.arch == "neutral" { b"" } else { name.arch.as_bytes() },
        vendor: publisher.unwrap_or_default().as_bytes(),
        bundle_id: family.as_bytes(),
        installed_at_s: found.flatten(),
        location: folder.as_os_str().as_encoded_bytes(),
        ..Draft::default()
    });
    Ok(())
}

impl<'a> FullName<'a> {
    /// Takes a full name apart; `None` for a key that has another kind of name.
    fn parse(full: &'a str) -> Option<Self> {
        let mut parts = full.split('_');
        let mut next = || parts.next();
        let (name, version, arch, resource, publisher) =
            (next()?, next()?, next()?, next()?, next()?);
        let is_version = version.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        // The publisher is a hash of thirteen letters and digits.
        let is_whole = parts.next().is_none()
            && !name.is_empty()
            && is_version
            && publisher.len() == 13
            && publisher.bytes().all(|b| b.is_ascii_alphanumeric());
        is_whole.then_some(Self { name, version, arch, resource, publisher })
    }
}

#[cfg(test)]
mod tests;
