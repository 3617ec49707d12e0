//! What the installer was told: values in the registry, readable by administrators alone.

use std::io;
use std::path::Path;

use windows_registry::LOCAL_MACHINE;

use crate::private_file;

/// Where the installer puts it.
const KEY: &str = r"Software\Muster\Agent";
/// The token, which goes as soon as it is read.
const TOKEN: &str = "EnrollToken";
/// Variables of the environment whose place a value of the installer takes when they are not set.
const VALUES: [(&str, &str); 3] =
    [("MUSTER_COLLECTORS", "Collectors"), ("MUSTER_LABELS", "Labels"), ("MUSTER_PROXY", "Proxy")];

/// A variable of the environment, or what the installer was told in its place.
#[must_use]
pub fn environment(name: &str) -> Option<String> {
    crate::config::environment(name).or_else(|| {
        let (_, value) = VALUES.iter().find(|(variable, _)| *variable == name)?;
        let text = LOCAL_MACHINE.open(KEY).ok()?.get_string(value).ok()?;
        Some(text).filter(|text| !text.is_empty())
    })
}

/// Moves an enrolment token out of the registry into a file.
///
/// # Errors
///
/// When there is one and it cannot be moved; it is where it was.
pub fn take_token(file: &Path) -> io::Result<()> {
    let Ok(key) = LOCAL_MACHINE.options().read().write().open(KEY) else {
        return Ok(());
    };
    let Ok(token) = key.get_string(TOKEN) else {
        return Ok(());
    };
    if !token.trim().is_empty() {
        private_file::replace(file, token.as_bytes())?;
    }
    // Only now: a crash in between leaves both, and the second is overwritten by the first.
    key.remove_value(TOKEN).map_err(io::Error::other)
}
