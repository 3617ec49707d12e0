//! `[feeds]`: which feeds are fetched, from where, how often, and whose bundles are believed.

use std::path::PathBuf;
use std::time::Duration;

use super::section::section;
use super::{ConfigError, Environment, Secret, in_range};

section! {
    /// CVE feeds. Every address can be that of a mirror of your own. A collector without a way to the
    /// internet takes signed bundles in by `muster-collector feed import`.
    "feeds" RawFeeds {
        /// Whether feeds are fetched by the clock. Otherwise they come by `feed sync` and `feed import`.
        sync: bool = true;
        /// Which feeds are fetched; `osv` stands for all of `osv_ecosystems`. Beside these there is
        /// `redhat-vex`, what Red Hat has not repaired yet: several hundred megabytes a day.
        sources: Vec<String> = ["nvd-feeds", "nvd", "kev", "epss", "anchore", "vulnrichment", "msrc", "osv"];
        /// NVD's API 2.0, asked for what changed since the last time.
        nvd_url: String = "https://services.nvd.nist.gov/rest/json/cves/2.0";
        /// How often, in seconds. NIST asks for not more than every two hours.
        nvd_every_s: u32 = 7_200;
        /// A file with a key of that API, which allows 50 requests in 30 seconds instead of 5. One key
        /// belongs to one collector.
        nvd_api_key_file: Option<PathBuf> => "/etc/muster/nvd-api-key";
        /// The folder of NVD's feed files, one a year: the first load, and a regular comparison of
        /// everything.
        nvd_feeds_url: String = "https://nvd.nist.gov/feeds/json/cve/2.0/";
        /// How often, in seconds.
        nvd_feeds_every_s: u32 = 604_800;
        /// CISA's catalogue of known exploited vulnerabilities.
        kev_url: String = "https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json";
        /// How often, in seconds.
        kev_every_s: u32 = 10_800;
        /// FIRST's exploitation scores, which are made once a day.
        epss_url: String = "https://epss.empiricalsecurity.com/epss_scores-current.csv.gz";
        /// How often, in seconds.
        epss_every_s: u32 = 21_600;
        /// Anchore's additions to NVD's applicability.
        anchore_url: String = "https://github.com/anchore/nvd-data-overrides/archive/refs/heads/main.zip";
        /// How often, in seconds.
        anchore_every_s: u32 = 43_200;
        /// CISA's additions to the CVE programme's records.
        vulnrichment_url: String = "https://github.com/cisagov/vulnrichment/archive/refs/heads/develop.zip";
        /// How often, in seconds.
        vulnrichment_every_s: u32 = 86_400;
        /// Microsoft's Security Updates API: which update repairs which CVE, month by month.
        msrc_url: String = "https://api.msrc.microsoft.com/cvrf/v3.0/";
        /// How often, in seconds.
        msrc_every_s: u32 = 21_600;
        /// The folder of Red Hat's CSAF VEX archive.
        redhat_vex_url: String = "https://security.access.redhat.com/data/csaf/v2/vex/";
        /// How often, in seconds. The archive is made once a day.
        redhat_vex_every_s: u32 = 86_400;
        /// The folder of OSV's archives, in which each ecosystem has `<ecosystem>/all.zip`.
        osv_url: String = "https://storage.googleapis.com/osv-vulnerabilities/";
        /// How often, in seconds.
        osv_every_s: u32 = 21_600;
        /// OSV's ecosystems: the distributions that hosts run, and the registries of packages that hosts have or
        /// documents (SBOMs) list.
        osv_ecosystems: Vec<String> = ["Debian", "Ubuntu", "Alpine", "Red Hat", "SUSE", "openSUSE", "AlmaLinux", "Rocky Linux", "PyPI", "npm", "RubyGems", "Go", "Maven", "NuGet", "crates.io", "Hex"];
        /// A proxy for all of them; its name and password may stand in the address. Without one, the
        /// variables `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` count.
        proxy_file: Option<PathBuf> => "/etc/muster/proxy-url";
        /// Hosts that are reached without the proxy, such as `.example.com` or `10.0.0.0/8`.
        no_proxy: Vec<String> = [];
        /// A file of certificates (PEM) that are believed beside the public ones, such as that of a proxy
        /// which looks into TLS.
        ca_file: Option<PathBuf> => "/etc/muster/feeds-ca.pem";
        /// Public keys whose bundles are taken in, as `feed keygen` prints them.
        trusted_keys: Vec<String> = [];
    }
}

