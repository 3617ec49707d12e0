//! Fuzz targets: each has a corpus, runs it as an ordinary test, and says in the table of
//! `docs/TESTING.md` which parser it is for. A target without these is found by nobody and runs never.

use std::path::Path;

use crate::tree::File;

/// Where the table of parsers, targets and corpora stands.
const TABLE: &str = "docs/TESTING.md";

pub(super) fn check(root: &Path, files: &[File]) -> Vec<String> {
    let has_corpus = |folder: &str| {
        let entries = std::fs::read_dir(root.join(folder));
        entries.is_ok_and(|mut entries| entries.next().is_some())
    };
    check_with(files, has_corpus)
}

/// The folder is asked and not the list of files, which knows texts alone.
fn check_with(files: &[File], has_corpus: impl Fn(&str) -> bool) -> Vec<String> {
    let text = |path: &str| {
        let file = files.iter().find(|file| file.path == path);
        file.map_or("", |file| file.text.as_str())
    };
    let mut findings = Vec::new();
    for (of, target) in files.iter().filter_map(|file| target(&file.path)) {
        let mut missing = |what: &str| {
            findings.push(format!("{of}/fuzz/fuzz_targets/{target}.rs: {what}"));
        };
        if !has_corpus(&format!("{of}/fuzz/corpus/{target}")) {
            missing("it has no corpus");
        }
        if !text(&format!("{of}/fuzz/Cargo.toml")).contains(&format!("name = \"{target}\"")) {
            missing("its manifest does not name it");
        }
        if !text(&format!("{of}/tests/corpus.rs")).contains(&format!("\"{target}\"")) {
            missing("no test runs its corpus");
        }
        let mut rows = text(TABLE).lines().filter(|line| line.starts_with('|'));
        // Both in one row, for two crates may have a target of one name.
        if !rows.any(|row| row.contains(of) && row.contains(&format!("`{target}`"))) {
            missing("no row of docs/TESTING.md says what it is for");
        }
    }
    findings
}

/// The crate and the name of a fuzz target.
fn target(path: &str) -> Option<(&str, &str)> {
    let (of, file) = path.split_once("/fuzz/fuzz_targets/")?;
    Some((of, file.strip_suffix(".rs")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File { path: path.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn a_target_that_nobody_runs_or_knows_is_found() {
        let target = file("agent/fuzz/fuzz_targets/dpkg.rs", "");
        let findings = check_with(&[target], |_| false);
        assert_eq!(findings.len(), 4, "{findings:?}");
        assert!(findings[0].starts_with("agent/fuzz/fuzz_targets/dpkg.rs: "));
    }

    #[test]
    fn a_target_with_its_corpus_test_and_row_is_whole() {
        let files = [
            file("agent/fuzz/fuzz_targets/dpkg.rs", ""),
            file("agent/fuzz/Cargo.toml", "[[bin]]\nname = \"dpkg\"\n"),
            file("agent/tests/corpus.rs", "replay(\"dpkg\", checks::dpkg)"),
            file(TABLE, "| dpkg's status | agent `dpkg` | two hosts |\n"),
        ];
        let asked = |folder: &str| folder == "agent/fuzz/corpus/dpkg";
        assert!(check_with(&files, asked).is_empty());
    }

    #[test]
    fn whatever_one_of_them_lacks_is_what_is_said() {
        let whole = [
            ("agent/fuzz/fuzz_targets/dpkg.rs", ""),
            ("agent/fuzz/Cargo.toml", "name = \"dpkg\""),
            ("agent/tests/corpus.rs", "replay(\"dpkg\")"),
            (TABLE, "| dpkg's status | agent `dpkg` | two hosts |"),
        ];
        let without = ["its manifest does not name it", "no test runs its corpus", "no row of"];
        for (at, what) in (1..).zip(without) {
            let files = whole.iter().enumerate().filter(|(place, _)| *place != at);
            let files: Vec<_> = files.map(|(_, (path, text))| file(path, text)).collect();
            let findings = check_with(&files, |_| true);
            assert_eq!(findings.len(), 1, "{findings:?}");
            assert!(findings[0].contains(what), "{findings:?}");
        }
        let files = whole.map(|(path, text)| file(path, text));
        let findings = check_with(&files, |_| false);
        assert_eq!(findings, ["agent/fuzz/fuzz_targets/dpkg.rs: it has no corpus"]);
    }

    #[test]
    fn another_crates_target_of_the_same_name_stands_in_for_none() {
        let files = [
            file("agent/fuzz/fuzz_targets/token.rs", ""),
            file("agent/fuzz/Cargo.toml", "name = \"token\""),
            file("agent/tests/corpus.rs", "replay(\"token\")"),
            file(
                TABLE,
                "| tokens | protocol `token` | good ones |\n| x | agent `tokens` | y |\nagent `token`\n",
            ),
        ];
        let findings = check_with(&files, |_| true);
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert!(findings[0].contains("docs/TESTING.md"), "{findings:?}");
    }

    #[test]
    fn only_rust_files_in_the_folder_of_targets_are_targets() {
        assert_eq!(target("agent/fuzz/fuzz_targets/dpkg.rs"), Some(("agent", "dpkg")));
        for other in
            ["agent/fuzz/checks.rs", "agent/fuzz/fuzz_targets/README.md", "fuzz_targets/x.rs"]
        {
            assert_eq!(target(other), None, "{other}");
        }
    }
}
