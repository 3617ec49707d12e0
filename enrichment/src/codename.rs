//! Releases of distributions by the names that their people call them.
//!
//! Package lists and trackers say `bookworm` or `jammy` where os-release and advisories say 12 or
//! 22.04. One table, so that everyone translates alike; a name that is not in it is no release.

/// Codename, `ID` and `VERSION_ID` of os-release; sorted by codename.
const RELEASES: [(&str, &str, &str); 45] = [
    ("artful", "ubuntu", "17.10"),
    ("bionic", "ubuntu", "18.04"),
    ("bookworm", "debian", "12"),
    ("bullseye", "debian", "11"),
    ("buster", "debian", "10"),
    ("cosmic", "ubuntu", "18.10"),
    ("disco", "ubuntu", "19.04"),
    ("duke", "debian", "15"),
    ("eoan", "ubuntu", "19.10"),
    ("etch", "debian", "4.0"),
    ("focal", "ubuntu", "20.04"),
    ("forky", "debian", "14"),
    ("groovy", "ubuntu", "20.10"),
    ("hardy", "ubuntu", "8.04"),
    ("hirsute", "ubuntu", "21.04"),
    ("impish", "ubuntu", "21.10"),
    ("jammy", "ubuntu", "22.04"),
    ("jessie", "debian", "8"),
    ("kinetic", "ubuntu", "22.10"),
    ("lenny", "debian", "5"),
    ("lucid", "ubuntu", "10.04"),
    ("lunar", "ubuntu", "23.04"),
    ("mantic", "ubuntu", "23.10"),
    ("maverick", "ubuntu", "10.10"),
    ("natty", "ubuntu", "11.04"),
    ("noble", "ubuntu", "24.04"),
    ("oneiric", "ubuntu", "11.10"),
    ("oracular", "ubuntu", "24.10"),
    ("plucky", "ubuntu", "25.04"),
    ("precise", "ubuntu", "12.04"),
    ("quantal", "ubuntu", "12.10"),
    ("questing", "ubuntu", "25.10"),
    ("raring", "ubuntu", "13.04"),
    ("resolute", "ubuntu", "26.04"),
    ("saucy", "ubuntu", "13.10"),
    ("squeeze", "debian", "6"),
    ("stretch", "debian", "9"),
    ("trixie", "debian", "13"),
    ("trusty", "ubuntu", "14.04"),
    ("utopic", "ubuntu", "14.10"),
    ("vivid", "ubuntu", "15.04"),
    ("wheezy", "debian", "7"),
    ("wily", "ubuntu", "15.10"),
    ("xenial", "ubuntu", "16.04"),
    ("yakkety", "ubuntu", "16.10"),
];

/// The distribution and the release of a codename, in any case.
pub(crate) fn release(codename: &str) -> Option<(&'static str, &'static str)> {
    let codename = codename.trim().to_lowercase();
    let at = RELEASES.binary_search_by(|(known, ..)| (*known).cmp(codename.as_str())).ok()?;
    let (_, id, version) = RELEASES[at];
    Some((id, version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_codename_is_found_as_its_release() {
        assert!(RELEASES.is_sorted_by(|a, b| a.0 < b.0));
        for (codename, id, version) in RELEASES {
            assert_eq!(release(codename), Some((id, version)));
        }
        assert_eq!(release("Bookworm"), Some(("debian", "12")));
        assert_eq!(release("sid"), None);
        assert_eq!(release(""), None);
    }
}
