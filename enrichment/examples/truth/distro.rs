//! Findings of distributions' packages against the published tables: two whole hosts, and single
//! packages that people have labelled.
//!
//! What is reported beyond a host's list is not taken on trust: a second evaluator, which knows
//! nothing of the index, asks the raw advisories whether their publisher says so.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::Path;

use enrichment::lines;
use serde_json::{Value, json};

use super::score::{Case, Score, Verdict};
use super::{Bench, Failure, answer, text};
use slow::{Asked, Slow};

#[path = "distro/images.rs"]
mod images;
#[path = "distro/slow.rs"]
mod slow;

/// A host's whole list: every CVE of it, and no other that the distribution does not confirm.
pub(crate) fn hosts(bench: &Bench) -> Result<Vec<Score>, Failure> {
    let rows = packed_lines(&bench.truth.join("fleet_distro_hosts.jsonl.xz"))?;
    let slow = Slow::read(&feeds_of(bench))?;
    let mut all = Score::new("fleet_distro_hosts");
    let mut scores = Vec::new();
    for host in &rows {
        let [raw, agreed] = of_host(bench, &slow, host);
        all.add(&raw);
        scores.extend([raw, agreed]);
    }
    scores.push(all);
    Ok(scores)
}

fn feeds_of(bench: &Bench) -> std::path::PathBuf {
    bench.truth.with_file_name("distro")
}

fn of_host(bench: &Bench, slow: &Slow, host: &Value) -> [Score; 2] {
    let name = text(host, "host");
    let (id, version) = system(name);
    let os = json!({"family": "linux", "id": id, "version": version});
    let packages = host["packages"].as_array().map_or(&[][..], Vec::as_slice);
    let mut found: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for package in packages {
        let answer = answer(&lines::match_line(&bench.index, &question(package, &os, id), None));
        for finding in answer["findings"].as_array().into_iter().flatten() {
            let cve = text(finding, "cve").to_owned();
            found.entry(cve).or_default().push(finding.clone());
        }
    }
    let listed: BTreeSet<&str> = (host["expected_cves"].as_array().into_iter().flatten())
        .filter_map(Value::as_str)
        .collect();
    let mut raw = Score::new(format!("fleet_distro_hosts:{name}"));
    let mut agreed = Score::new(format!("fleet_distro_hosts:{name}:not-denied"));
    for cve in &listed {
        let got = found.get(*cve);
        let denial = slow.denial(id, &version, cve);
        let why = match (&denial, got) {
            (_, Some(_)) => String::new(),
            (Some(denial), None) => format!("the distribution denies it: {denial}"),
            (None, None) => "no statement was found for an installed package".to_owned(),
        };
        let case = Case {
            what: name,
            expected: cve,
            got: if got.is_some() { "found" } else { "nothing" },
            why: &why,
        };
        let verdict = if got.is_some() { Verdict::Correct } else { Verdict::Missing };
        raw.count(verdict, true, &case);
        if got.is_none() && denial.is_some() {
            agreed.count(Verdict::NotEvaluable, false, &case);
        } else {
            agreed.count(verdict, true, &case);
        }
    }
    for (cve, findings) in found.iter().filter(|(cve, _)| !listed.contains(cve.as_str())) {
        let confirmed = findings.iter().any(|finding| is_confirmed(slow, id, finding));
        let why = findings.first().map(|finding| finding["why"].to_string());
        let case = Case {
            what: name,
            expected: "nothing that the distribution does not say",
            got: cve,
            why: why.as_deref().unwrap_or_default(),
        };
        let verdict = if confirmed { Verdict::Correct } else { Verdict::Wrong };
        raw.count(verdict, false, &case);
        agreed.count(verdict, false, &case);
    }
    [raw, agreed]
}

fn is_confirmed(slow: &Slow, id: &str, finding: &Value) -> bool {
    let why = &finding["why"];
    let place = text(&why["advisory"], "place");
    slow.affects(&Asked {
        id,
        release: place.split_once(' ').map_or("", |(_, release)| release),
        package: text(&why["advisory"], "package"),
        cve: text(finding, "cve"),
        version: text(why, "version"),
    })
}

/// `ubuntu_2004` is Ubuntu 20.04, `rhel_08-0804` Red Hat Enterprise Linux 8.4.
fn system(host: &str) -> (&str, String) {
    let (id, digits) = host.split_once('_').unwrap_or((host, ""));
    let digits = digits.rsplit('-').next().unwrap_or(digits);
    let (major, minor) = digits.split_at(digits.len().min(2));
    let version = if id == "ubuntu" {
        format!("{major}.{minor}")
    } else {
        let number = |text: &str| text.trim_start_matches('0').to_owned();
        format!("{}.{}", number(major), number(minor))
    };
    (id, version)
}

fn question(package: &Value, os: &Value, id: &str) -> String {
    let source = if id == "rhel" { "rpm" } else { "deb" };
    json!({
        "id": null, "source": source, "name": text(package, "name"), "os": os,
        "version": text(package, "version"), "release": text(package, "release"),
        "arch": text(package, "arch"),
    })
    .to_string()
}

