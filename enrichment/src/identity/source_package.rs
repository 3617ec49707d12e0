//! From the name of a binary package to the source package that it is built of.
//!
//! Debian's and Ubuntu's advisories are about source packages. Agents send the source package that
//! dpkg names; lists of other tools do not. For those there is a table of Debian's packages with
//! the numbers taken out, so that `libssl1.1` and `libssl3` are both of `openssl`, and `libpq5` in
//! version 12.9 is of `postgresql-12`. An answer is a guess: whoever asks checks that there is such
//! a source package, and says that it was guessed.

use super::table::Table;

/// Binary packages with `#` for each number; source packages with `{0}` for the binary's first
/// number and so on, `{v1}` and `{v2}` for the beginning of its version.
const SOURCES: Table = Table::new(include_str!("../../data/identity/sources.tsv"));

pub(crate) fn of(binary: &str, version: &str) -> impl Iterator<Item = String> {
    let (pattern, numbers) = without_numbers(binary);
    // An epoch is no part of the version that a source package may carry in its name.
    let upstream = version.split_once(':').map_or(version, |(_, rest)| rest);
    let major = leading_numbers(upstream, 1).to_owned();
    let minor = leading_numbers(upstream, 2).to_owned();
    let numbers: Vec<String> = numbers.into_iter().map(str::to_owned).collect();
    // A name that is in no table gives nothing: whoever asks tries the binary's own name anyway.
    let templates = SOURCES.find(&pattern).unwrap_or_default();
    templates.split('\t').filter(|template| !template.is_empty()).map(move |template| {
        let mut source = template.replace("{v1}", &major).replace("{v2}", &minor);
        for (at, number) in numbers.iter().enumerate() {
            source = source.replace(&format!("{{{at}}}"), number);
        }
        source
    })
}

/// What stands behind a `+` and is no source package's name: where a snapshot was taken.
const SNAPSHOTS: [&str; 5] = ["bzr", "cvs", "git", "hg", "svn"];

/// The source package's version, without its epoch, where a binary package that counts its own versions
/// carries it: `fonts-opensymbol` 2:102.11+LibO6.4.7-0ubuntu0.20.04.2 is built of libreoffice
/// 6.4.7-0ubuntu0.20.04.2, and `libldb2` 2:2.6.2+samba4.17.12+dfsg-0+deb12u1 of samba
/// 4.17.12+dfsg-0+deb12u1.
///
/// Before the number stands the source package's name or letters of it in their order, and behind it a
/// revision (Debian policy 5.6.12).
pub(crate) fn carried_version<'v>(source: &str, version: &'v str) -> Option<&'v str> {
    let (_, carried) = version.split_once('+')?;
    let name = &carried[..carried.find(|c: char| !c.is_ascii_alphabetic())?];
    let number = &carried[name.len()..];
    let is_version = number.starts_with(|c: char| c.is_ascii_digit())
        && leading_numbers(number, 2).contains('.')
        && number.contains('-');
    let name = name.to_ascii_lowercase();
    let is_named = name.len() > 2
        && !SNAPSHOTS.contains(&name.as_str())
        && source.starts_with(&name[..1])
        && are_letters_of(&name, source);
    (is_version && is_named).then_some(number)
}

/// Whether all letters are in a name, in their order.
fn are_letters_of(letters: &str, name: &str) -> bool {
    let mut rest = name.bytes();
    letters.bytes().all(|letter| rest.any(|other| other == letter))
}

/// The kernel of Ubuntu that a package of this name and version holds: `linux-hwe-5.13` for
/// `linux-image-5.13.0-30-generic` in version `5.13.0-30.33~20.04.1`.
pub(crate) fn ubuntu_kernel(binary: &str, version: &str) -> Option<String> {
    let rest = ["linux-image-unsigned-", "linux-image-", "linux-modules-extra-", "linux-modules-"]
        .iter()
        .find_map(|prefix| binary.strip_prefix(prefix))?;
    // 5.13.0-30-generic: the release, the build, the flavour.
    let mut parts = rest.splitn(3, '-');
    let (release, _, flavour) = (parts.next()?, parts.next()?, parts.next()?);
    // A metapackage such as `linux-image-generic-hwe-20.04` has no release there, and holds no
    // kernel.
    if !release.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    // Behind the flavour a variant may follow (`generic-64k`), which is built of the same source.
    let flavour = flavour.split('-').next().unwrap_or(flavour);
    // A kernel of a newer release of Ubuntu carries the older one's number in its version.
    let is_backport = version.contains('~');
    let line = leading_numbers(release, 2);
    Some(match (flavour, is_backport) {
        ("generic" | "lowlatency" | "virtual" | "server", false) => "linux".to_owned(),
        ("generic" | "lowlatency" | "virtual" | "server", true) => format!("linux-hwe-{line}"),
        (flavour, false) => format!("linux-{flavour}"),
        (flavour, true) => format!("linux-{flavour}-{line}"),
    })
}

