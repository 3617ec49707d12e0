//! What commands say and end with when something about the host, its files or their output is wrong.

use std::fs::File;
use std::process::Stdio;

use protocol::reject::RejectReason;
use serde_json::Value;

use super::collector::{Answer, Collector};
use super::host::Host;

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// Runs a command line with a settings file of this text, and gives its exit code and what it complains of.
fn with_settings(host: &Host, command: &str, settings: &[u8]) -> (Option<i32>, String) {
    let path = host.path().join("agent.toml");
    std::fs::write(&path, settings).expect("written");
    let output = host.run(&[command, "--config", path.to_str().expect("text")]);
    (output.status.code(), text(&output.stderr))
}

#[test]
fn an_agent_whom_nobody_can_ask_reports_all_the_same() {
    let collector = Collector::start();
    let host = Host::enrolled(3, &collector);
    // Whoever has the name has it before the agent.
    std::fs::create_dir(host.state_dir().join("control.sock")).expect("made");
    let running = host.start();
    collector.wait_for("the inventory", |seen| (seen.held.len() == 3).then_some(()));
    let log = host.log();
    assert!(log.contains("nobody can ask this agent") && log.contains("control.sock"), "{log}");
    assert_eq!(running.stop().0, Some(0));
}

#[test]
fn a_proxy_for_other_programs_stops_no_command() {
    let collector = Collector::start();
    let host = Host::enrolled(1, &collector);
    let output = host
        .command(&["check"])
        .env("HTTPS_PROXY", "socks5://u:hunter2@127.0.0.1:9")
        .output()
        .expect("the agent starts");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(said.contains("HTTPS_PROXY") && !said.contains("hunter2"), "{said}");
}

