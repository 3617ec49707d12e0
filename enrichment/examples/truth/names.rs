//! CPE names and application names against the published tables.

use enrichment::cpe::{Attribute, Cpe};
use enrichment::lines;
use serde_json::{Map, Value, json};

use super::score::{Case, Score, Verdict};
use super::{Bench, Failure, answer, json_lines, text};

/// Pairs of names, and whether the record's covers the installed one's.
pub(crate) fn cpe_matching(bench: &Bench) -> Result<Vec<Score>, Failure> {
    let mut score = Score::new("dependencytrack_cpe_matching");
    for row in json_lines(&bench.truth.join("dependencytrack_cpe_matching.jsonl"))? {
        let (source, target) = (text(&row, "source_cpe"), text(&row, "target_cpe"));
        let range = range(&row["range"]);
        let question = json!({"id": 0, "source_cpe": source, "target_cpe": target, "range": range});
        let answer = answer(&lines::cpe_match_line(&question.to_string()));
        let expected = row["matches"].as_bool().unwrap_or_default();
        let verdict = match answer["matches"].as_bool() {
            Some(got) if got == expected => Verdict::Correct,
            Some(true) => Verdict::Wrong,
            Some(false) => Verdict::Missing,
            None => Verdict::NotEvaluable,
        };
        let case = Case {
            what: &format!("{source} to {target} {range}"),
            expected: &expected.to_string(),
            got: &answer["matches"].to_string(),
            why: text(&answer, "error"),
        };
        score.count(verdict, expected, &case);
    }
    Ok(vec![score])
}

/// The table's `havingStartIncluding` as the records' `versionStartIncluding`.
fn range(row: &Value) -> Value {
    let members: Map<String, Value> = row
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, bound)| (name.replacen("having", "version", 1), bound.clone()))
        .collect();
    Value::Object(members)
}

/// Applications and the vendor and product that they are; without one, nothing may be found.
///
/// Three scores: whether any of the names given is the table's, whether the first is, and whether
/// the first is the table's to the last attribute.
pub(crate) fn applications(bench: &Bench) -> Result<Vec<Score>, Failure> {
    let mut any = Score::new("fleet_app_to_cpe");
    let mut first = Score::new("fleet_app_to_cpe/first");
    let mut whole = Score::new("fleet_app_to_cpe/whole_name");
    for row in json_lines(&bench.truth.join("fleet_app_to_cpe.jsonl"))? {
        let (source, family) = source_of(&row);
        let question = json!({
            "id": text(&row, "id"), "source": source, "os": {"family": family},
            "name": text(&row, "name"), "version": text(&row, "version"),
            "vendor": text(&row, "vendor"), "bundle_id": text(&row, "bundle_identifier"),
        });
        let answer = answer(&lines::match_line(&bench.index, &question.to_string(), None));
        let cpes: Vec<&str> = answer["identity"]["cpes"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let expected = text(&row, "expected_cpe");
        let is_same = |got: &&str| pair(got) == pair(expected);
        let is_any = cpes.iter().any(is_same);
        let is_first = cpes.first().is_some_and(is_same);
        let is_whole = cpes.first().is_some_and(|got| is_whole(got, expected));
        for (score, is_right) in
            [(&mut any, is_any), (&mut first, is_first), (&mut whole, is_whole)]
        {
            let verdict = match (expected.is_empty(), cpes.is_empty()) {
                (true, true) => Verdict::Correct,
                (false, true) => Verdict::Missing,
                (false, false) if is_right => Verdict::Correct,
                (_, false) => Verdict::Wrong,
            };
            let case = Case {
                what: &format!("{source} {:?}", text(&row, "name")),
                expected,
                got: &cpes.join(" "),
                why: text(&answer["identity"], "rule"),
            };
            score.count(verdict, !expected.is_empty(), &case);
        }
    }
    Ok(vec![any, first, whole])
}

fn source_of(row: &Value) -> (&str, &'static str) {
    match text(row, "source") {
        "chrome_extensions" => ("chrome_extension", "linux"),
        "firefox_addons" => ("firefox_addon", "linux"),
        "homebrew_packages" => ("homebrew", "macos"),
        "python_packages" => ("python", "linux"),
        "vscode_extensions" => ("vscode", "linux"),
        "programs" => ("programs", "windows"),
        other => (other, "macos"),
    }
}

/// Vendor and product of a CPE name.
fn pair(cpe: &str) -> Option<(String, String)> {
    let cpe = Cpe::parse(cpe).ok()?;
    let value = |attribute| cpe.get(attribute).as_value().map(str::to_owned);
    Some((value(Attribute::Vendor)?, value(Attribute::Product)?))
}

/// Whether two names are the same, but for an update that one calls `-` and the other leaves open.
fn is_whole(got: &str, expected: &str) -> bool {
    let read = |cpe: &str| Cpe::parse(&cpe.replacen(":-:", ":*:", 1)).ok();
    read(got).is_some() && read(got) == read(expected)
}

/// Display names of Windows, whose table says no CPE but a normalised identifier: a product that is
/// found for a name has to occur in its identifier or the other way round. What is not mapped says
/// nothing, because nobody knows which of these programs have CVEs.
pub(crate) fn windows_names(bench: &Bench) -> Result<Vec<Score>, Failure> {
    let mut score = Score::new("winget_arp_names");
    for row in json_lines(&bench.truth.join("winget_arp_names.jsonl"))? {
        let question = json!({
            "id": 0, "source": "programs", "version": "1.0", "os": {"family": "windows"},
            "name": text(&row, "display_name"), "vendor": text(&row, "publisher"),
        });
        let answer = answer(&lines::match_line(&bench.index, &question.to_string(), None));
        let expected = text(&row, "normalized_id");
        let cpes = answer["identity"]["cpes"].as_array().into_iter().flatten();
        let pairs: Vec<_> = cpes.filter_map(Value::as_str).filter_map(pair).collect();
        let agrees = |(_, product): &(String, String)| {
            let (id, product) = (letters(expected), letters(product));
            let own = letters(expected.split_once('.').map_or(expected, |(_, own)| own));
            id.contains(&product) || product.contains(&own)
        };
        let verdict = if pairs.is_empty() {
            Verdict::NotEvaluable
        } else if pairs.iter().any(agrees) {
            Verdict::Correct
        } else {
            Verdict::Wrong
        };
        let case = Case {
            what: &format!("{:?} by {:?}", text(&row, "display_name"), text(&row, "publisher")),
            expected,
            got: &format!("{pairs:?}"),
            why: text(&answer["identity"], "rule"),
        };
        score.count(verdict, verdict != Verdict::NotEvaluable, &case);
    }
    Ok(vec![score])
}

/// The letters and digits of a name, in lower case.
fn letters(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}
