//! The threat model: every boundary in `docs/THREATS.md` names a test that holds it, and that test is there.
//!
//! A test that is renamed or removed would otherwise leave a promise that nobody keeps.

use std::collections::HashSet;

use crate::tree::File;

const TABLE: &str = "docs/THREATS.md";

pub(super) fn check(files: &[File]) -> Vec<String> {
    let Some(document) = files.iter().find(|file| file.path == TABLE) else {
        return vec![format!("{TABLE} is missing")];
    };
    let functions: HashSet<&str> =
        files.iter().filter(|file| file.is_rust()).flat_map(|file| functions(&file.text)).collect();
    let mut findings = Vec::new();
    let mut is_threats = false;
    for (number, line) in document.text.lines().enumerate() {
        // A table ends where its lines do, and counts when its head says that tests are named.
        is_threats = line.ends_with("| held by |") || (is_threats && line.starts_with('|'));
        let Some(held_by) = last_cell(line).filter(|_| is_threats) else {
            continue;
        };
        let mut finding = |what: String| findings.push(format!("{TABLE}:{}: {what}", number + 1));
        // Every second piece between backticks is code.
        let tests: Vec<&str> = held_by.split('`').skip(1).step_by(2).collect();
        if tests.is_empty() {
            finding("names no test".to_owned());
        }
        // A path is looked for by the rule for documents.
        for test in tests.into_iter().filter(|test| !test.contains('/')) {
            if !functions.contains(test) {
                finding(format!("no test is called {test}"));
            }
        }
    }
    findings
}

/// The last cell of a row, which says what holds the boundary; neither the head nor the line below it.
fn last_cell(line: &str) -> Option<&str> {
    let row = line.strip_prefix('|')?.trim_end().strip_suffix('|')?;
    let cell = row.rsplit('|').next()?.trim();
    (cell != "held by" && !cell.starts_with("--")).then_some(cell)
}

/// The names of all functions in a text.
fn functions(text: &str) -> impl Iterator<Item = &str> {
    let behind = text.split("fn ").skip(1);
    behind.filter_map(|rest| rest.split(['(', '<']).next())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File { path: path.to_owned(), text: text.to_owned() }
    }

    fn findings(rows: &str) -> Vec<String> {
        let table = format!("| what | held by |\n|---|---|\n{rows}");
        let code = file("agent/src/a.rs", "#[test]\nfn holds_it() {}\nasync fn and_this<T>() {}\n");
        check(&[file(TABLE, &table), code])
    }

    #[test]
    fn a_row_whose_tests_are_there_is_quiet() {
        assert_eq!(
            findings("| a | `holds_it`, `and_this` |\n| b | `packaging/tests` |\n"),
            [""; 0]
        );
        let other_table = "\n| what | how long |\n|---|---|\n| c | 90 days |\n";
        assert_eq!(findings(other_table), [""; 0]);
    }

    #[test]
    fn a_test_that_is_gone_and_a_row_without_one_are_named_by_their_line() {
        let gone = findings("| a | `held_it` |\n| b | by care |\n");
        assert_eq!(
            gone,
            ["docs/THREATS.md:3: no test is called held_it", "docs/THREATS.md:4: names no test"]
        );
    }

    #[test]
    fn a_tree_without_the_document_is_told() {
        assert_eq!(check(&[]), ["docs/THREATS.md is missing"]);
    }
}
