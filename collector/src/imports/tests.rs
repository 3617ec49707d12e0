//! What a user would miss of a document's records: that they are ones which the store takes, each once.

use serde_json::{Value, json};

use super::*;

fn listed(components: &Value) -> Listed {
    let document =
        json!({ "bomFormat": "CycloneDX", "specVersion": "1.6", "components": components });
    read(document.to_string().as_bytes()).unwrap()
}

fn asset(epoch: u32) -> Asset<'static> {
    let host = AgentId(uuid::Uuid::from_u128(1));
    Asset { host, name: "shop", epoch, at: OffsetDateTime::UNIX_EPOCH }
}

fn package(name: &str, location: &str) -> Value {
    json!({ "name": name, "purl": format!("pkg:npm/{name}@1.0.0"),
            "evidence": { "occurrences": [{ "location": location }] } })
}

#[test]
fn reports_of_a_document_are_ones_that_an_agent_could_send() {
    for count in [0, 1, 100, 101, 250] {
        let packages: Vec<Value> = (0..count).map(|n| package(&format!("p{n}"), "/srv")).collect();
        let listed = listed(&json!(packages));
        let reports = listed.reports(asset(7));
        for (number, incoming) in (1..).zip(&reports) {
            assert_eq!(incoming.report.position, Position::new(7, number));
            assert_eq!(incoming.report.validate().as_ref(), Ok(&incoming.keys));
        }
        let records: usize = reports.iter().map(|one| one.keys.len()).sum();
        assert_eq!(records, count);
        // Together they are the whole of the keys, so that what is in none of them is gone.
        let ReportBody::Snapshot { to, .. } = &reports.last().unwrap().report.body else {
            panic!("no snapshot");
        };
        assert_eq!(*to, None);
    }
}

#[test]
fn the_same_software_twice_is_one_record_with_both_places() {
    let one = listed(&json!([package("a", "/b"), package("a", "/a"), package("a", "/b")]));
    let records: Vec<_> = one.records.values().collect();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].locations, ["/a", "/b"]);
    assert_eq!(one.components, 3);
    // In whatever order they stand there.
    let other = listed(&json!([package("a", "/a"), package("a", "/b")]));
    assert_eq!(one.records, other.records);
}

#[test]
fn hostile_texts_are_made_fit_and_counted() {
    let long = "n".repeat(10_000);
    let listed = listed(&json!([
        { "name": "x", "purl": format!("pkg:npm/{long}@1") },
        { "name": "x", "purl": "pkg:pypi/bell%07%0a@1%00", "publisher": "v\r\nv" },
        { "name": "é".repeat(400), "cpe": "cpe:2.3:a:x:y:1:*:*:*:*:*:*:*" },
        package("good", "/srv/a\nb"),
    ]));
    for incoming in listed.reports(asset(1)) {
        incoming.report.validate().unwrap();
    }
    assert_eq!(listed.records.len(), 4);
    let made_fit = listed.warnings.iter().find(|one| one.kind == WarningKind::MadeFit).unwrap();
    assert_eq!(made_fit.count, 4);
    assert_eq!(made_fit.examples[1], "bell\u{fffd}\u{fffd}");
}

#[test]
fn a_document_says_of_what_system_it_is_and_what_it_has_of_each_source() {
    let listed = listed(&json!([
        { "type": "operating-system", "name": "debian", "version": "12" },
        { "name": "bash", "purl": "pkg:deb/debian/bash@5.2-1?distro=debian-12" },
        package("a", "/srv"),
    ]));
    let first = &listed.reports(asset(1))[0].report;
    let facts = first.facts.as_ref().unwrap();
    assert_eq!((facts.hostname.as_str(), facts.os_name.as_str()), ("shop", "debian 12"));
    let has = |source| {
        let status = first.sources.iter().find(|status| status.source == source).unwrap();
        (status.state, status.records)
    };
    assert_eq!(has(Source::Deb), (SourceState::Ok, 1));
    assert_eq!(has(Source::Npm), (SourceState::Ok, 1));
    assert_eq!(has(Source::Rpm), (SourceState::Absent, 0));
}

#[test]
fn the_list_of_this_program_is_read_whole() {
    // As `cargo xtask sbom` makes it, which the packages carry.
    let listed = read(include_bytes!("tests/muster-agent.cdx.json")).unwrap();
    assert_eq!(listed.format, Format::CycloneDx);
    assert!(listed.records.len() > 50, "{} records", listed.records.len());
    assert!(listed.records.values().all(|record| record.source == Source::Cargo));
    let left_out = listed.warnings.iter().map(|warning| warning.kind).collect::<Vec<_>>();
    assert_eq!(left_out, [WarningKind::Excluded]);
}
