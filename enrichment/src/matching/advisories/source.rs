//! The source package that a subject was built of: as its record says it, or as its name lets one guess.

use std::borrow::Cow;

use crate::identity;
use crate::subject::Subject;

/// The source package that a record names.
pub(in crate::matching) struct Source<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) version: Option<Cow<'a, str>>,
}

impl<'a> Source<'a> {
    pub(super) fn of(subject: &Subject<'a>) -> Self {
        let given = |text: &'a str| (!text.is_empty()).then_some(Cow::Borrowed(text));
        let mut source = Self {
            name: given(subject.source_name).unwrap_or(Cow::Borrowed(subject.name)),
            version: given(subject.source_version),
        };
        // dpkg writes `Source: glibc (2.36-9+deb12u4)` where the two versions differ.
        if let Some((name, rest)) = subject.source_name.split_once(" (") {
            source.name = name.into();
            source.version = source.version.or_else(|| given(rest.trim_end_matches(')')));
        }
        // Kernels are built of one source and signed as another, whose version is its own: the
        // package itself has the kernel's.
        if let Some(kernel) = source.name.strip_prefix("linux-signed") {
            let architectures = ["amd64", "arm64", "i386"];
            let line = kernel.strip_prefix('-').unwrap_or(kernel);
            source.name = if line.is_empty() || architectures.contains(&line) {
                "linux".into()
            } else {
                format!("linux-{line}").into()
            };
            source.version = None;
        }
        if subject.source == "rpm" {
            // What an rpm names is the file's version, which its own fields say too.
            source.version = None;
        }
        source
    }
}

/// The source packages that a subject may be of when nobody says which, the likeliest first.
pub(super) fn guesses(subject: &Subject<'_>) -> Vec<String> {
    if !subject.source_name.is_empty() {
        Vec::new()
    } else if !matches!(subject.source, "rpm" | "apk") {
        identity::ubuntu_kernel(subject.name, subject.version)
            .into_iter()
            .chain(identity::source_packages(subject.name, subject.version))
            .collect()
    } else if is_bare(subject) {
        wholes(subject)
    } else {
        // A record from the header or from apk's database would have named another source.
        Vec::new()
    }
}

const fn is_bare(subject: &Subject<'_>) -> bool {
    subject.vendor.is_empty() && subject.source_version.is_empty()
}

/// What a part may be of, the likeliest first. Parts of an rpm or an apk are mostly called after
/// the whole (`systemd-pam`, `ruby-libs`), libraries after it and their version (`libcurl4`,
/// `libopenssl1_1`), and the rest as in Debian (`libcrypto1.1` is of `openssl`).
fn wholes(subject: &Subject<'_>) -> Vec<String> {
    let name = subject.name;
    // From the right: the more of a name is kept, the likelier it is that of the whole.
    let mut wholes: Vec<String> =
        name.match_indices('-').rev().map(|(at, _)| name[..at].to_owned()).collect();
    if let Some(library) = name.strip_prefix("lib") {
        let is_version = |c: char| c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
        let stem = library.trim_end_matches(is_version);
        let version = library[stem.len()..].trim_start_matches('-');
        wholes.push(format!("lib{stem}"));
        wholes.push(stem.to_owned());
        wholes.push(format!("{stem}-{version}"));
    }
    wholes.extend(identity::source_packages(name, subject.version));
    wholes
}
