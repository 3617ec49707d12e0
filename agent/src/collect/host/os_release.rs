//! os-release: which operating system a tree holds.
//!
//! Lines of `KEY=value` in the syntax of a shell assignment, of which only quotes and backslashes are
//! understood; nothing is ever run. Format: os-release(5).

use std::io::BufRead;
use std::path::Path;

use protocol::limits::FACT_BYTES_MAX;

use crate::collect::defects::{Defects, ReadError};
use crate::collect::lines::Lines;
use crate::collect::root::Root;
use crate::collect::text::clean;

/// Where it is: the second when an image has no `/etc`.
const PATHS: [&str; 2] = ["/etc/os-release", "/usr/lib/os-release"];

/// Bytes of an os-release.
const BYTES_MAX: u64 = 256 * 1024;

/// What is needed of an os-release; empty where it does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OsRelease {
    pub(crate) id: String,
    pub(crate) id_like: String,
    pub(crate) version_id: String,
    pub(crate) version_codename: String,
    pub(crate) pretty_name: String,
    pub(crate) build_id: String,
}

/// Reads it; a tree without one gives an empty one.
pub(crate) fn read(root: &Root) -> Result<OsRelease, ReadError> {
    // The first that is there alone: os-release(5) gives it precedence, and the two are never
    // mixed.
    for path in PATHS {
        if let Some(mut lines) = root.lines(Path::new(path), BYTES_MAX)? {
            return parse(&mut lines);
        }
    }
    Ok(OsRelease::default())
}

impl OsRelease {
    /// The distribution's name and those of the distributions that it is made from.
    pub(crate) fn ids(&self) -> Vec<String> {
        let ids = self.id_like.split_ascii_whitespace().chain([self.id.as_str()]);
        let ids = ids.filter(|id| !id.is_empty());
        ids.map(str::to_ascii_lowercase).collect()
    }
}

fn parse<R: BufRead>(lines: &mut Lines<R>) -> Result<OsRelease, ReadError> {
    let mut release = OsRelease::default();
    while let Some(line) = lines.next()? {
        let line = line.trim_ascii();
        let Some(equals) = line.iter().position(|byte| *byte == b'=') else {
            continue;
        };
        let (key, value) = line.split_at(equals);
        let field = match key {
            b"ID" => &mut release.id,
            b"ID_LIKE" => &mut release.id_like,
            b"VERSION_ID" => &mut release.version_id,
            b"VERSION_CODENAME" => &mut release.version_codename,
            b"PRETTY_NAME" => &mut release.pretty_name,
            b"BUILD_ID" => &mut release.build_id,
            _ => continue,
        };
        // A key that stands twice counts as in a shell, where the later assignment wins.
        *field = clean(&unquote(&value[1..]), FACT_BYTES_MAX, &mut Defects::default());
    }
    Ok(release)
}

/// Takes quotes and backslashes away.
fn unquote(value: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(value.len());
    let mut quote = None;
    let mut bytes = value.iter().copied();
    while let Some(byte) = bytes.next() {
        match (byte, quote) {
            // Within single quotes a backslash is itself, as in a shell.
            (b'\\', None | Some(b'"')) => plain.extend(bytes.next()),
            (b'"' | b'\'', None) => quote = Some(byte),
            (_, Some(open)) if open == byte => quote = None,
            _ => plain.push(byte),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::lines::test_lines;

    #[test]
    fn reads_plain_quoted_and_escaped_values() {
        let text = b"# a comment\nID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME='book worm'\n\
            PRETTY_NAME=\"The \\\"OS\\\" it's\"\nHOME_URL=x\nnothing\n";
        let release = parse(&mut test_lines(text)).unwrap();
        assert_eq!(release.id, "debian");
        assert_eq!(release.version_id, "12");
        assert_eq!(release.version_codename, "book worm");
        assert_eq!(release.pretty_name, "The \"OS\" it's");
        assert_eq!(release.build_id, "");
    }

    #[test]
    fn survives_a_value_that_ends_within_a_quote_or_an_escape() {
        assert_eq!(unquote(b"\"open"), b"open");
        assert_eq!(unquote(b"end\\"), b"end");
        assert_eq!(unquote(b""), b"");
    }

    #[test]
    fn names_the_distribution_and_what_it_is_made_from() {
        let release = parse(&mut test_lines(b"ID=linuxmint\nID_LIKE=\"Ubuntu debian\"\n")).unwrap();
        assert_eq!(release.ids(), ["ubuntu", "debian", "linuxmint"]);
    }
}
