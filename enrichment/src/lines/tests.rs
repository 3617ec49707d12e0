//! Lines in, lines out: the contract that others measure by.

use std::io::Cursor;

use serde_json::json;

use super::*;
use crate::testing::{any_of, app, index_of, record};

fn index() -> Index {
    index_of(&[record(
        "CVE-2023-32681",
        0,
        &any_of(&[(
            &app("python:requests:*"),
            r#""versionStartIncluding":"2.3.0","versionEndExcluding":"2.31.0""#,
        )]),
    )])
}

fn ask(question: &Value, why_not: Option<&str>) -> Value {
    serde_json::from_str(&match_line(&index(), &question.to_string(), why_not)).unwrap()
}

fn compare(question: &Value) -> Value {
    serde_json::from_str(&version_compare_line(&question.to_string())).unwrap()
}

fn cpe(question: &Value) -> Value {
    serde_json::from_str(&cpe_match_line(&question.to_string())).unwrap()
}

#[test]
fn a_package_is_matched_and_its_id_echoed() {
    let answer = ask(
        &json!({"id": {"row": 7}, "source": "python", "name": "requests", "version": "2.30.0",
                "vendor": null, "os": {"family": "linux", "codename": "bookworm"}, "new": 1}),
        None,
    );
    assert_eq!(answer["id"], json!({"row": 7}));
    assert_eq!(answer["status"], "evaluated");
    assert_eq!(answer["findings"][0]["cve"], "CVE-2023-32681");
    assert_eq!(answer["findings"][0]["fixed_in"], "2.31.0");
    assert_eq!(answer["findings"][0]["why"]["range"], ">= 2.3.0, < 2.31.0");
    assert_eq!(answer.get("why_not"), None);
}

#[test]
fn a_cpe_skips_identity() {
    let answer =
        ask(&json!({"id": 1, "cpe": "cpe:2.3:a:python:requests:2.30.0:*:*:*:*:*:*:*"}), None);
    assert_eq!(answer["identity"]["rule"], "cpe");
    assert_eq!(answer["findings"].as_array().unwrap().len(), 1);
}

#[test]
fn the_absence_of_a_cve_is_explained_on_request() {
    for question in [
        json!({"id": 1, "source": "python", "name": "requests", "version": "2.31.0"}),
        json!({"id": 1, "cpe": "cpe:2.3:a:python:requests:2.31.0:*:*:*:*:*:*:*"}),
    ] {
        let answer = ask(&question, Some("CVE-2023-32681"));
        assert_eq!(answer["why_not"]["step"], "version", "{answer}");
    }
}

#[test]
fn a_question_without_a_name_or_with_a_bad_cpe_gives_an_error() {
    for question in [
        json!({"id": 5, "version": "1"}),
        json!({"id": 5, "name": "requests"}),
        json!({"id": 5, "cpe": "cpe:2.3:a"}),
        json!({"id": 5, "source": 7, "name": "x"}),
    ] {
        let answer = ask(&question, None);
        assert_eq!(answer["id"], 5);
        assert!(answer["error"].is_string(), "{answer}");
    }
}

#[test]
fn cpe_names_match_within_a_range() {
    let target = "cpe:2.3:a:v:p:1.5:*:*:*:*:*:*:*";
    let source = "cpe:2.3:a:v:p:*:*:*:*:*:*:*:*";
    let ask = |range: Value| {
        let question = json!({"id": 1, "source_cpe": source, "target_cpe": target, "range": range});
        cpe(&question)["matches"].clone()
    };
    assert_eq!(ask(Value::Null), true);
    assert_eq!(ask(json!({"versionEndExcluding": "1.5"})), false);
    assert_eq!(ask(json!({"versionEndIncluding": "1.5"})), true);
    assert_eq!(ask(json!({"versionStartExcluding": "1.5"})), false);
    assert_eq!(ask(json!({"versionStartIncluding": "1.4", "versionEndExcluding": "1.6"})), true);
    assert_eq!(ask(json!({"versionEndExcluding": "2020-10-29"})), false);
    let other =
        json!({"id": 1, "source_cpe": "cpe:2.3:a:v:q:*:*:*:*:*:*:*:*", "target_cpe": target});
    assert_eq!(cpe(&other)["matches"], false);
    let bad = json!({"id": 1, "source_cpe": "x", "target_cpe": target});
    assert!(cpe(&bad)["error"].as_str().unwrap().starts_with("source_cpe"));
}

#[test]
fn versions_are_ordered_or_said_to_have_no_order() {
    let order = |scheme: &str, a: &str, b: &str| {
        compare(&json!({"id": "x", "scheme": scheme, "a": a, "b": b}))
    };
    assert_eq!(order("deb", "1.0~rc1", "1.0"), json!({"id": "x", "order": "<"}));
    assert_eq!(order("generic", "1.0", "1.0.0")["order"], "=");
    assert_eq!(order("pypi", "1.0.post1", "1.0")["order"], ">");
    assert!(order("generic", "1.0", "2020-10-29")["incomparable"].is_string());
    assert!(order("tex", "1", "2")["error"].is_string());
}

