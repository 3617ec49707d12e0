//! `diagnostics`: complete, and without any secret, wherever one was planted.

use serde_json::Value;

use super::collector::Collector;
use super::host::Host;

fn document(host: &Host, words: &[&str]) -> (Value, String) {
    let output = host.run(words);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("text");
    (serde_json::from_str(&text).expect("JSON"), text)
}

#[test]
fn says_what_somebody_who_helps_needs() {
    let collector = Collector::start();
    let host = Host::enrolled(2, &collector);
    let _running = host.start();
    collector.wait_for("an inventory", |seen| (seen.held.len() == 2).then_some(()));
    host.scan();
    let (document, _) = document(&host, &["diagnostics"]);
    assert_eq!(document["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(document["status"]["is"]["state"], "connected");
    assert_eq!(document["status"]["is"]["sources"][0]["source"], "deb");
    assert_eq!(document["configuration"]["is"]["log_level"], "debug");
    let names: Vec<_> = document["state_folder"]["is"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|entry| entry["name"].as_str().expect("a name").to_owned())
        .collect();
    assert!(names.contains(&"identity.json".to_owned()), "{names:?}");
}

#[test]
fn holds_no_planted_secret() {
    let collector = Collector::start();
    let host = Host::enrolled(1, &collector);
    let identity = std::fs::read_to_string(host.state_dir().join("identity.json"));
    let identity: Value = serde_json::from_str(&identity.expect("readable")).expect("JSON");
    let key = identity["key"].as_str().expect("a key").to_owned();
    let token = collector.token().expose();
    std::fs::write(host.state_dir().join("enrolment-token"), &token).expect("written");
    let secrets = [key.as_str(), &key[..30], &token, "hunter2"];

    let output = host
        .command(&["diagnostics"])
        .env("MUSTER_ENROLMENT_TOKEN", &token)
        .env("MUSTER_COLLECTORS", "127.0.0.1:7070")
        .env("HTTPS_PROXY", "http://someone:hunter2@proxy.example:3128")
        .output()
        .expect("the agent starts");
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).expect("text");
    for secret in secrets {
        assert!(!said.contains(secret), "{secret} is in {said}");
    }
    assert!(said.contains("enrolment-token"), "that one waits is no secret");
    let document: Value = serde_json::from_str(&said).expect("JSON");
    let shown = &document["configuration"]["is"];
    assert_eq!(shown["proxy"], "proxy.example:3128");
    assert_eq!(shown["transport"], "auto");
    assert!(!said.contains("someone"), "a login is half of a secret");
}

#[test]
fn a_secret_in_a_configuration_that_is_wrong_is_not_quoted() {
    let host = Host::new(0);
    let path = host.path().join("agent.toml");
    std::fs::write(
        &path,
        "proxy_pass = \"http://someone:hunter2@proxy.example:3128\"\npassword = \"hunter2\"\n",
    )
    .expect("written");
    let path = path.to_str().expect("text");
    let (document, text) = document(&host, &["diagnostics", "--config", path]);
    assert!(document["configuration"]["problem"].as_str().is_some());
    assert_eq!(document["configuration_file"], path);
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn a_host_that_is_not_enrolled_is_described_all_the_same() {
    let host = Host::new(0);
    let (document, _) = document(&host, &["diagnostics"]);
    assert_eq!(document["status"]["is"]["state"], "not_enrolled");
    assert!(document["state_folder"]["problem"].as_str().is_some());
    assert!(!host.state_dir().exists(), "nothing was made");
}

#[test]
fn goes_into_a_file_that_only_its_owner_may_read() {
    use std::os::unix::fs::PermissionsExt as _;

    let host = Host::new(0);
    let path = host.path().join("bundle.json");
    let output = host.run(&["diagnostics", "--out", path.to_str().expect("text")]);
    assert!(output.status.success(), "{output:?}");
    let mode = std::fs::metadata(&path).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let text = std::fs::read_to_string(&path).expect("readable");
    serde_json::from_str::<Value>(&text).expect("JSON");
}
