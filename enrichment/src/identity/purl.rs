//! Package URLs, after the purl specification.

use std::fmt::Write as _;

use crate::subject::Subject;

/// Bytes that a package's purl with its qualifiers mostly has room in.
const PURL_BYTES: usize = 96;

/// The package URL of a subject, where its source has a type of its own.
pub(crate) fn of(subject: &Subject<'_>) -> Option<String> {
    let mut purl = match subject.source {
        "deb" => begin("deb", subject.platform.id, subject.name),
        "rpm" => begin("rpm", subject.platform.id, subject.name),
        "apk" => begin("apk", or(subject.platform.id, "alpine"), &subject.name.to_lowercase()),
        "pacman" => begin("alpm", or(subject.platform.id, "arch"), &subject.name.to_lowercase()),
        // The type's own rule for names: lower case, and hyphens for underscores.
        "python" => begin("pypi", "", &subject.name.to_lowercase().replace('_', "-")),
        "npm" => match subject.name.split_once('/') {
            // The scope's `@` is encoded as `%40`, as the specification has it.
            Some((scope, name)) => begin("npm", scope, name),
            None => begin("npm", "", subject.name),
        },
        "gem" => begin("gem", "", subject.name),
        "cargo" => begin("cargo", "", subject.name),
        "go" => match subject.name.rsplit_once('/') {
            Some((path, name)) => begin("golang", path, name),
            None => begin("golang", "", subject.name),
        },
        "maven" => match subject.name.split_once(':') {
            Some((group, name)) => begin("maven", group, name),
            None => begin("maven", "", subject.name),
        },
        "nuget" => begin("nuget", "", subject.name),
        "hex" => match subject.name.split_once('/') {
            Some((organisation, name)) => begin("hex", organisation, name),
            None => begin("hex", "", subject.name),
        },
        // As the document has it.
        "component" => {
            return subject.origin.starts_with("pkg:").then(|| subject.origin.to_owned());
        }
        "vscode" => {
            let (publisher, name) = subject.name.split_once('.')?;
            begin("vscode-extension", publisher, name)
        }
        _ => return None,
    };
    if !subject.version.is_empty() {
        purl.push('@');
        encode(&mut purl, subject.version);
        // Only an rpm has its release apart; the versions of the others end with their revision.
        if subject.source == "rpm" && !subject.release.is_empty() {
            purl.push('-');
            encode(&mut purl, subject.release);
        }
    }
    push_qualifiers(&mut purl, subject);
    Some(purl)
}

const fn or<'a>(text: &'a str, default: &'a str) -> &'a str {
    if text.is_empty() { default } else { text }
}

fn begin(kind: &str, namespace: &str, name: &str) -> String {
    let mut purl = String::with_capacity(PURL_BYTES);
    purl.push_str("pkg:");
    purl.push_str(kind);
    purl.push('/');
    // A namespace has parts, each encoded by itself: Go's is a path.
    for part in namespace.split('/').filter(|part| !part.is_empty()) {
        encode(&mut purl, part);
        purl.push('/');
    }
    encode(&mut purl, name);
    purl
}

/// The qualifiers that the types of distributions know, in the order of their names.
fn push_qualifiers(purl: &mut String, subject: &Subject<'_>) {
    if !matches!(subject.source, "deb" | "rpm" | "apk" | "pacman") {
        return;
    }
    let mut divider = '?';
    let mut push = |name: &str, value: &str| {
        if !value.is_empty() {
            purl.push(divider);
            purl.push_str(name);
            purl.push('=');
            encode(purl, value);
            divider = '&';
        }
    };
    push("arch", subject.arch);
    let (id, version) = (subject.platform.id, subject.platform.version);
    if !id.is_empty() && !version.is_empty() {
        push("distro", &format!("{id}-{version}"));
    }
    if let Some(epoch) = subject.epoch.filter(|epoch| *epoch > 0) {
        push("epoch", &epoch.to_string());
    }
}

