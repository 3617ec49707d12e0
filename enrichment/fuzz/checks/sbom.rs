//! Documents of software: whatever is read is bounded, named, and says what it leaves out.

use enrichment::index::{Builder, Index};
use enrichment::matching;
use enrichment::sbom::{self, COMPONENTS_MAX, Component};
use enrichment::subject::{Platform, Subject};

/// A document.
pub(crate) fn sbom(input: &[u8]) {
    let Ok(read) = sbom::read(&input[..input.len().min(super::INPUT_BYTES_MAX)]) else {
        return;
    };
    assert!(read.seen <= COMPONENTS_MAX && read.components.len() <= read.seen);
    for warning in &read.warnings {
        assert!(warning.count >= warning.examples.len() as u64 && !warning.examples.is_empty());
        assert!(!warning.examples.iter().any(|name| name.chars().any(char::is_control)));
    }
    let Some(index) =
        Builder::new().into_bytes().ok().and_then(|bytes| Index::from_bytes(bytes).ok())
    else {
        return;
    };
    let system = &read.system;
    let platform = Platform { family: &system.family, id: &system.id, version: &system.version };
    for component in read.components.iter().take(20) {
        let evaluation = matching::evaluate(&index, &Subject { platform, ..subject(component) });
        assert!(evaluation.findings.is_empty(), "an index without anything finds nothing");
    }
}

fn subject(component: &Component) -> Subject<'_> {
    Subject {
        source: component.source,
        name: &component.name,
        version: &component.version,
        epoch: component.epoch,
        release: &component.release,
        arch: &component.arch,
        vendor: &component.vendor,
        source_name: &component.source_name,
        source_version: &component.source_version,
        origin: &component.origin,
        bundle_id: &component.bundle_id,
        ..Subject::default()
    }
}
