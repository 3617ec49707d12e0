//! The registry of the running system.

use windows_registry::{Key, LOCAL_MACHINE, Type, USERS};

use super::{Personal, TEXT_BYTES_MAX, Visit};
use crate::collect::defects::ReadError;
use crate::collect::records::Records;
use crate::collect::root::Root;

/// Keys right below one key; more are nobody's software.
const KEYS_MAX: usize = 100_000;

/// An open key.
#[derive(Debug)]
pub(in crate::collect::windows) struct LiveKey {
    key: Key,
    path: String,
}

impl LiveKey {
    /// `HKLM\SOFTWARE`; `None` where it may not be opened.
    pub(super) fn software() -> Option<Self> {
        let path = "SOFTWARE";
        let key = LOCAL_MACHINE.open(path).ok()?;
        Some(Self { key, path: format!(r"HKLM\{path}") })
    }

    pub(super) fn open(&self, path: &str) -> Result<Option<Self>, ReadError> {
        let full = format!(r"{}\{path}", self.path);
        Ok(found(&full, self.key.open(path))?.map(|key| Self { key, path: full }))
    }

    pub(super) fn each(
        &self,
        visit: &mut dyn FnMut(&str, Self) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let Some(names) = found(&self.path, self.key.keys())? else {
            return Ok(());
        };
        // First the names: a key that comes or goes meanwhile would move the others.
        let names: Vec<String> = names.take(KEYS_MAX).collect();
        for name in names {
            if let Some(key) = self.open(&name)? {
                visit(&name, key)?;
            }
        }
        Ok(())
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        let value = self.key.get_value(name).ok()?;
        let is_text = matches!(value.ty(), Type::String | Type::ExpandString);
        (is_text && value.len() <= TEXT_BYTES_MAX).then(|| super::hive::text_of(&value))
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.key.get_u64(name).ok()
    }
}

/// Hands over the hives that are loaded; gives whose they are.
pub(super) fn each_person(
    root: &Root,
    which: Personal,
    out: &mut Records,
    visit: &mut Visit<'_>,
) -> Result<Vec<String>, ReadError> {
    let mut loaded = Vec::new();
    let Ok(names) = USERS.keys() else {
        return Ok(loaded);
    };
    for name in names.take(KEYS_MAX) {
        root.check()?;
        let (id, is_classes) = match name.strip_suffix("_Classes") {
            Some(id) => (id, true),
            None => (name.as_str(), false),
        };
        // `.DEFAULT` is another name of the system's own.
        if !id.starts_with("S-") || is_classes != (which == Personal::Classes) {
            continue;
        }
        // Without the identifier: whose it is stays on the host.
        let path = match which {
            Personal::Settings => "HKCU",
            Personal::Classes => r"HKCU\Software\Classes",
        };
        loaded.push(id.to_owned());
        let opened = found(path, USERS.open(&name));
        let Some(key) = out.tolerate(opened)?.flatten() else {
            continue;
        };
        let key = LiveKey { key, path: path.to_owned() };
        let visited = visit(&super::Key::Live(key), out);
        out.tolerate(visited)?;
    }
    Ok(loaded)
}

/// Turns "there is none" into `None`.
fn found<T>(path: &str, result: windows_registry::Result<T>) -> Result<Option<T>, ReadError> {
    match result.map_err(std::io::Error::from) {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ReadError::io(std::path::Path::new(path), error)),
    }
}
