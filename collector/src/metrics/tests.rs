//! The list of metrics beside what else says something about them: help texts, the document, rules,
//! dashboards and the code that sets them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::table::{Kind, Metric};
use super::*;

fn all() -> impl Iterator<Item = &'static Metric> {
    FAMILIES.iter().flat_map(|family| family.metrics)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every text file below a folder, by its path.
fn files(folder: &Path, files_found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, files_found);
        } else if let Ok(text) = fs::read_to_string(&path) {
            files_found.push((path, text));
        }
    }
}

/// The words in a text that look like a metric of ours.
fn named(text: &str) -> BTreeSet<&str> {
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    text.split(|c| !is_part(c)).filter(|word| word.starts_with("muster_")).collect()
}

#[test]
fn every_reject_reason_is_there_before_it_happens() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    metrics::with_local_recorder(&recorder, || {
        describe();
        start_at_zero();
    });
    let text = handle.render();
    for reason in RejectReason::ALL {
        let line = format!("{INGEST_REPORTS}{{outcome=\"{reason}\"}} 0");
        assert!(text.contains(&line), "{line} is missing in\n{text}");
    }
}

#[test]
fn a_metric_says_what_it_means_where_it_is_scraped() {
    let recorder = builder().unwrap().build_recorder();
    let handle = recorder.handle();
    metrics::with_local_recorder(&recorder, || {
        describe();
        start_at_zero();
        metrics::histogram!(DATABASE_TRANSACTION_SECONDS, LABEL_TRANSACTION => "x").record(0.3);
    });
    let text = handle.render();
    assert!(
        text.contains("# HELP muster_match_findings_total Findings that were opened."),
        "{text}"
    );
    assert!(text.contains("# TYPE muster_queue_reports gauge"), "{text}");
    // In its own buckets, and not in those of everything that takes seconds.
    let bucket = "muster_database_transaction_seconds_bucket{transaction=\"x\",le=\"0.5\"} 1";
    assert!(text.contains(bucket), "{text}");
    assert!(!text.contains("le=\"0.25\""), "{text}");
}

#[test]
fn a_name_is_given_once_and_its_end_says_what_it_counts() {
    let mut names = BTreeSet::new();
    for metric in all() {
        assert!(names.insert(metric.name), "{} is there twice", metric.name);
        let is_total = metric.name.ends_with("_total");
        assert_eq!(is_total, metric.kind == Kind::Counter, "{}", metric.name);
        if metric.kind == Kind::Histogram {
            let has_buckets = ["_seconds", "_reports", "_records"];
            assert!(has_buckets.iter().any(|end| metric.name.ends_with(end)), "{}", metric.name);
        }
        assert!(metric.help().ends_with('.'), "{}: {}", metric.name, metric.help());
    }
}

#[test]
fn the_document_says_what_the_code_does() {
    let same = read("docs/METRICS.md") == document();
    assert!(same, "write it anew: cargo run -p collector -- metrics >docs/METRICS.md");
}

#[test]
fn every_metric_is_set_by_some_code() {
    let mut sources = Vec::new();
    files(&root().join("collector/src"), &mut sources);
    files(&root().join("store/src"), &mut sources);
    let own = root().join("collector/src/metrics");
    sources.retain(|(path, _)| !path.starts_with(&own) && *path != own.with_extension("rs"));
    let constants = constants();
    // That one stands beside the list, because it never changes.
    for metric in all().filter(|metric| metric.name != BUILD_INFO) {
        let constant = constants[metric.name];
        let is_set = |text: &String| text.contains(constant) || text.contains(metric.name);
        assert!(sources.iter().any(|(_, text)| is_set(text)), "{} is never set", metric.name);
    }
}

/// The constant of each name, as `metrics.rs` declares it.
fn constants() -> BTreeMap<&'static str, &'static str> {
    include_str!("../metrics.rs")
        .lines()
        .filter_map(|line| {
            let (left, right) = line.split_once(" = \"muster_")?;
            let constant = left.split_whitespace().last()?;
            let name =
                all().find(|metric| metric.name[7..] == *right.split('"').next().unwrap())?;
            Some((name.name, constant))
        })
        .collect()
}

#[test]
fn rules_dashboards_and_runbooks_name_metrics_that_exist() {
    let mut known: BTreeSet<String> = all().map(|metric| metric.name.to_owned()).collect();
    for metric in all().filter(|metric| metric.kind == Kind::Histogram) {
        known.extend(["bucket", "sum", "count"].map(|part| format!("{}_{part}", metric.name)));
    }
    let mut texts = vec![(PathBuf::from("docs/MONITORING.md"), read("docs/MONITORING.md"))];
    files(&root().join("packaging/monitoring"), &mut texts);
    assert!(texts.len() > 5, "where are the rules and dashboards?");
    for (path, text) in texts {
        for name in named(&text) {
            // A beginning that stands for several, as in a pattern.
            let is_known = known.contains(name) || name.ends_with('_');
            assert!(is_known, "{}: there is no metric {name}", path.display());
        }
    }
}

#[test]
fn every_alert_leads_to_its_paragraph_of_the_runbook() {
    let rules = read("packaging/monitoring/prometheus/rules.yml");
    let runbook = read("docs/MONITORING.md");
    let alerts: Vec<&str> =
        rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(alerts.len() > 15, "{alerts:?}");
    for alert in &alerts {
        let link = format!("runbook: docs/MONITORING.md#{}", alert.to_ascii_lowercase());
        assert!(rules.contains(&link), "{alert} has no {link}");
        assert!(runbook.contains(&format!("\n### {alert}\n")), "{alert} has no paragraph");
    }
    // And none is left over from an alert that went.
    for heading in runbook.lines().filter_map(|line| line.strip_prefix("### Muster")) {
        assert!(alerts.contains(&format!("Muster{heading}").as_str()), "{heading}");
    }
}
