//! `cargo xtask sbom PACKAGE TARGET`: what a program is made of, as a `CycloneDX` document (1.5).
//!
//! Out of what cargo itself resolved from Cargo.lock for that target: libraries that are linked in, and those
//! that only ran while it was built, which are marked. It holds no time and no path, so that the same sources
//! give the same document.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

#[cfg(test)]
mod tests;

/// The document for a package of this workspace, as text.
pub(crate) fn sbom(root: &Path, package: &str, target: &str) -> anyhow::Result<String> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked", "--filter-platform", target])
        .current_dir(root)
        .output()
        .context("start cargo")?;
    ensure!(
        output.status.success(),
        "cargo metadata: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let lock = std::fs::read_to_string(root.join("Cargo.lock"))?;
    let document = document(&metadata, &checksums(&lock)?, package, target)?;
    Ok(serde_json::to_string_pretty(&document)?)
}

/// What cargo says of a library, and how it got in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Scope {
    /// Linked in.
    Required,
    /// Ran while it was built: build scripts and procedural macros.
    Excluded,
}

impl Scope {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Excluded => "excluded",
        }
    }
}

fn document(
    metadata: &Value,
    checksums: &BTreeMap<(String, String), String>,
    package: &str,
    target: &str,
) -> anyhow::Result<Value> {
    let packages: BTreeMap<&str, &Value> =
        list(metadata, "packages").iter().map(|package| (text(package, "id"), package)).collect();
    let nodes: BTreeMap<&str, &Value> =
        list(&metadata["resolve"], "nodes").iter().map(|node| (text(node, "id"), node)).collect();
    let members: BTreeSet<&str> =
        list(metadata, "workspace_members").iter().filter_map(Value::as_str).collect();
    let own = packages
        .iter()
        .find(|(id, found)| members.contains(*id) && text(found, "name") == package)
        .map(|(id, _)| *id)
        .with_context(|| format!("{package} is no package of this workspace"))?;
    let reached = reach(own, &nodes, &packages);

    let described = |id: &str| component(packages[id], checksums);
    let components: Vec<Value> = reached
        .iter()
        .filter(|(id, _)| **id != own)
        .map(|(id, scope)| {
            let mut component = described(id);
            component["type"] = "library".into();
            component["scope"] = scope.as_str().into();
            component
        })
        .collect();
    let dependencies: Vec<Value> = reached
        .keys()
        .map(|id| {
            let on: BTreeSet<String> = needs(nodes[id])
                .map(|(on, _)| on)
                .filter(|on| reached.contains_key(on))
                .map(|on| purl(packages[on]))
                .collect();
            json!({ "ref": purl(packages[id]), "dependsOn": on })
        })
        .collect();
    let mut subject = described(own);
    subject["type"] = "application".into();
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": subject,
            "properties": [{ "name": "muster:target", "value": target }],
        },
        "components": components,
        "dependencies": dependencies,
    }))
}

/// Everything that a package needs, and how: what is linked into it anywhere is linked in.
fn reach<'a>(
    own: &'a str,
    nodes: &BTreeMap<&'a str, &'a Value>,
    packages: &BTreeMap<&'a str, &'a Value>,
) -> BTreeMap<&'a str, Scope> {
    let mut reached: BTreeMap<&str, Scope> = BTreeMap::new();
    let mut open = vec![(own, Scope::Required)];
    while let Some((id, scope)) = open.pop() {
        if reached.get(id).is_some_and(|known| *known <= scope) {
            continue;
        }
        reached.insert(id, scope);
        for (on, is_for_build) in needs(nodes[id]) {
            let is_outside = scope == Scope::Excluded || is_for_build || is_macro(packages[on]);
            open.push((on, if is_outside { Scope::Excluded } else { Scope::Required }));
        }
    }
    reached
}

/// What a package needs beside its tests, and whether only to be built.
fn needs(node: &Value) -> impl Iterator<Item = (&str, bool)> {
    list(node, "deps").iter().filter_map(|dependency| {
        let kinds: Vec<_> =
            list(dependency, "dep_kinds").iter().map(|kind| kind["kind"].as_str()).collect();
        let is_linked = kinds.contains(&None);
        (is_linked || kinds.contains(&Some("build"))).then(|| (text(dependency, "pkg"), !is_linked))
    })
}

fn is_macro(package: &Value) -> bool {
    list(package, "targets")
        .iter()
        .any(|target| list(target, "kind").iter().any(|kind| kind == "proc-macro"))
}

fn component(package: &Value, checksums: &BTreeMap<(String, String), String>) -> Value {
    let (name, version) = (text(package, "name"), text(package, "version"));
    let purl = purl(package);
    let mut component = json!({ "bom-ref": purl, "name": name, "version": version, "purl": purl });
    if let Some(licence) = package["license"].as_str() {
        // `MIT/Apache-2.0` is how crates wrote it before SPDX expressions.
        let expression = licence.replace('/', " OR ");
        component["licenses"] = json!([{ "expression": expression }]);
    }
    if let Some(sum) = checksums.get(&(name.to_owned(), version.to_owned())) {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": sum }]);
    }
    component
}

fn purl(package: &Value) -> String {
    // A `+` is a build's metadata in a version, and has to be escaped in a purl.
    let version = text(package, "version").replace('+', "%2B");
    format!("pkg:cargo/{}@{version}", text(package, "name"))
}

/// SHA-256 of each package's archive, as Cargo.lock holds it.
fn checksums(lock: &str) -> anyhow::Result<BTreeMap<(String, String), String>> {
    let lock: toml::Table = lock.parse()?;
    let packages = lock.get("package").and_then(toml::Value::as_array);
    let sums = packages.into_iter().flatten().filter_map(|package| {
        let field = |name| package.get(name).and_then(toml::Value::as_str).map(str::to_owned);
        Some(((field("name")?, field("version")?), field("checksum")?))
    });
    Ok(sums.collect())
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}
