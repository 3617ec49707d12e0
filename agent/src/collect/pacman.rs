//! Arch packages, from pacman's local database.
//!
//! A folder per package with a file `desc`: `%KEY%` on a line of its own, its values on the lines
//! after it, then an empty line. The database does not say which repository a package came from;
//! the packager does.

use std::io::BufRead;
use std::path::Path;

use super::defects::{ReadError, Reading};
use super::lines::Lines;
use super::records::{Draft, Records};
use super::root::Root;

/// Where pacman keeps a folder per package.
pub(super) const LOCAL: &str = "/var/lib/pacman/local";

/// Bytes of one package's description.
const DESC_BYTES_MAX: u64 = 4 * 1024 * 1024;

const KEYS: [&[u8]; 6] = [
    b"%NAME%",
    b"%VERSION%",
    b"%ARCH%",
    b"%BASE%",
    b"%PACKAGER%",
    b"%INSTALLDATE%",
];

/// Reads the packages of pacman.
pub(super) fn read(root: &Root, out: &mut Records) -> Result<Reading, ReadError> {
    let Some(names) = root.list(Path::new(LOCAL))? else {
        return Ok(Reading::Absent);
    };
    for name in names {
        let path = Path::new(LOCAL).join(name).join("desc");
        let lines = root.lines(&path, DESC_BYTES_MAX);
        // Beside the packages' folders there is a file with the database's version.
        if let Some(mut lines) = out.tolerate(lines)?.flatten() {
            parse(&mut lines, out)?;
        }
    }
    Ok(Reading::Read)
}

fn parse<R: BufRead>(lines: &mut Lines<R>, out: &mut Records) -> Result<(), ReadError> {
    let mut values: [Vec<u8>; KEYS.len()] = Default::default();
    let mut current = None;
    while let Some(line) = lines.next()? {
        let line = line.trim_ascii();
        if line.is_empty() {
            current = None;
        } else if let Some(index) = current {
            let value: &mut Vec<u8> = &mut values[index];
            // Of a list, the first.
            if value.is_empty() {
                value.extend_from_slice(line);
            }
        } else {
            current = KEYS.iter().position(|key| *key == line);
        }
    }
    let [name, version, arch, base, packager, installed_at] = &values;
    let installed_at_s = std::str::from_utf8(installed_at)
        .ok()
        .and_then(|text| text.parse().ok());
    out.push(&Draft {
        name,
        version,
        arch,
        vendor: packager,
        source_name: base,
        installed_at_s,
        ..Draft::default()
    });
    Ok(())
}
