//! Packages of a language that may be the copy that the distribution installs and repairs.
//!
//! `python3-urllib3` 1.24.2-5.el8 puts a urllib3 1.24.2 on the host that pip lists like any other,
//! with fixes that its version does not show. Whoever read the list and knows that no package owns the
//! copy says so in the subject, as our agent does, and then nothing here counts. In any other list a
//! copy of **the very version that the distribution repairs** cannot be judged by that version: the
//! distribution's package is in the list too, and is judged with its release. A copy of another
//! version is nobody's but the registry's.

use smol_str::SmolStr;

use crate::identity;
use crate::index::Index;
use crate::lookup_key::LookupKey;
use crate::matching::advisories::release;
#[cfg(test)]
use crate::subject::Platform;
use crate::subject::Subject;

/// What distributions put before the name of a package of each language: Red Hat has a set of
/// packages for each Python beside the system's own, Debian's sources have one for all.
const PREFIXES: [(&str, &[&str]); 3] = [
    ("gem", &["rubygem-", "ruby-"]),
    ("npm", &["nodejs-", "node-"]),
    (
        "python",
        &[
            "python3-",
            "python-",
            "python2-",
            "python36-",
            "python38-",
            "python39-",
            "python3.11-",
            "python3.12-",
        ],
    ),
];

/// The names that the distribution's package may have; none where the copy is surely not its own.
fn names<'a>(subject: &Subject<'a>) -> impl Iterator<Item = String> + use<'a> {
    let is_asked = !subject.is_standalone && !subject.platform.id.is_empty();
    let prefixes = PREFIXES
        .iter()
        .find(|(source, _)| is_asked && *source == subject.source)
        .map_or(&[][..], |(_, prefixes)| *prefixes);
    let registry = if subject.source == "python" { "pypi" } else { subject.source };
    // Borrowed: packages of the distribution come by here too, and ask for nothing.
    let name = identity::registry_name(registry, subject.name);
    prefixes.iter().map(move |prefix| format!("{prefix}{name}"))
}

/// What is asked about a subject here, whatever the index holds.
pub(super) fn keys(subject: &Subject<'_>) -> impl Iterator<Item = LookupKey> {
    names(subject).map(|name| LookupKey::of_package("", "", "", &name))
}

/// A package of the distribution that has had a repair under the version upstream that is installed.
struct Shipped<'a> {
    place: SmolStr,
    package: &'a str,
    fix: &'a str,
}

fn shipped<'a>(index: &'a Index, subject: &Subject<'_>) -> Option<Shipped<'a>> {
    let mut names = names(subject).peekable();
    // Most subjects have no such names, and need no look at their release.
    names.peek()?;
    // Without advisories of the release nobody says what it has repaired.
    let release = release::of(index, subject.platform, subject.version).ok()?;
    names.find_map(|name| {
        let views = release.places.iter();
        views.filter_map(|(at, ..)| index.find_package(*at, &name)).find_map(|view| {
            let spans = index.statements(&view).flat_map(|statement| index.spans(statement));
            let mut fixes = spans.filter_map(|span| span.upper).map(|fix| fix.text());
            Some(Shipped {
                place: release.shown(),
                package: view.name,
                // The very version, because only of that one the distribution has a build with
                // a repair.
                fix: fixes.find(|fix| upstream(fix) == subject.version)?,
            })
        })
    })
}

/// The version upstream of a distribution's: 1.24.2 of `0:1.24.2-5.el8`, 2.3.0 of `2.3.0+dfsg-1`.
fn upstream(version: &str) -> &str {
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    let version = version.rsplit_once('-').map_or(version, |(before, _)| before);
    version.split(['+', '~']).next().unwrap_or(version)
}

/// Why a subject is not judged by itself; `None` for one that is.
pub(super) fn reason(index: &Index, subject: &Subject<'_>) -> Option<String> {
    let Shipped { place, package, fix } = shipped(index, subject)?;
    Some(format!(
        "not evaluable: it may be the copy in {place}'s package {package}, which repairs {} without \
         a new version ({fix}) and is judged by itself",
        subject.version
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_upstream_is_what_packaging_leaves_of_it() {
        for (version, expected) in [
            ("0:1.24.2-5.el8", "1.24.2"),
            ("2.1.0-107.module+el8.4.0+10822+fe4fffb1", "2.1.0"),
            ("1:2.3.0+dfsg-1", "2.3.0"),
            ("1.26.5-1~exp1ubuntu0.1", "1.26.5"),
            ("3.0", "3.0"),
        ] {
            assert_eq!(upstream(version), expected, "{version}");
        }
    }

    #[test]
    fn only_copies_that_may_be_the_distributions_are_asked_about() {
        let listed = Subject {
            source: "python",
            name: "Urllib3",
            platform: Platform { id: "rhel", ..Platform::default() },
            ..Subject::default()
        };
        assert!(names(&listed).any(|name| name == "python3-urllib3"));
        for other in [
            Subject { is_standalone: true, ..listed },
            Subject { platform: Platform::default(), ..listed },
            Subject { source: "programs", ..listed },
        ] {
            assert_eq!(names(&other).count(), 0, "{other:?}");
        }
    }
}
