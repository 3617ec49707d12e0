//! Secrets: files that hold them, and what never shows them.

use std::path::Path;

use super::*;

/// Every setting that names a file with a secret.
const FILES: [(&str, &str); 6] = [
    ("database", "url_file"),
    ("database", "pooler_url_file"),
    ("database", "replica_url_file"),
    ("feeds", "nvd_api_key_file"),
    ("feeds", "proxy_file"),
    ("mail", "password_file"),
];

fn named(section: &str, field: &str, path: &Path) -> Layers {
    // With a server of somebody's own, or what stands beside it is refused first.
    let server = environment(&[("DATABASE_URL", "postgres://u@h/d")]);
    let layers = Layers::defaults().with_environment(&server).unwrap();
    layers.with(section, field, path.to_str().unwrap())
}

#[test]
fn a_pooler_and_a_standby_stand_beside_a_server_that_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("url");
    std::fs::write(&path, "postgres://u@other/d").unwrap();
    for field in ["pooler_url_file", "replica_url_file"] {
        let alone = Layers::defaults().with("database", field, path.to_str().unwrap());
        let text = error(alone);
        assert!(text.contains(field) && text.contains("database.url_file"), "{text}");
        let database = Config::from_layers(named("database", field, &path)).unwrap().database;
        let found = if field == "pooler_url_file" { database.pooler } else { database.replica };
        assert_eq!(found.unwrap().expose(), "postgres://u@other/d");
    }
}

#[test]
fn a_secret_is_the_text_of_its_file_without_the_white_space_at_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    for (written, expected) in [
        ("6b3c", "6b3c"),
        ("6b3c\n", "6b3c"),
        ("6b3c\r\n", "6b3c"),
        ("6b3c \t\n\n", "6b3c"),
        // A password may begin with a space, and have one within.
        (" pass word\n", " pass word"),
        ("pässwörd\n", "pässwörd"),
    ] {
        std::fs::write(&path, written).unwrap();
        let config = Config::from_layers(named("feeds", "nvd_api_key_file", &path)).unwrap();
        let key = config.feeds.nvd_api_key.unwrap();
        assert_eq!(key.expose(), expected, "{written:?}");
    }
}

#[test]
fn a_file_without_a_secret_is_refused_with_its_path_whichever_setting_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let (absent, empty, bytes) = ("absent", "empty", "bytes");
    std::fs::write(dir.path().join(empty), " \n\t\n").unwrap();
    std::fs::write(dir.path().join(bytes), b"hush\xff").unwrap();
    for (section, field) in FILES {
        for (name, why) in [(absent, "No such file"), (empty, "is empty"), (bytes, "UTF-8")] {
            let path = dir.path().join(name);
            let text = error(named(section, field, &path));
            assert!(text.contains(path.to_str().unwrap()), "{field}: {text}");
            assert!(text.contains(why), "{field}: {text}");
            assert!(!text.contains("hush"), "{text}");
        }
        // A mounted secret that is a folder, as Kubernetes makes it when the name is wrong.
        let text = error(named(section, field, dir.path()));
        assert!(text.contains("directory"), "{field}: {text}");
    }
}

#[test]
fn an_empty_file_is_said_by_the_setting_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("empty");
    std::fs::write(&path, "").unwrap();
    for (section, field) in FILES {
        let expected = format!("{section}.{field}: {} is empty", path.display());
        assert_eq!(error(named(section, field, &path)), expected);
    }
}

#[test]
fn nothing_that_prints_a_configuration_shows_a_secret() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("secret");
    std::fs::write(&path, "http://me:hush@p:1").unwrap();
    for (section, field) in FILES {
        let layers = named(section, field, &path);
        let config = Config::from_layers(layers.clone()).unwrap();
        for shown in [format!("{config:?}"), format!("{config:#?}"), format!("{layers:?}")] {
            assert!(!shown.contains("hush"), "{field}: {shown}");
        }
    }
    let variables = environment(&[
        ("DATABASE_URL", "postgres://u:hush@h/d"),
        ("HTTP_PROXY", "http://u:hush@p"),
    ]);
    let layers = Layers::defaults().with_environment(&variables).unwrap();
    for shown in [format!("{variables:?}"), format!("{layers:?}")] {
        assert!(!shown.contains("hush"), "{shown}");
    }
    // Not with another setting's error, which prints what it is about.
    let wrong = layers.with("jobs", "workers", "many");
    let shown = error(wrong);
    assert!(shown.contains("workers") && !shown.contains("hush"), "{shown}");
}

#[test]
fn the_environments_database_comes_before_the_files() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("url");
    std::fs::write(&path, "postgres://of-file/d").unwrap();
    let variables = environment(&[("DATABASE_URL", "postgres://of-environment/d")]);
    let layers = named("database", "url_file", &path).with_environment(&variables).unwrap();
    let config = Config::from_layers(layers).unwrap();
    let given = Secret::new("postgres://of-environment/d");
    assert_eq!(config.database.server, DatabaseServer::Given(given));
}

#[test]
fn what_only_a_private_server_needs_is_not_asked_of_one_that_is_given() {
    let variables = environment(&[("DATABASE_URL", "postgres://h/d")]);
    let layers = file("[database]\nshared_buffers_mib = 1");
    assert!(error(layers.clone()).contains("shared_buffers_mib"));
    Config::from_layers(layers.with_environment(&variables).unwrap()).unwrap();
}
