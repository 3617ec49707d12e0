//! Ruby gems in the places that serve a whole host.
//!
//! A file `NAME-VERSION[-PLATFORM].gemspec` per gem. Its second line is a stub that RubyGems itself
//! reads instead of running the file: `# stub: NAME VERSION PLATFORM PATHS`. Only where there is none
//! is the file's name taken apart. A gemspec is a program; it is never run.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use super::defects::{ReadError, Reading};
use super::records::{Draft, Records};
use super::root::Root;

/// Where gems are: the distributions' places, the interpreter's own, and interpreters in `/opt` or
/// built by root.
const FOLDERS: [&str; 13] = [
    "/var/lib/gems/*/specifications",
    "/usr/share/rubygems-integration/*/specifications",
    "/usr/share/gems/specifications",
    "/usr/lib/ruby/gems/*/specifications",
    "/usr/lib/ruby/gems/*/specifications/default",
    "/usr/lib64/ruby/gems/*/specifications",
    "/usr/local/lib/ruby/gems/*/specifications",
    "/usr/local/lib/ruby/gems/*/specifications/default",
    "/usr/local/share/gems/specifications",
    "/usr/local/bundle/specifications",
    "/usr/local/rvm/gems/*/specifications",
    "/opt/*/lib/ruby/gems/*/specifications",
    "/root/.rbenv/versions/*/lib/ruby/gems/*/specifications",
];

/// Bytes of one gemspec, which can list every file of the gem.
const GEMSPEC_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Lines in which the stub has to be.
const STUB_WITHIN: usize = 4;

/// Reads the gems.
pub(super) fn read(root: &Root, out: &mut Records) -> Result<Reading, ReadError> {
    let mut reading = Reading::Absent;
    for folder in root.expand_all(&FOLDERS)? {
        let names = root.list(&folder);
        let names = out.tolerate(names)?.flatten().unwrap_or_default();
        for name in names {
            let Some(stem) = name.as_bytes().strip_suffix(b".gemspec") else {
                continue;
            };
            reading = Reading::Read;
            let path = folder.join(&name);
            let owned = root.owned().index(root)?;
            if !owned.owns(&path) && !owned.is_rpm_owned_folder(&folder) {
                let taken = take(root, &path, stem, &folder, out);
                out.tolerate(taken)?;
            }
        }
    }
    Ok(reading)
}

/// Hands over one gem.
fn take(
    root: &Root,
    path: &Path,
    stem: &[u8],
    folder: &Path,
    out: &mut Records,
) -> Result<(), ReadError> {
    let Some(file) = root.file(path, GEMSPEC_BYTES_MAX)? else {
        return Ok(());
    };
    let installed_at_s = file.modified_at_s;
    let mut lines = root.lines_of(file);
    let mut stub = Vec::new();
    for _ in 0..STUB_WITHIN {
        match lines.next()? {
            Some(line) => match line.strip_prefix(b"# stub: ") {
                Some(rest) => stub.extend_from_slice(rest),
                None => continue,
            },
            None => break,
        }
        break;
    }
    let (name, version, platform) = split_stub(&stub).unwrap_or_else(|| split_stem(stem));
    out.push(&Draft {
        name,
        version,
        arch: if platform == b"ruby" { b"" } else { platform },
        installed_at_s,
        location: folder.as_os_str().as_bytes(),
        ..Draft::default()
    });
    Ok(())
}

type Parts<'a> = (&'a [u8], &'a [u8], &'a [u8]);

/// Splits `NAME VERSION PLATFORM PATHS`.
fn split_stub(stub: &[u8]) -> Option<Parts<'_>> {
    let mut words = stub.split(|byte| *byte == b' ').filter(|w| !w.is_empty());
    Some((words.next()?, words.next()?, words.next().unwrap_or_default()))
}

/// Splits `NAME-VERSION[-PLATFORM]`: the version begins after the first dash before a digit that is
/// followed by a dot or ends the part, because `net-http2` is a name.
fn split_stem(stem: &[u8]) -> Parts<'_> {
    let is_version = |part: &[u8]| {
        part.first().is_some_and(u8::is_ascii_digit)
            && part.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'.')
    };
    let mut at = 0;
    for part in stem.split(|byte| *byte == b'-') {
        if at > 0 && is_version(part) {
            let rest = stem.get(at + part.len() + 1..).unwrap_or_default();
            return (&stem[..at - 1], part, rest);
        }
        at += part.len() + 1;
    }
    (stem, b"", b"")
}
