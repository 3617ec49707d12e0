//! Rows of other projects' published tables, decided as they decide them.
//!
//! A row that is decided differently on purpose is listed with its reason; a listed row that is
//! decided alike fails, so the lists stay true.
#![expect(clippy::panic, reason = "the helper functions of tests fail by it")]

use std::cmp::Ordering;
use std::collections::HashSet;

use enrichment::cpe::{self, Attribute, Cpe};
use enrichment::identity::{Identification, identify};
use enrichment::subject::{Platform, Subject};
use enrichment::version::{Bound, Range, Scheme, compare, satisfies};

/// The rows of a table of tab-separated columns.
fn rows<const N: usize>(table: &str) -> Vec<[&str; N]> {
    table
        .lines()
        .map(|line| {
            let mut fields = line.split('\t');
            std::array::from_fn(|_| fields.next().unwrap_or_default())
        })
        .collect()
}

/// Asserts that a row is decided as the table says, unless it is listed as different.
fn assert_row(row: &str, is_alike: bool, different: &[(&str, &str)]) {
    let reason = different.iter().find(|(listed, _)| *listed == row);
    match (is_alike, reason) {
        (true, None) | (false, Some(_)) => {}
        (false, None) => panic!("differs: {row}"),
        (true, Some((_, reason))) => panic!("does not differ any more: {row} ({reason})"),
    }
}

#[test]
fn versions_are_ordered_as_published() {
    for line in include_str!("truth/version_order.txt").lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let [scheme, a, sign, b] = fields[..] else {
            panic!("{line}");
        };
        let expected = match sign {
            "<" => Ordering::Less,
            ">" => Ordering::Greater,
            _ => Ordering::Equal,
        };
        let scheme: Scheme = scheme.parse().unwrap();
        assert_eq!(compare(scheme, a, b), Ok(expected), "{line}");
        assert_eq!(compare(scheme, b, a), Ok(expected.reverse()), "{line}, the other way");
    }
}

#[test]
fn constraints_are_satisfied_as_published() {
    /// What is decided differently, and why.
    const DIFFERENT: [(&str, &str); 0] = [];
    for [format, version, constraint, satisfied] in rows(include_str!("truth/constraints.tsv")) {
        let scheme = match format {
            "fuzzy" | "version" => Scheme::Generic,
            other => other.parse().unwrap(),
        };
        let found = satisfies(scheme, version, constraint);
        let row = format!("{format} {version} {constraint}");
        assert_row(&row, found == Ok(satisfied == "yes"), &DIFFERENT);
    }
}

#[test]
fn cpe_names_match_as_published() {
    for [source, target, matches, first, second] in rows(include_str!("truth/cpe_matching.tsv")) {
        let source_name = Cpe::parse(source).unwrap();
        let target_name = Cpe::parse(target).unwrap();
        let mut range = Range::default();
        for (name, version) in [first, second].iter().filter_map(|bound| bound.split_once(' ')) {
            let bound = Bound { version, is_included: name.ends_with("Including") };
            if name.starts_with("havingStart") {
                range.start = Some(bound);
            } else {
                range.end = Some(bound);
            }
        }
        let is_in_range = target_name
            .get(Attribute::Version)
            .as_value()
            .is_none_or(|version| range.contains(Scheme::Generic, version) == Ok(true));
        let found = cpe::matches(&source_name, &target_name) && is_in_range;
        assert_eq!(found, matches == "yes", "{source} to {target} {first} {second}");
    }
}

#[test]
fn applications_are_the_products_that_are_published() {
    const DIFFERENT: [(&str, &str); 1] =
        [("firefox_addon Bing", "a name without a publisher, which anyone could give an add-on")];
    let table = rows::<6>(include_str!("truth/applications.tsv"));
    // Products of the table, and those that the names must not be taken for.
    let known: HashSet<&str> = table
        .iter()
        .map(|row| row[5])
        .chain(["docker:docker", "atlassian:jira", "microsoft:excel", "google:docs"])
        .collect();
    for [source, name, version, vendor, bundle_id, expected] in table {
        let (source, family) = match source {
            "chrome_extensions" => ("chrome_extension", "linux"),
            "firefox_addons" => ("firefox_addon", "linux"),
            "homebrew_packages" => ("homebrew", "macos"),
            "python_packages" => ("python", "linux"),
            "vscode_extensions" => ("vscode", "linux"),
            "programs" => ("programs", "windows"),
            other => (other, "macos"),
        };
        let subject = Subject {
            source,
            name,
            version,
            vendor,
            bundle_id,
            platform: Platform { family, ..Platform::default() },
            ..Subject::default()
        };
        let is_known =
            |vendor: &str, product: &str| known.contains(&*format!("{vendor}:{product}"));
        let is_alike = match identify(&subject, &is_known) {
            Identification::Identified(identified) => identified
                .candidates
                .iter()
                .any(|found| format!("{}:{}", found.vendor, found.product) == expected),
            Identification::NotEvaluable { .. } | Identification::Unmapped { .. } => {
                expected == "-"
            }
        };
        assert_row(&format!("{source} {name}"), is_alike, &DIFFERENT);
    }
}
