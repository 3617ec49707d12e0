//! `config` and the layers of settings, as an operator tries them out.

use super::desk::{Said, program, say, write};

#[test]
fn the_default_file_is_printed_and_is_valid_when_it_is_put_in_place() {
    let dir = tempfile::tempdir().unwrap();
    let default = say(&["config", "default"]).done();
    let file = write(dir.path(), "collector.toml", &default);
    let checked = say(&["config", "check", "--config", &file]).done();
    assert_eq!(checked, "the configuration is valid: ingest,api,jobs in /var/lib/muster\n");
}

#[test]
fn a_check_makes_nothing_and_asks_no_database() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let words = ["config", "check", "--data-dir", data.to_str().unwrap()];
    // Nobody listens there.
    let said = Said::of(program(&words).env("DATABASE_URL", "postgres://127.0.0.1:1/none"));
    assert!(said.done().contains("valid"));
    assert!(!data.exists());
}

#[test]
fn flags_come_over_the_environment_and_that_over_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let text = format!("[node]\ndata_dir = {:?}\nroles = [\"api\"]\n", path("of-file"));
    let file = write(dir.path(), "collector.toml", &text);
    let data_dir = |change: &dyn Fn(&mut std::process::Command)| {
        let mut command = program(&["config", "check", "--json", "--config", &file]);
        change(&mut command);
        let lines = Said::of(&mut command).lines();
        // What only the file says stays.
        assert_eq!(lines[0]["roles"], "api");
        lines[0]["data_dir"].as_str().unwrap().to_owned()
    };
    assert_eq!(data_dir(&|_| {}), path("of-file"));
    let environment = |command: &mut std::process::Command| {
        command.env("MUSTER_DATA_DIR", path("of-environment"));
    };
    assert_eq!(data_dir(&environment), path("of-environment"));
    let both = |command: &mut std::process::Command| {
        environment(command);
        command.args(["--data-dir", &path("of-flag")]);
    };
    assert_eq!(data_dir(&both), path("of-flag"));
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_its_name_or_its_setting() {
    let dir = tempfile::tempdir().unwrap();
    for (text, why) in [
        ("[node", "collector.toml is not valid TOML"),
        ("[http]\nlisten = \"localhost\"", "listen"),
        ("[http]\nrequests_max = 0", "http.requests_max: 0 is not between 1 and 100000"),
        ("[https]\nlisten = \"127.0.0.1:1\"", "unknown field `https`"),
        ("[database]\nurl_file = \"/no/such/file\"", "read /no/such/file: No such file"),
        ("[feeds]\nnvd_api_key_file = \"/no/such/key\"", "read /no/such/key"),
    ] {
        let file = write(dir.path(), "collector.toml", text);
        let error = say(&["config", "check", "--config", &file]).failed();
        assert!(error.starts_with("muster-collector: "), "{error}");
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn a_file_that_was_named_has_to_be_there() {
    let error = say(&["config", "check", "--config", "/no/such/collector.toml"]).failed();
    assert_eq!(
        error,
        "muster-collector: read /no/such/collector.toml: No such file or directory (os error 2)\n"
    );
}

#[test]
fn every_command_refuses_a_wrong_setting_before_it_does_anything() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    for words in [
        &["serve"][..],
        &["serve", "--roles", "jobs"],
        &["migrate"],
        &["company", "list"],
        &["feed", "status"],
        &["feed", "sync"],
    ] {
        let mut command = program(words);
        command.env("MUSTER_JOBS_WORKERS", "65").arg("--data-dir").arg(&data);
        let error = Said::of(&mut command).failed();
        let expected = "muster-collector: jobs.workers: 65 is not between 1 and 64\n";
        assert_eq!(error, expected, "{words:?}");
        assert!(!data.exists(), "{words:?}");
    }
}

#[test]
fn roles_of_the_flag_replace_those_of_the_configuration() {
    // Said by the one that is none; a good one would start a collector.
    let mut command = program(&["serve", "--roles", "api,boss"]);
    let error = Said::of(command.env("MUSTER_ROLES", "nonsense")).failed();
    assert!(error.contains("\"boss\" is no role"), "{error}");
    assert!(!error.contains("nonsense"), "{error}");
}

#[test]
fn commands_that_need_no_configuration_are_not_stopped_by_a_wrong_one() {
    let mut command = program(&["version-compare"]);
    let said = Said::of(command.env("MUSTER_JOBS_WORKERS", "none"));
    assert_eq!(said.done(), "");
    let mut command = program(&["config", "default"]);
    let said = Said::of(command.env("MUSTER_JOBS_WORKERS", "none"));
    assert!(said.done().contains("[jobs]"), "how else would one learn what is right");
}

#[test]
fn a_database_that_cannot_be_used_is_said_without_its_password() {
    let dir = tempfile::tempdir().unwrap();
    for (url, why) in [
        ("postgres://u:hush@127.0.0.1:1/d", "Connection refused"),
        ("mysql://u:hush@127.0.0.1/d", "it does not begin with postgres://"),
        ("hush", "the database's address is not valid"),
    ] {
        let mut command = program(&["company", "list"]);
        command.env("DATABASE_URL", url);
        command.arg("--data-dir").arg(dir.path());
        let error = Said::of(&mut command).failed();
        assert!(error.contains("open the database"), "{error}");
        assert!(error.contains(why), "{error}");
        assert!(!error.contains("hush"), "{error}");
    }
}
