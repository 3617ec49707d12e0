//! Layers, limits, and the file that ships.

mod limits;

use super::*;

fn nothing(_: &str) -> Option<String> {
    None
}

fn defaults() -> Config {
    Raw::default().try_into().expect("valid")
}

fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("agent.toml");
    std::fs::write(&path, text).expect("written");
    (folder, path)
}

#[test]
fn the_file_that_ships_says_the_defaults_and_every_key() {
    let uncommented: String = TEMPLATE
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if !rest.starts_with(' ') => format!("{rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let raw: Raw = toml::from_str(&uncommented).expect("a configuration");
    let Raw {
        state_dir: Some(_),
        collectors: Some(_),
        labels: Some(_),
        transport: Some(_),
        proxy: Some(_),
        proxy_password_file: Some(_),
        no_proxy: Some(_),
        log_level: Some(_),
        spool_bytes_max: Some(_),
        sources_off: Some(_),
        source_timeout_s: Some(_),
        scan_root: Some(_),
    } = raw.clone()
    else {
        panic!("a key is missing: {raw:?}");
    };
    assert_eq!(Config::try_from(raw).expect("valid"), defaults());
    let (_folder, path) = file(TEMPLATE);
    let config = Config::load(Some(&path), &nothing, Raw::default()).expect("valid");
    assert_eq!(config, defaults());
}

#[test]
fn the_command_line_wins_over_the_environment_and_that_over_the_file() {
    let (_folder, path) = file("state_dir = \"/a\"\nlog_level = \"warn\"\nsource_timeout_s = 5");
    let environment = |name: &str| match name {
        "MUSTER_STATE_DIR" => Some("/b".to_owned()),
        "MUSTER_LOG_LEVEL" => Some("error".to_owned()),
        "MUSTER_COLLECTORS" => Some("one:1, two:2,".to_owned()),
        "MUSTER_SOURCES_OFF" => Some("npm,gem".to_owned()),
        _ => None,
    };
    let flags = Raw { state_dir: Some(PathBuf::from("/c")), ..Raw::default() };
    let config = Config::load(Some(&path), &environment, flags).expect("valid");
    assert_eq!(config.state_dir, Path::new("/c"));
    assert_eq!(config.log_level, Level::Error);
    assert_eq!(config.source_timeout, Duration::from_secs(5));
    assert_eq!(config.collectors, ["one:1", "two:2"]);
    assert_eq!(config.sources_off, [Source::Npm, Source::Gem]);
}

#[test]
fn a_typing_error_is_said_with_its_place() {
    for (text, word) in [
        ("stat_dir = \"/a\"", "stat_dir"),
        ("log_level = \"loud\"", "loud"),
        ("sources_off = [\"dep\"]", "dep"),
        ("state_dir = ", "line 1"),
    ] {
        let (_folder, path) = file(text);
        let error = Config::load(Some(&path), &nothing, Raw::default()).expect_err("wrong");
        let said = error.to_string();
        assert!(said.contains(word) && said.contains("agent.toml"), "{said}");
    }
}

#[test]
fn a_file_that_was_asked_for_has_to_be_there() {
    let path = Path::new("/nonexistent/agent.toml");
    let error = Config::load(Some(path), &nothing, Raw::default()).expect_err("not there");
    assert!(error.to_string().contains("/nonexistent/agent.toml"));
    let environment =
        |name: &str| (name == "MUSTER_CONFIG").then(|| "/nonexistent/agent.toml".to_owned());
    Config::load(None, &environment, Raw::default()).expect_err("not there");
}

#[test]
fn values_outside_of_their_range_are_refused_with_the_range() {
    let cases = [
        Raw { spool_bytes_max: Some(1), ..Raw::default() },
        Raw { source_timeout_s: Some(0), ..Raw::default() },
        Raw { state_dir: Some(PathBuf::from("relative")), ..Raw::default() },
        Raw { collectors: Some(vec!["no-port".to_owned()]), ..Raw::default() },
        Raw { collectors: Some(vec!["host:99999".to_owned()]), ..Raw::default() },
        Raw { collectors: Some(vec!["2001:db8::7070".to_owned()]), ..Raw::default() },
        Raw { collectors: Some(vec!["host:1".to_owned(); 9]), ..Raw::default() },
    ];
    for raw in cases {
        let error = Config::try_from(raw.clone()).expect_err("refused");
        assert!(error.to_string().contains("it has to be"), "{raw:?}: {error}");
    }
}

#[test]
fn a_variable_that_is_no_number_is_named() {
    let environment = |name: &str| (name == "MUSTER_SPOOL_BYTES_MAX").then(|| "many".to_owned());
    let (_folder, path) = file("");
    let error = Config::load(Some(&path), &environment, Raw::default()).expect_err("no number");
    assert!(error.to_string().contains("MUSTER_SPOOL_BYTES_MAX"), "{error}");
}

#[test]
fn what_the_company_and_the_host_do_not_want_is_left_out() {
    let config = Config { sources_off: vec![Source::Npm], ..defaults() };
    let options = config.scan_options(&[Source::Gem, Source::Npm]);
    assert_eq!(options.sources_off, [Source::Npm, Source::Gem]);
    assert_eq!(options.time_box, Duration::from_secs(20));
}

#[test]
fn the_surroundings_proxy_counts_until_this_agent_is_told_otherwise() {
    let surroundings = |name: &str| match name {
        "https_proxy" => Some("http://everybody.example:8080".to_owned()),
        "NO_PROXY" => Some("intern.example, 10.0.0.0/8".to_owned()),
        _ => None,
    };
    let proxy = |text: &str| {
        let (_folder, path) = file(text);
        let config = Config::load(Some(&path), &surroundings, Raw::default()).expect("valid");
        let proxy = config.reach.proxies.for_address("collector.example:7070");
        proxy.map(Proxy::address)
    };
    assert_eq!(proxy("").as_deref(), Some("everybody.example:8080"));
    assert_eq!(proxy("proxy = \"own:1\"").as_deref(), Some("own:1"));
    assert_eq!(proxy("proxy = \"none\""), None);
    assert_eq!(proxy("no_proxy = [\"collector.example\"]"), None);
}

#[test]
fn a_proxy_of_the_surroundings_that_is_none_is_passed_over_and_said_without_its_password() {
    for text in ["socks5://u:secret@proxy:1", "https://u:secret@proxy:1", "u:secret@proxy:0"] {
        let surroundings = |name: &str| (name == "https_proxy").then(|| text.to_owned());
        let load = |text: &str| {
            let (_folder, path) = file(text);
            Config::load(Some(&path), &surroundings, Raw::default()).expect("valid")
        };
        let config = load("");
        assert_eq!(config.reach.proxies.proxy, None);
        let [warning] = &config.warnings[..] else {
            panic!("{:?}", config.warnings);
        };
        assert!(warning.contains("https_proxy") && !warning.contains("secret"), "{warning}");
        // Whoever has said what this agent is to use is told nothing.
        assert_eq!(load("proxy = \"own:1\"").warnings, [""; 0]);
        assert_eq!(load("proxy = \"none\"").warnings, [""; 0]);
    }
}

#[test]
fn a_password_in_a_file_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_folder, path) = file("proxy = \"http://u:secret@proxy:1\"");
    let load = |mode| {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("set");
        Config::load(Some(&path), &nothing, Raw::default())
    };
    load(0o600).expect("nobody else reads it");
    let said = load(0o644).expect_err("refused").to_string();
    assert!(said.contains("proxy_password_file") && !said.contains("secret"), "{said}");
}

