//! Manifests: workspace lints, workspace dependencies, no dependency that nobody uses, and the
//! straight flow between our crates.

use anyhow::Context as _;

use super::boundaries::names;
use super::crate_of;
use crate::tree::File;

/// Which of our crates each of our crates may use.
// None names one that stands below it, so there can be no circle.
const FLOW: &[(&str, &[&str])] = &[
    ("kernels", &[]),
    ("protocol", &[]),
    ("enrichment", &["kernels"]),
    ("agent", &["protocol", "kernels"]),
    ("store", &["protocol", "enrichment"]),
    ("collector", &["protocol", "enrichment", "store"]),
    ("simulations", &["protocol", "enrichment", "agent", "store", "collector"]),
    ("xtask", &[]),
];

pub(super) fn check(files: &[File]) -> anyhow::Result<Vec<String>> {
    let mut findings = unknown_crates(files);
    for (name, may) in FLOW {
        let path = format!("{name}/Cargo.toml");
        let Some(file) = files.iter().find(|file| file.path == path) else {
            // Not an error: whoever takes a crate away is told which rule still names it.
            findings.push(format!("{path}: missing"));
            continue;
        };
        let manifest: toml::Table = file.text.parse().with_context(|| format!("read {path}"))?;
        findings.extend(check_manifest(&path, &manifest));
        findings.extend(check_dependencies(name, may, &manifest, files));
    }
    Ok(findings)
}

/// Manifests at the root's folders that no rule here knows: a new crate would be checked by
/// nothing.
fn unknown_crates(files: &[File]) -> Vec<String> {
    let folders = files
        .iter()
        .filter_map(|file| file.path.strip_suffix("/Cargo.toml"))
        // Fuzz targets, deeper down, are workspaces of their own with a toolchain of their own.
        .filter(|folder| !folder.contains('/'));
    folders
        .filter(|folder| !FLOW.iter().any(|(name, _)| name == folder))
        .map(|folder| format!("{folder}/Cargo.toml: xtask/src/tidy/manifests.rs does not know it"))
        .collect()
}

/// Every table of a manifest that names dependencies of this kind: the plain one, and those for one
/// platform alone.
fn dependencies<'a>(manifest: &'a toml::Table, kind: &str) -> Vec<(&'a String, &'a toml::Value)> {
    let platforms = manifest.get("target").and_then(toml::Value::as_table);
    let platforms = platforms.into_iter().flat_map(toml::Table::values);
    std::iter::once(manifest)
        .chain(platforms.filter_map(toml::Value::as_table))
        .filter_map(|table| table.get(kind).and_then(toml::Value::as_table))
        .flatten()
        .collect()
}

fn check_manifest(path: &str, manifest: &toml::Table) -> Vec<String> {
    // `a.workspace = true` and `a = { workspace = true }` are the same table once they are read.
    let is_workspace = |table: Option<&toml::Value>| {
        table.and_then(|t| t.get("workspace")).and_then(toml::Value::as_bool) == Some(true)
    };
    let mut findings = Vec::new();
    if !is_workspace(manifest.get("lints")) {
        findings.push(format!("{path}: `[lints] workspace = true` is missing"));
    }
    for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
        for (name, value) in dependencies(manifest, section) {
            if !is_workspace(Some(value)) {
                findings.push(format!("{path}: {name} has its version here, not in the workspace"));
            }
        }
    }
    findings
}

