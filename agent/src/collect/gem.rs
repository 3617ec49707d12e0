//! Ruby gems, of the whole host and of people.
//!
//! A file `NAME-VERSION[-PLATFORM].gemspec` per gem. Its second line is a stub that `RubyGems` itself
//! reads instead of running the file: `# stub: NAME VERSION PLATFORM PATHS`. Only where there is none
//! is the file's name taken apart. A gemspec is a program; it is never run.

use std::path::Path;

use super::defects::{ReadError, Reading};
use super::owners;
use super::platform::System;
use super::records::{Draft, Records};
use super::root::Root;

/// Where gems are: the distributions' places, the interpreter's own, interpreters in `/opt`, and what
/// people have installed or built for themselves.
const LINUX: [&str; 17] = [
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
    "~/.rbenv/versions/*/lib/ruby/gems/*/specifications",
    "~/.gem/ruby/*/specifications",
    "~/.local/share/gem/ruby/*/specifications",
    "~/.rvm/gems/*/specifications",
    "~/.asdf/installs/ruby/*/lib/ruby/gems/*/specifications",
];
const MACOS: [&str; 8] = [
    "/Library/Ruby/Gems/*/specifications",
    "/System/Library/Frameworks/Ruby.framework/Versions/*/usr/lib/ruby/gems/*/specifications",
    "/opt/homebrew/lib/ruby/gems/*/specifications",
    "/usr/local/lib/ruby/gems/*/specifications",
    "~/.gem/ruby/*/specifications",
    "~/.local/share/gem/ruby/*/specifications",
    "~/.rbenv/versions/*/lib/ruby/gems/*/specifications",
    "~/.rvm/gems/*/specifications",
];
const WINDOWS: [&str; 3] = [
    "/Ruby*/lib/ruby/gems/*/specifications",
    "~/.local/share/gem/ruby/*/specifications",
    "~/.gem/ruby/*/specifications",
];

/// Bytes of one gemspec, which can list every file of the gem.
const GEMSPEC_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Lines in which the stub has to be.
const STUB_WITHIN: usize = 4;

/// Reads the gems.
pub(super) fn read(root: &Root, out: &mut Records) -> Result<Reading, ReadError> {
    let mut reading = Reading::Absent;
    let folders: &[&str] = match root.system() {
        System::Linux => &LINUX,
        System::Macos => &MACOS,
        System::Windows => &WINDOWS,
    };
    for folder in root.expand_all(folders)? {
        let names = root.list(&folder);
        let names = out.tolerate(names)?.flatten().unwrap_or_default();
        for name in names {
            let Some(stem) = name.as_encoded_bytes().strip_suffix(b".gemspec") else {
                continue;
            };
            reading = Reading::Read;
            let path = folder.join(&name);
            // Asked only when there is a gem: a host without one need not read what its packages
            // own.
            let owned = owners::owned(root)?;
            if !owned.owns(&path) {
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
    // Copied, for the next line takes the place of this one.
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
        // RubyGems' word for a gem that has no native code.
        arch: if platform == b"ruby" { b"" } else { platform },
        installed_at_s,
        location: folder.as_os_str().as_encoded_bytes(),
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

/// Splits `NAME-VERSION[-PLATFORM]`: the version is the first part that begins with a digit.
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

#[cfg(test)]
mod tests {
    use protocol::software::{SoftwareRecord, Source};

    use super::*;
    use crate::collect::test_tree::Tree;

    const FOLDER: &str = "/var/lib/gems/3.1.0/specifications";

    fn gems(files: &[(&str, &str)]) -> Tree {
        let tree = Tree::new(&[]);
        for (name, text) in files {
            tree.write(&format!("{FOLDER}/{name}"), text.as_bytes());
        }
        tree
    }

    fn record(name: &str, version: &str, arch: &str) -> SoftwareRecord {
        SoftwareRecord {
            arch: arch.to_owned(),
            locations: vec![FOLDER.to_owned()],
            ..SoftwareRecord::new(Source::Gem, name, version)
        }
    }

    fn without_times(tree: &Tree) -> Vec<SoftwareRecord> {
        let mut records = tree.read(Source::Gem, read).all();
        assert!(records.iter().all(|r| r.installed_at_s.is_some()));
        records.iter_mut().for_each(|r| r.installed_at_s = None);
        records
    }

    #[test]
    fn reads_the_stub_of_a_gemspec() {
        let stub = "# -*- encoding: utf-8 -*-\n# stub: nokogiri 1.16.5 x86_64-linux lib\n";
        let plain = "# -*- encoding: utf-8 -*-\n# stub: rake 13.2.1 ruby lib\0exe\n\nGem::Specification.new\n";
        let tree = gems(&[
            ("nokogiri-1.16.5-x86_64-linux.gemspec", stub),
            ("rake-13.2.1.gemspec", plain),
            ("notes.txt", ""),
        ]);
        assert_eq!(
            without_times(&tree),
            [record("nokogiri", "1.16.5", "x86_64-linux"), record("rake", "13.2.1", "")]
        );
    }

    #[test]
    fn takes_the_name_of_the_file_apart_where_there_is_no_stub() {
        let tree = gems(&[
            ("a.gemspec", ""),
            ("net-http2-0.18.5.gemspec", "Gem::Specification.new\n"),
            ("jruby-jars-9.4.pre1-universal-java-11.gemspec", "# stub: broken\n"),
        ]);
        assert_eq!(
            without_times(&tree),
            [
                record("a", "", ""),
                record("jruby-jars", "9.4.pre1", "universal-java-11"),
                record("net-http2", "0.18.5", ""),
            ]
        );
    }

    #[test]
    fn a_gemspec_that_cannot_be_read_costs_only_itself() {
        let tree = gems(&[("rake-13.2.1.gemspec", "# stub: rake 13.2.1 ruby lib\n")]);
        tree.pipe(&format!("{FOLDER}/hang-1.0.gemspec"));
        let outcome = tree.read(Source::Gem, read);
        assert_eq!(outcome.names(), ["rake 13.2.1"]);
        let reason = format!("1 unreadable; first: {FOLDER}/hang-1.0.gemspec: not a regular file");
        assert_eq!(outcome.defects.to_string(), reason);
    }

    #[test]
    fn leaves_gems_to_the_package_that_owns_them() {
        let tree = gems(&[("rake-13.2.1.gemspec", "# stub: rake 13.2.1 ruby lib\n")]);
        let path = "/usr/share/rubygems-integration/all/specifications/rack-2.2.gemspec";
        tree.write(path, b"# stub: rack 2.2 ruby lib\n");
        tree.write("/var/lib/dpkg/info/ruby-rack.list", format!("{path}\n").as_bytes());
        assert_eq!(tree.read(Source::Gem, read).names(), ["rake 13.2.1"]);
    }
}
