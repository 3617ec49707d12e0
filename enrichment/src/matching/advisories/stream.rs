//! Modularity: which of a distribution's parallel streams a package is of.
//!
//! Red Hat, Alma and Rocky build some software several times for one release: `nodejs` 14 and 16
//! side by side, each repaired on its own. Advisories of all streams name the same packages, and
//! only their title says the stream. The installed package does not say its stream either, but that
//! it is of a module, in its release, and its version.

/// How a fix of a module stands to an installed package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    /// It is of the same stream, or of none, like the package.
    Same,
    /// It is of the same line of versions, and so most probably of the same stream.
    Likely,
    /// It is of another stream.
    Other,
}

/// Compares the stream `name:stream` of a statement (empty where it says none), whose fix is
/// `fixed`, with an installed version.
pub(super) fn of(module: &str, fixed: &str, installed: &str) -> Stream {
    match (is_modular(fixed), is_modular(installed)) {
        (false, false) => return Stream::Same,
        (true, true) => {}
        // A host has a package either from a module or from the release; a fix of the one is none
        // of the other.
        (true, false) | (false, true) => return Stream::Other,
    }
    let stream = module.split_once(':').map_or("", |(_, stream)| stream);
    if is_of_line(fixed, stream) {
        return if is_of_line(installed, stream) { Stream::Same } else { Stream::Other };
    }
    let (fixed, installed) = (upstream(fixed), upstream(installed));
    let is_likely = if stream.starts_with(|c: char| c.is_ascii_digit()) {
        // ruby:2.5 has rubygem-io-console 0.4.6 and ruby:2.6 has 0.4.7: what a stream brings along
        // keeps its version.
        fixed == installed
    } else {
        // virt:rhel and container-tools:rhel8 roll along; where no stream is told, a line of
        // versions has to do.
        !stream.is_empty() || first_two(fixed) == first_two(installed)
    };
    if is_likely { Stream::Likely } else { Stream::Other }
}

/// Whether a build is of a module: `1.16.1-2.module+el8.4.0+11155+68135136`.
pub(super) fn is_modular(version: &str) -> bool {
    // One pass: this is asked of every fix of a package.
    version
        .match_indices(".module")
        .any(|(at, mark)| version[at + mark.len()..].starts_with(['+', '_']))
}

/// Whether two builds are of one line of updates beside the release, by the tag at their end:
/// `305.40.1.el8_4` and `305.45.1.el8_4`, never `348.el8`. A tag of the release itself says nothing.
pub(super) fn is_of_same_line(fixed: &str, installed: &str) -> bool {
    let tag = |version: &'_ str| -> String {
        let release = version.rsplit_once('-').map_or("", |(_, release)| release);
        let tags =
            release.split('.').filter(|part| part.starts_with("el") || part.starts_with("rhaos"));
        tags.collect::<Vec<_>>().join(".")
    };
    let (fixed, installed) = (tag(fixed), tag(installed));
    let is_plain =
        fixed.strip_prefix("el").is_none_or(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()));
    !is_plain && fixed == installed
}

/// The upstream version in `epoch:version-release`.
fn upstream(version: &str) -> &str {
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    version.rsplit_once('-').map_or(version, |(upstream, _)| upstream)
}

