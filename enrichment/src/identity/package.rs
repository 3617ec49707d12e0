//! Packages of package managers: a distribution's own, or somebody else's in the same format.
//!
//! A distribution repairs what it ships without changing the upstream version, so a version range
//! of NVD says nothing about its packages; only its own advisories do. Packages that a vendor
//! builds for a distribution have upstream's version and no advisories, and are judged like any
//! program. When nothing says that a package is a vendor's, it is taken for the distribution's,
//! and the rule says that this was assumed.

use std::borrow::Cow;

use super::curated;
use super::origin::{self, Origin};
use super::table::Table;
use super::{
    Candidate, Identification, Identified, TargetSw, candidates, edition, owned_candidates, purl,
    vendor,
};
use crate::subject::Subject;
use crate::version::Scheme;

/// Products by the name of a distribution's package; made from Debian's list and purl2cpe.
const PACKAGES: Table = Table::new(include_str!("../../data/identity/packages.tsv"));

/// Packages of distributions run on Linux.
const TARGET: TargetSw = TargetSw::Runs("linux");

/// Packages whose version, by its beginning, is their repository's and not the product's: Google
/// numbers its build of kubectl like its own command line.
const RENUMBERED: [(&str, &str); 1] = [("kubectl", "1:")];

pub(crate) fn identify(
    subject: &Subject<'_>,
    known: &dyn Fn(&str, &str) -> bool,
) -> Identification {
    let purl = purl::of(subject);
    let (packager, is_rebuilt) = match origin::of(subject) {
        Origin::Distribution(rule) => {
            return Identification::NotEvaluable {
                reason: "not evaluable by NVD: distribution package",
                purl,
                rule: Cow::Borrowed(rule),
            };
        }
        // An rpm names whoever built it, so a vendor that is no distribution may build anybody's
        // software; of a deb the maintainer is mostly the maker.
        Origin::Vendor(packager) => (packager, subject.source == "rpm"),
        Origin::Rebuilder(packager) => (packager, true),
    };
    let is_renumbered = RENUMBERED
        .iter()
        .any(|(name, prefix)| subject.name == *name && subject.version.starts_with(prefix));
    if is_renumbered {
        return Identification::Unmapped {
            reason: "the version is the repository's, not the product's",
            purl,
        };
    }
    // Only behind what vendor and name say together: a package name alone is a distribution's word
    // for a product.
    let rebuilt = || rebuilt(subject, &packager, known).filter(|_| is_rebuilt);
    let Some((candidates, rule)) = products(subject, &packager, known).or_else(rebuilt) else {
        return Identification::Unmapped {
            reason: "no product of the CVE records is known for this vendor's package",
            purl,
        };
    };
    Identification::Identified(Identified {
        candidates: edition::settle(candidates, subject),
        purl,
        rule: Cow::Owned(rule),
        version: upstream_version(subject.source, subject.version),
        update: String::new(),
        scheme: Scheme::Generic,
    })
}

fn products(
    subject: &Subject<'_>,
    packager: &str,
    known: &dyn Fn(&str, &str) -> bool,
) -> Option<(Vec<Candidate>, String)> {
    let name = subject.name.to_lowercase();
    let stem = stem(&name);
    // The full name first: a line of the table about it is more exact than one about its stem.
    for name in [name.as_str(), stem] {
        if let Some(entry) = curated::find("package", name) {
            let rule = format!("vendor package:{packager}: curated:{}", entry.key);
            return Some((candidates(entry.pairs, TARGET, known), rule));
        }
    }
    // The packager that a table recognised comes before the text that the package carries.
    let vendors =
        vendor::of_publisher(packager).into_iter().chain(vendor::of_publisher(subject.vendor));
    for vendor in vendors {
        for product in [name.as_str(), stem] {
            if known(&vendor, product) {
                let rule = format!("vendor package:{packager}: vendor and name agree");
                return Some((owned_candidates(&vendor, product, TARGET, known), rule));
            }
        }
    }
    None
}

/// A rebuild of free software under the name that distributions use.
fn rebuilt(
    subject: &Subject<'_>,
    packager: &str,
    known: &dyn Fn(&str, &str) -> bool,
) -> Option<(Vec<Candidate>, String)> {
    let name = subject.name.to_lowercase();
    let pairs = PACKAGES.find(&name).or_else(|| PACKAGES.find(stem(&name)))?;
    let rule = format!("rebuilt package:{packager}: package name");
    Some((candidates(pairs.split('\t'), TARGET, known), rule))
}

/// The name without a version or channel behind it: `postgresql-15`, `google-chrome-stable`.
fn stem(name: &str) -> &str {
    let mut stem = name;
    while let Some((head, tail)) = stem.rsplit_once('-') {
        let is_suffix = tail.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
            || matches!(tail, "stable" | "server" | "client" | "common" | "bin" | "cli");
        if head.is_empty() || !is_suffix {
            break;
        }
        stem = head;
    }
    stem.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.').trim_end_matches('-')
}

