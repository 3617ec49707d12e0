//! `AppImage`s: programs that are one file each, wherever somebody has put it.
//!
//! The file is a program with a file system behind it, in which a desktop entry says what it is. The
//! kind is told from the file's first bytes; the name and the version from the desktop entry, or else
//! from the file's name, which nearly all publishers write as `NAME-VERSION-ARCH.AppImage`.

mod elf;
mod squashfs;

use std::path::Path;

use self::squashfs::Image;
use super::defects::{ReadError, Reading};
use super::records::{Draft, Records};
use super::root::{Root, SourceFile};

/// Where people and administrators put them.
const FOLDERS: [&str; 11] = [
    "/opt",
    "/opt/*",
    "/usr/local/bin",
    "~/Applications",
    "~/AppImages",
    "~/.local/bin",
    "~/.local/opt",
    "~/bin",
    "~/opt",
    "~/Downloads",
    "~/Desktop",
];

/// Bytes of an `AppImage`.
const BYTES_MAX: u64 = 16 * 1024 * 1024 * 1024;

/// Architectures as publishers write them at a name's end.
const ARCHITECTURES: [&str; 10] =
    ["x86_64", "x86-64", "amd64", "x64", "aarch64", "arm64", "armhf", "armv7l", "i686", "i386"];

/// A file's name, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileName<'a> {
    name: &'a str,
    version: &'a str,
    arch: &'a str,
}

/// What a desktop entry says; empty where it does not.
#[derive(Debug, Default, PartialEq, Eq)]
struct Entry {
    name: String,
    version: String,
}

/// Reads the `AppImages`.
pub(super) fn read(root: &Root, out: &mut Records) -> Result<Reading, ReadError> {
    let mut reading = Reading::Absent;
    for folder in root.expand_all(&FOLDERS)? {
        let names = root.list(&folder);
        for name in out.tolerate(names)?.flatten().unwrap_or_default() {
            let Some(stem) = stem(name.as_encoded_bytes()) else {
                continue;
            };
            let path = folder.join(&name);
            let taken = take(root, &path, stem, out);
            if out.tolerate(taken)? == Some(true) {
                reading = Reading::Read;
            }
        }
    }
    Ok(reading)
}

/// A file's name without its end, if it is called as they are.
fn stem(name: &[u8]) -> Option<&[u8]> {
    const END: &[u8] = b".appimage";

    let (stem, end) = name.split_at_checked(name.len().checked_sub(END.len())?)?;
    end.eq_ignore_ascii_case(END).then_some(stem)
}

/// Hands over one file; gives whether it is an `AppImage`.
fn take(root: &Root, path: &Path, stem: &[u8], out: &mut Records) -> Result<bool, ReadError> {
    let Some(file) = root.file(path, BYTES_MAX)? else {
        return Ok(false);
    };
    let mut head = [0; 64];
    if file.bytes < head.len() as u64 {
        return Ok(false);
    }
    file.read_exact_at(&mut head, 0)?;
    let Some(kind) = elf::kind(&head) else {
        return Ok(false);
    };
    let installed_at_s = file.modified_at_s;
    let entry = if kind == 2 {
        out.tolerate(desktop_entry(root, &file, &head))?
    } else {
        // The first kind is a CD image, which nobody has made for years.
        None
    };
    let entry = entry.unwrap_or_default();
    let stem = String::from_utf8_lossy(stem);
    let file_name = FileName::parse(&stem);
    let shown = |said: &str, named: &str| if said.is_empty() { named } else { said }.to_owned();
    out.push(&Draft {
        name: shown(&entry.name, file_name.name).as_bytes(),
        version: shown(&entry.version, file_name.version).as_bytes(),
        arch: file_name.arch.as_bytes(),
        installed_at_s,
        location: path.as_os_str().as_encoded_bytes(),
        ..Draft::default()
    });
    Ok(true)
}

/// The desktop entry in the file system behind the program; an empty one where there is none.
fn desktop_entry(root: &Root, file: &SourceFile, head: &[u8; 64]) -> Result<Entry, ReadError> {
    let Some(at) = elf::end(head) else {
        return Err(ReadError::damaged(&file.path, "a program without an end"));
    };
    let Some(image) = Image::open(root, file, at)? else {
        return Ok(Entry::default());
    };
    let text = image.desktop_entry()?;
    Ok(text.map(|text| Entry::parse(&text)).unwrap_or_default())
}

impl Entry {
    /// Takes a desktop entry apart: lines of `KEY=VALUE` in groups, the first of which counts.
    fn parse(text: &[u8]) -> Self {
        let text = String::from_utf8_lossy(text);
        let mut entry = Self::default();
        let mut is_inside = false;
        for line in text.lines().map(str::trim) {
            if line.starts_with('[') {
                is_inside = line == "[Desktop Entry]";
            } else if is_inside && let Some((key, value)) = line.split_once('=') {
                match key.trim() {
                    "Name" if entry.name.is_empty() => value.trim().clone_into(&mut entry.name),
                    "X-AppImage-Version" => value.trim().clone_into(&mut entry.version),
                    _ => {}
                }
            }
        }
        entry
    }
}

impl<'a> FileName<'a> {
    fn parse(stem: &'a str) -> Self {
        let is_divider = |c: char| matches!(c, '-' | '_' | '.' | ' ');
        // First the architecture, whose name may hold what divides the others.
        let lower = stem.to_ascii_lowercase();
        let found = ARCHITECTURES.iter().find(|one| lower.ends_with(**one));
        let (rest, arch) = stem.split_at(stem.len() - found.map_or(0, |one| one.len()));
        let rest = rest.trim_end_matches(is_divider);
        let rest = rest
            .strip_suffix("linux")
            .or_else(|| rest.strip_suffix("Linux"))
            .map_or(rest, |rest| rest.trim_end_matches(is_divider));
        let begins_version = |at: usize| {
            let part = &rest[at..];
            let part = part.strip_prefix(['v', 'V']).unwrap_or(part);
            part.starts_with(|c: char| c.is_ascii_digit())
        };
        let version_at = rest
            .match_indices(['-', '_', ' '])
            .map(|(at, _)| at + 1)
            .find(|at| begins_version(*at));
        let Some(at) = version_at else {
            return Self { name: rest, version: "", arch };
        };
        let version = &rest[at..];
        Self {
            name: rest[..at].trim_end_matches(is_divider),
            version: version.strip_prefix(['v', 'V']).unwrap_or(version),
            arch,
        }
    }
}

#[cfg(test)]
mod tests;