/// Whether a build is of a numbered stream: nodejs:14 has nodejs `14.17.3-2`, nginx:1.16 has nginx
/// `1.16.1-2`, and nodejs:14 has npm `6.14.15-1.14.18.2.2`, with the version of nodejs behind.
fn is_of_line(version: &str, stream: &str) -> bool {
    let begins = |version: &str| {
        version.strip_prefix(stream).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let release = version.rsplit_once('-').map_or("", |(_, release)| release);
    let behind = release.split_once('.').map_or("", |(_, behind)| behind);
    stream.starts_with(|c: char| c.is_ascii_digit())
        && (begins(upstream(version)) || begins(behind))
}

/// A modular build in words that do not depend on who built it: `2.4.37-47.1` for
/// `2.4.37-47.module+el8.6.0+15654+427eba2e.1`, of which `CentOS` makes `2.4.37-47.module_el8…`.
pub(super) fn without_builder(version: &str) -> Option<String> {
    let (head, tail) = version.split_once(".module")?;
    let behind = tail.rsplit_once('+').map_or("", |(_, behind)| behind);
    let repeat = behind.find('.').map_or("", |at| &behind[at..]);
    Some(format!("{head}{repeat}"))
}

/// Whether two modular builds are of two builders, whose numbers have no order with each other.
pub(super) fn are_of_two_builders(a: &str, b: &str) -> bool {
    let mark = |version: &str| {
        let (_, tail) = version.split_once(".module")?;
        tail.chars().next()
    };
    matches!((mark(a), mark(b)), (Some(a), Some(b)) if a != b)
}

fn first_two(version: &str) -> (Option<&str>, Option<&str>) {
    let mut numbers = version.split('.');
    (numbers.next(), numbers.next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_told_by_the_version_that_it_is_named_after() {
        let fixed = "1:14.17.3-2.module+el8.4.0+11738+3bd42762";
        for (installed, stream) in [
            ("1:14.18.2-2.module_el8.7.0+1151+0d09c14c", Stream::Same),
            ("1:16.14.0-2.module+el8.5.0+13504+a4e17c25", Stream::Other),
            ("1:14.18.2-2.el8", Stream::Other),
        ] {
            assert_eq!(of("nodejs:14", fixed, installed), stream, "{installed}");
        }
        let nginx = "1:1.16.1-2.module+el8.4.0+11155+68135136";
        let newer = "1:1.18.0-3.module+el8.4.0+11152+f736ed63";
        assert_eq!(of("nginx:1.18", newer, nginx), Stream::Other);
    }

    #[test]
    fn other_packages_of_a_module_keep_their_line_of_versions() {
        let installed = "0.4.6-110.module+el8.6.0+15956+aa803fc1";
        let older = "0.4.6-107.module+el8.5.0+12736+6c9be1ad";
        let newer = "0.4.7-108.module+el8.5.0+12736+6c9be1ad";
        assert_eq!(of("ruby:2.5", older, installed), Stream::Likely);
        assert_eq!(of("ruby:2.6", newer, installed), Stream::Other);
    }

    #[test]
    fn a_package_may_carry_its_stream_behind_its_version() {
        let fixed = "1:6.14.17-1.14.20.0.2.module+el8.6.0+16231+7c1b33d9";
        let installed = "1:6.14.15-1.14.18.2.2.module+el8.7.0+1151+0d09c14c";
        let newer = "1:8.5.5-1.16.15.0.3.module+el8.6.0+16248+76b0e185";
        assert_eq!(of("nodejs:14", fixed, installed), Stream::Same);
        assert_eq!(of("nodejs:14", fixed, newer), Stream::Other);
    }

    #[test]
    fn what_a_builder_numbers_is_left_out_between_two_builders() {
        let red_hat = "2.4.37-47.module+el8.6.0+15654+427eba2e.2";
        let centos = "2.4.37-47.module_el8.6.0+1111+ce6f4ceb.1";
        assert!(are_of_two_builders(red_hat, centos));
        assert!(!are_of_two_builders(red_hat, red_hat));
        assert!(!are_of_two_builders(red_hat, "2.4.37-47.el8"));
        assert_eq!(without_builder(red_hat).as_deref(), Some("2.4.37-47.2"));
        assert_eq!(without_builder(centos).as_deref(), Some("2.4.37-47.1"));
        assert_eq!(without_builder("2.4.37-47.el8"), None);
    }

    #[test]
    fn rolling_streams_may_change_their_line() {
        let fixed = "3:3.3.1-9.module+el8.5.0+12697+018f24d7";
        let installed = "3:3.0.1-6.module+el8.4.0+10614+dd38312c";
        assert_eq!(of("container-tools:rhel8", fixed, installed), Stream::Likely);
    }

    #[test]
    fn packages_outside_of_modules_are_of_one_stream() {
        assert_eq!(of("", "5.1-2.el8", "5.1-1.el8"), Stream::Same);
    }
}
