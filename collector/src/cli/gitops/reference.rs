//! Where a file has a secret read from: a variable of the environment, or another file.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::Deserialize;

use crate::config::Secret;

/// Where a secret is: in exactly one of these.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reference {
    /// In a variable of the environment.
    env: Option<String>,
    /// In a file, seen from the one that names it.
    file: Option<PathBuf>,
}

impl Reference {
    /// Reads it; `beside` is the file that names it.
    ///
    /// # Errors
    ///
    /// When it is nowhere or cannot be read.
    pub(super) fn read(&self, beside: &Path) -> anyhow::Result<Secret> {
        match (&self.env, &self.file) {
            (Some(name), None) => {
                let text = std::env::var_os(name);
                let text = text.with_context(|| format!("the variable {name} is not set"))?;
                let text = text.into_string().ok().filter(|text| !text.trim().is_empty());
                let text = text.with_context(|| format!("the variable {name} holds no text"))?;
                Ok(Secret::new(text.trim_end()))
            }
            (None, Some(file)) => {
                let folder = beside.parent().unwrap_or_else(|| Path::new(""));
                Ok(Secret::from_file("file", &folder.join(file))?)
            }
            (Some(_), Some(_)) | (None, None) => bail!("name either `env` or `file`"),
        }
    }
}
