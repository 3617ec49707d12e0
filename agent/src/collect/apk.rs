//! Alpine packages, from apk's database.
//!
//! One file, one stanza per package: `P:` name, `V:` version, `A:` architecture, `o:` the source
//! package (Alpine's "origin"), `m:` maintainer. It does not say which repository a package came
//! from, nor when. Names with a dot in front are groups that `apk add --virtual` makes: they are no
//! software.

use std::fs::File;
use std::io::{BufRead, BufReader, Take};
use std::path::Path;

use super::defects::{ReadError, Reading};
use super::lines::Lines;
use super::records::{Draft, Records};
use super::root::Root;
use super::stanza::Stanza;

/// Where the database may be: apk-tools moved it when Alpine merged `/lib` into `/usr/lib`.
const INSTALLED: [&str; 2] = ["/lib/apk/db/installed", "/usr/lib/apk/db/installed"];

/// Bytes of the database, which also lists every file.
const INSTALLED_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// Reads the packages of apk.
pub(super) fn read(root: &Root, out: &mut Records) -> Result<Reading, ReadError> {
    let Some(mut lines) = open(root)? else {
        return Ok(Reading::Absent);
    };
    parse(&mut lines, out)?;
    Ok(Reading::Read)
}

/// Opens the database, if there is one.
pub(super) fn open(root: &Root) -> Result<Option<Lines<BufReader<Take<File>>>>, ReadError> {
    // Only the first that is there: where `/lib` is a link to `/usr/lib`, both are one file.
    for path in INSTALLED {
        if let Some(lines) = root.lines(Path::new(path), INSTALLED_BYTES_MAX)? {
            return Ok(Some(lines));
        }
    }
    Ok(None)
}

fn parse<R: BufRead>(lines: &mut Lines<R>, out: &mut Records) -> Result<(), ReadError> {
    let mut stanza = Stanza::new(["P", "V", "A", "o", "m"]);
    while stanza.read(lines)? {
        let [name, version, arch, source_name, vendor] = stanza.values();
        // A real package's name begins with a letter or a digit.
        if name.starts_with(b".") {
            continue;
        }
        out.push(&Draft { name, version, arch, vendor, source_name, ..Draft::default() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use protocol::software::{SoftwareRecord, Source};

    use super::*;
    use crate::collect::test_tree::{Tree, read_data};

    #[test]
    fn reads_name_version_source_and_maintainer() {
        let records = read_data("apk", Source::Apk, read).all();
        assert_eq!(records.len(), 5);
        assert_eq!(
            records[2],
            SoftwareRecord {
                arch: "x86_64".to_owned(),
                vendor: "Natanael Copa <ncopa@alpinelinux.org>".to_owned(),
                source_name: "openssl".to_owned(),
                ..SoftwareRecord::new(Source::Apk, "libcrypto3", "3.1.4-r5")
            }
        );
    }

    #[test]
    fn takes_no_virtual_group_for_software() {
        let text = "P:.build-deps\nV:20240101.000000\n\nP:gcc\nV:13.2.1-r0\n";
        let tree = Tree::new(&[("/usr/lib/apk/db/installed", text)]);
        assert_eq!(tree.read(Source::Apk, read).names(), ["gcc 13.2.1-r0"]);
    }

    #[test]
    fn keys_differ_by_case() {
        let text = "p:cmd:sh=1\nv:9\nP:busybox\nV:1.36.1-r15\na:x\n";
        let tree = Tree::new(&[("/lib/apk/db/installed", text)]);
        let records = tree.read(Source::Apk, read).all();
        assert_eq!(records, [SoftwareRecord::new(Source::Apk, "busybox", "1.36.1-r15")]);
    }

    #[test]
    fn is_absent_without_a_database() {
        let outcome = Tree::new(&[]).read(Source::Apk, read);
        assert_eq!(outcome.reading.unwrap(), Reading::Absent);
    }
}
