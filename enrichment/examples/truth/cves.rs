//! CVEs of CPE names against the published table.

use enrichment::lines;
use serde_json::{Value, json};

use super::score::{Case, Score, Verdict};
use super::{Bench, Failure, answer, json_lines, text};

/// The CVEs that a CPE name must have, and those that it must not have.
pub(crate) fn of_cpes(bench: &Bench) -> Result<Vec<Score>, Failure> {
    let mut score = Score::new("fleet_cpe_to_cve");
    for row in json_lines(&bench.truth.join("fleet_cpe_to_cve.jsonl"))? {
        let cpe = text(&row, "cpe");
        let list = |field: &str| row[field].as_array().cloned().unwrap_or_default();
        for expected in list("expected_cves") {
            let cve = text(&expected, "id");
            let (got, why) = ask(bench, cpe, cve);
            // Without products in the data no matching can know it.
            let is_knowable = text(&expected, "in_data") == "cpe";
            let verdict = match got.is_some() {
                true => Verdict::Correct,
                false if is_knowable => Verdict::Missing,
                false => Verdict::NotEvaluable,
            };
            let case = Case {
                what: cpe,
                expected: cve,
                got: got.as_deref().unwrap_or("nothing"),
                why: &why,
            };
            score.count(verdict, is_knowable || got.is_some(), &case);
        }
        for excluded in list("excluded_cves") {
            let cve = text(&excluded, "id");
            let (got, why) = ask(bench, cpe, cve);
            let verdict = match got {
                Some(_) => Verdict::Wrong,
                None => Verdict::Correct,
            };
            let case = Case {
                what: cpe,
                expected: &format!("not {cve}"),
                got: got.as_deref().unwrap_or("nothing"),
                why: &why,
            };
            score.count(verdict, false, &case);
        }
    }
    Ok(vec![score])
}

/// The finding of a CVE in words, if there is one, and what `--why-not` says of it.
fn ask(bench: &Bench, cpe: &str, cve: &str) -> (Option<String>, String) {
    let question = json!({"id": cve, "cpe": cpe}).to_string();
    let answer = answer(&lines::match_line(&bench.index, &question, Some(cve)));
    let findings = answer["findings"].as_array().map(Vec::as_slice);
    let found = findings.unwrap_or_default().iter().find(|finding| text(finding, "cve") == cve);
    let got = found.map(|finding: &Value| {
        let (confidence, why) = (text(finding, "confidence"), &finding["why"]);
        format!("{confidence} by {}", text(why, "criteria"))
    });
    (got, text(&answer["why_not"], "detail").to_owned())
}
