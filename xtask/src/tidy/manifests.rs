//! Manifests: workspace lints, workspace dependencies, no dependency that nobody uses, and the
//! straight flow between our crates.

use anyhow::Context as _;

use super::crate_of;
use crate::tree::File;

/// Which of our crates each of our crates may use.
const FLOW: &[(&str, &[&str])] = &[
    ("protocol", &[]),
    ("enrichment", &[]),
    ("agent", &["protocol"]),
    ("store", &["protocol", "enrichment"]),
    ("collector", &["protocol", "enrichment", "store"]),
    (
        "simulations",
        &["protocol", "enrichment", "store", "agent", "collector"],
    ),
    ("xtask", &[]),
];

pub(super) fn check(files: &[File]) -> anyhow::Result<Vec<String>> {
    let mut findings = Vec::new();
    for (name, may) in FLOW {
        let path = format!("{name}/Cargo.toml");
        let Some(file) = files.iter().find(|file| file.path == path) else {
            findings.push(format!("{path}: missing"));
            continue;
        };
        let manifest: toml::Table = file.text.parse().with_context(|| format!("read {path}"))?;
        findings.extend(check_manifest(&path, &manifest));
        findings.extend(check_dependencies(name, may, &manifest, files));
    }
    Ok(findings)
}

fn check_manifest(path: &str, manifest: &toml::Table) -> Vec<String> {
    let is_workspace = |table: Option<&toml::Value>| {
        table
            .and_then(|t| t.get("workspace"))
            .and_then(toml::Value::as_bool)
            == Some(true)
    };
    let mut findings = Vec::new();
    if !is_workspace(manifest.get("lints")) {
        findings.push(format!("{path}: `[lints] workspace = true` is missing"));
    }
    for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
        let dependencies = manifest.get(section).and_then(toml::Value::as_table);
        for (name, value) in dependencies.into_iter().flatten() {
            if !is_workspace(Some(value)) {
                findings.push(format!(
                    "{path}: {name} has its version here, not in the workspace"
                ));
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
    let dependencies = manifest.get("dependencies").and_then(toml::Value::as_table);
    for dependency in dependencies.into_iter().flat_map(|table| table.keys()) {
        if ours.contains(&dependency.as_str()) && !may.contains(&dependency.as_str()) {
            findings.push(format!(
                "{name}/Cargo.toml: {name} may not use {dependency}"
            ));
        }
        let word = dependency.replace('-', "_");
        let is_used = files
            .iter()
            .filter(|file| crate_of(file) == name && file.is_rust())
            .any(|file| file.text.contains(&word));
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
        File {
            path: path.to_owned(),
            text: text.to_owned(),
        }
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
        let files = [file(
            "agent/src/lib.rs",
            "use serde_json::Value; use collector::app;",
        )];
        let findings = check_dependencies("agent", &["protocol"], &manifest, &files);
        assert_eq!(findings, ["agent/Cargo.toml: agent may not use collector"]);
        // A use in another crate is no use in this one.
        let files = [file("store/src/lib.rs", "use serde_json::Value;")];
        let manifest = table("[dependencies]\nserde-json = \"1\"");
        let findings = check_dependencies("agent", &["protocol"], &manifest, &files);
        assert_eq!(findings, ["agent/Cargo.toml: nothing uses serde-json"]);
    }

    #[test]
    fn a_crate_that_is_not_there_is_missed() {
        let findings = check(&[]).unwrap();
        assert_eq!(findings.len(), FLOW.len());
        assert!(findings[0].ends_with("missing"), "{findings:?}");
    }
}
