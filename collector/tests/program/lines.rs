//! `match`, `cpe-match` and `version-compare`: lines in, lines out, in the same order.

use serde_json::{Value, json};

use super::desk::{say, say_to};

/// NVD's records of 2002 that are this old: four, one of them about Sendmail 5.58.
const FEED: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../enrichment/tests/data/feeds/nvdcve-2.0-2002.json.gz");

/// An index of them, and the folder that it is in.
fn index() -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let index = dir.path().join("index").to_str().unwrap().to_owned();
    say(&["feed", "build", "--out", &index, FEED]).done();
    (dir, index)
}

fn answers(words: &[&str], input: impl AsRef<[u8]>) -> Vec<Value> {
    say_to(words, input.as_ref()).lines()
}

#[test]
fn software_is_judged_by_name_or_by_cpe_and_the_answer_says_why() {
    let (_dir, index) = index();
    let lines = [
        json!({ "id": "old", "cpe": "cpe:2.3:a:eric_allman:sendmail:5.58:*:*:*:*:*:*:*" }),
        json!({ "id": 2, "cpe": "cpe:2.3:a:eric_allman:sendmail:5.59:*:*:*:*:*:*:*" }),
        json!({ "source": "deb", "name": "curl", "version": "1.0" }),
    ];
    let input = lines.map(|line| line.to_string()).join("\n");
    let found = answers(&["match", "--index", &index], &input);
    assert_eq!(found[0]["id"], "old");
    assert_eq!(found[0]["findings"][0]["cve"], "CVE-1999-0095");
    assert_eq!(found[0]["findings"][0]["source"], "nvd");
    assert_eq!(found[1]["id"], 2);
    assert_eq!((&found[1]["status"], &found[1]["findings"]), (&json!("evaluated"), &json!([])));
    // Without a distribution a package's version means nothing.
    assert_eq!((&found[2]["id"], &found[2]["status"]), (&Value::Null, &json!("not_evaluable")));
    assert!(found.iter().all(|answer| answer.get("why_not").is_none()));
}

#[test]
fn why_not_is_answered_on_every_line_that_was_understood() {
    let (_dir, index) = index();
    let lines = [
        json!({ "id": 1, "cpe": "cpe:2.3:a:eric_allman:sendmail:5.59:*:*:*:*:*:*:*" }),
        json!({ "id": 2, "cpe": "sendmail" }),
    ];
    let input = lines.each_ref().map(ToString::to_string).join("\n");
    let words = ["match", "--index", &index, "--why-not", "CVE-1999-0095"];
    let found = answers(&words, &input);
    assert_eq!(found[0]["why_not"]["step"], "version");
    assert_eq!(found[1].get("why_not"), None);
    assert!(found[1]["error"].as_str().unwrap().contains("sendmail"));
    // A CVE that nobody has heard of is said, whatever it looks like.
    for cve in ["CVE-1999-9999", "the big one", ""] {
        let words = ["match", "--index", &index, "--why-not", cve];
        let found = answers(&words, lines[0].to_string());
        assert_ne!(found[0]["why_not"]["step"], "found", "{cve}");
        assert!(found[0]["why_not"]["detail"].is_string(), "{cve}");
    }
}

#[test]
fn a_bad_line_gets_an_answer_of_its_own_and_the_next_one_is_read() {
    let input = [
        &br#"{"id":1,"scheme":"deb","a":"1.0~rc1","b":"1.0"}"#[..],
        b"no json",
        b"",
        b"   ",
        b"\xff\xfe",
        br#"{"id":2,"scheme":"roman","a":"i","b":"v"}"#,
        br#"{"id":[3],"scheme":"deb","a":"1"}"#,
        br#"{"id":4,"scheme":"deb","a":"1","b":"1","version":"1","constraint":"= 1"}"#,
        br#"{"id":5,"scheme":"pypi","version":"1.5","constraint":">= 1.0, < 2.0"}"#,
    ]
    .join(&b'\n');
    let found = answers(&["version-compare"], &input);
    let error = |at: usize| found[at]["error"].as_str().unwrap();
    assert_eq!(found[0], json!({ "id": 1, "order": "<" }));
    assert!(error(1).contains("no JSON"));
    // Empty lines are no questions.
    assert_eq!(error(2), "the line is not UTF-8");
    assert_eq!(found[3]["id"], 2);
    assert_eq!(error(3), "unknown version scheme \"roman\"");
    assert_eq!(found[4]["id"], json!([3]), "whatever an id is, it comes back");
    assert_eq!(error(4), "a question has a and b, or version and constraint");
    assert_eq!(error(5), error(4), "two questions in one line");
    assert_eq!(found[6], json!({ "id": 5, "satisfied": true }));
    assert_eq!(found.len(), 7);
}

