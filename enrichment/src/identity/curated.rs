//! What people decided: names whose product no rule could find, each with the vendor that has to
//! agree.
//!
//! The tables are made by hand and reviewed line by line. `curated.tsv` has the columns key,
//! vendor words (`-` when the key alone is enough), products, and a key is a kind and a name.
//! `aliases.tsv` holds the products that are the same under several names.

use super::table::Table;

const CURATED: Table = Table::new(include_str!("../../data/identity/curated.tsv"));
const ALIASES: Table = Table::new(include_str!("../../data/identity/aliases.tsv"));

/// Stands in a group before a name that another product has had too.
pub(crate) const SHARED: char = '~';

/// One line of the hand-made table.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// The key that was found.
    pub(crate) key: String,
    vendor_words: &'static str,
    /// The products, the preferred one first.
    pub(crate) pairs: std::str::Split<'static, char>,
}

/// What the hand-made table says of a name of a kind.
pub(crate) fn find(kind: &str, name: &str) -> Option<Entry> {
    let key = format!("{kind}/{name}");
    let (vendor_words, pairs) = CURATED.find(&key)?.split_once('\t')?;
    Some(Entry { key, vendor_words, pairs: pairs.split(' ') })
}

impl Entry {
    /// Whether what is said of the vendor agrees with the entry.
    pub(crate) fn agrees(&self, said: &str) -> bool {
        // A word anywhere is enough, because publishers write their names in many ways.
        self.vendor_words == "-" || self.vendor_words.split(',').any(|word| said.contains(word))
    }

    /// Whether the name alone is enough.
    pub(crate) fn is_distinctive(&self) -> bool {
        self.vendor_words == "-"
    }

    /// Why a product is not evaluated, where that is what the table says.
    pub(crate) fn not_evaluable(&self) -> Option<&'static str> {
        match self.pairs.clone().next()? {
            "!office" => {
                Some("not evaluable by NVD: its records name no version ranges for Office")
            }
            _ => None,
        }
    }
}

/// All names of a product, in the order of preference; the pair itself where it has one only.
pub(crate) fn aliases(pair: &'static str) -> impl Iterator<Item = &'static str> {
    ALIASES.find(pair).unwrap_or(pair).split('\t')
}

/// All names of a product by a pair that is not from a table.
pub(crate) fn aliases_of(pair: &str) -> Option<impl Iterator<Item = &'static str> + use<>> {
    Some(ALIASES.find(pair)?.split('\t'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{Identification, identify};
    use crate::subject::{Platform, Subject};

    #[test]
    fn finds_an_entry_by_kind_and_name() {
        let entry = find("app", "mozilla firefox").unwrap();
        assert_eq!(entry.pairs.clone().collect::<Vec<_>>(), ["mozilla:firefox"]);
        assert!(find("vscode", "mozilla firefox").is_none());
    }

    #[test]
    fn an_entry_asks_for_its_vendor() {
        let entry = find("app", "git").unwrap();
        assert!(entry.agrees("the git development community"));
        assert!(!entry.agrees("somebody else"));
        assert!(!entry.is_distinctive());
    }

    #[test]
    fn an_alias_gives_every_name_of_its_product() {
        let names: Vec<_> = aliases("git:git").collect();
        assert!(names.contains(&"git-scm:git") && names.contains(&"git:git"), "{names:?}");
        assert_eq!(aliases("acme:anvil").collect::<Vec<_>>(), ["acme:anvil"]);
        assert!(aliases_of("acme:anvil").is_none());
    }

    #[test]
    fn every_name_of_an_alias_leads_to_the_same_names() {
        for (member, group) in ALIASES.lines() {
            let names = group.split('\t');
            let names: Vec<&str> = names.map(|name| name.trim_start_matches(SHARED)).collect();
            assert!(names.contains(&member) && names.len() > 1, "{member}");
            for name in names {
                assert_eq!(ALIASES.find(name), Some(group), "{name} in {member}");
            }
        }
    }

    #[test]
    fn the_tables_are_sorted_and_well_formed() {
        for table in [CURATED, ALIASES] {
            let keys: Vec<&str> = table.lines().map(|(key, _)| key).collect();
            assert!(keys.is_sorted_by(|a, b| a < b));
        }
        const KINDS: [&str; 10] = [
            "app",
            "bundle",
            "chrome_extension",
            "firefox_addon",
            "homebrew",
            "macports",
            "package",
            "snap",
            "vscode",
            "flatpak",
        ];
        for (key, rest) in CURATED.lines() {
            let (kind, name) = key.split_once('/').unwrap();
            assert!(KINDS.contains(&kind), "{key}");
            assert_eq!(name, name.to_lowercase(), "{key}");
            let entry = find(kind, name).unwrap();
            assert!(!rest.contains("  ") && !rest.ends_with(' '), "{key}");
            assert!(
                entry.not_evaluable().is_some()
                    || entry.pairs.clone().all(|pair| pair.contains(':')),
                "{key}"
            );
        }
    }

    /// Software that an entry is about, and nothing else says more of it than the entry asks for.
    fn installed<'a>(kind: &'a str, name: &'a str, vendor: &'a str) -> Subject<'a> {
        let (source, family) = match kind {
            "app" => ("programs", "windows"),
            "bundle" => ("apps", "macos"),
            "package" => ("deb", "linux"),
            other => (other, "linux"),
        };
        Subject {
            source,
            name: if kind == "bundle" { "?" } else { name },
            bundle_id: if kind == "bundle" { name } else { "" },
            vendor,
            // What no distribution's repository has.
            origin: if kind == "package" { "ACME" } else { "" },
            version: "1.2.3",
            platform: Platform { family, ..Platform::default() },
            ..Subject::default()
        }
    }

    #[test]
    fn every_entry_leads_to_its_products() {
        for (key, rest) in CURATED.lines() {
            let (kind, name) = key.split_once('/').unwrap();
            let (vendors, pairs) = rest.split_once('\t').unwrap();
            let vendor = vendors.split(',').next().unwrap().trim_matches('-');
            let found = identify(&installed(kind, name, vendor), &|_, _| false);
            match found {
                Identification::NotEvaluable { rule, .. } => {
                    assert!(pairs.starts_with('!'), "{key}: {rule}");
                }
                Identification::Identified(identified) => {
                    let rule = &identified.rule;
                    assert!(rule.ends_with(&format!("curated:{key}")), "{key}: {rule}");
                    for pair in pairs.split(' ') {
                        let (vendor, product) = pair.split_once(':').unwrap();
                        let mut candidates = identified.candidates.iter();
                        assert!(candidates.any(|one| one.is(vendor, product)), "{key}: {pair}");
                    }
                }
                Identification::Unmapped { reason, .. } => panic!("{key}: {reason}"),
            }
        }
    }

    #[test]
    fn an_entry_of_a_common_name_asks_for_the_vendor() {
        for (key, rest) in CURATED.lines().filter(|(key, _)| key.starts_with("app/")) {
            if rest.starts_with('-') {
                continue;
            }
            let name = key.trim_start_matches("app/");
            let stranger = installed("app", name, "Wholly Unrelated Stranger");
            let found = identify(&stranger, &|_, _| false);
            assert!(matches!(found, Identification::Unmapped { .. }), "{key}: {found:?}");
        }
    }

    #[test]
    fn names_of_applications_are_written_as_cleaning_leaves_them() {
        for (key, _) in CURATED.lines() {
            if let Some(name) = key.strip_prefix("app/") {
                let cleaned = crate::identity::name::Name::clean(name).text();
                assert_eq!(cleaned, name);
            }
        }
    }
}
