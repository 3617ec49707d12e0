//! Another company's labels, exceptions and policies.

use protocol::ids::AgentId;

use super::two_companies;
use crate::exceptions::{
    self, About, Claim, Decision, ExceptionFilter, Hosts, NewException, VexStatus,
};
use crate::labels::rule::{Condition, SoftwareCondition};
use crate::labels::{self, AssignError, NewLabel};
use crate::page::PageRequest;
use crate::policies::rule::{FindingRule, PolicyRule};
use crate::policies::{self, NewPolicy, PolicyChange, ResultFilter};
use crate::tenant::TenantScope;
use crate::test_fixtures::{at, id};

/// A label, an exception and a policy, with what comes of them, so that each of their tables has a row.
pub(super) async fn make(scope: &TenantScope, host: AgentId) {
    let rule = Condition::Software(SoftwareCondition {
        name: "bad*".to_owned(),
        source: None,
        version: None,
    });
    let new = NewLabel { id: id(), name: "with bad software", description: "", rule: Some(&rule) };
    let label = labels::create(scope, &new, at(1)).await.unwrap();
    assert_eq!(label.hosts, 1);
    labels::evaluate_due(scope, 10, at(1)).await.unwrap();
    let policy = NewPolicy {
        id: id(),
        policy: PolicyChange {
            name: "no findings",
            description: "",
            rule: &PolicyRule::NoFinding(FindingRule::default()),
            label: None,
            is_enabled: true,
        },
    };
    policies::create(scope, &policy, at(1)).await.unwrap();
    let about = About { cve: Some("CVE-2024-90010".to_owned()), ..About::default() };
    let new = NewException {
        id: id(),
        name: None,
        about: &about,
        hosts: Hosts::One(host),
        claim: &claim(),
        expires_at: None,
        origin: None,
    };
    exceptions::create(scope, &new, at(1)).await.unwrap();
    let document = exceptions::documents::NewDocument {
        id: id(),
        format: "openvex",
        name: "https://example.com/vex",
        version: "1",
        frame: &serde_json::json!({}),
        unknown: &serde_json::json!([]),
    };
    exceptions::documents::import(scope, &document, &[], at(1)).await.unwrap();
}

fn claim() -> Claim {
    Claim {
        status: VexStatus::Affected,
        justification: None,
        note: String::new(),
        action: String::new(),
        suppresses: true,
    }
}

#[tokio::test]
async fn rules_of_another_company_are_neither_seen_nor_changed() {
    let (world, other, endpoint) = two_companies().await;
    let page = &PageRequest::first(10);
    let label = labels::list(&world.scope, page).await.unwrap().items.remove(0);
    let policy = policies::list(&world.scope, page).await.unwrap().items.remove(0);
    let filter = ExceptionFilter::default();
    let exception = exceptions::list(&world.scope, &filter, page).await.unwrap().items.remove(0);

    assert_eq!(labels::list(&other, page).await.unwrap().items, []);
    assert_eq!(labels::get(&other, label.id).await.unwrap(), None);
    assert!(!labels::delete(&other, label.id, at(2)).await.unwrap());
    let given = labels::assign(&other, label.id, &[endpoint.agent], true, at(2)).await;
    assert!(matches!(given, Err(AssignError::NoLabel)));
    assert_eq!(policies::list(&other, page).await.unwrap().items, []);
    assert_eq!(policies::get(&other, policy.id).await.unwrap(), None);
    assert!(!policies::delete(&other, policy.id, at(2)).await.unwrap());
    assert_eq!(policies::evaluate(&other, policy.id, at(2)).await.unwrap(), 0);
    let results = policies::results(&other, policy.id, ResultFilter::default(), page);
    assert_eq!(results.await.unwrap().items, []);
    assert_eq!(policies::of_host(&other, endpoint.agent).await.unwrap(), []);
    let events = policies::events_after(&other, None, 10).await.unwrap();
    assert_eq!(events, []);
    let seen = exceptions::list(&other, &filter, page).await.unwrap();
    assert_eq!(seen.items, []);
    assert_eq!(exceptions::get(&other, exception.id).await.unwrap(), None);
    let decided = exceptions::decide(&other, exception.id, Decision::Reject, at(2)).await;
    assert!(decided.unwrap().is_none());
    let ended = exceptions::withdraw(&other, exception.id, at(2)).await;
    assert!(ended.unwrap().is_none());
    assert_eq!(exceptions::expire(&other, at(1_000)).await.unwrap(), 0);
    let impact = exceptions::preview(&other, &exception.about, &Hosts::All).await.unwrap();
    assert_eq!(impact.findings.open, 0);
    // And nothing of it changed meanwhile.
    let same = exceptions::get(&world.scope, exception.id).await.unwrap();
    assert_eq!(same, Some(exception));
}

#[tokio::test]
async fn an_exception_names_no_host_and_no_label_of_another_company() {
    let (world, other, endpoint) = two_companies().await;
    let label = labels::list(&world.scope, &PageRequest::first(1)).await.unwrap().items[0].id;
    let about = About { cve: Some("CVE-2024-90010".to_owned()), ..About::default() };
    for hosts in [Hosts::One(endpoint.agent), Hosts::Label(label)] {
        let new = NewException {
            id: id(),
            name: None,
            about: &about,
            hosts,
            claim: &claim(),
            expires_at: None,
            origin: None,
        };
        let refused = exceptions::create(&other, &new, at(2)).await.unwrap_err();
        assert!(matches!(refused, exceptions::CreateError::NoSuch(_)));
    }
}
