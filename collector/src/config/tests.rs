//! Tests of the configuration.

mod bounds;
mod environment;
mod secrets;
mod units;
mod values;

use super::*;

fn environment(variables: &[(&str, &str)]) -> Environment {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn file(text: &str) -> Layers {
    Layers::defaults().with_table(text.parse().unwrap())
}

fn error(layers: Layers) -> String {
    Config::from_layers(layers).unwrap_err().to_string()
}

#[test]
fn the_default_file_gives_the_defaults_when_its_marks_are_taken_away() {
    let text: String = default_file()
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            // Explanations are comments, too; those that quote a setting have it in backticks.
            Some(setting) if setting.contains(" = ") && !setting.contains('`') => setting,
            _ => line,
        })
        .filter(|line| {
            // What is not set by default stands there as an example.
            let unset = [
                "url_file",
                "pooler_url_file",
                "replica_url_file",
                "authority_dir",
                "binaries_dir",
                "index",
                "nvd_api_key_file",
                "proxy_file",
                "ca_file",
                "public_url",
                "watch_listen",
                "certificate_file",
                "key_file",
                "host",
                "user",
                "password_file",
                "from",
                "traces_endpoint",
                "traces_headers_file",
                "traces_ca_file",
            ];
            !unset.iter().any(|unset| line.starts_with(&format!("{unset} =")))
        })
        .flat_map(|line| [line, "\n"])
        .collect();
    let of_file = Config::from_layers(Layers::default().with_table(text.parse().unwrap())).unwrap();
    let of_nothing = Config::from_layers(Layers::defaults()).unwrap();
    // By their text, because secrets have no equality that a test should use. It shows that the
    // file says what the program does without one.
    assert_eq!(format!("{of_file:?}"), format!("{of_nothing:?}"));
    assert_eq!(of_nothing.ingest.agent_requests_per_minute, 100);
}

#[test]
fn the_default_file_is_valid_as_it_is_shipped_and_names_every_setting() {
    let text = default_file();
    Config::from_layers(file(&text)).unwrap();
    for section in SECTIONS {
        for field in section.fields {
            let line = format!("# {} = ", field.name);
            assert!(text.contains(&line), "{line} is missing");
            assert!(!field.docs.is_empty(), "{} is undocumented", field.name);
        }
    }
}

#[test]
fn environment_comes_over_file_and_flags_over_both() {
    let layers = file("[ingest]\nlisten = \"1.1.1.1:1\"\nconnections_max = 5\nhandshakes_max = 6");
    let layers = layers
        .with_environment(&environment(&[
            ("MUSTER_INGEST_LISTEN", "2.2.2.2:2"),
            ("MUSTER_INGEST_CONNECTIONS_MAX", "7"),
            // `[node]` is the one section whose variables go without its name.
            ("MUSTER_ROLES", "api, jobs"),
        ]))
        .unwrap()
        .with("ingest", "listen", "3.3.3.3:3");
    let config = Config::from_layers(layers).unwrap();
    assert_eq!(config.ingest.listen, "3.3.3.3:3".parse().unwrap());
    assert_eq!(config.ingest.connections_max, 7);
    assert_eq!(config.ingest.handshakes_max, 6);
    assert_eq!(config.node.roles.to_string(), "api,jobs");
    assert!(!config.node.roles.has(Role::Ingest));
}

#[test]
fn an_unknown_setting_in_the_file_is_refused_by_its_name() {
    assert!(error(file("[ingest]\nlissten = \"1.1.1.1:1\"")).contains("lissten"));
    assert!(error(file("[inges]\nlisten = \"1.1.1.1:1\"")).contains("inges"));
}

#[test]
fn a_misspelt_variable_of_a_section_is_refused_and_a_foreign_one_is_not() {
    let wrong = environment(&[("MUSTER_INGEST_LISSTEN", "1.1.1.1:1")]);
    let error = Layers::defaults().with_environment(&wrong).unwrap_err();
    assert_eq!(error.to_string(), "MUSTER_INGEST_LISSTEN: [ingest] has no setting \"lissten\"");
    // Others may use the prefix: a variable is ours only with a section's name in it.
    let foreign = environment(&[("MUSTER_COLOUR", "blue"), ("HOME", "/root")]);
    Layers::defaults().with_environment(&foreign).unwrap();
}

#[test]
fn a_variable_of_the_wrong_kind_is_refused() {
    let wrong = environment(&[("MUSTER_PIPELINE_WORKERS", "many")]);
    let error = Layers::defaults().with_environment(&wrong).unwrap_err();
    assert_eq!(error.to_string(), "MUSTER_PIPELINE_WORKERS: \"many\" is not a whole number");
}

