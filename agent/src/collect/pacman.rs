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

const KEYS: [&[u8]; 6] =
    [b"%NAME%", b"%VERSION%", b"%ARCH%", b"%BASE%", b"%PACKAGER%", b"%INSTALLDATE%"];

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
    let mut key = None;
    let mut is_value = false;
    while let Some(line) = lines.next()? {
        let line = line.trim_ascii();
        if line.is_empty() {
            is_value = false;
        } else if !is_value {
            key = KEYS.iter().position(|key| *key == line);
            is_value = true;
        } else if let Some(index) = key {
            let value: &mut Vec<u8> = &mut values[index];
            // Of a list, the first.
            if value.is_empty() {
                value.extend_from_slice(line);
            }
        }
    }
    let [name, version, arch, base, packager, installed_at] = &values;
    let installed_at_s = std::str::from_utf8(installed_at).ok().and_then(|text| text.parse().ok());
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

#[cfg(test)]
mod tests {
    use protocol::software::{SoftwareRecord, Source};

    use super::*;
    use crate::collect::test_tree::{Tree, read_data};

    #[test]
    fn reads_what_pacman_knows_of_a_package() {
        let records = read_data("pacman", Source::Pacman, read).all();
        assert_eq!(records.len(), 3);
        assert_eq!(
            records[1],
            SoftwareRecord {
                arch: "x86_64".to_owned(),
                vendor: "Levente Polyak <anthraxx@archlinux.org>".to_owned(),
                source_name: "linux".to_owned(),
                installed_at_s: Some(1_718_000_002),
                ..SoftwareRecord::new(Source::Pacman, "linux-headers", "6.9.3.arch1-1")
            }
        );
    }

    #[test]
    fn a_package_without_a_description_costs_only_itself() {
        let tree = Tree::new(&[
            ("/var/lib/pacman/local/a-1/desc", "%NAME%\na\n\n%VERSION%\n1-1\n"),
            ("/var/lib/pacman/local/b-1/desc", "\0\n%NAME\nb\n"),
        ]);
        tree.pipe("/var/lib/pacman/local/c-1/desc");
        let outcome = tree.read(Source::Pacman, read);
        assert_eq!(outcome.names(), ["a 1-1"]);
        assert_eq!(
            outcome.defects.to_string(),
            "1 unreadable, 1 without a name; \
             first: /var/lib/pacman/local/c-1/desc: not a regular file"
        );
    }

    #[test]
    fn a_value_that_looks_like_a_key_is_a_value() {
        let text = "%NAME%\na\n\n%DESC%\n%VERSION%\n9\n\n%VERSION%\n1-1\n";
        let tree = Tree::new(&[("/var/lib/pacman/local/a-1/desc", text)]);
        assert_eq!(tree.read(Source::Pacman, read).names(), ["a 1-1"]);
    }

    #[test]
    fn a_time_that_is_no_number_is_no_time() {
        let text = "%NAME%\na\n\n%INSTALLDATE%\nyesterday\n";
        let tree = Tree::new(&[("/var/lib/pacman/local/a-1/desc", text)]);
        let records = tree.read(Source::Pacman, read).all();
        assert_eq!(records[0].installed_at_s, None);
    }
}
