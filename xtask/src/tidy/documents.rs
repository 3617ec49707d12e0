//! Documents: every path that one names exists.

use std::path::Path;

use crate::tree::File;

/// Folders at the root; a word in backticks that begins with one is a path.
const FOLDERS: [&str; 13] = [
    "agent",
    "collector",
    "console",
    "docs",
    "enrichment",
    "installers",
    "kernels",
    "packaging",
    "protocol",
    "scripts",
    "simulations",
    "store",
    "xtask",
];

pub(super) fn check(root: &Path, files: &[File]) -> Vec<String> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.path.ends_with(".md")) {
        for (number, line) in file.text.lines().enumerate() {
            // Every second piece between backticks is code.
            for word in line.split('`').skip(1).step_by(2) {
                // A folder may be written with its last slash, which `exists` would take for more.
                if names_path(word) && !root.join(word.trim_end_matches('/')).exists() {
                    findings.push(format!(
                        "{}:{}: {word} does not exist",
                        file.path,
                        number + 1
                    ));
                }
            }
        }
    }
    findings
}

/// Whether a word is a path of this tree, and one without patterns or placeholders.
fn names_path(word: &str) -> bool {
    let Some((folder, rest)) = word.split_once('/') else {
        return false;
    };
    FOLDERS.contains(&folder)
        // A pattern or a placeholder (`*`, `<name>`) is no path that could be looked for.
        && rest
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_paths_from_other_words() {
        assert!(names_path("store/migrations/"));
        assert!(!names_path("store/<name>.rs"));
        assert!(!names_path("application/json"));
    }
}