/// Intervals that a feed may be fetched at, in seconds: a quarter of an hour to thirty days.
const EVERY_S: std::ops::RangeInclusive<u32> = 900..=2_592_000;
/// Stands for every ecosystem of OSV among the sources.
const OSV: &str = "osv";

/// Feeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedsConfig {
    /// Whether they are fetched by the clock.
    pub sync: bool,
    /// What is fetched, in this order.
    pub sources: Vec<FeedSource>,
    /// The key of NVD's API.
    pub nvd_api_key: Option<Secret>,
    /// The way there.
    pub proxy: ProxyConfig,
    /// Certificates beside the public ones.
    pub ca_file: Option<PathBuf>,
    /// Public keys whose bundles are taken in, as they are written.
    pub trusted_keys: Vec<String>,
}

/// A feed that is fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedSource {
    /// Its name in commands, the database and metrics.
    pub name: String,
    /// How it is fetched.
    pub kind: FeedSourceKind,
    /// Where it is.
    pub url: String,
    /// How often it is fetched.
    pub every: Duration,
}

/// How a feed is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedSourceKind {
    /// NVD's API 2.0, page by page.
    NvdApi,
    /// NVD's feed files, one a year, each with a `.meta` file.
    NvdFeeds,
    /// Microsoft's months, each when the list of them says that it changed.
    MsrcMonths,
    /// Red Hat's VEX archive, whose name has its date.
    RedHatVex,
    /// One file, plain or compressed.
    File,
    /// A zip archive of JSON files.
    Archive,
}

/// Proxies, by the kind of address that they are for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxyConfig {
    /// For `https://` addresses.
    pub https: Option<Secret>,
    /// For `http://` addresses.
    pub http: Option<Secret>,
    /// Hosts that are reached directly, with commas.
    pub except: String,
}

impl ProxyConfig {
    /// What other programs are told by the environment too.
    pub(super) fn of_environment(environment: &Environment) -> Self {
        let text = |names: [&str; 3]| names.into_iter().find_map(|name| environment.text(name));
        Self {
            https: text(["HTTPS_PROXY", "https_proxy", "ALL_PROXY"]).map(Secret::new),
            // `HTTP_PROXY` can be set by a request's header where a program is run as CGI; this one never is.
            http: text(["HTTP_PROXY", "http_proxy", "ALL_PROXY"]).map(Secret::new),
            // Two names; the third place is only filled.
            except: text(["NO_PROXY", "no_proxy", "NO_PROXY"]).unwrap_or_default().to_owned(),
        }
    }
}

impl FeedsConfig {
    pub(super) fn new(raw: RawFeeds, environment: ProxyConfig) -> Result<Self, ConfigError> {
        let sources = sources(&raw)?;
        let proxy = match &raw.proxy_file {
            Some(path) => {
                let url = Secret::from_file("feeds.proxy_file", path)?;
                ProxyConfig {
                    https: Some(url.clone()),
                    http: Some(url),
                    // The file's proxy has nothing to do with the environment's, and neither have
                    // its exceptions.
                    except: String::new(),
                }
            }
            None => environment,
        };
        let except = if raw.no_proxy.is_empty() { proxy.except } else { raw.no_proxy.join(",") };
        Ok(Self {
            sync: raw.sync,
            sources,
            nvd_api_key: raw
                .nvd_api_key_file
                .map(|path| Secret::from_file("feeds.nvd_api_key_file", &path))
                .transpose()?,
            proxy: ProxyConfig { except, ..proxy },
            ca_file: raw.ca_file,
            trusted_keys: raw.trusted_keys,
        })
    }
}

