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
        ["/tests/", "/benches/", "/examples/", "/fuzz/"].iter().any(|part| path.contains(part))
            || path.ends_with("/tests.rs")
            || path.ends_with("_tests.rs")
    }

    /// The lines above the file's own tests.
    pub(crate) fn shipped_text(&self) -> &str {
        if self.is_test() {
            return "";
        }
        // A module in a file of its own, which may be declared at the top, ends nothing.
        let is_inline =
            |at: &usize| self.text[*at..].lines().nth(1).is_some_and(|l| l.ends_with('{'));
        // The first inline one: what stands behind it ships no more, by the rule that tests come
        // last.
        let mut tests = self.text.match_indices("#[cfg(test)]\nmod ").map(|(at, _)| at);
        let end = tests.find(is_inline).unwrap_or(self.text.len());
        &self.text[..end]
    }
}

/// Reads every tracked or new text file below `root` that git does not ignore.
pub(crate) fn read(root: &Path) -> anyhow::Result<Vec<File>> {
    // git and not the folder: what is ignored or generated is nobody's style.
    let listing = Command::new("git")
        .args([
            "ls-files",
            // Zeros between paths, the one byte that none holds; without it git quotes names beyond
            // ASCII.
            "-z",
            "--cached",
            // What is not added yet counts as well: the check before a commit is the one that
            // helps.
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root)
        .output()
        .context("run git ls-files")?;
    ensure!(listing.status.success(), "git ls-files ends with {}", listing.status);
    let mut files = Vec::new();
    for path in listing.stdout.split(|byte| *byte == 0).filter(|path| !path.is_empty()) {
        // A name that is no UTF-8 is read in another form, not found below, and so left out.
        let path = String::from_utf8_lossy(path).into_owned();
        // Deleted but still tracked, or not text: nothing to check.
        if let Ok(text) = std::fs::read_to_string(root.join(&path)) {
            files.push(File { path, text });
        }
    }
    ensure!(!files.is_empty(), "git lists no files below {}", root.display());
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File { path: path.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn what_ships_ends_where_the_tests_begin() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n}\n";
        assert_eq!(file("a/src/x.rs", text).shipped_text(), "fn a() {}\n");
        let declared = "#[cfg(test)]\nmod tests;\nfn a() {}\n";
        assert_eq!(file("a/src/x.rs", declared).shipped_text(), declared);
        for path in ["a/tests/x.rs", "a/src/x/tests.rs", "a/src/x/tests/y.rs"] {
            assert_eq!(file(path, text).shipped_text(), "", "{path}");
        }
        // A helper for tests among the code ends nothing.
        let text = "#[cfg(test)]\nfn helper() {}\nfn a() {}\n";
        assert_eq!(file("a/src/x.rs", text).shipped_text(), text);
    }

    #[test]
    fn a_folder_without_git_is_an_error_and_not_an_empty_tree() {
        let error = read(Path::new("/")).unwrap_err().to_string();
        assert!(error.contains("git"), "{error}");
    }

    #[test]
    fn tests_are_told_by_where_they_are() {
        for (path, is_test) in [
            ("agent/tests/a.rs", true),
            ("agent/src/a/tests/b.rs", true),
            ("agent/src/a/tests.rs", true),
            ("agent/src/a_tests.rs", true),
            ("agent/fuzz/checks.rs", true),
            ("agent/examples/a/main.rs", true),
            ("agent/src/tests_of_time.rs", false),
            ("agent/src/testing.rs", false),
            ("agent/src/contests.rs", false),
        ] {
            assert_eq!(file(path, "").is_test(), is_test, "{path}");
        }
        assert!(file("a/b.rs", "").is_rust() && !file("a/b.rs.md", "").is_rust());
    }

    #[test]
    fn the_first_inline_module_of_tests_ends_what_ships() {
        let text = "a\n#[cfg(test)]\nmod tests;\nb\n#[cfg(test)]\nmod more {\n}\n#[cfg(test)]\nmod last {\n}\n";
        let shipped = "a\n#[cfg(test)]\nmod tests;\nb\n";
        assert_eq!(file("a/src/x.rs", text).shipped_text(), shipped);
    }
}
