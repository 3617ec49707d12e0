//! Words, addresses and names: which are taken, and what is said of the others.

use super::*;

/// A setting as it stands in a file, its value, and what the refusal has to say beside its name.
type Refusal = (&'static str, &'static str, &'static str);

const REFUSALS: [Refusal; 27] = [
    ("node.roles", "[\"Api\"]", "ingest, api and jobs are"),
    ("node.roles", "[\"\"]", "\"\" is no role"),
    ("telemetry.format", "\"Json\"", "neither text nor json"),
    ("telemetry.format", "\"\"", "neither text nor json"),
    ("telemetry.level", "\"verbose\"", "\"verbose\" is neither a level nor module=level"),
    ("telemetry.level", "\"info, hyper=warn\"", "\" hyper=warn\" is neither"),
    ("telemetry.level", "\"hyper=loud\"", "level"),
    ("ingest.tcp_listen", "\"7070\"", "none of same, off and an address with a port"),
    ("ingest.tcp_listen", "\"10.0.0.1\"", "an address with a port"),
    ("ingest.tcp_listen", "\"\"", "none of same, off"),
    ("ingest.connections", "\"keep\"", "none of hold, visit and auto"),
    ("ingest.trust_domain", "\"\"", "lower-case letters"),
    ("ingest.trust_domain", "\"Muster\"", "lower-case letters"),
    ("ingest.trust_domain", "\"a/b\"", "lower-case letters"),
    ("ingest.trust_domain", "\"a:1\"", "lower-case letters"),
    ("http.proxies", "[\"10.0.0.0/8\"]", "\"10.0.0.0/8\" is no IP address"),
    ("http.proxies", "[\"10.0.0.1:80\"]", "is no IP address"),
    ("http.cors_origins", "[\"*\"]", "is no origin, such as https://tools.example"),
    ("http.cors_origins", "[\"null\"]", "is no origin"),
    (
        "http.cors_origins",
        "[\"https://a.example\", \"https://b.example/x\"]",
        "\"https://b.example/x\"",
    ),
    ("webhooks.allowed_networks", "[\"10.0.0.0/33\"]", "\"10.0.0.0/33\": no network"),
    ("webhooks.allowed_networks", "[\"intranet\"]", "such as 10.0.0.0/8"),
    ("feeds.sources", "[\"NVD\"]", "nvd-feeds, nvd, kev, epss"),
    ("feeds.sources", "[\"osv-npm\"]", "is no source"),
    ("feeds.osv_ecosystems", "[\"\"]", "\"\" is no name of an ecosystem"),
    ("feeds.osv_ecosystems", "[\"a/b\"]", "is no name of an ecosystem"),
    ("feeds.osv_ecosystems", "[\"npm?x=1\"]", "is no name of an ecosystem"),
];

#[test]
fn what_a_setting_cannot_be_is_refused_with_its_name_and_what_it_could() {
    for (setting, value, why) in REFUSALS {
        let (section, field) = setting.split_once('.').unwrap();
        let text = error(file(&format!("[{section}]\n{field} = {value}")));
        assert!(text.starts_with(&format!("{setting}: ")), "{value}: {text}");
        assert!(text.contains(why), "{setting} = {value}: {text}");
    }
}

#[test]
fn an_ecosystem_is_fetched_once_however_often_it_is_named() {
    let with =
        |names: &str| file(&format!("[feeds]\nsources = [\"osv\"]\nosv_ecosystems = {names}"));
    // The same name in the database and the mirror, and so one source.
    for twice in ["[\"npm\", \"npm\"]", "[\"Red Hat\", \"red hat\"]", "[\"Red Hat\", \"Red-Hat\"]"]
    {
        let text = error(with(twice));
        assert!(text.starts_with("feeds.osv_ecosystems: "), "{text}");
        assert!(text.contains("twice"), "{text}");
    }
    // A source is one whatever its place in the list.
    let config = file("[feeds]\nsources = [\"kev\", \"kev\"]");
    assert_eq!(Config::from_layers(config).unwrap().feeds.sources.len(), 1);
}

#[test]
fn an_ecosystem_that_would_lead_out_of_its_folder_is_refused() {
    for name in ["..", ".", "...", " ", "-", ". ."] {
        let text = error(file(&format!("[feeds]\nosv_ecosystems = [\"{name}\"]")));
        assert!(text.starts_with("feeds.osv_ecosystems: "), "{name}: {text}");
    }
}

#[test]
fn a_typing_error_in_a_source_that_is_not_fetched_shows_at_once() {
    let text = error(file("[feeds]\nsources = [\"kev\"]\nmsrc_url = \"api.msrc\""));
    assert_eq!(
        text,
        "feeds.msrc_url: \"api.msrc\" is no address that begins with https:// or http://"
    );
    let text = error(file("[feeds]\nsources = []\nosv_every_s = 1"));
    assert!(text.starts_with("feeds.osv_every_s: 1 is not"), "{text}");
}

#[test]
fn roles_are_a_set_in_an_order_of_their_own() {
    let roles = |text: &str| {
        let config = Config::from_layers(file(&format!("[node]\nroles = {text}")));
        config.map(|config| config.node.roles)
    };
    assert_eq!(roles("[\"jobs\", \"api\", \"jobs\"]").unwrap().to_string(), "api,jobs");
    let only = roles("[\"ingest\"]").unwrap();
    assert!(only.has(Role::Ingest) && !only.has(Role::Api) && !only.has(Role::Jobs));
    // One that is none spoils the others: a node would do less than it was meant to.
    assert!(roles("[\"api\", \"job\"]").is_err());
}

#[test]
fn a_token_has_room_for_eight_addresses() {
    let with = |count: usize| {
        let addresses: Vec<_> = (0..count).map(|n| format!("\"c{n}.example:7070\"")).collect();
        file(&format!("[ingest]\naddresses = [{}]", addresses.join(",")))
    };
    assert_eq!(Config::from_layers(with(8)).unwrap().ingest.addresses.len(), 8);
    assert_eq!(error(with(9)), "ingest.addresses: at most 8 fit into a token");
}

#[test]
fn names_are_taken_up_to_their_length() {
    let domain =
        |bytes: usize| file(&format!("[ingest]\ntrust_domain = \"{}\"", "a".repeat(bytes)));
    Config::from_layers(domain(255)).unwrap();
    assert!(error(domain(256)).starts_with("ingest.trust_domain: "));
    let address = |bytes: usize| {
        let name = "a".repeat(bytes - ":7070".len());
        file(&format!("[ingest]\naddresses = [\"{name}:7070\"]"))
    };
    Config::from_layers(address(256)).unwrap();
    assert!(error(address(257)).starts_with("ingest.addresses: "));
}

#[test]
fn an_address_to_listen_on_is_an_ip_address_with_a_port() {
    for section in ["ingest", "http"] {
        let with = |text: &str| file(&format!("[{section}]\nlisten = \"{text}\""));
        for good in ["127.0.0.1:0", "[::]:7070", "0.0.0.0:65535"] {
            Config::from_layers(with(good)).unwrap();
        }
        for wrong in ["localhost:7070", "127.0.0.1", ":7070", "127.0.0.1:65536", "::1:7070", ""] {
            let text = error(with(wrong));
            assert!(text.contains("listen"), "{section} {wrong:?}: {text}");
        }
    }
}

#[test]
fn directives_of_the_log_may_name_modules() {
    for good in ["off", "info,collector::ingest=debug", "warn,hyper=error", ""] {
        let config = file(&format!("[telemetry]\nlevel = \"{good}\""));
        assert_eq!(Config::from_layers(config).unwrap().telemetry.level, good);
    }
}

#[test]
fn a_secret_that_stands_in_the_file_itself_is_no_setting() {
    // The documentation names files; what one would guess is refused by its name, so that nobody
    // believes it to be in use.
    for (section, field) in
        [("database", "url"), ("feeds", "nvd_api_key"), ("feeds", "proxy"), ("http", "tls")]
    {
        let text = error(file(&format!("[{section}]\n{field} = \"x\"")));
        assert!(text.contains(&format!("`{field}`")), "{text}");
    }
}

#[test]
fn a_table_where_a_value_should_be_and_the_other_way_round_are_refused() {
    for text in [
        "[node.data_dir]\npath = \"/srv\"",
        "[ingest]\naddresses = \"c.example:7070\"",
        "[http]\nlisten = [\"127.0.0.1:1\"]",
        "[[queue]]\nbytes_max = 1",
        "feeds = false",
    ] {
        Config::from_layers(file(text)).expect_err(text);
    }
}