#[test]
fn a_line_as_long_as_allowed_is_read_and_a_longer_one_costs_itself_alone() {
    let line = |bytes: usize| {
        let empty = r#"{"id":"","scheme":"deb","a":"1","b":"2"}"#;
        empty.replace("\"\"", &format!("\"{}\"", "x".repeat(bytes - empty.len())))
    };
    let most = 1 << 20;
    let input = [line(most), line(most + 1), line(100)].join("\n");
    let found = answers(&["version-compare"], &input);
    assert_eq!(found[0]["order"], "<");
    assert_eq!(found[1], json!({ "id": null, "error": "the line has more than 1048576 bytes" }));
    assert_eq!(found[2]["order"], "<");
}

#[test]
fn the_last_line_needs_no_end_and_windows_line_ends_do_no_harm() {
    let one = r#"{"id":1,"scheme":"semver","a":"1.0.0","b":"1.0.0"}"#;
    for input in [one.to_owned(), format!("{one}\n"), format!("{one}\r\n")] {
        let found = answers(&["version-compare"], &input);
        assert_eq!(found, [json!({ "id": 1, "order": "=" })], "{input:?}");
    }
    assert_eq!(say(&["version-compare"]).done(), "", "nothing asked, nothing answered");
}

#[test]
fn names_are_compared_within_the_range_and_a_bad_one_is_named() {
    let name = |version: &str| format!("cpe:2.3:a:x:y:{version}:*:*:*:*:*:*:*");
    let range = |bound: &str, version: &str| {
        json!({ "source_cpe": name("*"), "target_cpe": name(version), "range": { bound: "1.5" } })
            .to_string()
    };
    let input = [
        range("versionEndExcluding", "1.5"),
        range("versionEndIncluding", "1.5"),
        range("versionStartExcluding", "1.5"),
        range("versionStartIncluding", "1.5"),
        range("versionEndExcluding", "1.4.9"),
        range("versionStartExcluding", "1.10"),
        json!({ "source_cpe": name("1"), "target_cpe": "x" }).to_string(),
        json!({ "source_cpe": "cpe:2.3:a:x", "target_cpe": name("1") }).to_string(),
        json!({ "id": 9, "target_cpe": name("1") }).to_string(),
    ];
    let found = answers(&["cpe-match"], input.join("\n"));
    let matches: Vec<_> = found[..6].iter().map(|answer| answer["matches"].clone()).collect();
    assert_eq!(matches, [false, true, false, true, true, true].map(Value::Bool));
    let error = |at: usize| found[at]["error"].as_str().unwrap();
    assert!(error(6).starts_with("target_cpe: "), "{}", error(6));
    assert_eq!(error(7), "source_cpe: a CPE name has 11 attributes, this has 2");
    assert_eq!(found[8], json!({ "id": 9, "error": "missing field `source_cpe`" }));
}

#[test]
fn thousands_of_lines_come_back_in_their_order() {
    let input: String = (0..5_000)
        .map(|id| format!("{{\"id\":{id},\"scheme\":\"deb\",\"a\":\"{id}\",\"b\":\"2500\"}}\n"))
        .collect();
    let found = answers(&["version-compare"], &input);
    for (id, answer) in found.iter().enumerate() {
        let order = ["<", "=", ">"][1 + usize::from(id > 2_500) - usize::from(id < 2_500)];
        assert_eq!(answer, &json!({ "id": id, "order": order }));
    }
    assert_eq!(found.len(), 5_000);
}

#[test]
fn an_index_that_is_not_there_is_said_by_its_path_before_a_line_is_read() {
    let error = say_to(&["match", "--index", "/no/such/index"], b"{}\n").failed();
    assert_eq!(
        error,
        "muster-collector: cannot open /no/such/index: No such file or directory (os error 2)\n"
    );
}
