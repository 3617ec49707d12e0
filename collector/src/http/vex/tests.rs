//! What goes out comes in again with the same meaning, whatever it is; what others wrote is understood as
//! they meant it, and goes out as it came.

use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_assert_eq, prop_oneof, proptest};
use protocol::ids::AgentId;
use protocol::software::Source;
use serde_json::json;
use store::exceptions::{ExceptionState, Justification, VexStatus};
use time::macros::datetime;

use super::*;

const AT: OffsetDateTime = datetime!(2026-11-21 12:00 UTC);

const FRAME: Frame = Frame { company: Uuid::from_u128(7), at: AT };

fn texts() -> impl Strategy<Value = String> {
    // With all that a name has to be encoded for.
    "[a-zA-Z0-9 @%?#&=+/.:~é-]{1,20}"
}

fn abouts() -> impl Strategy<Value = About> {
    let purls = "pkg:(deb|npm)/[a-z]{1,8}/[a-z%0-9]{1,8}(@[0-9.]{1,6})?";
    let sources = proptest::sample::select(&Source::ALL[..]);
    let scores = (0_u8..=20).prop_map(|halves| f32::from(halves) / 2.0);
    (
        option::of("CVE-20[0-9]{2}-[0-9]{4,6}"),
        option::of(texts()),
        option::of(sources),
        option::of(texts()),
        option::of(purls),
        option::of(scores),
    )
        .prop_map(|(cve, product, source, version, purl, score_below)| About {
            cve,
            product,
            source,
            version,
            purl,
            score_below,
        })
        .prop_filter("about something", |about| {
            // In a document a product is named in every statement.
            About { cve: None, ..about.clone() }.is_particular()
        })
}

fn claims() -> impl Strategy<Value = Claim> {
    let justifications = proptest::sample::select(vec![
        Justification::ComponentNotPresent,
        Justification::VulnerableCodeNotPresent,
        Justification::VulnerableCodeNotInExecutePath,
        Justification::VulnerableCodeCannotBeControlledByAdversary,
        Justification::InlineMitigationsAlreadyExist,
    ]);
    let statuses = prop_oneof![
        option::of(justifications).prop_map(|why| (VexStatus::NotAffected, why)),
        Just((VexStatus::Affected, None)),
        Just((VexStatus::Fixed, None)),
        Just((VexStatus::UnderInvestigation, None)),
    ];
    (statuses, texts(), option::of(texts()), any::<bool>()).prop_map(
        |((status, justification), note, action, suppresses)| Claim {
            status,
            justification,
            note,
            action: action.unwrap_or_default(),
            suppresses,
        },
    )
}

fn exceptions() -> impl Strategy<Value = Exception> {
    let hosts = prop_oneof![
        2 => Just(Hosts::All),
        1 => any::<u128>().prop_map(|id| Hosts::Label(Uuid::from_u128(id))),
        1 => any::<u128>().prop_map(|id| Hosts::One(AgentId(Uuid::from_u128(id)))),
    ];
    let ends = option::of((0_i64..4_000_000_000).prop_map(|s| AT + time::Duration::seconds(s)));
    (any::<u128>(), abouts(), hosts, claims(), ends).prop_map(
        |(id, about, hosts, claim, expires_at)| Exception {
            name: None,
            id: Uuid::from_u128(id),
            about,
            hosts,
            claim,
            state: ExceptionState::Active,
            created_at: AT,
            created_by: "ada".to_owned(),
            created_by_name: None,
            decided_at: None,
            decided_by: None,
            decided_by_name: None,
            expires_at,
            ended_at: None,
            revision: 1,
            document: None,
            statement: None,
            findings: 0,
        },
    )
}

fn said(document: &Document) -> Vec<Said> {
    let said = document.statements.iter().flat_map(|one| &one.said);
    said.cloned().collect()
}

proptest! {
    #[test]
    fn what_goes_out_comes_in_with_the_same_meaning(
        exceptions in proptest::collection::vec(exceptions(), 0..6),
    ) {
        let meant: Vec<Said> = exceptions
            .iter()
            .map(|exception| Said {
                about: exception.about.clone(),
                hosts: exception.hosts,
                claim: exception.claim.clone(),
                expires_at: exception.expires_at,
            })
            .collect();
        for format in [VexFormat::OpenVex, VexFormat::CycloneDx] {
            let written = write(format, FRAME, &exceptions, Vec::new());
            let understood = read(written).unwrap();
            prop_assert_eq!(said(&understood), meant.clone(), "{:?}", format);
            // And once more, as others' statements, through a document of another time.
            let whole = understood.statements.iter().map(|one| one.whole.clone());
            let later = Frame { at: AT + time::Duration::DAY, ..FRAME };
            let again = read(write(format, later, &[], whole.collect())).unwrap();
            prop_assert_eq!(again.statements, understood.statements);
        }
    }

    #[test]
    fn no_text_is_lost_on_its_way_into_a_name(text in "\\PC{0,40}") {
        prop_assert_eq!(name::decode(&name::encode(&text)), Some(text));
    }
}

fn openvex(statement: &Value) -> Result<Document, VexError> {
    read(json!({
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": "https://example.com/vex-1",
        "author": "Example",
        "timestamp": "2026-01-08T18:02:03Z",
        "version": 3,
        "statements": [statement],
    }))
}