/// The table of sources, in the order in which they are fetched: the feed files before the API,
/// which goes on from where they end.
fn sources(raw: &RawFeeds) -> Result<Vec<FeedSource>, ConfigError> {
    use FeedSourceKind::{Archive, File, MsrcMonths, NvdApi, NvdFeeds, RedHatVex};
    // A row a source; broken into lines nobody would see that one has the address of another.
    #[rustfmt::skip]
    let table = [
        ("nvd-feeds", NvdFeeds, "feeds.nvd_feeds_url", &raw.nvd_feeds_url, "feeds.nvd_feeds_every_s", raw.nvd_feeds_every_s),
        ("nvd", NvdApi, "feeds.nvd_url", &raw.nvd_url, "feeds.nvd_every_s", raw.nvd_every_s),
        ("kev", File, "feeds.kev_url", &raw.kev_url, "feeds.kev_every_s", raw.kev_every_s),
        ("epss", File, "feeds.epss_url", &raw.epss_url, "feeds.epss_every_s", raw.epss_every_s),
        ("anchore", Archive, "feeds.anchore_url", &raw.anchore_url, "feeds.anchore_every_s", raw.anchore_every_s),
        ("vulnrichment", Archive, "feeds.vulnrichment_url", &raw.vulnrichment_url, "feeds.vulnrichment_every_s", raw.vulnrichment_every_s),
        ("msrc", MsrcMonths, "feeds.msrc_url", &raw.msrc_url, "feeds.msrc_every_s", raw.msrc_every_s),
        ("redhat-vex", RedHatVex, "feeds.redhat_vex_url", &raw.redhat_vex_url, "feeds.redhat_vex_every_s", raw.redhat_vex_every_s),
        (OSV, Archive, "feeds.osv_url", &raw.osv_url, "feeds.osv_every_s", raw.osv_every_s),
    ];
    for name in &raw.sources {
        if !table.iter().any(|row| row.0 == name) {
            let known: Vec<_> = table.iter().map(|row| row.0).collect();
            return Err(ConfigError::value(
                "feeds.sources",
                format!("{name:?} is no source: {} are", known.join(", ")),
            ));
        }
    }
    let mut sources = Vec::new();
    for (name, kind, url_setting, url, every_setting, every_s) in table {
        let every = Duration::from_secs(in_range(every_setting, every_s, EVERY_S)?.into());
        // Checked also for those that are not wanted: a typing error should not wait for the day on
        // which a source is switched on.
        let url = checked_url(url_setting, url)?;
        if !raw.sources.iter().any(|wanted| wanted == name) {
            continue;
        }
        let source = |name: String, url: String| FeedSource { name, kind, url, every };
        if name == OSV {
            for ecosystem in &raw.osv_ecosystems {
                let name = osv_name(ecosystem)?;
                // By the name that rows and files have: `Red Hat` and `red hat` would write each
                // other's.
                if sources.iter().any(|other: &FeedSource| other.name == name) {
                    return Err(no_ecosystem(ecosystem, "is named twice"));
                }
                sources.push(source(name, osv_url(&url, ecosystem)));
            }
        } else {
            sources.push(source(name.to_owned(), url));
        }
    }
    Ok(sources)
}

fn checked_url(setting: &'static str, url: &str) -> Result<String, ConfigError> {
    if url.starts_with("https://") || url.starts_with("http://") {
        Ok(url.to_owned())
    } else {
        Err(ConfigError::value(
            setting,
            format!("{url:?} is no address that begins with https:// or http://"),
        ))
    }
}

