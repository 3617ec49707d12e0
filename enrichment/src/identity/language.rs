//! Packages of programming languages.
//!
//! They are found by ecosystem and name together: npm's `connect` is not Adobe's. What no table
//! knows stays unmapped, because a bare name means nothing outside its ecosystem. One rule goes
//! beyond the tables: for Python, whose packages NVD seldom marks as such, the vendors that NVD
//! gives to packages without one of their own.

use std::borrow::Cow;

use super::curated;
use super::table::Table;
use super::{Candidate, Identification, Identified, TargetSw, candidates, owned_candidates, purl};
use crate::subject::Subject;
use crate::version::Scheme;

/// Packages by ecosystem and name; made from purl2cpe and the CVE records themselves.
const PACKAGES: Table = Table::new(include_str!("../../data/identity/language.tsv"));

/// How the rule begins that takes a package for the product called like it.
pub(crate) const GUESSED: &str = "package without vendor:";

pub(crate) fn identify(
    subject: &Subject<'_>,
    known: &dyn Fn(&str, &str) -> bool,
) -> Identification {
    let purl = purl::of(subject);
    let (ecosystem, target_sw, scheme) = match subject.source {
        "python" => ("pypi", "python", Scheme::Pypi),
        "npm" => ("npm", "node.js", Scheme::Npm),
        "cargo" => ("cargo", "rust", Scheme::Semver),
        // No table has names of these: their registries' advisories know them, or nobody does.
        "go" => ("golang", "go", Scheme::Go),
        "maven" => ("maven", "maven", Scheme::Maven),
        "nuget" => ("nuget", ".net", Scheme::Nuget),
        "hex" => ("hex", "erlang", Scheme::Semver),
        _ => ("gem", "ruby", Scheme::Gem),
    };
    let key = format!("{ecosystem}/{}", normalised(ecosystem, subject.name));
    let target_sw = TargetSw::Runs(target_sw);
    let listed = PACKAGES.find(&key).map(|pairs| candidates(pairs.split('\t'), target_sw, known));
    let (candidates, rule) = match listed {
        Some(found) => (found, format!("package:{key}")),
        // Of npm and gem packages NVD says what they run in, so that the table made of its records
        // has them all.
        None if ecosystem == "pypi" => {
            match without_vendor(&key["pypi/".len()..], target_sw, known) {
                Some(found) => (found, format!("{GUESSED}{key}")),
                None => return unmapped(purl),
            }
        }
        None => return unmapped(purl),
    };
    Identification::Identified(Identified {
        candidates,
        purl,
        rule: Cow::Owned(rule),
        version: subject.version.to_owned(),
        update: String::new(),
        scheme,
    })
}

const fn unmapped(purl: Option<String>) -> Identification {
    Identification::Unmapped { reason: "no CVE record is known to be about this package", purl }
}

/// The product under the vendors that NVD gives to Python packages that have none: the language's
/// own, and the project's name. A product with several names is a program and no package:
/// `git_project:git` is Git.
fn without_vendor(
    name: &str,
    target_sw: TargetSw,
    known: &dyn Fn(&str, &str) -> bool,
) -> Option<Vec<Candidate>> {
    let project = format!("{name}_project");
    ["python", project.as_str()]
        .into_iter()
        .find(|vendor| {
            known(vendor, name) && curated::aliases_of(&format!("{vendor}:{name}")).is_none()
        })
        .map(|vendor| owned_candidates(vendor, name, target_sw, known))
}

/// The name as its ecosystem compares names.
///
/// `PyPI` takes `Foo._-Bar` for `foo-bar` (PEP 503); npm's names are in lower case, but for old ones
/// that nobody can publish any more; the others compare letter by letter.
pub(crate) fn normalised<'a>(ecosystem: &str, name: &'a str) -> Cow<'a, str> {
    let is_divider = |c: char| matches!(c, '-' | '_' | '.');
    match ecosystem {
        "pypi" if name.contains(|c: char| is_divider(c) || c.is_uppercase()) => {
            let mut parts = name.split(is_divider).filter(|part| !part.is_empty());
            let mut normal = parts.next().unwrap_or_default().to_lowercase();
            for part in parts {
                normal.push('-');
                normal.push_str(&part.to_lowercase());
            }
            normal.into()
        }
        "npm" | "gem" if name.contains(char::is_uppercase) => name.to_lowercase().into(),
        _ => name.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{identified, pairs, subject, unmapped_reason};
    use super::*;

    #[test]
    fn finds_a_package_by_ecosystem_and_name() {
        let found = identified(&subject("python", "Requests", "2.25.1"));
        assert!(pairs(&found).contains(&"python:requests".to_owned()), "{found:?}");
        assert_eq!(found.candidates[0].target_sw, TargetSw::Runs("python"));
        assert_eq!(found.scheme, Scheme::Pypi);
        assert_eq!(found.rule, "package:pypi/requests");
        assert_eq!(found.purl.as_deref(), Some("pkg:pypi/requests@2.25.1"));
    }

    #[test]
    fn spellings_that_an_ecosystem_takes_for_one_are_one() {
        let dashed = identified(&subject("python", "msgpack", "1"));
        assert_eq!(
            dashed,
            Identified {
                purl: dashed.purl.clone(),
                ..identified(&subject("python", "MsgPack", "1"))
            }
        );
    }

    #[test]
    fn finds_a_python_package_under_the_vendors_of_those_that_have_none() {
        let click = identified(&subject("python", "Click", "8.0.3"));
        assert_eq!(pairs(&click), ["click_project:click"]);
        assert_eq!(click.rule, "package without vendor:pypi/click");
        assert!(unmapped_reason(&subject("npm", "click", "8.0.3")).contains("no CVE record"));
    }

    #[test]
    fn a_program_under_its_projects_name_is_no_package() {
        let found = crate::identity::identify(&subject("python", "git", "2.0"), &|vendor, _| {
            vendor == "git_project"
        });
        assert!(matches!(found, Identification::Unmapped { .. }), "{found:?}");
    }

    #[test]
    fn does_not_take_a_package_for_a_product_of_the_same_name() {
        for (source, name) in
            [("python", "docker"), ("python", "jira"), ("npm", "photoshop"), ("gem", "chrome")]
        {
            assert!(
                unmapped_reason(&subject(source, name, "1.0")).contains("no CVE record"),
                "{name}"
            );
        }
        let connect = identified(&subject("npm", "connect", "3.0"));
        assert!(pairs(&connect).iter().all(|pair| !pair.starts_with("adobe")), "{connect:?}");
    }

    #[test]
    fn the_table_is_sorted_and_names_pairs() {
        let mut last = "";
        for (key, pairs) in PACKAGES.lines() {
            assert!(last < key, "{last} before {key}");
            assert!(pairs.split('\t').all(|pair| pair.contains(':')), "{key}");
            last = key;
        }
    }
}