fn check_dependencies(
    name: &str,
    may: &[&str],
    manifest: &toml::Table,
    files: &[File],
) -> Vec<String> {
    let mut findings = Vec::new();
    let ours: Vec<&str> = FLOW.iter().map(|(name, _)| *name).collect();
    // Not those of tests, which may hold two crates side by side that never ship so.
    for (dependency, _) in dependencies(manifest, "dependencies") {
        if ours.contains(&dependency.as_str()) && !may.contains(&dependency.as_str()) {
            findings.push(format!("{name}/Cargo.toml: {name} may not use {dependency}"));
        }
        // Cargo's names may have hyphens, which Rust's words cannot.
        let word = dependency.replace('-', "_");
        let is_used = files
            .iter()
            .filter(|file| crate_of(file) == name && file.is_rust())
            // As a word and not as letters: `ring` is in every `String`.
            .flat_map(|file| file.text.lines())
            .filter(|line| !line.trim_start().starts_with("//"))
            .any(|line| names(line, &word));
        if !is_used {
            findings.push(format!("{name}/Cargo.toml: nothing uses {dependency}"));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File { path: path.to_owned(), text: text.to_owned() }
    }

    fn table(text: &str) -> toml::Table {
        text.parse().unwrap()
    }

    #[test]
    fn lints_and_versions_come_from_the_workspace() {
        let good = table("lints.workspace = true\n[dependencies]\na.workspace = true");
        assert!(check_manifest("x", &good).is_empty());
        let own =
            table("[lints]\nworkspace = false\n[dev-dependencies]\na = \"1\"\nb.version = \"2\"");
        let findings = check_manifest("x", &own);
        assert_eq!(findings.len(), 3, "{findings:?}");
        assert!(findings[0].contains("lints"));
        assert!(findings[1].contains("a has its version here"));
    }

    #[test]
    fn nothing_flows_back_and_nothing_stands_there_unused() {
        let manifest = table("[dependencies]\nserde-json = \"1\"\ncollector = \"1\"");
        let files = [file("agent/src/lib.rs", "use serde_json::Value; use collector::app;")];
        let findings = check_dependencies("agent", &["protocol"], &manifest, &files);
        assert_eq!(findings, ["agent/Cargo.toml: agent may not use collector"]);
        // A use in another crate is no use in this one.
        let files = [file("store/src/lib.rs", "use serde_json::Value;")];
        let manifest = table("[dependencies]\nserde-json = \"1\"");
        let findings = check_dependencies("agent", &["protocol"], &manifest, &files);
        assert_eq!(findings, ["agent/Cargo.toml: nothing uses serde-json"]);
    }

    #[test]
    fn a_name_within_another_word_is_no_use() {
        let files = [file("agent/src/lib.rs", "// ring\nfn name() -> String { text }")];
        let manifest = table("[dependencies]\nring.workspace = true");
        let findings = check_dependencies("agent", &["protocol"], &manifest, &files);
        assert_eq!(findings, ["agent/Cargo.toml: nothing uses ring"]);
    }

    #[test]
    fn what_one_platform_alone_depends_on_is_checked_as_well() {
        let manifest = table(
            "lints.workspace = true\n[target.'cfg(unix)'.dependencies]\nlibc = \"1\"\n\
             store.workspace = true",
        );
        let findings = check_manifest("x", &manifest);
        assert_eq!(findings.len(), 1, "{findings:?}");
        let files = [file("agent/src/lib.rs", "use libc::c_int; use store::Store;")];
        let findings = check_dependencies("agent", &["protocol"], &manifest, &files);
        assert_eq!(findings, ["agent/Cargo.toml: agent may not use store"]);
    }

    #[test]
    fn a_crate_that_no_rule_knows_is_found() {
        let files = [file("surprise/Cargo.toml", ""), file("agent/fuzz/Cargo.toml", "")];
        let findings = unknown_crates(&files);
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert!(findings[0].starts_with("surprise/"), "{findings:?}");
    }

    #[test]
    fn a_crate_that_is_not_there_is_missed() {
        let findings = check(&[]).unwrap();
        assert_eq!(findings.len(), FLOW.len());
        assert!(findings[0].ends_with("missing"), "{findings:?}");
    }

    #[test]
    fn our_crates_may_use_what_stands_below_them_and_nothing_else() {
        let ours: Vec<_> = FLOW.iter().map(|(name, _)| *name).collect();
        for (name, may) in FLOW {
            for other in ours.iter().filter(|other| *other != name) {
                let manifest = table(&format!("[dependencies]\n{other}.workspace = true"));
                let files = [file(&format!("{name}/src/lib.rs"), &format!("use {other}::x;"))];
                let findings = check_dependencies(name, may, &manifest, &files);
                assert_eq!(findings.is_empty(), may.contains(other), "{name} and {other}");
            }
        }
    }

    #[test]
    fn tests_may_use_any_of_our_crates() {
        let manifest =
            table("lints.workspace = true\n[dev-dependencies]\ncollector.workspace = true");
        assert!(check_dependencies("agent", &[], &manifest, &[]).is_empty());
        assert!(check_manifest("x", &manifest).is_empty());
    }

    #[test]
    fn nothing_of_the_flow_goes_in_a_circle() {
        // Each may use only those that stand before it, in some order: here that of how much they use.
        let below = |name: &str| FLOW.iter().find(|row| row.0 == name).map_or(&[][..], |row| row.1);
        for (name, may) in FLOW {
            let mut open: Vec<&str> = may.to_vec();
            while let Some(next) = open.pop() {
                assert_ne!(next, *name, "{name} uses itself");
                open.extend(below(next));
            }
        }
    }

    #[test]
    fn a_manifest_that_is_no_toml_is_an_error_with_its_path() {
        let files: Vec<_> = FLOW
            .iter()
            .map(|(name, _)| file(&format!("{name}/Cargo.toml"), "[dependencies"))
            .collect();
        let error = format!("{:#}", check(&files).unwrap_err());
        assert!(error.starts_with("read kernels/Cargo.toml: "), "{error}");
    }
}