/// The name with `#` for each number, and the numbers.
fn without_numbers(name: &str) -> (String, Vec<&str>) {
    let (mut pattern, mut numbers) = (String::with_capacity(name.len()), Vec::new());
    let mut rest = name;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        pattern.push_str(&rest[..start]);
        pattern.push('#');
        let number = leading_numbers(&rest[start..], usize::MAX);
        numbers.push(number);
        rest = &rest[start + number.len()..];
    }
    pattern.push_str(rest);
    (pattern, numbers)
}

/// The numbers that a text begins with, divided by single dots, at most so many.
fn leading_numbers(text: &str, most: usize) -> &str {
    let bytes = text.as_bytes();
    let digits = |at: usize| bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut end = digits(0);
    for _ in 1..most {
        let is_dot = end > 0 && bytes.get(end) == Some(&b'.');
        let next = if is_dot { digits(end + 1) } else { 0 };
        if next == 0 {
            break;
        }
        end += 1 + next;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_a_name_are_taken_out_and_put_back() {
        for (binary, version, source) in [
            ("libssl1.1", "1.1.1f-1ubuntu2.8", "openssl"),
            ("libssl3", "3.0.11-1~deb12u2", "openssl"),
            ("libpython3.8-minimal", "3.8.10-0ubuntu1~20.04.2", "python3.8"),
            ("libpq5", "12.9-0ubuntu0.20.04.1", "postgresql-12"),
            ("libmysqlclient21", "8.0.28-0ubuntu0.20.04.3", "mysql-8.0"),
            ("libc6", "2.31-0ubuntu9.2", "glibc"),
        ] {
            let found: Vec<String> = of(binary, version).collect();
            assert!(found.contains(&source.to_owned()), "{binary}: {found:?}");
        }
        assert_eq!(of("no-such-package", "1").count(), 0);
    }

    #[test]
    fn a_version_of_its_own_may_carry_the_sources() {
        for (source, version, carried) in [
            ("libreoffice", "2:102.11+LibO6.4.7-0ubuntu0.20.04.2", Some("6.4.7-0ubuntu0.20.04.2")),
            ("samba", "2:2.6.2+samba4.17.12+dfsg-0+deb12u1", Some("4.17.12+dfsg-0+deb12u1")),
            // Packaging, snapshots, and another source's name.
            ("samba", "2:4.17.12+dfsg-0+deb12u1", None),
            ("gitg", "3.32.1+git20190807.1-1", None),
            ("libreoffice", "2:2.6.2+samba4.17.12+dfsg-0+deb12u1", None),
            ("dnsmasq", "2.80+dns1-1", None),
            // No revision, no number, nothing at all.
            ("samba", "2.6.2+samba4.17", None),
            ("samba", "2.6.2+samba", None),
            ("samba", "2.6.2+", None),
            ("", "2.6.2+samba4.17-1", None),
        ] {
            assert_eq!(carried_version(source, version), carried, "{source} {version}");
        }
    }

    #[test]
    fn kernels_of_ubuntu_are_told_by_flavour_and_release() {
        for (binary, version, source) in [
            ("linux-image-5.4.0-100-generic", "5.4.0-100.113", Some("linux")),
            ("linux-image-5.13.0-30-generic", "5.13.0-30.33~20.04.1", Some("linux-hwe-5.13")),
            ("linux-modules-5.4.0-1065-aws", "5.4.0-1065.68", Some("linux-aws")),
            (
                "linux-image-unsigned-5.15.0-1020-azure",
                "5.15.0-1020.25~20.04.1",
                Some("linux-azure-5.15"),
            ),
            ("linux-image-generic", "5.4.0.100.104", None),
            ("linux-headers-5.4.0-100-generic", "5.4.0-100.113", None),
        ] {
            assert_eq!(ubuntu_kernel(binary, version).as_deref(), source, "{binary}");
        }
    }

    #[test]
    fn the_table_is_sorted_and_its_templates_can_be_filled() {
        let mut last = "";
        for (pattern, sources) in SOURCES.lines() {
            assert!(last < pattern, "{last} before {pattern}");
            last = pattern;
            let numbers = pattern.matches('#').count();
            for at in numbers..10 {
                assert!(!sources.contains(&format!("{{{at}}}")), "{pattern}");
            }
            assert!(!sources.is_empty(), "{pattern}");
        }
    }
}
