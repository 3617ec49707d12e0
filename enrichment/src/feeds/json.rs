//! What all parsers of JSON records do alike.

use serde::{Deserialize, Deserializer};

/// Feeds write `null` for what they leave out, and mean the same.
pub(super) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
