//! Sizes, headers, names and open ends of source files.

use crate::tree::File;

/// Lines that a file may have beside its tests.
const LINES_MAX: usize = 400;

/// Names that say nothing of what is inside.
const EMPTY_NAMES: [&str; 7] = ["utils", "util", "helpers", "helper", "common", "misc", "manager"];

/// Marks of work that was left open. Split, so that this file does not find itself.
const OPEN_ENDS: [&str; 5] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("todo", "!("),
    concat!("XX", "X:"),
    concat!("unimple", "mented!("),
];

pub(super) fn check(files: &[File]) -> Vec<String> {
    files.iter().filter(|file| file.is_rust()).flat_map(check_file).collect()
}

fn check_file(file: &File) -> Vec<String> {
    let path = &file.path;
    let mut findings = Vec::new();
    if !file.text.starts_with("//!") {
        findings.push(format!("{path}: begins without a `//!` line that says what it is"));
    }
    let lines = file.shipped_text().lines().count();
    if lines > LINES_MAX {
        findings.push(format!("{path}: {lines} lines beside tests, at most {LINES_MAX}: cut it"));
    }
    let name = path.rsplit('/').next().unwrap_or_default().trim_end_matches(".rs");
    if EMPTY_NAMES.contains(&name) {
        findings.push(format!("{path}: `{name}` says nothing: name what is inside"));
    }
    // clippy says the same, but not of fuzz targets, which are no part of the workspace.
    if name == "mod" {
        findings.push(format!("{path}: module files are `name.rs` beside `name/`"));
    }
    for (number, line) in file.text.lines().enumerate() {
        if let Some(mark) = OPEN_ENDS.iter().find(|mark| line.contains(**mark)) {
            findings.push(format!("{path}:{}: {mark}: finish it or leave it out", number + 1));
        }
    }
    if file.text.contains(concat!("#[", "ignore")) {
        findings.push(format!("{path}: an ignored test is no test"));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, text: &str) -> Vec<String> {
        check(&[File { path: path.to_owned(), text: text.to_owned() }])
    }

    #[test]
    fn finds_a_long_file_but_not_long_tests() {
        let long = format!("//! Long.\n{}", "fn f() {}\n".repeat(LINES_MAX));
        assert_eq!(findings("store/src/agents.rs", &long).len(), 1);
        let tested = format!("//! Short.\n#[cfg(test)]\nmod tests {{\n{long}}}\n");
        assert_eq!(findings("store/src/agents.rs", &tested), Vec::<String>::new());
    }

    #[test]
    fn finds_missing_headers_and_empty_names() {
        assert_eq!(findings("store/src/utils.rs", "fn f() {}\n").len(), 2);
    }

    #[test]
    fn a_file_as_long_as_allowed_is_fine_and_one_line_more_is_not() {
        let of = |lines: usize| format!("//! Long.\n{}", "fn f() {}\n".repeat(lines - 1));
        assert_eq!(findings("store/src/a.rs", &of(LINES_MAX)), Vec::<String>::new());
        assert_eq!(
            findings("store/src/a.rs", &of(LINES_MAX + 1)),
            ["store/src/a.rs: 401 lines beside tests, at most 400: cut it"]
        );
        // Whole files of tests, measurements and examples may be as long as they are.
        for path in ["store/tests/a.rs", "store/src/a/tests.rs", "store/benches/a.rs"] {
            assert_eq!(findings(path, &of(2 * LINES_MAX)), Vec::<String>::new(), "{path}");
        }
    }

    #[test]
    fn names_that_say_nothing_are_found_as_whole_names_alone() {
        for name in EMPTY_NAMES {
            let found = findings(&format!("agent/src/x/{name}.rs"), "//! X.\n");
            assert_eq!(found.len(), 1, "{name}");
            assert!(found[0].contains(name), "{found:?}");
        }
        for name in ["util_linux", "common_name", "managers"] {
            let found = findings(&format!("agent/src/{name}.rs"), "//! X.\n");
            assert_eq!(found, Vec::<String>::new(), "{name}");
        }
        let found = findings("agent/fuzz/checks/mod.rs", "//! X.\n");
        assert!(found[0].ends_with("module files are `name.rs` beside `name/`"), "{found:?}");
    }

    #[test]
    fn what_was_left_open_is_found_with_its_line_in_tests_too() {
        for mark in OPEN_ENDS {
            let text = format!("//! X.\n\nfn f() {{ {mark} }}\n");
            for path in ["agent/src/a.rs", "agent/tests/a.rs"] {
                assert_eq!(
                    findings(path, &text),
                    [format!("{path}:3: {mark}: finish it or leave it out")]
                );
            }
        }
        let ignored = concat!("//! X.\n#[test]\n#[", "ignore = \"slow\"]\nfn f() {}\n");
        assert_eq!(
            findings("agent/tests/a.rs", ignored),
            ["agent/tests/a.rs: an ignored test is no test"]
        );
    }

    #[test]
    fn other_files_than_rust_are_not_looked_at() {
        let text = concat!("TO", "DO\n");
        for path in ["docs/utils.md", "scripts/helpers.sh", "console/src/common.ts"] {
            assert_eq!(findings(path, text), Vec::<String>::new(), "{path}");
        }
    }
}