#[test]
fn labels_come_from_the_file_or_the_environment() {
    let (_folder, path) = file("labels = [\"site=berlin\", \"team=ops, night\"]");
    let config = Config::load(Some(&path), &nothing, Raw::default()).expect("valid");
    let said: Vec<String> = config.labels.iter().map(ToString::to_string).collect();
    assert_eq!(said, ["site=berlin", "team=ops, night"]);
    let environment =
        |name: &str| (name == "MUSTER_LABELS").then(|| "kiosk=, site=bonn".to_owned());
    let config = Config::load(Some(&path), &environment, Raw::default()).expect("valid");
    let said: Vec<String> = config.labels.iter().map(ToString::to_string).collect();
    assert_eq!(said, ["kiosk=", "site=bonn"], "a layer replaces the one below");
}

#[test]
fn says_what_is_wrong_with_a_label() {
    let many = (0..17).map(|number| format!("\"l{number}=x\"")).collect::<Vec<_>>().join(",");
    for (text, what) in [
        ("labels = [\"berlin\"]".to_owned(), "\"berlin\""),
        ("labels = [\"=x\"]".to_owned(), "NAME=VALUE"),
        ("labels = [\"site=a\", \"site=b\"]".to_owned(), "\"site\" twice"),
        (format!("labels = [{many}]"), "17 labels"),
    ] {
        let (_folder, path) = file(&text);
        let why =
            Config::load(Some(&path), &nothing, Raw::default()).expect_err("refused").to_string();
        assert!(why.contains("labels") && why.contains(what), "{why}");
    }
}
