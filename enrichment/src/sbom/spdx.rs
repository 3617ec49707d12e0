//! Packages of SPDX 2.

use serde::Deserialize;
use serde::de::{IgnoredAny, MapAccess};

use super::read::{Components, Members, Raw, each, text};

/// How a package's members are read.
pub(super) struct Package;

/// What others call the package.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExternalRef {
    #[serde(default)]
    reference_type: Option<String>,
    #[serde(default)]
    reference_locator: Option<String>,
}

impl Members for Package {
    fn member<'de, M: MapAccess<'de>>(
        key: &str,
        raw: &mut Raw,
        map: &mut M,
        _: &Components,
    ) -> Result<(), M::Error> {
        match key {
            "name" => raw.name = text(map)?,
            "versionInfo" => raw.version = said(text(map)?),
            "primaryPackagePurpose" => {
                raw.kind = text(map)?.to_ascii_lowercase().replace('_', "-");
            }
            // Who made it, before who hands it out.
            "originator" => raw.vendor = somebody(text(map)?).unwrap_or_default(),
            "supplier" => {
                let supplier = somebody(text(map)?);
                if raw.vendor.is_empty() {
                    raw.vendor = supplier.unwrap_or_default();
                }
            }
            "externalRefs" => each(map, |named: ExternalRef| note(raw, named))?,
            _ => {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// The first of each kind: scanners list guesses behind what they are sure of.
fn note(raw: &mut Raw, named: ExternalRef) {
    let (Some(kind), Some(locator)) = (named.reference_type, named.reference_locator) else {
        return;
    };
    let field = match kind.rsplit('/').next().unwrap_or_default() {
        "purl" => &mut raw.purl,
        "cpe23Type" | "cpe22Type" => &mut raw.cpe,
        _ => return,
    };
    if field.is_empty() {
        *field = locator;
    }
}

/// A text that says something.
fn said(text: String) -> String {
    if matches!(text.as_str(), "NOASSERTION" | "NONE") { String::new() } else { text }
}

/// The name of `Organization: Example (mail@example.com)`.
fn somebody(text: String) -> Option<String> {
    let text = said(text);
    let name = ["Organization:", "Person:", "Tool:"]
        .into_iter()
        .find_map(|kind| text.strip_prefix(kind))
        .unwrap_or(&text);
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}