#[test]
fn values_out_of_range_are_refused_with_the_range() {
    assert_eq!(
        error(file("[pipeline]\nworkers = 0")),
        "pipeline.workers: 0 is not between 1 and 256"
    );
    assert!(error(file("[ingest]\naddresses = [\"somewhere\"]")).contains("host:port"));
    assert!(error(file("[ingest]\ntrust_domain = \"Exa mple\"")).contains("trust_domain"));
    assert!(error(file("[node]\nroles = []")).contains("at least one"));
    assert!(error(file("[node]\nroles = [\"boss\"]")).contains("boss"));
    assert!(error(file("[telemetry]\nformat = \"xml\"")).contains("xml"));
    assert!(error(file("[telemetry]\nlevel = \"collector=loud\"")).contains("telemetry.level"));
}

#[test]
fn a_number_for_a_text_is_refused_by_its_setting() {
    let error = error(file("[ingest]\nlisten = 7070"));
    assert!(error.contains("listen"), "{error}");
}

#[test]
fn a_database_address_is_taken_from_the_environment_and_never_shown() {
    let layers = Layers::defaults()
        .with_environment(&environment(&[("DATABASE_URL", "postgres://u:hush@h/d")]))
        .unwrap();
    let config = Config::from_layers(layers).unwrap();
    let DatabaseServer::Given(url) = &config.database.server else {
        panic!("the address is not taken");
    };
    assert_eq!(url.expose(), "postgres://u:hush@h/d");
    assert!(!format!("{config:?}").contains("hush"));
}

#[test]
fn a_database_address_is_taken_from_a_file_without_its_line_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("url");
    std::fs::write(&path, "postgres://u@h/d\n").unwrap();
    let layers = Layers::defaults().with("database", "url_file", path.to_str().unwrap());
    let config = Config::from_layers(layers).unwrap();
    assert_eq!(config.database.server, DatabaseServer::Given(Secret::new("postgres://u@h/d")));
}

#[test]
fn an_empty_or_missing_secret_file_is_an_error_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("url");
    let layers = Layers::defaults().with("database", "url_file", path.to_str().unwrap());
    assert!(error(layers.clone()).contains("url"));
    std::fs::write(&path, "\n").unwrap();
    assert!(error(layers).contains("is empty"));
}

#[test]
fn a_private_server_in_the_data_directory_is_the_default() {
    let layers = Layers::defaults().with("node", "data_dir", "/srv/muster");
    let config = Config::from_layers(layers).unwrap();
    let DatabaseServer::Private(server) = config.database.server else {
        panic!("no private server");
    };
    assert_eq!(server.dir, PathBuf::from("/srv/muster/postgres"));
    assert_eq!(config.queue.dir, PathBuf::from("/srv/muster/queue"));
}

#[test]
fn a_file_that_is_no_toml_is_refused_with_its_name_and_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("muster.toml");
    std::fs::write(&path, "[ingest]\nlisten = \n").unwrap();
    let error = Layers::defaults().with_file(&path).unwrap_err();
    let text = format!("{:#}", anyhow::Error::from(error));
    assert!(text.contains("muster.toml"), "{text}");
    assert!(text.contains("line 2"), "{text}");
}

#[test]
fn a_file_that_cannot_be_read_is_refused_with_its_name_and_why() {
    let dir = tempfile::tempdir().unwrap();
    let absent = dir.path().join("absent.toml");
    let latin = dir.path().join("latin.toml");
    std::fs::write(&latin, b"[node]\n# M\xfcnchen\n").unwrap();
    for (path, why) in
        [(absent.as_path(), "No such file"), (&latin, "UTF-8"), (dir.path(), "directory")]
    {
        let error = Layers::defaults().with_file(path).unwrap_err();
        let text = format!("{:#}", anyhow::Error::from(error));
        assert!(text.contains(path.to_str().unwrap()), "{text}");
        assert!(text.contains(why), "{text}");
    }
}

#[test]
fn a_section_that_is_no_table_is_refused_whatever_lies_over_it() {
    let layers = file("ingest = 5").with("ingest", "listen", "1.1.1.1:1");
    let error = error(layers);
    assert!(error.contains("ingest"), "{error}");
    assert!(error.contains('5'), "{error}");
}

#[test]
fn a_setting_of_a_file_leaves_the_others_of_its_section() {
    let config = Config::from_layers(file("[http]\nrequests_max = 5")).unwrap();
    let defaults = Config::from_layers(Layers::defaults()).unwrap();
    assert_eq!(config.http.requests_max, 5);
    assert_eq!(config.http.listen, defaults.http.listen);
    assert_eq!(config.http.request_timeout, defaults.http.request_timeout);
}

#[test]
fn an_address_that_agents_could_not_call_is_refused() {
    let with = |address: &str| file(&format!("[ingest]\naddresses = [{address:?}]"));
    for good in ["c.example:7070", "10.0.0.1:7070", "[2001:db8::1]:7070"] {
        Config::from_layers(with(good)).unwrap();
    }
    for wrong in [
        "c.example",
        "c.example:",
        ":7070",
        "c.example:0",
        "c.example:70700",
        "2001:db8::7070",
        "[2001:db8::1]",
        "[c.example]:7070",
    ] {
        let error = error(with(wrong));
        assert!(error.contains(wrong), "{error}");
        assert!(error.contains("brackets"), "{error}");
    }
}
