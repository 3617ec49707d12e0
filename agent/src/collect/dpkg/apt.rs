//! Which third-party repository a Debian package came from, from what apt last downloaded.
//!
//! dpkg does not know repositories, and a package from outside the distribution has to be judged by
//! other data than the distribution's own. apt keeps each repository's `Release` (who it is) and
//! `Packages` (what it has) in `/var/lib/apt/lists`. The distribution's own lists are passed over: they
//! are large, and a package in no other list is the distribution's or from no repository at all.
//!
//! This is evidence, not inventory: without it packages have no origin, and no record is lost.

use std::ffi::OsString;
use std::io::BufRead;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use protocol::limits::LABEL_BYTES_MAX;
use protocol::software::SoftwareRecord;

use crate::collect::defects::{Defects, ReadError};
use crate::collect::host::os_release;
use crate::collect::lines::Lines;
use crate::collect::lz4;
use crate::collect::records::Records;
use crate::collect::root::Root;
use crate::collect::stanza::Stanza;
use crate::collect::text::clean;

const LISTS: &str = "/var/lib/apt/lists";

/// Bytes of a repository's `Release`, which has a line per file of the repository.
const RELEASE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Bytes of third-party lists, as they are on the disk, that one scan reads.
const LISTS_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A repository, as apt knows it.
struct Repository {
    /// What the names of its files begin with.
    prefix: Vec<u8>,
    /// Who it says it is, or its server.
    origin: String,
}

/// Sets the origin of every package that is in a third-party repository's list.
pub(super) fn name_origins(root: &Root, out: &mut Records) -> Result<(), ReadError> {
    // Lists that only apt may read, or that vanish under an update, are no loss to the inventory.
    let Ok(Some(names)) = root.list(Path::new(LISTS)) else {
        return root.check();
    };
    let repositories = third_parties(root, &names)?;
    let mut bytes_left = LISTS_BYTES_MAX;
    let mut installed = Installed::new(out.list_mut());
    for repository in &repositories {
        for name in names.iter().filter(|name| repository.has_list(name)) {
            let path = Path::new(LISTS).join(name);
            let Ok(Some(file)) = root.file(&path, bytes_left) else {
                root.check()?;
                continue;
            };
            // Not negative: `root.file` refuses what is larger than what is left.
            bytes_left -= file.bytes;
            // A list that ends in damage has named what it could before.
            let read = if name.as_bytes().ends_with(b".lz4") {
                installed.find(&mut root.lines_of_reader(&path, lz4::reader(file.file)))
            } else {
                installed.find(&mut root.lines_of(file))
            };
            if let Err(ReadError::Stopped) = read {
                return read;
            }
        }
        // After all of its lists: a mirror shows as one only when its components are counted
        // together.
        installed.name(&repository.origin);
    }
    Ok(())
}

/// The repositories that are not the distribution's own.
fn third_parties(root: &Root, names: &[OsString]) -> Result<Vec<Repository>, ReadError> {
    let own = os_release::read(root)?.ids();
    let is_own = |origin: &str| {
        let origin = origin.to_ascii_lowercase();
        // Also what the distribution's maker sells beside it, such as `UbuntuESM`.
        own.iter().any(|id| origin.starts_with(id.as_str()))
    };
    let mut repositories = Vec::new();
    for name in names {
        let name_bytes = name.as_bytes();
        // The longer one first, for `InRelease` ends in `Release` as well.
        let prefix =
            name_bytes.strip_suffix(b"InRelease").or_else(|| name_bytes.strip_suffix(b"Release"));
        let Some(prefix) = prefix else { continue };
        let Ok(Some(mut lines)) = root.lines(&Path::new(LISTS).join(name), RELEASE_BYTES_MAX)
        else {
            root.check()?;
            continue;
        };
        let origin = match read_origin(&mut lines) {
            Ok(origin) if origin.is_empty() => server(prefix),
            Ok(origin) => origin,
            Err(ReadError::Stopped) => return Err(ReadError::Stopped),
            Err(_) => continue,
        };
        if !is_own(&origin) {
            let prefix = prefix.to_vec();
            repositories.push(Repository { prefix, origin });
        }
    }
    Ok(repositories)
}

