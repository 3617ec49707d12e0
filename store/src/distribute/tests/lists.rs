//! Every list that there is, with every filter and order, so that its statement is built once.

use enrichment::evaluation::{Confidence, Status};
use protocol::fingerprint::SoftwareKey;
use protocol::ids::AgentId;
use protocol::software::Source;
use uuid::Uuid;

use crate::cves::Severity;
use crate::findings::{self, FindingFilter, FindingSort, FindingState};
use crate::hosts::{self, HostFilter, HostSoftwareFilter, HostSort};
use crate::page::PageRequest;
use crate::software::{self, SoftwareFilter, SoftwareSort};
use crate::tenant::TenantScope;
use crate::test_fixtures::at;
use crate::{cves, dead_letters, enrolment_tokens};

/// Asks for all of them; what comes of it is of no matter.
pub(super) async fn ask_for_everything(scope: &TenantScope) {
    let page = PageRequest::first(9);
    ask_for_hosts(scope, &page).await;
    ask_for_findings(scope, &page).await;
    ask_for_software(scope, &page).await;
    dead_letters::list(scope, &page).await.unwrap();
    enrolment_tokens::list(scope, &page).await.unwrap();
    cves::list(scope, &Default::default(), Default::default(), &page)
        .await
        .unwrap();
}

const AGENT: AgentId = AgentId(Uuid::from_u128(1));
const KEY: SoftwareKey = SoftwareKey(1);

fn text() -> String {
    "x".to_owned()
}

async fn ask_for_hosts(scope: &TenantScope, page: &PageRequest) {
    for filter in [
        HostFilter::default(),
        HostFilter {
            text: Some(text()),
            platform: Some(text()),
            cve: Some(text()),
            software: Some(KEY),
            silent_since: Some(at(0)),
            revoked: true,
        },
    ] {
        for sort in [
            HostSort::Hostname,
            HostSort::LastSeen,
            HostSort::Enrolled,
            HostSort::Software,
        ] {
            hosts::list(scope, &filter, sort, page).await.unwrap();
        }
    }
}

async fn ask_for_findings(scope: &TenantScope, page: &PageRequest) {
    for (state, kev) in [
        (FindingState::Open, None),
        (FindingState::Resolved, Some(false)),
        (FindingState::Any, Some(true)),
    ] {
        for host in [None, Some(AGENT)] {
            let filter = FindingFilter {
                state,
                severity_min: Some(Severity::Low),
                kev,
                cve: Some(text()),
                software: Some(KEY),
                host,
                confidence_min: Some(Confidence::Low),
            };
            for sort in [
                FindingSort::Severity,
                FindingSort::Epss,
                FindingSort::Opened,
                FindingSort::Hosts,
            ] {
                findings::list(scope, &filter, sort, page).await.unwrap();
            }
        }
    }
}

async fn ask_for_software(scope: &TenantScope, page: &PageRequest) {
    for (vulnerable, gone) in [(None, false), (Some(true), true), (Some(false), false)] {
        let filter = SoftwareFilter {
            text: Some(text()),
            source: Some(Source::Deb),
            status: Some(Status::Evaluated),
            vulnerable,
            gone,
        };
        for sort in [
            SoftwareSort::Name,
            SoftwareSort::Hosts,
            SoftwareSort::Findings,
            SoftwareSort::FirstSeen,
        ] {
            software::list(scope, &filter, sort, page).await.unwrap();
        }
        let filter = HostSoftwareFilter {
            text: Some(text()),
            vulnerable,
        };
        hosts::software(scope, AGENT, &filter, page).await.unwrap();
    }
}