/// Packages of images that people have looked at: what they call a false alarm is not reported,
/// what they confirm is.
pub(crate) fn labels(bench: &Bench) -> Result<Vec<Score>, Failure> {
    let rows = packed_lines(&bench.truth.join("anchore_match_labels.jsonl.xz"))?;
    let slow = Slow::read(&feeds_of(bench))?;
    // What publishers package and what languages do, each once for the labels that confirm a match
    // and once for those that call it false.
    let sets = ["distro:TP", "distro:FP", "language:TP", "language:FP"];
    let [mut distro, mut distro_false, mut language, mut language_false] =
        sets.map(|set| Score::new(format!("anchore_match_labels:{set}")));
    for row in &rows {
        let is_positive = match text(row, "label") {
            "TP" => true,
            "FP" => false,
            // Of some nobody was sure.
            _ => continue,
        };
        // Some are about an image as a whole.
        if row["package"].is_null() {
            continue;
        }
        let version = text(&row["package"], "version");
        match (images::system(text(row, "image"), version), is_positive) {
            (Some(system), true) => of_distribution(bench, &slow, row, system, &mut distro),
            (Some(system), false) => of_distribution(bench, &slow, row, system, &mut distro_false),
            (None, true) => of_language(bench, row, &mut language),
            (None, false) => of_language(bench, row, &mut language_false),
        }
    }
    let mut confirmed = Score::new("anchore_match_labels:TP");
    confirmed.add(&distro);
    confirmed.add(&language);
    let mut denied = Score::new("anchore_match_labels:FP");
    denied.add(&distro_false);
    denied.add(&language_false);
    let parts = [distro, distro_false, language, language_false];
    Ok(parts.into_iter().chain([confirmed, denied]).collect())
}

/// The CVE that a label is about, however its advisory is called.
fn cve_of(row: &Value) -> &str {
    match text(row, "effective_cve") {
        "" => text(row, "vulnerability_id"),
        cve => cve,
    }
}

fn of_distribution(
    bench: &Bench,
    slow: &Slow,
    row: &Value,
    [source, id, release]: [&str; 3],
    score: &mut Score,
) {
    let (package, cve) = (&row["package"], cve_of(row));
    let os = json!({"family": "linux", "id": id, "version": release});
    let question = json!({
        "id": null, "source": source, "name": text(package, "name"),
        "version": text(package, "version"), "os": os,
    });
    let got = ask(bench, &question, cve);
    // What no record of the release names cannot be known from it.
    let is_knowable = slow.names(id, release, cve);
    judge(row, &[got], is_knowable, score);
}

/// A package of which the label does not say the language: it is asked about in each.
fn of_language(bench: &Bench, row: &Value, score: &mut Score) {
    let (package, cve) = (&row["package"], cve_of(row));
    let os = match images::of(text(row, "image")) {
        Some([_, id, release]) => json!({"family": "linux", "id": id, "version": release}),
        None => json!({"family": "linux"}),
    };
    let mut is_known = false;
    let answers: Vec<_> = ["python", "npm", "gem"]
        .iter()
        .map(|source| {
            let question = json!({
                "id": null, "source": source, "name": text(package, "name"),
                "version": text(package, "version"), "os": os,
            });
            let got = ask(bench, &question, cve);
            is_known |= got.status == "evaluated";
            got
        })
        .collect();
    // Packages of Java are none that an agent finds.
    judge(row, &answers, is_known && text(row, "in_data") == "cpe", score);
}

struct Got {
    status: String,
    found: Option<String>,
    why: String,
}

fn ask(bench: &Bench, question: &Value, cve: &str) -> Got {
    let answer = answer(&lines::match_line(&bench.index, &question.to_string(), Some(cve)));
    let mut findings = answer["findings"].as_array().into_iter().flatten();
    let found = findings.find(|finding| text(finding, "cve") == cve);
    Got {
        status: text(&answer, "status").to_owned(),
        found: found.map(|finding| {
            format!("{} by {}", text(finding, "confidence"), text(&finding["why"], "criteria"))
        }),
        why: text(&answer["why_not"], "detail").to_owned(),
    }
}

fn judge(row: &Value, answers: &[Got], is_knowable: bool, score: &mut Score) {
    let package = &row["package"];
    let found = answers.iter().find_map(|got| got.found.as_deref());
    let is_positive = text(row, "label") == "TP";
    let verdict = match (is_positive, found.is_some()) {
        (true, true) | (false, false) => Verdict::Correct,
        (false, true) => Verdict::Wrong,
        (true, false) if is_knowable => Verdict::Missing,
        (true, false) => Verdict::NotEvaluable,
    };
    let what = format!(
        "{} {} {}",
        text(row, "image").split('@').next().unwrap_or_default(),
        text(package, "name"),
        text(package, "version")
    );
    let cve = cve_of(row);
    let case = Case {
        what: &what,
        expected: &if is_positive { cve.to_owned() } else { format!("not {cve}") },
        got: found.unwrap_or("nothing"),
        why: answers.first().map_or("", |got| got.why.as_str()),
    };
    let counts = is_positive && (is_knowable || found.is_some());
    score.count(verdict, counts, &case);
}

/// The objects of a packed JSON Lines file.
fn packed_lines(path: &Path) -> Result<Vec<Value>, Failure> {
    let file = std::fs::File::open(path).map_err(|why| format!("{}: {why}", path.display()))?;
    let mut unpacked = String::new();
    liblzma::read::XzDecoder::new(file).read_to_string(&mut unpacked)?;
    let rows: Result<_, _> = unpacked.lines().map(serde_json::from_str).collect();
    Ok(rows?)
}