/// The `Origin` or, without one, the `Label` of a `Release`, signed inline or not.
fn read_origin<R: BufRead>(lines: &mut Lines<R>) -> Result<String, ReadError> {
    let mut stanza = Stanza::new(["Origin", "Label", "Date"]);
    let mut defects = Defects::default();
    // The armour of an inline signature is a stanza of its own, before the one that counts.
    for _ in 0..2 {
        stanza.read(lines)?;
        let [origin, label, date] = stanza.values();
        if origin.is_empty() && label.is_empty() && date.is_empty() {
            continue;
        }
        // aptly writes `. SUITE` for a repository that nobody named.
        let who = [origin, label].into_iter().find(|who| !who.is_empty() && !who.starts_with(b"."));
        return Ok(clean(who.unwrap_or_default(), LABEL_BYTES_MAX, &mut defects));
    }
    Ok(String::new())
}

/// The server in the name of a list: apt writes `_` for the slashes of the address.
fn server(prefix: &[u8]) -> String {
    let server = prefix.split(|byte| *byte == b'_').next();
    let server = server.unwrap_or_default();
    clean(server, LABEL_BYTES_MAX, &mut Defects::default())
}

impl Repository {
    fn has_list(&self, name: &OsString) -> bool {
        let name = name.as_bytes();
        let is_list = name.ends_with(b"_Packages") || name.ends_with(b"_Packages.lz4");
        is_list && name.starts_with(&self.prefix)
    }
}

/// The installed packages, to be found by name.
struct Installed<'a> {
    records: &'a mut [SoftwareRecord],
    /// Numbers of the records without an origin, in the order of their names.
    by_name: Vec<usize>,
    /// Numbers of the records that the current repository has.
    found: Vec<usize>,
}

impl<'a> Installed<'a> {
    fn new(records: &'a mut [SoftwareRecord]) -> Self {
        let mut by_name: Vec<_> =
            (0..records.len()).filter(|number| records[*number].origin.is_empty()).collect();
        // dpkg keeps its status sorted, but nothing obliges it to.
        by_name.sort_unstable_by(|a, b| records[*a].name.cmp(&records[*b].name));
        Self { records, by_name, found: Vec::new() }
    }

    /// Finds the installed packages in a repository's list.
    ///
    /// A repository drops old versions from its list, so a package of another version is taken for
    /// the repository's when both have the same maintainer.
    fn find<R: BufRead>(&mut self, list: &mut Lines<R>) -> Result<(), ReadError> {
        let mut stanza = Stanza::new(["Package", "Version", "Maintainer"]);
        while stanza.read(list)? {
            let [name, version, maintainer] = stanza.values();
            let of_name = |number: &usize| self.records[*number].name.as_bytes();
            let first = self.by_name.partition_point(|number| of_name(number) < name);
            let alike = self.by_name[first..].iter().take_while(|number| of_name(number) == name);
            for number in alike {
                let record = &self.records[*number];
                // Two repositories can both have a name; only one of them has this build of it.
                let is_same = record.version.as_bytes() == version
                    || (!maintainer.is_empty() && record.vendor.as_bytes() == maintainer);
                if is_same {
                    self.found.push(*number);
                }
            }
        }
        Ok(())
    }

    /// Gives what was found its origin, unless it is most of the host: then the repository is a
    /// mirror of the distribution under another name.
    fn name(&mut self, origin: &str) {
        self.found.sort_unstable();
        self.found.dedup();
        if self.found.len() * 2 < self.records.len() {
            for number in &self.found {
                origin.clone_into(&mut self.records[*number].origin);
            }
        }
        self.found.clear();
    }
}

#[cfg(test)]
mod tests;
