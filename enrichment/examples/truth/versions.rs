//! Version orders and version constraints against the published tables.

use std::path::Path;

use enrichment::lines;
use serde_json::{Value, json};

use super::score::{Case, Score, Verdict};
use super::{Bench, Failure, answer, json_lines, text};

/// Files of `a < b` lines and the scheme that they are about. What is missing here (R, Haskell,
/// Packagist, Dart) has no scheme: no source of software reports such packages.
const ORDERS: [(&str, &str); 13] = [
    ("alpine-versions.txt", "apk"),
    ("alpine-versions-generated.txt", "apk"),
    ("debian-versions.txt", "deb"),
    ("debian-versions-generated.txt", "deb"),
    ("maven-versions.txt", "maven"),
    ("maven-versions-generated.txt", "maven"),
    ("nuget-versions.txt", "nuget"),
    ("pypi-versions.txt", "pypi"),
    ("pypi-versions-generated.txt", "pypi"),
    ("redhat-versions.txt", "rpm"),
    ("rubygems-versions.txt", "gem"),
    ("rubygems-versions-generated.txt", "gem"),
    ("semver-versions.txt", "semver"),
];

/// One score a file of orders.
pub(crate) fn orders(bench: &Bench) -> Result<Vec<Score>, Failure> {
    ORDERS
        .iter()
        .map(|(file, scheme)| order(&bench.truth.join("version-order").join(file), scheme))
        .collect()
}

fn order(path: &Path, scheme: &str) -> Result<Score, Failure> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let mut score = Score::new(format!("version-order/{name}"));
    let text = std::fs::read_to_string(path).map_err(|why| format!("{}: {why}", path.display()))?;
    for line in text.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        if let [a, sign @ ("<" | ">" | "="), b] = fields[..] {
            compare(&mut score, scheme, (a, b), sign);
        }
    }
    Ok(score)
}

fn compare(score: &mut Score, scheme: &str, (a, b): (&str, &str), expected: &str) {
    let question = json!({"id": 0, "scheme": scheme, "a": a, "b": b});
    let answer = answer(&lines::version_compare_line(&question.to_string()));
    let verdict = match answer["order"].as_str() {
        Some(order) if order == expected => Verdict::Correct,
        Some(_) => Verdict::Wrong,
        None => Verdict::NotEvaluable,
    };
    let case = Case {
        what: &format!("{scheme} {a} {b}"),
        expected,
        got: text(&answer, "order"),
        why: why(&answer),
    };
    score.count(verdict, true, &case);
}

/// Whether versions satisfy constraints, one score for all formats and one each.
pub(crate) fn constraints(bench: &Bench) -> Result<Vec<Score>, Failure> {
    let mut all = Score::new("grype_version_constraints");
    let mut formats: Vec<(String, Score)> = Vec::new();
    for row in json_lines(&bench.truth.join("grype_version_constraints.jsonl"))? {
        let format = text(&row, "format");
        let Some(scheme) = scheme_of(format) else {
            continue;
        };
        if formats.last().is_none_or(|(last, _)| last != format) {
            let score = Score::new(format!("grype_version_constraints/{format}"));
            formats.push((format.to_owned(), score));
        }
        let own = formats.last_mut().map(|(_, score)| score);
        for score in std::iter::once(&mut all).chain(own) {
            constraint(score, scheme, &row);
        }
    }
    let formats = formats.into_iter().map(|(_, score)| score);
    Ok(std::iter::once(all).chain(formats).collect())
}

fn constraint(score: &mut Score, scheme: &str, row: &Value) {
    let Some(expected) = row["satisfied"].as_bool() else {
        let sign = row["cmp"].as_i64().or_else(|| text(row, "cmp").parse().ok());
        let sign = match sign.unwrap_or_default() {
            ..0 => "<",
            0 => "=",
            1.. => ">",
        };
        return compare(score, scheme, (text(row, "a"), text(row, "b")), sign);
    };
    let (version, constraint) = (text(row, "version"), text(row, "constraint"));
    let question = json!({"id": 0, "scheme": scheme, "version": version, "constraint": constraint});
    let answer = answer(&lines::version_compare_line(&question.to_string()));
    let got = answer["satisfied"].as_bool();
    let verdict = match got {
        Some(got) if got == expected => Verdict::Correct,
        Some(true) => Verdict::Wrong,
        Some(false) => Verdict::Missing,
        None => Verdict::NotEvaluable,
    };
    let case = Case {
        what: &format!("{scheme} {version} in {constraint:?}"),
        expected: &expected.to_string(),
        got: &answer["satisfied"].to_string(),
        why: why(&answer),
    };
    score.count(verdict, expected, &case);
}

fn why(answer: &Value) -> &str {
    answer["incomparable"].as_str().or_else(|| answer["error"].as_str()).unwrap_or_default()
}

/// The scheme for a format of the table; `kb` is about Microsoft's updates, which are no versions.
fn scheme_of(format: &str) -> Option<&str> {
    match format {
        "version" => Some("generic"),
        "kb" => None,
        _ => Some(format),
    }
}