/// `osv-red-hat` for `Red Hat`.
fn osv_name(ecosystem: &str) -> Result<String, ConfigError> {
    // It becomes a part of an address and of a folder's name, so no slash and nothing that needs
    // escaping but the space.
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '.' | '-');
    // A letter at least: dots alone lead out of the folder.
    let is_named = ecosystem.contains(|c: char| c.is_ascii_alphanumeric());
    if !is_named || !ecosystem.chars().all(is_plain) {
        return Err(no_ecosystem(ecosystem, "is no name of an ecosystem"));
    }
    Ok(format!("osv-{}", ecosystem.to_ascii_lowercase().replace(' ', "-")))
}

fn no_ecosystem(name: &str, why: &str) -> ConfigError {
    ConfigError::value("feeds.osv_ecosystems", format!("{name:?} {why}"))
}

fn osv_url(folder: &str, ecosystem: &str) -> String {
    let folder = folder.trim_end_matches('/');
    format!("{folder}/{}/all.zip", ecosystem.replace(' ', "%20"))
}

#[cfg(test)]
mod tests {
    use super::super::{Config, Layers};
    use super::*;

    fn config(text: &str) -> Result<FeedsConfig, ConfigError> {
        let layers = Layers::defaults().with_table(text.parse().unwrap_or_default());
        Config::from_layers(layers).map(|config| config.feeds)
    }

    fn names(config: &FeedsConfig) -> Vec<&str> {
        let names = config.sources.iter().map(|source| source.name.as_str());
        names.collect()
    }

    #[test]
    fn each_ecosystem_of_osv_is_a_source_of_its_own() {
        let config = config(
            "[feeds]\nsources = [\"osv\"]\nosv_url = \"https://mirror/osv\"\nosv_ecosystems = [\"Red Hat\", \"npm\"]",
        )
        .unwrap();
        assert_eq!(names(&config), ["osv-red-hat", "osv-npm"]);
        assert_eq!(config.sources[0].url, "https://mirror/osv/Red%20Hat/all.zip");
    }

    #[test]
    fn every_registry_whose_packages_are_judged_is_fetched_unless_somebody_says_otherwise() {
        let config = config("").unwrap();
        for name in ["pypi", "npm", "rubygems", "go", "maven", "nuget", "crates.io", "hex"] {
            let name = format!("osv-{name}");
            assert!(names(&config).contains(&name.as_str()), "{name}");
        }
    }

    #[test]
    fn feed_files_come_before_the_api_however_they_are_listed() {
        let config = config("[feeds]\nsources = [\"nvd\", \"nvd-feeds\"]").unwrap();
        assert_eq!(names(&config), ["nvd-feeds", "nvd"]);
    }

    #[test]
    fn refuses_sources_addresses_and_intervals_that_are_none() {
        let error = |text: &str| config(text).unwrap_err().to_string();
        assert!(error("[feeds]\nsources = [\"cve\"]").contains("\"cve\" is no source"));
        assert!(error("[feeds]\nkev_url = \"ftp://x\"").starts_with("feeds.kev_url:"));
        assert!(error("[feeds]\nnvd_every_s = 60").contains("900"));
        assert!(error("[feeds]\nosv_ecosystems = [\"../etc\"]").contains("ecosystem"));
    }

    #[test]
    fn a_proxy_comes_from_a_file_before_the_environment_and_is_never_shown() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("proxy");
        std::fs::write(&path, "http://me:hush@proxy:3128\n").unwrap();
        let variables = [("HTTPS_PROXY", "http://other:1"), ("NO_PROXY", "internal")];
        let environment: Environment = variables
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let layers = Layers::defaults().with_environment(&environment).unwrap();
        let of_environment = Config::from_layers(layers.clone()).unwrap().feeds.proxy;
        assert_eq!(of_environment.https, Some(Secret::new("http://other:1")));
        assert_eq!(of_environment.http, None);
        assert_eq!(of_environment.except, "internal");

        let layers = layers.with("feeds", "proxy_file", path.to_string_lossy().into_owned());
        let of_file = Config::from_layers(layers).unwrap().feeds.proxy;
        assert_eq!(of_file.http, Some(Secret::new("http://me:hush@proxy:3128")));
        assert!(!format!("{of_file:?}").contains("hush"));
    }
}
