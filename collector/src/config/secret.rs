//! A secret text: it can be used, but not printed.

use std::fmt;
use std::path::Path;

use super::ConfigError;

/// A secret. Neither `Debug` nor a log shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps a text as a secret.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret from a file, without the white space at its end.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or is empty.
    pub fn from_file(setting: &'static str, path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::Read { path: path.to_owned(), error })?;
        // Editors and `echo` end files with a line feed, and no password does.
        let text = text.trim_end();
        if text.is_empty() {
            return Err(ConfigError::value(setting, format!("{} is empty", path.display())));
        }
        Ok(Self::new(text))
    }

    /// The text itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