#[test]
fn an_agent_that_a_source_has_ended_reports_the_others_and_says_which_it_was() {
    let collector = Collector::start();
    let host = Host::enrolled(3, &collector);
    let list = host.root().join("home/eve/.cargo/.crates2.json");
    std::fs::create_dir_all(list.parent().expect("a folder")).expect("made");
    std::fs::write(list, r#"{"installs": {"bat 0.24.0 (x)": {}}}"#).expect("written");
    // As an agent leaves it that is ended while it reads.
    let marker = host.state_dir().join("scanning");
    std::fs::write(&marker, "cargo").expect("written");
    let running = host.start();
    collector.wait_for("the others", |seen| (seen.held.len() == 3).then_some(()));
    let said = host.status().to_string();
    assert!(said.contains("left out once"), "{said}");
    host.scan();
    collector.wait_for("all", |seen| (seen.held.len() == 4).then_some(()));
    assert_eq!(running.stop().0, Some(0));
    assert!(!marker.exists());
}

#[test]
fn a_wrong_settings_file_is_said_in_one_way_by_every_command() {
    let host = Host::new(1);
    for (settings, words) in [
        (&b"spool_bytes_max = 1"[..], "spool_bytes_max is 1; it has to be 262144 to 1073741824"),
        (b"source_timeout_s = 0", "source_timeout_s is 0; it has to be 1 to 600"),
        (
            b"collectors = [\"no-port\"]",
            "collectors is \"no-port\"; it has to be at most 8 addresses",
        ),
        (b"collectors = [\"host :7070\"]", "collectors is \"host :7070\"; it has to be"),
        (b"proxy = \"socks5://p:1\"", "proxy is something else; it has to be an HTTP proxy"),
        (
            b"proxy = \"http://u:hunter2@p:1\"",
            "`proxy` holds a password and others can read this file",
        ),
        (b"proxy_password_file = \"/nonexistent/p\"\nproxy = \"u@p:1\"", "/nonexistent/p"),
        (b"state_dir = [", "agent.toml: "),
        (b"state_dir = \"/\xff\"", "agent.toml: "),
    ] {
        for command in ["run", "scan", "status", "check", "inventory", "unenroll"] {
            let (code, said) = with_settings(&host, command, settings);
            assert_eq!(code, Some(1), "{command}: {said}");
            assert!(
                said.starts_with("muster-agent: ") && said.contains(words),
                "{command}: {said}"
            );
            assert!(!said.contains("hunter2"), "{said}");
        }
        // Whoever needs help may need it for this.
        let (code, said) = with_settings(&host, "diagnostics", settings);
        assert_eq!(code, Some(0), "{said}");
    }
    assert!(!host.state_dir().exists(), "nothing was made");
}

#[test]
fn the_rest_of_a_settings_file_counts_under_the_environment_and_the_command_line() {
    let host = Host::new(0);
    let path = host.path().join("agent.toml");
    std::fs::write(
        &path,
        "state_dir = \"/of/the/file\"\ntransport = \"tcp\"\nsource_timeout_s = 7",
    )
    .expect("written");
    let path = path.to_str().expect("text");
    let elsewhere = host.path().join("elsewhere");
    let words = ["diagnostics", "--config", path, "--state-dir", elsewhere.to_str().expect("text")];
    let output =
        host.command(&words).env("MUSTER_TRANSPORT", "quic").output().expect("the agent starts");
    let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let shown = &document["configuration"]["is"];
    assert_eq!(shown["state_dir"], elsewhere.to_str().expect("text"));
    assert_eq!((&shown["transport"], &shown["source_timeout_s"]), (&"quic".into(), &7.into()));
}

#[test]
fn output_that_nobody_reads_is_no_failure_and_output_that_is_lost_is_one() {
    let host = Host::new(3);
    for words in [&["help"][..], &["version"], &["inventory", "--json"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = host.command(words).stdout(writer).output().expect("the agent starts");
        assert_eq!(output.status.code(), Some(0), "{words:?}: {output:?}");
        let full = File::options().write(true).open("/dev/full").expect("Linux has one");
        let output = host.command(words).stdout(full).output().expect("the agent starts");
        assert_eq!(output.status.code(), Some(1), "{words:?}: {output:?}");
        assert!(text(&output.stderr).contains("No space left"), "{output:?}");
    }
    let silent = host.command(&["bogus"]).stderr(Stdio::null()).status().expect("the agent starts");
    assert_eq!(silent.code(), Some(2), "what is wrong may be told to nobody");
}

#[test]
fn what_a_package_is_called_does_not_reach_the_terminal_as_a_command() {
    let host = Host::new(0);
    let hostile = "Package: a\u{1b}]0;owned\u{7}b\nStatus: install ok installed\nArchitecture: amd64\n\
                   Version: 1\u{9b}2J\u{202e}\n\n";
    std::fs::write(host.root().join("var/lib/dpkg/status"), hostile).expect("written");
    for words in [&["inventory"][..], &["inventory", "--json"]] {
        let output = host.run(words);
        assert!(output.status.success(), "{output:?}");
        let said = text(&output.stdout);
        assert!(said.contains("owned"), "the package is there: {said}");
        let control = |c: char| c.is_control() && c != '\n';
        assert!(!said.contains(control), "{said:?}");
    }
}

#[test]
fn a_scan_needs_an_identity_and_says_how_to_get_one() {
    let host = Host::new(1);
    let output = host.run(&["scan"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("muster-agent enroll"), "{output:?}");
    assert!(output.stdout.is_empty());
}

#[test]
fn status_of_an_agent_that_was_stopped_says_what_still_waits() {
    let collector = Collector::start();
    let host = Host::enrolled(3, &collector);
    collector.answer(|_, _| Answer::Reject(RejectReason::QueueFull, 60_000));
    let running = host.start();
    collector.wait_for("a report", |seen| (!seen.reports.is_empty()).then_some(()));
    assert_eq!(running.stop().0, Some(0));
    let output = host.run(&["status"]);
    assert_eq!(output.status.code(), Some(1), "none runs");
    let said = text(&output.stdout);
    assert!(
        said.starts_with(concat!("agent        ", env!("CARGO_PKG_VERSION"), " (stopped)\n")),
        "{said}"
    );
    assert!(said.contains("\nwaiting      "), "{said}");
    assert!(said.contains("inventory    3 records reported"), "{said}");
    assert!(said.contains("  deb        3 records\n"), "{said}");
    let check = text(&host.run(&["check"]).stdout);
    assert!(check.contains("ok      spool: 1 reports wait"), "{check}");
}

#[test]
fn check_names_a_state_folder_that_cannot_be_one() {
    let host = Host::new(0);
    std::fs::write(host.state_dir(), "a file").expect("written");
    let output = host.run(&["check"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(said.contains(host.state_dir().to_str().expect("text")), "{said}");
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn check_leaves_nothing_behind_and_makes_no_spool() {
    let collector = Collector::start();
    let host = Host::enrolled(1, &collector);
    std::fs::remove_file(host.state_dir().join("spool.redb")).expect("there");
    let names = || {
        let mut names: Vec<_> = std::fs::read_dir(host.state_dir())
            .expect("a folder")
            .map(|entry| entry.expect("readable").file_name())
            .collect();
        names.sort();
        names
    };
    let before = names();
    let output = host.run(&["check"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(
        text(&output.stdout).contains("ok      spool: none yet: the first scan makes it"),
        "{output:?}"
    );
    assert_eq!(names(), before);
}

#[test]
fn diagnostics_say_what_they_could_not_write_and_where() {
    let host = Host::new(0);
    let path = host.path().join("none/bundle.json");
    let output = host.run(&["diagnostics", "--out", path.to_str().expect("text")]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.starts_with(&format!("muster-agent: write {}: ", path.display())), "{said}");
    assert!(output.stdout.is_empty());
}

#[test]
fn diagnostics_replace_a_file_that_everybody_could_read_by_one_that_nobody_else_can() {
    use std::os::unix::fs::PermissionsExt as _;

    let host = Host::new(0);
    let path = host.path().join("bundle.json");
    std::fs::write(&path, "of yesterday").expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).expect("set");
    let output = host.run(&["diagnostics", "--out", path.to_str().expect("text")]);
    assert!(output.status.success(), "{output:?}");
    let said = text(&output.stdout);
    assert_eq!(said.trim(), format!("wrote {}: read it before you send it", path.display()));
    let mode = std::fs::metadata(&path).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let document = std::fs::read_to_string(&path).expect("readable");
    assert!(serde_json::from_str::<Value>(&document).is_ok(), "{document}");
}

#[test]
fn diagnostics_of_a_damaged_state_say_what_is_damaged_and_repair_nothing() {
    let collector = Collector::start();
    let host = Host::enrolled(1, &collector);
    let identity = host.state_dir().join("identity.json");
    std::fs::write(&identity, "{\"key\": \"hunter2").expect("written");
    for number in 0..150 {
        std::fs::write(host.state_dir().join(format!("left-{number}")), "x").expect("written");
    }
    let output = host.run(&["diagnostics"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let said = text(&output.stdout);
    let document: Value = serde_json::from_str(&said).expect("JSON");
    let problem = document["status"]["problem"].as_str().expect("it says why");
    assert!(problem.contains("identity.json"), "{problem}");
    assert_eq!(document["state_folder"]["is"].as_array().expect("a list").len(), 100);
    assert!(!said.contains("hunter2"), "{said}");
    let left = std::fs::read_to_string(&identity).expect("there");
    assert_eq!(left, "{\"key\": \"hunter2", "it is for whoever helps to decide");
}

/// Gives the state folder, and nothing in it, to another user; `false` for whoever may not, who is not root and to whom the
/// system refuses such a folder by itself.
#[cfg(unix)]
fn give_away(host: &Host) -> bool {
    std::os::unix::fs::chown(host.state_dir(), Some(990), None).is_ok()
}

#[cfg(unix)]
#[test]
fn root_enrols_nobody_whose_service_could_not_open_it() {
    let collector = Collector::start();
    let host = Host::new(1);
    std::fs::create_dir(host.state_dir()).expect("made");
    if !give_away(&host) {
        return;
    }
    let output = host.run_with(&["enroll"], &collector.token().expose());
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = text(&output.stderr);
    assert!(said.contains("`sudo -u '#990' muster-agent enroll < TOKEN-FILE`"), "{said}");
    assert!(collector.seen().enrolments.is_empty(), "the token is still good");
    assert_eq!(std::fs::read_dir(host.state_dir()).expect("there").count(), 0);
}

#[cfg(unix)]
#[test]
fn what_root_has_made_in_the_services_folder_is_found_and_not_added_to() {
    let collector = Collector::start();
    let host = Host::enrolled(1, &collector);
    if !give_away(&host) {
        return;
    }
    let output = host.run(&["check"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = text(&output.stdout);
    assert!(said.contains("gate is of another user than its folder"), "{said}");
    let output = host.run(&["scan"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text(&output.stderr).contains("`sudo -u '#990' muster-agent scan`"), "{output:?}");
    assert!(collector.seen().held.is_empty());
}