/// Appends a text, with all that is not unreserved or a colon as percent escapes.
fn encode(out: &mut String, text: &str) {
    // The specification leaves the colon as it is, which epochs have.
    let is_plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'~' | b':');
    // Nearly every name and version is plain, and each package that is judged gets a purl.
    if text.bytes().all(is_plain) {
        out.push_str(text);
        return;
    }
    for byte in text.bytes() {
        if is_plain(byte) {
            out.push(char::from(byte));
        } else {
            // Writing into a string cannot fail.
            let _infallible = write!(out, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subject::Platform;

    fn purl(source: &str, name: &str, version: &str) -> Option<String> {
        of(&Subject { source, name, version, ..Subject::default() })
    }

    #[test]
    fn names_packages_of_languages() {
        assert_eq!(
            purl("python", "Zope_Interface", "5.0").as_deref(),
            Some("pkg:pypi/zope-interface@5.0")
        );
        assert_eq!(
            purl("npm", "@angular/core", "1.0").as_deref(),
            Some("pkg:npm/%40angular/core@1.0")
        );
        assert_eq!(purl("npm", "lodash", "").as_deref(), Some("pkg:npm/lodash"));
        assert_eq!(purl("gem", "rails", "7.0").as_deref(), Some("pkg:gem/rails@7.0"));
        assert_eq!(purl("cargo", "ripgrep", "14.1.0").as_deref(), Some("pkg:cargo/ripgrep@14.1.0"));
        assert_eq!(
            purl("vscode", "ms-toolsai.jupyter", "1").as_deref(),
            Some("pkg:vscode-extension/ms-toolsai/jupyter@1")
        );
    }

    #[test]
    fn names_packages_of_distributions_with_their_qualifiers() {
        let deb = Subject {
            source: "deb",
            name: "libstdc++6",
            version: "1:12.2.0-14+deb12u1",
            arch: "amd64",
            platform: Platform { family: "linux", id: "debian", version: "12" },
            ..Subject::default()
        };
        assert_eq!(
            of(&deb).as_deref(),
            Some("pkg:deb/debian/libstdc%2B%2B6@1:12.2.0-14%2Bdeb12u1?arch=amd64&distro=debian-12")
        );
        let rpm = Subject {
            source: "rpm",
            name: "bash",
            version: "5.1.8",
            release: "6.el9",
            epoch: Some(2),
            ..deb
        };
        assert_eq!(
            of(&rpm).as_deref(),
            Some("pkg:rpm/debian/bash@5.1.8-6.el9?arch=amd64&distro=debian-12&epoch=2")
        );
    }

    #[test]
    fn names_packages_that_come_from_documents_alone() {
        for (source, name, version, expected) in [
            ("go", "golang.org/x/net", "v0.7.0", "pkg:golang/golang.org/x/net@v0.7.0"),
            ("go", "stdlib", "1.20.1", "pkg:golang/stdlib@1.20.1"),
            ("maven", "org.slf4j:slf4j-api", "2.0.9", "pkg:maven/org.slf4j/slf4j-api@2.0.9"),
            ("nuget", "Newtonsoft.Json", "12.0.1", "pkg:nuget/Newtonsoft.Json@12.0.1"),
            ("hex", "acme/phoenix", "1.7.0", "pkg:hex/acme/phoenix@1.7.0"),
        ] {
            assert_eq!(purl(source, name, version).as_deref(), Some(expected));
        }
        let origin = "pkg:github/example/tool@v1";
        let component = Subject { source: "component", name: "tool", origin, ..Subject::default() };
        assert_eq!(of(&component).as_deref(), Some(origin));
        assert_eq!(of(&Subject { origin: "", ..component }), None);
    }

    #[test]
    fn names_nothing_where_no_type_exists() {
        assert_eq!(purl("programs", "7-Zip", "22"), None);
        assert_eq!(purl("vscode", "without publisher", "1"), None);
    }
}
