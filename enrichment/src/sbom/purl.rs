//! Package URLs, read after the purl specification.

use std::collections::BTreeMap;

/// A package URL in its parts, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PackageUrl {
    /// The type, in lower case.
    pub(super) kind: String,
    /// The namespace, its parts divided by `/`; or empty.
    pub(super) namespace: String,
    pub(super) name: String,
    /// Empty where there is none.
    pub(super) version: String,
    qualifiers: BTreeMap<String, String>,
}

impl PackageUrl {
    /// The parts of a text; `None` when it is no package URL.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let rest = text.trim();
        let rest = rest.strip_prefix("pkg:").or_else(|| rest.strip_prefix("PKG:"))?;
        let rest = rest.trim_start_matches('/');
        // From the right, as the specification has it: a subpath, qualifiers, a version.
        let rest = rest.rsplit_once('#').map_or(rest, |(before, _)| before);
        let (rest, qualifiers) = rest.rsplit_once('?').unwrap_or((rest, ""));
        let (kind, path) = rest.split_once('/')?;
        let path = path.trim_matches('/');
        let last = path.rfind('/').map_or(0, |at| at + 1);
        // Only within the last part: some write npm's scopes with the bare `@` that others encode.
        let (path, version) = match path[last..].rfind('@') {
            Some(at) if at > 0 => (&path[..last + at], &path[last + at + 1..]),
            _ => (path, ""),
        };
        let (namespace, name) = path.rsplit_once('/').unwrap_or(("", path));
        let name = decode(name)?;
        let is_type = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-');
        if name.is_empty() || kind.is_empty() || !kind.chars().all(is_type) {
            return None;
        }
        Some(Self {
            kind: kind.to_ascii_lowercase(),
            namespace: decode(namespace)?,
            name,
            version: decode(version)?,
            qualifiers: qualifiers.split('&').filter_map(qualifier).collect(),
        })
    }

    /// A qualifier, or nothing.
    pub(super) fn qualifier(&self, name: &str) -> &str {
        self.qualifiers.get(name).map_or("", String::as_str)
    }

    /// Whether it is a package of a distribution, which belongs to a release.
    pub(super) fn is_of_distribution(&self) -> bool {
        matches!(self.kind.as_str(), "deb" | "rpm" | "apk" | "alpm")
    }
}

fn qualifier(text: &str) -> Option<(String, String)> {
    let (name, value) = text.split_once('=')?;
    Some((name.to_ascii_lowercase(), decode(value)?))
}

/// The text of percent escapes; `None` where what they say is no UTF-8. A lone percent sign stands for
/// itself: documents have them.
fn decode(text: &str) -> Option<String> {
    if !text.contains('%') {
        return Some(text.to_owned());
    }
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let escape = (*byte == b'%').then(|| bytes.get(at + 1..at + 3)).flatten();
        let escaped = escape
            .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.push(escaped.unwrap_or(*byte));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Option<[String; 4]> {
        let purl = PackageUrl::parse(text)?;
        Some([purl.kind, purl.namespace, purl.name, purl.version])
    }

    #[test]
    fn reads_what_scanners_write() {
        for (text, expected) in [
            ("pkg:npm/%40angular/core@1.0", ["npm", "@angular", "core", "1.0"]),
            ("pkg:npm/@angular/core@1.0", ["npm", "@angular", "core", "1.0"]),
            ("pkg:npm/@angular/core", ["npm", "@angular", "core", ""]),
            (
                "pkg:golang/golang.org/x/net@v0.7.0#html",
                ["golang", "golang.org/x", "net", "v0.7.0"],
            ),
            ("pkg:PyPI/requests", ["pypi", "", "requests", ""]),
            ("pkg://cargo/serde@1.0.1", ["cargo", "", "serde", "1.0.1"]),
            (
                "pkg:deb/debian/libstdc%2B%2B6@12.2.0-14%2Bdeb12u1?arch=amd64&distro=debian-12",
                ["deb", "debian", "libstdc++6", "12.2.0-14+deb12u1"],
            ),
            ("pkg:generic/100%pure@1", ["generic", "", "100%pure", "1"]),
        ] {
            assert_eq!(
                parts(text).as_ref().map(|p| p.each_ref().map(String::as_str)),
                Some(expected)
            );
        }
        let purl = PackageUrl::parse("pkg:rpm/a/b@1?epoch=2&Upstream=b-1.src.rpm&x").unwrap();
        assert_eq!((purl.qualifier("epoch"), purl.qualifier("upstream")), ("2", "b-1.src.rpm"));
        assert_eq!(purl.qualifier("distro"), "");
    }

    #[test]
    fn what_is_no_package_url_is_none() {
        for text in [
            "",
            "npm/lodash",
            "pkg:",
            "pkg:npm",
            "pkg:npm/",
            "pkg:np m/a",
            "pkg:npm/%ff",
            "pkg:/a",
            "PKG",
        ] {
            assert_eq!(PackageUrl::parse(text), None, "{text}");
        }
    }
}
