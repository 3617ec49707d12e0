//! Variables of the environment: which are the collector's, and how their texts are read.

use toml::Value;

use super::super::section::Field;
use super::*;

fn with(name: &str, value: &str) -> Result<Layers, ConfigError> {
    Layers::defaults().with_environment(&environment(&[(name, value)]))
}

fn wrong(name: &str, value: &str) -> String {
    with(name, value).unwrap_err().to_string()
}

fn good(name: &str, value: &str) -> Config {
    Config::from_layers(with(name, value).unwrap()).unwrap()
}

#[test]
fn every_setting_has_a_variable_by_which_it_is_reached() {
    for section in SECTIONS {
        for field in section.fields {
            let prefix = match section.name {
                "node" => String::new(),
                name => format!("{}_", name.to_ascii_uppercase()),
            };
            let name = format!("MUSTER_{prefix}{}", field.name.to_ascii_uppercase());
            let (text, expected) = other_value(field);
            let layers = with(&name, text).unwrap_or_else(|error| panic!("{name}: {error}"));
            let table = layers.into_table();
            assert_eq!(table[section.name][field.name], expected, "{name}");
        }
    }
}

/// A text of the environment that is not a setting's default, and what it is read as.
fn other_value(field: &Field) -> (&'static str, Value) {
    let like = field.default.or(field.example).unwrap();
    let like: toml::Table = format!("v = {like}").parse().unwrap();
    match &like["v"] {
        Value::Integer(_) => ("7", Value::Integer(7)),
        Value::Boolean(true) => ("false", Value::Boolean(false)),
        Value::Boolean(false) => ("true", Value::Boolean(true)),
        Value::Array(_) => ("x, y", Value::from(vec!["x", "y"])),
        Value::String(_) | Value::Float(_) | Value::Datetime(_) | Value::Table(_) => {
            ("x", Value::from("x"))
        }
    }
}

#[test]
fn lists_are_written_with_commas_and_empty_places_count_for_nothing() {
    let config = good("MUSTER_INGEST_ADDRESSES", " a.example:1 ,, b.example:2,");
    assert_eq!(config.ingest.addresses, ["a.example:1", "b.example:2"]);
    let config = good("MUSTER_WEBHOOKS_ALLOWED_NETWORKS", "10.0.0.0/8,fd00::/8");
    assert_eq!(config.webhooks.allowed_networks.len(), 2);
    // Only commas is a list without entries, which roles may not be.
    let layers = with("MUSTER_ROLES", " , ").unwrap();
    assert_eq!(error(layers), "node.roles: name at least one role");
}

#[test]
fn a_variable_that_is_set_to_nothing_takes_nothing_back() {
    for name in ["MUSTER_DATA_DIR", "MUSTER_HTTP_LISTEN", "MUSTER_PIPELINE_WORKERS", "DATABASE_URL"]
    {
        let config = format!("{:?}", good(name, ""));
        let defaults = format!("{:?}", Config::from_layers(Layers::defaults()).unwrap());
        assert_eq!(config, defaults, "{name}");
    }
}

#[test]
fn switches_are_true_or_false_and_nothing_else() {
    assert!(!good("MUSTER_FEEDS_SYNC", "false").feeds.sync);
    assert!(good("MUSTER_WEBHOOKS_ALLOW_HTTP", "true").webhooks.allow_http);
    for text in ["yes", "1", "TRUE", "off"] {
        assert_eq!(
            wrong("MUSTER_FEEDS_SYNC", text),
            format!("MUSTER_FEEDS_SYNC: {text:?} is neither true nor false")
        );
    }
}

#[test]
fn numbers_are_whole_and_their_bounds_are_those_of_the_file() {
    for text in ["1.5", "0x10", "ten", "1_000", "99999999999999999999"] {
        assert_eq!(
            wrong("MUSTER_QUEUE_BYTES_MAX", text),
            format!("MUSTER_QUEUE_BYTES_MAX: {text:?} is not a whole number")
        );
    }
    let layers = with("MUSTER_JOBS_WORKERS", "65").unwrap();
    assert_eq!(error(layers), "jobs.workers: 65 is not between 1 and 64");
    let layers = with("MUSTER_JOBS_WORKERS", "-1").unwrap();
    assert!(error(layers).contains("workers"));
}

#[test]
fn a_misspelt_variable_is_refused_by_its_name_and_its_value_is_not_repeated() {
    // Such as an address with a password, under the name that one would guess.
    let error = wrong("MUSTER_DATABASE_URL", "postgres://u:hush@h/d");
    assert_eq!(error, "MUSTER_DATABASE_URL: [database] has no setting \"url\"");
    for (name, section) in [
        ("MUSTER_FEEDS_KEV", "feeds"),
        ("MUSTER_HTTP_", "http"),
        ("MUSTER_WEBHOOKS_CA", "webhooks"),
        ("MUSTER_TELEMETRY_LEVEL_", "telemetry"),
    ] {
        let error = wrong(name, "x");
        assert!(error.starts_with(name), "{error}");
        assert!(error.contains(&format!("[{section}]")), "{error}");
    }
}

#[test]
fn names_that_only_look_like_ours_belong_to_others() {
    for name in
        ["MUSTER", "MUSTER_", "muster_roles", "XMUSTER_ROLES", "MUSTER_INGESTION", "MUSTERROLES"]
    {
        let config = format!("{:?}", good(name, "nonsense"));
        let defaults = format!("{:?}", Config::from_layers(Layers::defaults()).unwrap());
        assert_eq!(config, defaults, "{name}");
    }
}

#[test]
fn proxies_are_found_under_each_of_their_names_and_the_special_before_the_general() {
    let proxy = |variables: &[(&str, &str)]| {
        let layers = Layers::defaults().with_environment(&environment(variables)).unwrap();
        let proxy = Config::from_layers(layers).unwrap().feeds.proxy;
        let text = |secret: Option<Secret>| secret.map(|s| s.expose().to_owned());
        (text(proxy.https), text(proxy.http), proxy.except)
    };
    let url = |text: &str| Some(text.to_owned());
    let none = String::new();
    assert_eq!(proxy(&[("https_proxy", "http://s:1")]), (url("http://s:1"), None, none.clone()));
    assert_eq!(proxy(&[("http_proxy", "http://p:1")]), (None, url("http://p:1"), none.clone()));
    assert_eq!(
        proxy(&[("ALL_PROXY", "http://a:1"), ("HTTPS_PROXY", "http://s:1")]),
        (url("http://s:1"), url("http://a:1"), none.clone())
    );
    assert_eq!(
        proxy(&[("HTTP_PROXY", "http://great:1"), ("http_proxy", "http://small:1")]),
        (None, url("http://great:1"), none)
    );
    assert_eq!(proxy(&[("no_proxy", ".example")]), (None, None, ".example".to_owned()));
}

#[test]
fn exceptions_of_the_file_replace_those_of_the_environment_and_a_proxy_of_the_file_has_none() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("proxy");
    std::fs::write(&path, "http://p:1").unwrap();
    let layers = with("NO_PROXY", "outside.example").unwrap();
    let except = |layers: Layers| Config::from_layers(layers).unwrap().feeds.proxy.except;
    let of_file = layers.clone().with(
        "feeds",
        "no_proxy",
        vec!["a.example".to_owned(), "10.0.0.0/8".to_owned()],
    );
    assert_eq!(except(of_file), "a.example,10.0.0.0/8");
    let with_proxy = layers.with("feeds", "proxy_file", path.to_str().unwrap());
    assert_eq!(except(with_proxy), "");
}
