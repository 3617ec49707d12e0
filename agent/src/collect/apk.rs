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
        if name.starts_with(b".") {
            continue;
        }
        out.push(&Draft {
            name,
            version,
            arch,
            vendor,
            source_name,
            ..Draft::default()
        });
    }
    Ok(())
}
