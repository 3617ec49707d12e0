//! What a statement is about, as one name that stands where formats have a product's id.
//!
//! A package URL alone, or a product alone, is a package URL that everybody understands; whatever else an
//! exception can say is a name of our own, which others pass over.

use store::exceptions::About;

/// Names of our own.
const OWN: &str = "urn:muster:software?";
/// Where a vulnerability has to be named and every one is meant.
pub(super) const ANY_VULNERABILITY: &str = "urn:muster:vulnerability:any";
/// Packages that are known by name and version only.
const GENERIC: &str = "pkg:generic/";

/// The name of what an exception is about, but for its CVE.
pub(super) fn of(about: &About) -> String {
    let About { cve: _, product, source, version, purl, score_below } = about;
    match (product, source, version, purl, score_below) {
        (None, None, None, Some(purl), None) if !purl.starts_with(GENERIC) => purl.clone(),
        (Some(product), None, None, None, None) => format!("{GENERIC}{}", encode(product)),
        (Some(product), None, Some(version), None, None) => {
            format!("{GENERIC}{}@{}", encode(product), encode(version))
        }
        _ => {
            let source = source.map(|source| source.as_str().to_owned());
            let score = score_below.map(|score| score.to_string());
            let parts = [
                ("product", product),
                ("source", &source),
                ("version", version),
                ("purl", purl),
                ("score_below", &score),
            ];
            let said: Vec<String> = parts
                .into_iter()
                .filter_map(|(key, value)| Some(format!("{key}={}", encode(value.as_ref()?))))
                .collect();
            format!("{OWN}{}", said.join("&"))
        }
    }
}

/// What a name is about; `None` when it is neither a package URL nor one of ours.
pub(super) fn about(name: &str, cve: Option<String>) -> Option<About> {
    let about = About { cve, ..About::default() };
    if let Some(parts) = name.strip_prefix(OWN) {
        return own(parts, about);
    }
    if let Some(generic) = name.strip_prefix(GENERIC) {
        let generic = generic.split(['?', '#']).next().unwrap_or_default();
        let (product, version) = match generic.split_once('@') {
            Some((product, version)) => (product, Some(decode(version)?)),
            None => (generic, None),
        };
        let product = Some(decode(product)?).filter(|product| !product.is_empty())?;
        return Some(About { product: Some(product), version, ..about });
    }
    name.starts_with("pkg:").then(|| About { purl: Some(name.to_owned()), ..about })
}

fn own(parts: &str, mut about: About) -> Option<About> {
    for part in parts.split('&').filter(|part| !part.is_empty()) {
        let (key, value) = part.split_once('=')?;
        let value = decode(value)?;
        match key {
            "product" => about.product = Some(value),
            "source" => about.source = Some(value.parse().ok()?),
            "version" => about.version = Some(value),
            "purl" => about.purl = Some(value),
            "score_below" => about.score_below = Some(value.parse().ok()?),
            // A later version says more: without it the statement would be about more.
            _ => return None,
        }
    }
    about.is_particular().then_some(about)
}

/// Percent-encodes all but what never has a meaning in a URL (RFC 3986, section 2.3).
pub(super) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// Takes percent signs back; `None` for what is no text then.
pub(super) fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        let value = digit(rest.next())? * 16 + digit(rest.next())?;
        bytes.push(u8::try_from(value).ok()?);
    }
    String::from_utf8(bytes).ok()
}
