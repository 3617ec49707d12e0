//! Components of `CycloneDX`, and what scanners say of them in properties of their own.

use serde::Deserialize;
use serde::de::{IgnoredAny, MapAccess};

use super::read::{Components, List, Members, Raw, each, text};

/// How a component's members are read.
pub(super) struct Component;

/// Somebody who made or supplies it.
#[derive(Debug, Default, Deserialize)]
struct Organisation {
    #[serde(default)]
    name: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Property {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    value: Option<String>,
}

impl Members for Component {
    fn member<'de, M: MapAccess<'de>>(
        key: &str,
        raw: &mut Raw,
        map: &mut M,
        all: &Components,
    ) -> Result<(), M::Error> {
        match key {
            "type" => raw.kind = text(map)?,
            "scope" => raw.scope = text(map)?,
            "group" => raw.group = text(map)?,
            "name" => raw.name = text(map)?,
            "version" => raw.version = text(map)?,
            "purl" => raw.purl = text(map)?,
            "cpe" => raw.cpe = text(map)?,
            // Who published it says more than who supplied the file, whichever comes first.
            "publisher" => raw.vendor = text(map)?,
            "supplier" => {
                let supplier = map.next_value::<Option<Organisation>>()?.unwrap_or_default();
                if raw.vendor.is_empty() {
                    raw.vendor = supplier.name.unwrap_or_default();
                }
            }
            "properties" => each(map, |property: Property| note(raw, property))?,
            "evidence" => map.next_value_seed(EvidenceSeed(raw))?,
            // A component within another is a component.
            "components" => map.next_value_seed(List::<Self>::of(all))?,
            _ => {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// What Syft and Trivy say beside the package URL.
fn note(raw: &mut Raw, property: Property) {
    let (Some(name), Some(value)) = (property.name, property.value) else {
        return;
    };
    match name.as_str() {
        "aquasecurity:trivy:SrcName" => raw.source_name = value,
        "aquasecurity:trivy:SrcVersion" => raw.source_version = value,
        "aquasecurity:trivy:SrcRelease" => raw.source_release = value,
        "aquasecurity:trivy:SrcEpoch" => raw.source_epoch = value,
        "syft:distro:id" => raw.system_id = value,
        "syft:distro:versionID" => raw.system_version = value,
        "aquasecurity:trivy:FilePath" => raw.add_location(value),
        name if name.starts_with("syft:location:") && name.ends_with(":path") => {
            raw.add_location(value);
        }
        _ => {}
    }
}

/// Where a component was found.
#[derive(Debug, Deserialize)]
struct Occurrence {
    #[serde(default)]
    location: Option<String>,
}

struct EvidenceSeed<'r>(&'r mut Raw);

impl<'de> serde::de::DeserializeSeed<'de> for EvidenceSeed<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> serde::de::Visitor<'de> for EvidenceSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a component's evidence")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if key == "occurrences" {
                each(&mut map, |one: Occurrence| {
                    self.0.add_location(one.location.unwrap_or_default());
                })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}