#[test]
fn openvex_of_others_is_understood_as_they_mean_it() {
    let document = openvex(&json!({
        "vulnerability": { "name": "cve-2024-3094" },
        "products": [
            { "@id": "pkg:deb/debian/xz-utils@5.4.1-0.2?arch=amd64" },
            { "@id": "https://example.com/product", "identifiers": { "purl": "pkg:oci/app@sha256:1" } },
            { "@id": "https://example.com/other" },
        ],
        "status": "not_affected",
        "justification": "vulnerable_code_not_present",
        "impact_statement": "The back door is not in this build.",
        "supplier": "somebody else",
    }))
    .unwrap();
    assert_eq!(
        (document.name.as_str(), document.version.as_str()),
        ("https://example.com/vex-1", "3")
    );
    let statement = &document.statements[0];
    let purls: Vec<_> =
        statement.said.iter().map(|said| said.about.purl.clone().unwrap()).collect();
    assert_eq!(purls, ["pkg:deb/debian/xz-utils@5.4.1-0.2?arch=amd64", "pkg:oci/app@sha256:1"]);
    assert_eq!(statement.unknown, ["https://example.com/other"]);
    let said = &statement.said[0];
    assert_eq!(said.about.cve.as_deref(), Some("CVE-2024-3094"));
    assert!(said.claim.suppresses);
    assert_eq!(said.claim.note, "The back door is not in this build.");
    // What is not understood is kept, and the document's time with it.
    assert_eq!(statement.whole["supplier"], "somebody else");
    assert_eq!(statement.whole["timestamp"], "2026-01-08T18:02:03Z");
}

#[test]
fn the_first_version_of_openvex_is_read_as_well() {
    let document = openvex(&json!({
        "vulnerability": "CVE-2024-1",
        "products": ["pkg:npm/left-pad@1.0.0"],
        "status": "fixed",
    }));
    let said = said(&document.unwrap()).remove(0);
    assert_eq!(said.about.purl.as_deref(), Some("pkg:npm/left-pad@1.0.0"));
    assert_eq!(said.claim.status, VexStatus::Fixed);
}

#[test]
fn somebody_elses_warning_leaves_nothing_out() {
    for status in ["affected", "under_investigation"] {
        let document = openvex(&json!({
            "vulnerability": { "name": "CVE-2024-1" },
            "products": [{ "@id": "pkg:npm/a" }],
            "status": status,
            "action_statement": "Update.",
        }));
        let said = said(&document.unwrap()).remove(0);
        assert!(!said.claim.suppresses, "{status}");
        assert_eq!(said.claim.action, "Update.");
    }
}

#[test]
fn cyclonedx_of_others_is_understood_by_its_components() {
    let document = read(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": "urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79",
        "version": 1,
        "metadata": { "component": { "bom-ref": "app", "name": "our app", "version": "2" } },
        "components": [
            { "bom-ref": "outer", "name": "outer", "components": [
                { "bom-ref": "jackson", "name": "jackson", "purl": "pkg:maven/com.fasterxml/jackson@2.10" },
            ] },
        ],
        "vulnerabilities": [{
            "id": "CVE-2020-25649",
            "analysis": {
                "state": "not_affected",
                "justification": "code_not_reachable",
                "response": ["will_not_fix", "update"],
                "detail": "Never called.",
            },
            "affects": [
                { "ref": "urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1#jackson" },
                { "ref": "app" },
                { "ref": "nowhere" },
            ],
        }],
    }))
    .unwrap();
    let statement = &document.statements[0];
    let [jackson, app] = statement.said.as_slice() else {
        panic!("{:?}", statement.said);
    };
    assert_eq!(jackson.about.purl.as_deref(), Some("pkg:maven/com.fasterxml/jackson@2.10"));
    assert_eq!(
        (app.about.product.as_deref(), app.about.version.as_deref()),
        (Some("our app"), Some("2"))
    );
    assert_eq!(jackson.claim.justification, Some(Justification::VulnerableCodeNotInExecutePath));
    assert_eq!(statement.unknown, ["nowhere"]);
    // It goes out with what it had, in a document with other references.
    assert_eq!(statement.whole["analysis"]["response"][1], "update");
    let whole = vec![statement.whole.clone()];
    let again = read(write(VexFormat::CycloneDx, FRAME, &[], whole)).unwrap();
    assert_eq!(again.statements[0].said, statement.said);
}

#[test]
fn what_is_no_vex_says_where_it_is_not() {
    assert_eq!(read(json!({})), Err(VexError::NoFormat));
    for (statement, expected) in [
        (json!({ "status": "fixed" }), "names no vulnerability"),
        (json!({ "vulnerability": "CVE-1", "status": "harmless" }), "none of the four"),
        (
            json!({ "vulnerability": "CVE-1", "status": "not_affected", "justification": "luck" }),
            "none of the five",
        ),
    ] {
        let error = openvex(&statement).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains("statements[0]"), "{error}");
    }
    let no_list = json!({ "@context": "https://openvex.dev/ns", "@id": "x", "statements": 1 });
    assert!(read(no_list).is_err());
}

#[test]
fn a_document_that_says_too_much_is_refused() {
    let statement = json!({ "vulnerability": "CVE-1", "status": "fixed" });
    let statements = vec![statement; STATEMENTS_MAX + 1];
    let document =
        json!({ "@context": "https://openvex.dev/ns", "@id": "x", "statements": statements });
    assert_eq!(read(document), Err(VexError::TooLarge));
}

#[test]
fn a_name_of_a_later_version_is_not_taken_for_less() {
    // Without the part that is not known the statement would be about more.
    let newer = "urn:muster:software?product=a&branch=b";
    assert_eq!(name::about(newer, None), None);
    assert!(name::about("urn:muster:software?", Some("CVE-1".to_owned())).is_some());
}
