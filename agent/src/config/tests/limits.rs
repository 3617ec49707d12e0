//! Every key at the ends of its range, every variable with a wrong value, and files that are none.

use super::*;

fn refusal(raw: Raw) -> Option<String> {
    Config::try_from(raw).err().map(|error| error.to_string())
}

#[test]
fn a_range_holds_its_ends_and_nothing_beyond() {
    let spool = |bytes| refusal(Raw { spool_bytes_max: Some(bytes), ..Raw::default() });
    for bytes in [262_144, 262_145, 1_073_741_823, 1_073_741_824] {
        assert_eq!(spool(bytes), None);
    }
    for bytes in [0, 262_143, 1_073_741_825, u64::MAX] {
        let words = format!("spool_bytes_max is {bytes}; it has to be 262144 to 1073741824");
        assert_eq!(spool(bytes), Some(words));
    }
    let timeout = |seconds| refusal(Raw { source_timeout_s: Some(seconds), ..Raw::default() });
    assert_eq!((timeout(1), timeout(600)), (None, None));
    for seconds in [0, 601, u32::MAX] {
        let words = format!("source_timeout_s is {seconds}; it has to be 1 to 600");
        assert_eq!(timeout(seconds), Some(words));
    }
}

#[test]
fn collectors_are_addresses_and_no_more_than_a_token_holds() {
    let of = |collectors: &[&str]| {
        refusal(Raw {
            collectors: Some(collectors.iter().map(|&text| text.to_owned()).collect()),
            ..Raw::default()
        })
    };
    assert_eq!(of(&[]), None, "those that the enrolment gave");
    assert_eq!(of(&["host:1"; 8]), None);
    assert_eq!(of(&["[2001:db8::1]:7070", "192.0.2.1:65535", "a.b-c.example:1"]), None);
    let many = of(&["host:1"; 9]).expect("refused");
    assert!(many.starts_with("collectors is 9 addresses; it has to be at most 8"), "{many}");
    for wrong in [
        "",
        "host",
        "host:",
        ":1",
        "host:0",
        "host:65536",
        "host:-1",
        "host:x",
        "host:1:2",
        "https://host:1",
        "host:1/path",
        "ho st:1",
        "[::1]",
        "::1:7070",
        "host\n:1",
    ] {
        let said = of(&["host:1", wrong]).expect(wrong);
        assert!(said.starts_with(&format!("collectors is {wrong:?}; ")), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[test]
fn a_folder_has_to_be_absolute_and_is_named_by_its_key() {
    for (key, raw) in [
        ("state_dir", Raw { state_dir: Some(PathBuf::from("state")), ..Raw::default() }),
        ("scan_root", Raw { scan_root: Some(PathBuf::from("./root")), ..Raw::default() }),
    ] {
        let said = refusal(raw).expect("refused");
        assert!(said.starts_with(&format!("{key} is ")), "{said}");
        assert!(said.ends_with("; it has to be an absolute path"), "{said}");
    }
}

#[test]
fn a_variable_with_a_wrong_value_is_named_with_what_would_be_right() {
    let (_folder, path) = file("");
    for (name, value, words) in [
        ("MUSTER_TRANSPORT", "udp", "use auto, quic or tcp"),
        ("MUSTER_TRANSPORT", "QUIC", "use auto, quic or tcp"),
        ("MUSTER_LOG_LEVEL", "loud", "debug"),
        ("MUSTER_SPOOL_BYTES_MAX", "16MiB", "invalid digit"),
        ("MUSTER_SPOOL_BYTES_MAX", "-1", "invalid digit"),
        ("MUSTER_SPOOL_BYTES_MAX", "18446744073709551616", "too large"),
        ("MUSTER_SOURCE_TIMEOUT_S", "20s", "invalid digit"),
        ("MUSTER_SOURCE_TIMEOUT_S", "4294967296", "too large"),
        ("MUSTER_SOURCES_OFF", "npm,dep", "dep"),
    ] {
        let environment = |asked: &str| (asked == name).then(|| value.to_owned());
        let error = Config::load(Some(&path), &environment, Raw::default()).expect_err(value);
        let said = error.to_string();
        assert!(said.starts_with(&format!("{name}=")), "{said}");
        assert!(said.contains("in the environment") && said.contains(words), "{said}");
    }
}

#[test]
fn every_variable_reaches_its_key() {
    let (_folder, path) = file("");
    let environment = |name: &str| {
        let value = match name {
            "MUSTER_STATE_DIR" => "/s",
            "MUSTER_COLLECTORS" => " one:1 ,, two:2",
            "MUSTER_LABELS" => "site=x , team=y",
            "MUSTER_TRANSPORT" => "tcp",
            "MUSTER_PROXY" => "proxy.example",
            "MUSTER_NO_PROXY" => "a.example",
            "MUSTER_LOG_LEVEL" => "error",
            "MUSTER_SPOOL_BYTES_MAX" => "300000",
            "MUSTER_SOURCES_OFF" => "deb , rpm",
            "MUSTER_SOURCE_TIMEOUT_S" => "7",
            "MUSTER_SCAN_ROOT" => "/r",
            _ => return None,
        };
        Some(value.to_owned())
    };
    let config = Config::load(Some(&path), &environment, Raw::default()).expect("valid");
    let expected = Config {
        state_dir: PathBuf::from("/s"),
        collectors: vec!["one:1".to_owned(), "two:2".to_owned()],
        labels: vec!["site=x".parse().expect("a label"), "team=y".parse().expect("a label")],
        reach: Reach {
            transport: Transport::Tcp,
            proxies: ProxyRule {
                proxy: Proxy::parse("proxy.example:3128", None).ok(),
                bypass: vec!["a.example".to_owned()],
                patterns: Vec::new(),
            },
        },
        log_level: Level::Error,
        spool_bytes_max: 300_000,
        sources_off: vec![Source::Deb, Source::Rpm],
        source_timeout: Duration::from_secs(7),
        scan_root: PathBuf::from("/r"),
        warnings: Vec::new(),
    };
    assert_eq!(config, expected);
}

#[test]
fn a_list_of_a_later_layer_takes_the_place_of_the_one_before_and_may_be_empty() {
    let (_folder, path) = file("collectors = [\"file:1\"]\nsources_off = [\"npm\"]");
    let flags = Raw { collectors: Some(Vec::new()), ..Raw::default() };
    let config = Config::load(Some(&path), &nothing, flags).expect("valid");
    assert!(config.collectors.is_empty());
    assert_eq!(config.sources_off, [Source::Npm]);
}

#[test]
fn a_password_belongs_to_the_proxy_that_it_was_set_with() {
    let own = |proxy: Option<&str>, password: Option<&str>| Raw {
        proxy: proxy.map(|text| reach::ProxyText(text.to_owned())),
        proxy_password_file: password.map(PathBuf::from),
        ..Raw::default()
    };
    let below = || own(Some("file:1"), Some("/of-the-file"));
    let over = |over| below().overlaid_with(over).proxy_password_file;
    assert_eq!(over(Raw::default()), Some(PathBuf::from("/of-the-file")));
    assert_eq!(over(own(None, Some("/new"))), Some(PathBuf::from("/new")));
    assert_eq!(
        over(own(Some("other:1"), None)),
        None,
        "another proxy gets no password of this one"
    );
    assert_eq!(over(own(Some("other:1"), Some("/new"))), Some(PathBuf::from("/new")));
}

#[test]
fn what_is_no_file_of_text_is_refused_with_its_path() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("agent.toml");
    let refused = || {
        let error = Config::load(Some(&path), &nothing, Raw::default()).expect_err("refused");
        let said = error.to_string();
        assert!(said.contains(&path.display().to_string()), "{said}");
        said
    };
    std::fs::write(&path, b"state_dir = \"/a\xff\"").expect("written");
    assert!(refused().contains("utf-8"), "{}", refused());
    // A log that somebody has named by mistake is not read to its end.
    std::fs::write(&path, "# a line\n".repeat(40_000)).expect("written");
    refused();
    std::fs::remove_file(&path).expect("there");
    std::fs::create_dir(&path).expect("made");
    refused();
}

#[test]
fn a_key_of_the_wrong_type_or_twice_is_said_with_its_line() {
    for (text, words) in [
        ("state_dir = 7", "line 1"),
        ("\n\nspool_bytes_max = \"many\"", "line 3"),
        ("spool_bytes_max = -1", "line 1"),
        ("spool_bytes_max = 1.5", "line 1"),
        ("source_timeout_s = 4294967296", "line 1"),
        ("collectors = \"host:1\"", "line 1"),
        ("collectors = [7]", "line 1"),
        ("transport = \"udp\"", "auto"),
        ("[agent]\nstate_dir = \"/a\"", "agent"),
        ("log_level = \"warn\"\nlog_level = \"info\"", "line 2"),
    ] {
        let (_folder, path) = file(text);
        let error = Config::load(Some(&path), &nothing, Raw::default()).expect_err(text);
        assert!(error.to_string().contains(words), "{text}: {error}");
    }
}

#[test]
fn networks_of_every_width_are_exceptions_and_half_of_one_is_none() {
    let rule = |bypass: &str| ProxyRule {
        proxy: Proxy::parse("proxy:1", None).ok(),
        bypass: vec![bypass.to_owned()],
        patterns: Vec::new(),
    };
    for (bypass, address, is_used) in [
        ("0.0.0.0/0", "203.0.113.9:1", false),
        ("0.0.0.0/0", "[2001:db8::1]:1", true),
        ("::/0", "[2001:db8::1]:1", false),
        ("192.0.2.128/25", "192.0.2.127:1", true),
        ("192.0.2.128/25", "192.0.2.128:1", false),
        ("192.0.2.7/32", "192.0.2.7:1", false),
        ("192.0.2.7/32", "192.0.2.6:1", true),
        ("192.0.2.7/33", "192.0.2.7:1", true),
        ("192.0.2.7/", "192.0.2.7:1", true),
        ("192.0.2.0/-1", "192.0.2.7:1", true),
        ("2001:db8::/127", "[2001:db8::1]:1", false),
        ("2001:db8::/127", "[2001:db8::2]:1", true),
        ("[2001:db8::1]", "[2001:db8::1]:7070", false),
        ("[2001:db8::1]:7070", "[2001:db8::1]:7070", false),
        ("[2001:db8::1]:7070", "[2001:db8::1]:443", true),
        ("10.0.0.0/8", "10.example:1", true),
        ("EXAMPLE", "a.example.:7070", false),
        ("", "collector.example:7070", true),
        (".", "collector.example:7070", true),
    ] {
        assert_eq!(rule(bypass).for_address(address).is_some(), is_used, "{bypass} {address}");
    }
}
