//! The tree of files that git knows, read once.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};

/// One text file of the tree.
#[derive(Debug)]
pub(crate) struct File {
    /// Its path from the root, with `/`.
    pub(crate) path: String,
    /// Its text; files that are no UTF-8 are left out.
    pub(crate) text: String,
}

impl File {
    /// Whether the file is Rust source.
    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether the whole file is there for tests.
    pub(crate) fn is_test(&self) -> bool {
        let path = &self.path;
        ["/tests/", "/benches/", "/examples/", "/fuzz/"]
            .iter()
            .any(|part| path.contains(part))
            || path.ends_with("/tests.rs")
            || path.ends_with("_tests.rs")
    }

    /// The lines above the file's own tests.
    pub(crate) fn shipped_text(&self) -> &str {
        if self.is_test() {
            return "";
        }
        self.text
            .split("#[cfg(test)]\nmod ")
            .next()
            .unwrap_or_default()
    }
}

/// Reads every tracked or new text file below `root` that git does not ignore.
pub(crate) fn read(root: &Path) -> anyhow::Result<Vec<File>> {
    // git and not the folder: what is ignored or generated is nobody's style.
    let listing = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root)
        .output()
        .context("run git ls-files")?;
    ensure!(
        listing.status.success(),
        "git ls-files ends with {}",
        listing.status
    );
    let mut files = Vec::new();
    for path in listing
        .stdout
        .split(|byte| *byte == 0)
        .filter(|path| !path.is_empty())
    {
        let path = String::from_utf8_lossy(path).into_owned();
        // Deleted but still tracked, or not text: nothing to check.
        if let Ok(text) = std::fs::read_to_string(root.join(&path)) {
            files.push(File { path, text });
        }
    }
    ensure!(
        !files.is_empty(),
        "git lists no files below {}",
        root.display()
    );
    Ok(files)
}
