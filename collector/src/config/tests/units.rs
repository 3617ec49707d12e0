//! What a setting's value means: seconds are seconds, days are days, and what is left out is what
//! the documentation says.

use super::*;

/// What is made of a configuration.
type Value = fn(&Config) -> String;

fn read(text: &str) -> Config {
    Config::from_layers(file(text)).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn feed(config: &Config, name: &str) -> FeedSource {
    let mut sources = config.feeds.sources.iter();
    sources.find(|source| source.name == name).unwrap().clone()
}

/// Settings, and what they come to.
const UNITS: [(&str, Value, &str); 18] = [
    ("[node]\nstop_timeout_s = 7", |c| format!("{:?}", c.node.stop_timeout), "7s"),
    (
        "[ingest]\ncertificate_days = 2",
        |c| format!("{:?}", c.ingest.certificate_validity),
        "172800s",
    ),
    ("[ingest]\nidle_timeout_s = 90", |c| format!("{:?}", c.ingest.idle_timeout), "90s"),
    ("[pipeline]\nbatch_after_ms = 1500", |c| format!("{:?}", c.pipeline.batch_after), "1.5s"),
    ("[pipeline]\ngap_wait_ms = 10", |c| format!("{:?}", c.pipeline.gap_wait), "10ms"),
    ("[jobs]\ndead_letters_days = 3", |c| format!("{:?}", c.jobs.dead_letters_kept), "259200s"),
    ("[jobs]\ndeletion_wait_days = 2", |c| format!("{:?}", c.jobs.deletion_wait), "172800s"),
    ("[jobs]\nretention_days = 400", |c| c.jobs.retention_days.to_string(), "400"),
    ("[http]\nrequest_timeout_s = 45", |c| format!("{:?}", c.http.request_timeout), "45s"),
    ("[http]\nhead_timeout_s = 4", |c| format!("{:?}", c.http.head_timeout), "4s"),
    ("[http]\nsession_idle_s = 60", |c| format!("{:?}", c.http.session_idle), "60s"),
    ("[http]\nsession_s = 61", |c| format!("{:?}", c.http.session), "61s"),
    ("[feeds]\nkev_every_s = 900", |c| format!("{:?}", feed(c, "kev").every), "900s"),
    ("[feeds]\nosv_every_s = 901", |c| format!("{:?}", feed(c, "osv-npm").every), "901s"),
    ("[webhooks]\nallow_http = true", |c| c.webhooks.allow_http.to_string(), "true"),
    ("[telemetry]\nformat = \"json\"", |c| format!("{:?}", c.telemetry.format), "Json"),
    ("[enrichment]\ncache_entries = 0", |c| c.enrichment.cache_entries.to_string(), "0"),
    ("[queue]\ndisk_free_bytes_min = 0", |c| c.queue.disk_free_bytes_min.to_string(), "0"),
];

#[test]
fn a_setting_is_counted_in_the_unit_of_its_name() {
    for (text, value, expected) in UNITS {
        assert_eq!(value(&read(text)), expected, "{text}");
    }
}

/// A change of one of these changes every site at its next upgrade.
const PROMISED: [(Value, &str); 22] = [
    (|c| c.node.data_dir.display().to_string(), "/var/lib/muster"),
    (|c| c.node.roles.to_string(), "ingest,api,jobs"),
    (|c| c.ingest.listen.to_string(), "0.0.0.0:7070"),
    (|c| format!("{:?}", c.ingest.tcp_listen), "Same"),
    (|c| c.ingest.trust_domain.clone(), "muster.internal"),
    (|c| format!("{:?}", c.ingest.connections), "Auto"),
    (|c| format!("{:?}", c.ingest.certificate_validity), "2592000s"),
    (|c| c.ingest.agent_requests_per_minute.to_string(), "100"),
    (|c| c.ingest.company_requests_per_minute.to_string(), "10000"),
    (|c| c.pipeline.workers.to_string(), "10"),
    (|c| c.pipeline.batch_records.to_string(), "100"),
    (|c| c.jobs.retention_days.to_string(), "90"),
    (|c| format!("{:?}", c.jobs.dead_letters_kept), "2592000s"),
    (|c| format!("{:?}", c.jobs.deletion_wait), "604800s"),
    // The API speaks plain HTTP: nobody but this machine may find it unasked.
    (|c| c.http.listen.to_string(), "127.0.0.1:7080"),
    (|c| format!("{:?}", c.http.session_idle), "28800s"),
    (|c| format!("{:?}", c.http.proxies), "[]"),
    (|c| format!("{:?}", c.http.cors_origins), "[]"),
    (|c| c.webhooks.allow_http.to_string(), "false"),
    (|c| format!("{:?}", c.webhooks.allowed_networks), "[]"),
    (|c| c.feeds.sync.to_string(), "true"),
    (|c| format!("{:?}", c.feeds.trusted_keys), "[]"),
];

#[test]
fn what_is_left_out_is_what_operators_were_promised() {
    let config = read("");
    for (value, expected) in PROMISED {
        assert_eq!(value(&config), expected);
    }
}

#[test]
fn what_is_fetched_by_default_is_everything_but_the_archive_of_hundreds_of_megabytes() {
    let config = read("");
    let names: Vec<_> = config.feeds.sources.iter().map(|s| s.name.as_str()).collect();
    let osv = names.iter().filter(|name| name.starts_with("osv-")).count();
    assert_eq!(osv, 16);
    assert_eq!(
        names[..names.len() - osv],
        ["nvd-feeds", "nvd", "kev", "epss", "anchore", "vulnrichment", "msrc"]
    );
    let wanted = read("[feeds]\nsources = [\"redhat-vex\"]");
    assert_eq!(wanted.feeds.sources[0].kind, FeedSourceKind::RedHatVex);
    assert!(read("[feeds]\nsources = []").feeds.sources.is_empty());
}

#[test]
fn every_address_of_a_feed_can_be_a_mirror_and_is_that_of_its_own_source() {
    let urls = [
        ("nvd-feeds", "nvd_feeds_url"),
        ("nvd", "nvd_url"),
        ("kev", "kev_url"),
        ("epss", "epss_url"),
        ("anchore", "anchore_url"),
        ("vulnrichment", "vulnrichment_url"),
        ("msrc", "msrc_url"),
        ("redhat-vex", "redhat_vex_url"),
    ];
    for (source, setting) in urls {
        let text = format!(
            "[feeds]\nsources = [\"{source}\"]\n{setting} = \"http://mirror.example/{setting}\""
        );
        let found = feed(&read(&text), source);
        assert_eq!(found.url, format!("http://mirror.example/{setting}"));
    }
}

#[test]
fn what_must_outlast_a_restart_lies_in_the_data_directory_unless_it_is_named() {
    let config = read("[node]\ndata_dir = \"/srv/muster\"");
    for (path, expected) in [
        (&config.queue.dir, "/srv/muster/queue"),
        (&config.enrichment.index, "/srv/muster/index/current"),
        (&config.enrichment.cache_dir, "/srv/muster/match-cache"),
    ] {
        assert_eq!(path, &PathBuf::from(expected));
    }
    assert_eq!(config.node.authority_dir, None);
    let config = read(
        "[node]\ndata_dir = \"/srv/muster\"\nauthority_dir = \"/run/ca\"\n\
         [enrichment]\nindex = \"/nfs/index\"",
    );
    assert_eq!(config.enrichment.index, PathBuf::from("/nfs/index"));
    // What is in the cache is of one node, wherever the index comes from.
    let cache = PathBuf::from("/srv/muster/match-cache");
    assert_eq!(config.enrichment.cache_dir, cache);
    assert_eq!(config.node.authority_dir, Some(PathBuf::from("/run/ca")));
}

#[test]
fn relative_directories_become_absolute_because_others_run_elsewhere() {
    let here = std::env::current_dir().unwrap();
    let config = read("[node]\ndata_dir = \"data\"\nauthority_dir = \"ca\"");
    assert_eq!(config.node.data_dir, here.join("data"));
    assert_eq!(config.node.authority_dir, Some(here.join("ca")));
    assert_eq!(error(file("[node]\ndata_dir = \"\"")), "node.data_dir: the path is empty");
}

#[test]
fn agents_are_met_over_tcp_at_the_same_address_at_another_or_nowhere() {
    let address = |tcp: &str| {
        let text = format!("[ingest]\nlisten = \"10.0.0.1:7070\"\ntcp_listen = \"{tcp}\"");
        read(&text).ingest.tcp_address().map(|at| at.to_string())
    };
    assert_eq!(address("same").as_deref(), Some("10.0.0.1:7070"));
    assert_eq!(address("[::1]:443").as_deref(), Some("[::1]:443"));
    assert_eq!(address("off"), None);
}