#[test]
fn a_constraint_is_satisfied_or_not() {
    let ask = |version: &str| {
        let constraint = ">= 1.0, < 2.0 || = 3";
        compare(&json!({"id": 1, "scheme": "semver", "version": version, "constraint": constraint}))
    };
    assert_eq!(ask("1.5.0")["satisfied"], true);
    assert_eq!(ask("2.5.0")["satisfied"], false);
    let both = json!({"id": 1, "scheme": "deb", "a": "1", "constraint": "< 2"});
    assert!(compare(&both)["error"].is_string());
}

#[test]
fn every_line_is_answered_in_order_whatever_the_lines_are() {
    let long = "x".repeat(LINE_BYTES_MAX + 1);
    let mut input =
        b"{\"id\":1,\"scheme\":\"deb\",\"a\":\"1\",\"b\":\"2\"}\n\nno json\n\xff\xfe\n".to_vec();
    input.extend_from_slice(long.as_bytes());
    input.extend_from_slice(b"\n[]\n{\"id\":2,\"scheme\":\"deb\",\"a\":\"2\",\"b\":\"1\"}");
    let mut output = Vec::new();
    answer_all(&mut Cursor::new(input), &mut output, &mut version_compare_line).unwrap();
    let answers: Vec<Value> = String::from_utf8(output)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(answers.len(), 6);
    assert_eq!(answers[0]["order"], "<");
    for answer in &answers[1..5] {
        assert_eq!(answer["id"], Value::Null);
        assert!(answer["error"].is_string(), "{answer}");
    }
    assert_eq!(answers[5]["order"], ">");
}

/// What is asked of three CVEs of April 2024 in Windows.
fn ask_windows(os: &Value, version: &str) -> Value {
    let april = include_str!("../../tests/data/advisories/msrc-2024-apr.json");
    let mut builder = crate::index::Builder::new();
    let mut bytes = Cursor::new(april);
    crate::feeds::read_stream(std::path::Path::new("april"), &mut bytes, &mut builder).unwrap();
    let index = Index::from_bytes(builder.into_bytes().unwrap()).unwrap();
    let question =
        json!({"id": 1, "source": "os", "name": "Windows 10 Pro", "version": version, "os": os});
    serde_json::from_str(&match_line(&index, &question.to_string(), None)).unwrap()
}

#[test]
fn a_windows_may_say_its_build_and_its_updates_beside_the_question() {
    for (os, version, findings) in [
        (json!({"build": "19045.4170", "arch": "x86_64"}), "22H2", 3),
        (json!({"build": "10.0.19045.4291"}), "10.0.19045", 0),
        (json!({"build": 19045.4170}), "10.0.19045.4291", 0),
        (json!({"build": 19045}), "10.0.19045.4291", 0),
        (json!({"kbs": ["KB5036892"]}), "10.0.19045", 0),
        (json!({"kbs": [5_035_845, null]}), "10.0.19045", 3),
    ] {
        let mut os = os;
        os["family"] = "windows".into();
        let answer = ask_windows(&os, version);
        assert_eq!(answer["status"], "evaluated", "{os}: {answer}");
        let found = answer["findings"].as_array().unwrap().len();
        assert_eq!(found, findings, "{os}");
    }
    let answer = ask_windows(&json!({"family": "windows", "build": {}, "kbs": 7}), "10.0.19045");
    assert_eq!(answer["status"], "not_evaluable");
}

/// What is asked of a kernel of Debian 12 on a host that says what it runs.
fn ask_kernel(running: &str) -> Value {
    let osv = r#"{"schema_version":"1.6.0","id":"CVE-2025-21756","modified":"2025-12-05T14:55:52Z",
        "affected":[{"package":{"ecosystem":"Debian:12","name":"linux"},"ranges":[
        {"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"6.1.158-1"}]}]}]}"#;
    let mut builder = crate::index::Builder::new();
    let mut bytes = Cursor::new(osv.replace('\n', ""));
    crate::feeds::read_stream(std::path::Path::new("osv"), &mut bytes, &mut builder).unwrap();
    let index = Index::from_bytes(builder.into_bytes().unwrap()).unwrap();
    let question = json!({
        "id": 1, "source": "deb", "name": "linux-image-6.1.0-40-amd64", "version": "6.1.153-1",
        "source_name": "linux-signed-amd64",
        "os": {"family": "linux", "id": "debian", "version": "12", "kernel": running},
    });
    let why_not = Some("CVE-2025-21756");
    serde_json::from_str(&match_line(&index, &question.to_string(), why_not)).unwrap()
}

#[test]
fn a_question_may_say_which_kernel_runs() {
    for (running, confidence) in [("6.1.0-40-amd64", "high"), ("", "medium")] {
        let answer = ask_kernel(running);
        assert_eq!(answer["findings"][0]["confidence"], confidence, "{running}");
        assert_eq!(answer["why_not"]["step"], "found");
    }
    let waits = ask_kernel("6.1.0-41-amd64");
    assert_eq!(waits["status"], "not_evaluable");
    assert_eq!(waits["why_not"]["step"], "not_evaluable");
    for reason in [&waits["reason"], &waits["why_not"]["detail"]] {
        let reason = reason.as_str().unwrap();
        assert!(reason.starts_with("not running: "), "{reason}");
    }
}
