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
