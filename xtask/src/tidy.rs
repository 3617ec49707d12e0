//! The rules, one file a subject; each gives its findings as lines for people.

use std::path::Path;

use crate::tree::{self, File};

mod boundaries;
mod documents;
mod fuzz;
mod manifests;
mod sources;
mod threats;

/// Every finding of every rule, sorted.
pub(crate) fn check(root: &Path) -> anyhow::Result<Vec<String>> {
    let files = tree::read(root)?;
    let mut findings = Vec::new();
    findings.extend(sources::check(&files));
    findings.extend(boundaries::check(&files));
    findings.extend(manifests::check(&files)?);
    findings.extend(documents::check(root, &files));
    findings.extend(fuzz::check(root, &files));
    findings.extend(threats::check(&files));
    findings.sort_unstable();
    Ok(findings)
}

/// The crate that a path belongs to.
fn crate_of(file: &File) -> &str {
    file.path.split('/').next().unwrap_or_default()
}
