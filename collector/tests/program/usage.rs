//! Wrong use of the command line: what is said, where, and with which code the program ends.

use super::desk::say;

/// Words, and what has to be said about them.
type Wrong = (&'static [&'static str], &'static str);

const WRONG: [Wrong; 30] = [
    (&[], "Usage: muster-collector"),
    (&["frobnicate"], "unrecognized subcommand 'frobnicate'"),
    (&["--frobnicate"], "unexpected argument '--frobnicate'"),
    (&["config"], "check"),
    (&["config", "check", "more"], "unexpected argument 'more'"),
    (&["config", "check", "--config"], "a value is required for '--config <FILE>'"),
    (
        &["serve", "--listen", "localhost:7070"],
        "invalid value 'localhost:7070' for '--listen <ADDRESS>'",
    ),
    (&["serve", "--listen", "127.0.0.1"], "invalid socket address"),
    (&["serve", "--http", "7080"], "invalid value '7080' for '--http <ADDRESS>'"),
    (&["backup"], "<DIR>"),
    (&["restore"], "<DIR>"),
    (&["company", "create"], "<NAME>"),
    (&["company", "create", "A", "B"], "unexpected argument 'B'"),
    (&["company", "set", "A", "--heartbeat-every-s", "-1"], "'-1'"),
    (&["company", "set", "A", "--scan-every-s", "daily"], "invalid value 'daily'"),
    (&["company", "set", "A", "--connections", "keep"], "none of hold, visit and auto"),
    (&["token", "create"], "--company <COMPANY>"),
    (&["token", "create", "--company", "A", "--uses", "0"], "0 is not in 1..=4294967295"),
    (
        &["token", "create", "--company", "A", "--uses", "4294967296"],
        "4294967296 is not in 1..=4294967295",
    ),
    (&["token", "create", "--company", "A", "--hours", "0"], "0 is not in 1..=87600"),
    (&["token", "create", "--company", "A", "--hours", "87601"], "87601 is not in 1..=87600"),
    (&["token", "revoke", "--company", "A", "first"], "invalid value 'first' for '<ID>'"),
    (&["key", "create"], "<NAME>"),
    (&["key", "revoke", "1"], "invalid value '1' for '<ID>'"),
    (&["user", "create"], "<EMAIL>"),
    (&["feed", "import"], "<PATH>..."),
    (&["feed", "build", "feeds"], "--out <FILE>"),
    (&["feed", "export", "--out", "b"], "--key <KEYFILE>"),
    (&["match"], "--index <FILE>"),
    (&["match", "--index", "i", "--why-not"], "a value is required for '--why-not <CVE>'"),
];

#[test]
fn wrong_use_ends_with_code_two_says_what_is_wrong_and_prints_nothing() {
    for (words, why) in WRONG {
        let said = say(words);
        assert_eq!(said.code, Some(2), "{words:?}: {said:?}");
        assert_eq!(said.out, "", "{words:?}");
        assert!(said.err.contains(why), "{words:?}: {}", said.err);
    }
}

#[test]
fn help_and_version_are_answers_and_no_complaints() {
    let version = say(&["--version"]).done();
    assert_eq!(version, concat!("muster-collector ", env!("CARGO_PKG_VERSION"), "\n"));
    let help = say(&["--help"]).done();
    for command in [
        "serve", "doctor", "company", "token", "key", "user", "feed", "backup", "restore",
        "migrate", "metrics", "match",
    ] {
        assert!(help.contains(&format!("\n  {command} ")), "{command}: {help}");
    }
    // Every command explains itself, and the settings that all of them take.
    for words in [&["feed", "sync", "--help"][..], &["help", "token", "create"]] {
        let help = say(words).done();
        assert!(help.contains("--config <FILE>") && help.contains("--json"), "{help}");
    }
}

#[test]
fn settings_that_every_command_takes_may_stand_before_it_and_behind_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    let before = say(&["--json", "--data-dir", path, "config", "check"]).lines();
    let behind = say(&["config", "check", "--data-dir", path, "--json"]).lines();
    assert_eq!(before, behind);
    assert_eq!(before[0]["data_dir"], path);
}

#[test]
fn every_metric_is_explained_to_people_and_to_programs() {
    let said = say(&["metrics"]).done();
    assert!(said.contains("| `muster_queue_oldest_seconds` | gauge | seconds |"), "{said}");
    let families = say(&["metrics", "--json"]).lines().remove(0);
    let mut all = families.as_array().unwrap().iter();
    let database = all.find(|family| family["title"] == "The database").unwrap();
    let transactions = &database["metrics"][2];
    assert_eq!(transactions["name"], "muster_database_transaction_seconds");
    assert_eq!(transactions["unit"], "seconds");
    assert_eq!(transactions["labels"][0], "transaction");
}