/// The version that upstream gave, without what packaging puts around it.
fn upstream_version(source: &str, version: &str) -> String {
    let mut upstream = version;
    if source == "deb" {
        // Debian policy 5.6.12: the epoch ends at the first colon, the last hyphen begins the
        // revision.
        upstream = upstream.split_once(':').map_or(upstream, |(_, rest)| rest);
        upstream = upstream.rsplit_once('-').map_or(upstream, |(before, _)| before);
        upstream = upstream.strip_suffix("-deb").unwrap_or(upstream);
    }
    // `+dfsg` is a repack, `^20240101` a snapshot: neither is a later release of upstream's.
    upstream = upstream.split(['+', '^']).next().unwrap_or(upstream);
    match upstream.split_once('~') {
        // A tilde before a pre-release is upstream's, before anything else it is packaging.
        Some((before, behind)) if is_pre_release(behind) => format!("{before}-{behind}"),
        Some((before, _)) => before.to_owned(),
        None => upstream.to_owned(),
    }
}

fn is_pre_release(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["alpha", "beta", "rc", "pre", "preview", "dev"].iter().any(|word| text.starts_with(word))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{identified, not_evaluable_rule, pairs, unmapped_reason};
    use super::*;
    use crate::subject::Platform;

    fn deb<'a>(name: &'a str, version: &'a str, vendor: &'a str) -> Subject<'a> {
        Subject {
            source: "deb",
            name,
            version,
            vendor,
            platform: Platform { family: "linux", id: "debian", version: "12" },
            ..Subject::default()
        }
    }

    #[test]
    fn a_distribution_package_is_not_evaluable() {
        let bash = deb("bash", "5.2.15-2+b2", "Matthias Klose <doko@debian.org>");
        assert_eq!(not_evaluable_rule(&bash), "distribution:maintainer");
    }

    #[test]
    fn a_vendor_package_is_judged_by_its_upstream_version() {
        for row in [
            "google-chrome-stable|105.0.5195.125-1|<chromium-dev@chromium.org>|google:chrome|105.0.5195.125",
            "nodejs|18.12.1-deb-1nodesource1|<ivan@nodesource.com>|nodejs:node.js|18.12.1",
            "docker-ce|5:20.10.21~3-0~ubuntu-jammy|Docker <support@docker.com>|docker:docker|20.10.21",
            "postgresql-15|15.4-1.pgdg120+1|<team@debian.org>|postgresql:postgresql|15.4",
            "grafana|9.3.2|contact@grafana.com|grafana:grafana|9.3.2",
            "terraform|1.3.6-1|HashiCorp <support@hashicorp.com>|hashicorp:terraform|1.3.6",
        ] {
            let fields: Vec<&str> = row.split('|').collect();
            let [name, version, vendor, pair, upstream] = fields[..] else {
                panic!("{row}");
            };
            let found = identified(&deb(name, version, vendor));
            assert!(pairs(&found).contains(&pair.to_owned()), "{name}: {found:?}");
            assert_eq!(found.version, upstream, "{name}");
            assert_eq!(found.scheme, Scheme::Generic);
        }
    }

    #[test]
    fn a_vendor_package_of_no_known_product_is_unmapped() {
        let internal =
            Subject { origin: "ACME", ..deb("acme-vpn-profile", "1.0", "it@acme.example") };
        assert!(unmapped_reason(&internal).contains("vendor's package"));
    }

    #[test]
    fn a_rebuilt_package_is_the_product_that_distributions_call_so() {
        let php =
            Subject { origin: "deb.sury.org", ..deb("php8.2-fpm", "8.2.7-1", "<x@debian.org>") };
        assert_eq!(pairs(&identified(&php)), ["php:php", "php_group:php"]);
        let vim =
            Subject { origin: "LP-PPA-jonathonf-vim", ..deb("vim", "2:9.0-1", "<x@debian.org>") };
        assert_eq!(pairs(&identified(&vim))[0], "vim:vim");
        // The same name from an unknown repository says nothing.
        let own = Subject { origin: "ACME", ..deb("vim", "1.0", "it@acme.example") };
        assert!(unmapped_reason(&own).contains("vendor's package"));
    }

    #[test]
    fn a_version_that_is_not_the_products_is_not_judged() {
        let kubectl =
            deb("kubectl", "1:528.0.0-0", "Kubernetes Authors <kubernetes-dev@googlegroups.com>");
        assert!(unmapped_reason(&kubectl).contains("repository's"));
    }

    #[test]
    fn packaging_is_taken_off_a_version() {
        let cases = [
            ("deb", "1:10.11.2+maria~deb12", "10.11.2"),
            ("deb", "1.24.0-1~jammy", "1.24.0"),
            ("deb", "2.0~rc1-1", "2.0-rc1"),
            ("deb", "3.1+dfsg-2", "3.1"),
            ("deb", "1.74.0-1670260027", "1.74.0"),
            ("deb", "4.29.149", "4.29.149"),
            ("rpm", "7.0~beta2", "7.0-beta2"),
            ("rpm", "1.0^git20230101", "1.0"),
            ("rpm", "2023.1-rc1", "2023.1-rc1"),
        ];
        for (source, version, upstream) in cases {
            assert_eq!(upstream_version(source, version), upstream, "{version}");
        }
    }

    #[test]
    fn a_name_loses_its_version_and_channel() {
        for (name, expected) in [
            ("google-chrome-stable", "google-chrome"),
            ("postgresql-15", "postgresql"),
            ("php8.2", "php"),
            ("mysql-community-server", "mysql-community"),
            ("7-zip", "7-zip"),
            ("-1", ""),
        ] {
            assert_eq!(stem(name), expected, "{name}");
        }
    }

    #[test]
    fn the_table_is_sorted() {
        let keys: Vec<&str> = PACKAGES.lines().map(|(key, _)| key).collect();
        assert!(keys.is_sorted_by(|a, b| a < b));
    }
}
