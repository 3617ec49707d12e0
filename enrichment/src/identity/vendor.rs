//! Vendors: from a publisher, a maintainer or a bundle identifier to the names that CPE uses.

use super::table::Table;

/// Cleaned publishers and the CPE vendors that they are; made by hand.
const VENDORS: Table = Table::new(include_str!("../../data/identity/vendors.tsv"));

/// Words that say what kind of company or group it is.
const LEGAL: [&str; 46] = [
    "a.s",
    "ab",
    "ag",
    "aps",
    "as",
    "asa",
    "b.v",
    "bv",
    "co",
    "company",
    "corp",
    "corporate",
    "corporation",
    "e.v",
    "ev",
    "fz-llc",
    "gmbh",
    "gmbh&co",
    "inc",
    "incorporated",
    "kft",
    "kg",
    "limited",
    "llc",
    "llp",
    "ltd",
    "ltda",
    "nv",
    "oy",
    "oü",
    "plc",
    "pte",
    "pty",
    "pvt",
    "s.a",
    "s.a.s",
    "s.l",
    "s.p.a",
    "s.r.l",
    "s.r.o",
    "sa",
    "sarl",
    "spa",
    "srl",
    "sro",
    "the",
];

/// Words that CPE vendors leave away more often than not.
const GENERIC: [&str; 28] = [
    "authors",
    "authority",
    "community",
    "contributors",
    "developer",
    "developers",
    "development",
    "devs",
    "foundation",
    "global",
    "group",
    "interactive",
    "international",
    "labs",
    "maintainers",
    "networks",
    "open-source",
    "organization",
    "project",
    "software",
    "solutions",
    "studio",
    "studios",
    "systems",
    "team",
    "technologies",
    "technology",
    "video",
];

/// The CPE vendors that a publisher may be, the likeliest first; none for an empty text.
pub(crate) fn of_publisher(publisher: &str) -> Vec<String> {
    let words = clean(publisher);
    if words.is_empty() {
        return Vec::new();
    }
    let mut vendors: Vec<String> = VENDORS
        .find(&words.join(" "))
        .into_iter()
        .flat_map(|listed| listed.split('\t'))
        .map(str::to_owned)
        .collect();
    let mut add = |vendor: String| {
        if !vendor.is_empty() && !vendors.contains(&vendor) {
            vendors.push(vendor);
        }
    };
    let core: Vec<&str> =
        words.iter().map(String::as_str).filter(|word| !GENERIC.contains(word)).collect();
    // CPE writes a vendor of several words with underscores or in one, with and without the kind of
    // group that it is. Which of them a record has is for whoever asks to find out.
    add(words.join("_"));
    add(words.concat());
    add(core.join("_"));
    add(core.concat());
    // `Adobe Systems Incorporated` is `adobe`. Initials are left out: two letters are the beginning
    // of too many.
    if let Some(first) = core.first().filter(|first| first.len() > 2) {
        add((*first).to_owned());
    }
    vendors
}

/// The words of a publisher without company forms and remarks.
fn clean(publisher: &str) -> Vec<String> {
    // A certificate's subject says the common name first.
    let publisher = match publisher.strip_prefix("CN=") {
        Some(subject) => subject.split(", ").next().unwrap_or(subject),
        None => publisher,
    };
    // A mail address or a remark follows: `Debian QA Group <packages@qa.debian.org>`.
    let text = publisher.split(['<', '(']).next().unwrap_or_default();
    let text = text.trim().trim_start_matches("https://").trim_start_matches("http://");
    text.split([',', ' ', '/'])
        .map(|word| {
            word.trim_matches(['.', '"', '\'', '®', '™', '©'])
                .to_lowercase()
        })
        .filter(|word| !word.is_empty() && !LEGAL.contains(&word.as_str()))
        // A bound: publishers write whole sentences.
        .take(6)
        .collect()
}

/// The CPE vendors that a bundle or application identifier (`org.mozilla.firefox`) may be of.
pub(crate) fn of_bundle(bundle_id: &str) -> Vec<String> {
    let mut labels = bundle_id.split('.').map(str::to_lowercase);
    // The first label is a top-level domain and says nothing of the owner.
    let (Some(_), Some(mut owner)) = (labels.next(), labels.next()) else {
        return Vec::new();
    };
    // Below these, everyone can have a name.
    if matches!(owner.as_str(), "github" | "gitlab" | "co" | "com" | "sourceforge") {
        let Some(next) = labels.next() else {
            return Vec::new();
        };
        owner = next;
    }
    of_publisher(&owner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_company_forms_and_remarks() {
        let first = |publisher| of_publisher(publisher).into_iter().next().unwrap_or_default();
        assert_eq!(first("Dropbox, Inc."), "dropbox");
        assert_eq!(first("Wibu Systems AG"), "wibu_systems");
        assert_eq!(first("Foxit Software Inc."), "foxitsoftware", "as the table says");
        assert_eq!(first("VideoLAN"), "videolan");
        assert_eq!(first("Piriform"), "piriform");
        assert_eq!(first("CN=Microsoft Corporation, O=Microsoft Corporation, C=US"), "microsoft");
    }

    #[test]
    fn offers_the_core_of_a_long_publisher() {
        let vendors = of_publisher("The Wireshark developer community, https://www.wireshark.org");
        assert!(vendors.iter().any(|vendor| vendor == "wireshark"), "{vendors:?}");
        let vendors = of_publisher("Foxit Software Inc.");
        assert!(vendors.iter().any(|vendor| vendor == "foxit"), "{vendors:?}");
    }

    #[test]
    fn says_nothing_for_an_empty_publisher() {
        for publisher in ["", "  ", "Inc.", "<root@localhost>"] {
            assert_eq!(of_publisher(publisher), Vec::<String>::new(), "{publisher}");
        }
    }

    #[test]
    fn reads_the_owner_of_a_bundle_identifier() {
        assert_eq!(of_bundle("org.mozilla.firefox"), ["mozilla"]);
        assert_eq!(of_bundle("com.github.obsproject.obs"), ["obsproject"]);
        assert_eq!(of_bundle("firefox"), Vec::<String>::new());
        assert_eq!(of_bundle(""), Vec::<String>::new());
    }

    #[test]
    fn the_table_is_sorted_and_clean() {
        let mut last = "";
        for (key, vendors) in VENDORS.lines() {
            assert!(last < key, "{last} before {key}");
            assert_eq!(clean(key).join(" "), key, "a key is what cleaning gives");
            assert!(!vendors.is_empty(), "{key}");
            last = key;
        }
    }
}
