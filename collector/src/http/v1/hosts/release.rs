//! Releases of the agent, and which are behind the collector's own.

/// This collector's release: agents of it are packed from the same commit.
const OWN: &str = env!("CARGO_PKG_VERSION");

/// Whether an agent is of an earlier release than this collector. One that names no release is not called
/// outdated: nobody could tell what to do about it.
pub(super) fn is_outdated(agent: &str) -> bool {
    is_before(agent, OWN)
}

fn is_before(agent: &str, other: &str) -> bool {
    parse(agent).zip(parse(other)).is_some_and(|(agent, other)| agent < other)
}

/// Major, minor and patch of a version, each of at most nine digits; what follows them after a sign, such as
/// `-rc.1`, is passed over.
pub(super) fn parse(version: &str) -> Option<[u32; 3]> {
    let end = version.find(['-', '+', '~']).unwrap_or(version.len());
    let mut parts = version.get(..end)?.split('.');
    let mut number = || {
        let part = parts.next()?;
        let is_number = (1..=9).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        if is_number { part.parse().ok() } else { None }
    };
    let release = [number()?, number()?, number()?];
    parts.next().is_none().then_some(release)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_releases_and_nothing_else() {
        for (text, release) in [
            ("0.1.0", Some([0, 1, 0])),
            ("10.20.30-rc.1", Some([10, 20, 30])),
            ("1.2.3+deb12u1", Some([1, 2, 3])),
            ("999999999.0.0", Some([999_999_999, 0, 0])),
            ("1234567890.0.0", None),
            ("1.2", None),
            ("1.2.3.4", None),
            ("1..3", None),
            ("v1.2.3", None),
            ("+1.2.3", None),
            ("", None),
        ] {
            assert_eq!(parse(text), release, "{text}");
        }
    }

    #[test]
    fn an_agent_is_outdated_by_number_and_not_by_text() {
        assert!(is_before("0.9.9", "0.10.0"));
        assert!(!is_before("0.10.0", "0.9.9"));
        assert!(!is_before("0.10.0", "0.10.0"));
        assert!(!is_before("nightly", "0.10.0"), "nobody could tell what to do about it");
        assert!(!is_outdated(OWN));
    }
}
