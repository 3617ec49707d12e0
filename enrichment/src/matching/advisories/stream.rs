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
        (true, false) | (false, true) => return Stream::Other,
    }
    let (fixed, installed) = (upstream(fixed), upstream(installed));
    let stream = module.split_once(':').map_or("", |(_, stream)| stream);
    if is_of_line(fixed, stream) {
        // nodejs:14 has nodejs 14.17.3, nginx:1.16 has nginx 1.16.1.
        return if is_of_line(installed, stream) {
            Stream::Same
        } else {
            Stream::Other
        };
    }
    // ruby:2.5 has rubygem-json 2.1.0: within one stream packages keep their line of versions.
    if first_two(fixed) == first_two(installed) {
        Stream::Likely
    } else if stream.starts_with(|c: char| c.is_ascii_digit()) || stream.is_empty() {
        Stream::Other
    } else {
        // virt:rhel and container-tools:rhel8 roll along.
        Stream::Likely
    }
}

/// Whether a build is of a module: `1.16.1-2.module+el8.4.0+11155+68135136`.
pub(super) fn is_modular(version: &str) -> bool {
    version.contains(".module+") || version.contains(".module_")
}

/// Whether two builds are of one line of updates beside the release, by the tag at their end:
/// `305.40.1.el8_4` and `305.45.1.el8_4`, never `348.el8`. A tag of the release itself says nothing.
pub(super) fn is_of_same_line(fixed: &str, installed: &str) -> bool {
    let tag = |version: &'_ str| -> String {
        let release = version.rsplit_once('-').map_or("", |(_, release)| release);
        let tags = release
            .split('.')
            .filter(|part| part.starts_with("el") || part.starts_with("rhaos"));
        tags.collect::<Vec<_>>().join(".")
    };
    let (fixed, installed) = (tag(fixed), tag(installed));
    let is_plain = fixed
        .strip_prefix("el")
        .is_none_or(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()));
    !is_plain && fixed == installed
}

/// The upstream version in `epoch:version-release`.
fn upstream(version: &str) -> &str {
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    version
        .rsplit_once('-')
        .map_or(version, |(upstream, _)| upstream)
}

/// Whether a version is of a numbered stream.
fn is_of_line(version: &str, stream: &str) -> bool {
    stream.starts_with(|c: char| c.is_ascii_digit())
        && version
            .strip_prefix(stream)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
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
        let installed = "2.1.0-110.module+el8.6.0+15956+aa803fc1";
        let older = "2.1.0-107.module+el8.5.0+12736+6c9be1ad";
        let newer = "2.3.0-108.module+el8.5.0+12736+6c9be1ad";
        assert_eq!(of("ruby:2.5", older, installed), Stream::Likely);
        assert_eq!(of("ruby:2.7", newer, installed), Stream::Other);
    }

    #[test]
    fn rolling_streams_may_change_their_line() {
        let fixed = "3:3.3.1-9.module+el8.5.0+12697+018f24d7";
        let installed = "3:3.0.1-6.module+el8.4.0+10614+dd38312c";
        assert_eq!(
            of("container-tools:rhel8", fixed, installed),
            Stream::Likely
        );
    }

    #[test]
    fn packages_outside_of_modules_are_of_one_stream() {
        assert_eq!(of("", "5.1-2.el8", "5.1-1.el8"), Stream::Same);
    }
}
