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
                    findings.push(format!("{}:{}: {word} does not exist", file.path, number + 1));
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

    /// What is found in a page, looked for in this crate's own tree.
    fn findings(path: &str, text: &str) -> Vec<String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let page = File { path: path.to_owned(), text: text.to_owned() };
        check(&root, &[page])
    }

    #[test]
    fn a_path_that_is_not_there_is_found_with_its_line_and_one_that_is_is_not() {
        let text =
            "See `xtask/src/main.rs`, `xtask/src/` and `xtask/src`.\n\n`xtask/src/gone.rs`\n";
        assert_eq!(findings("docs/A.md", text), ["docs/A.md:3: xtask/src/gone.rs does not exist"]);
    }

    #[test]
    fn words_outside_of_backticks_and_patterns_within_are_no_paths() {
        let text =
            "xtask/gone.rs `xtask/*.rs` `xtask/<name>.rs` `text/plain` `/xtask/gone` `xtask`\n";
        assert_eq!(findings("docs/A.md", text), Vec::<String>::new());
        // Code is nobody's document.
        assert_eq!(findings("xtask/src/a.rs", "// `xtask/gone.rs`\n"), Vec::<String>::new());
    }

    #[test]
    fn each_of_several_paths_in_a_line_is_looked_for() {
        let found = findings("README.md", "`xtask/a` or `xtask/src/main.rs` or `xtask/b`\n");
        assert_eq!(
            found,
            ["README.md:1: xtask/a does not exist", "README.md:1: xtask/b does not exist"]
        );
    }
}
