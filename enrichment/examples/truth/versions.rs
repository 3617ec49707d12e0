//! Version orders and version constraints against the published tables.

use std::cmp::Ordering;
use std::error::Error;
use std::path::Path;

use enrichment::version::{self, Scheme};

use super::{Outcome, json_lines, text};

/// Files of `a < b` lines and the scheme that they are about.
const ORDERS: [(&str, Scheme); 13] = [
    ("alpine-versions.txt", Scheme::Apk),
    ("alpine-versions-generated.txt", Scheme::Apk),
    ("debian-versions.txt", Scheme::Deb),
    ("debian-versions-generated.txt", Scheme::Deb),
    ("maven-versions.txt", Scheme::Maven),
    ("maven-versions-generated.txt", Scheme::Maven),
    ("nuget-versions.txt", Scheme::Nuget),
    ("pypi-versions.txt", Scheme::Pypi),
    ("pypi-versions-generated.txt", Scheme::Pypi),
    ("redhat-versions.txt", Scheme::Rpm),
    ("rubygems-versions.txt", Scheme::Gem),
    ("rubygems-versions-generated.txt", Scheme::Gem),
    ("semver-versions.txt", Scheme::Semver),
];

/// One outcome a file of orders.
pub(crate) fn orders(folder: &Path) -> Result<Vec<Outcome>, Box<dyn Error>> {
    ORDERS
        .iter()
        .map(|(file, scheme)| order(&folder.join(file), *scheme))
        .collect()
}

fn order(path: &Path, scheme: Scheme) -> Result<Outcome, Box<dyn Error>> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut outcome = Outcome::new(format!("version-order/{name}"));
    let lines =
        std::fs::read_to_string(path).map_err(|why| format!("{}: {why}", path.display()))?;
    for line in lines.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let [a, sign, b] = fields[..] else {
            continue;
        };
        let expected = match sign {
            "<" => Ordering::Less,
            ">" => Ordering::Greater,
            "=" => Ordering::Equal,
            _ => continue,
        };
        let found = version::compare(scheme, a, b);
        outcome.row(found == Ok(expected), || format!("{line}: {found:?}"));
    }
    Ok(outcome)
}

/// One outcome a format of the constraints.
pub(crate) fn constraints(path: &Path) -> Result<Vec<Outcome>, Box<dyn Error>> {
    let mut outcomes: Vec<Outcome> = Vec::new();
    for row in json_lines(path)? {
        let format = text(&row, "format");
        let Some(scheme) = scheme_of(format) else {
            continue;
        };
        let table = format!("constraints/{format}");
        if outcomes.last().is_none_or(|last| last.table != table) {
            outcomes.push(Outcome::new(table));
        }
        let Some(outcome) = outcomes.last_mut() else {
            continue;
        };
        if let Some(satisfied) = row["satisfied"].as_bool() {
            let found = version::satisfies(scheme, text(&row, "version"), text(&row, "constraint"));
            outcome.row(found == Ok(satisfied), || format!("{row}: {found:?}"));
        } else {
            let found = version::compare(scheme, text(&row, "a"), text(&row, "b"));
            let expected = match row["cmp"].as_str() {
                Some(text) => text.parse().ok(),
                None => row["cmp"].as_i64(),
            };
            let expected = expected.map(|sign: i64| sign.cmp(&0));
            outcome.row(found.ok() == expected, || format!("{row}: {found:?}"));
        }
    }
    Ok(outcomes)
}

/// The scheme for a format of the table; `kb` is about Microsoft's updates, which are no versions.
fn scheme_of(format: &str) -> Option<Scheme> {
    match format {
        "fuzzy" | "version" => Some(Scheme::Generic),
        "bitnami" => Some(Scheme::Semver),
        "pacman" => Some(Scheme::Rpm),
        "portage" => None,
        _ => format.parse().ok(),
    }
}
