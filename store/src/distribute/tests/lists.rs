//! Every list that there is, with every filter and order, so that its statement is built once.

use enrichment::evaluation::{Confidence, Status};
use protocol::fingerprint::SoftwareKey;
use protocol::ids::{AgentId, TokenId};
use protocol::software::Source;
use uuid::Uuid;

use crate::cves::Severity;
use crate::exceptions::{
    self, About, Claim, ExceptionFilter, ExceptionState, Hosts, NewException, VexStatus,
};
use crate::export::Columns;
use crate::findings::{self, FindingFilter, FindingSort, FindingState};
use crate::hosts::{self, ChangeFilter, HostFilter, HostSoftwareFilter, HostSort};
use crate::labels::NewLabel;
use crate::page::PageRequest;
use crate::policies::{self, PolicyState, ResultFilter};
use crate::software::{self, SoftwareFilter, SoftwareSort, TitleFilter, TitleSort};
use crate::tenant::TenantScope;
use crate::test_fixtures::{agent, at};
use crate::{
    cves, dead_letters, digests, enrolment_tokens, imports, labels, report_files, report_schedules,
    webhooks,
};

/// Asks for all of them; what comes of it is of no matter.
pub(super) async fn ask_for_everything(scope: &TenantScope) {
    let page = PageRequest::first(9);
    ask_for_counted(scope).await;
    let between = ChangeFilter { since: Some(at(0)), until: Some(at(1)) };
    for filter in [ChangeFilter::default(), between] {
        hosts::changes(scope, AGENT, &filter, &page).await.unwrap();
    }
    for kind in [None, Some(hosts::MomentKind::Upgraded)] {
        hosts::timeline(scope, AGENT, kind, &page).await.unwrap();
    }
    ask_for_rules(scope, &page).await;
    dead_letters::list(scope, &page).await.unwrap();
    enrolment_tokens::list(scope, &page).await.unwrap();
    ask_for_webhooks(scope, &page).await;
    ask_for_imports(scope, &page).await;
    ask_for_reports(scope, &page).await;
}

/// Those that are other statements where counts are kept.
pub(super) async fn ask_for_counted(scope: &TenantScope) {
    let page = PageRequest::first(9);
    ask_for_hosts(scope, &page).await;
    ask_for_findings(scope, &page).await;
    ask_for_software(scope, &page).await;
    for on_hosts in [None, Some(true), Some(false)] {
        let filter = cves::CveFilter { on_hosts, ..Default::default() };
        cves::list(scope, &filter, Default::default(), &page).await.unwrap();
        cves::export(scope, &filter, Default::default()).await.unwrap();
    }
}

const AGENT: AgentId = AgentId(Uuid::from_u128(1));
const KEY: SoftwareKey = SoftwareKey(1);
const ID: Uuid = Uuid::from_u128(2);

fn text() -> String {
    "x".to_owned()
}

async fn ask_for_webhooks(scope: &TenantScope, page: &PageRequest) {
    webhooks::list(scope, page).await.unwrap();
    let filter =
        webhooks::DeliveryFilter { webhook: Some(ID), state: Some(webhooks::DeliveryState::Dead) };
    for filter in [filter, webhooks::DeliveryFilter::default()] {
        webhooks::list_deliveries(scope, filter, page).await.unwrap();
    }
}

async fn ask_for_imports(scope: &TenantScope, page: &PageRequest) {
    let filter =
        imports::ImportFilter { state: Some(imports::ImportState::Done), host: Some(AGENT) };
    for filter in [filter, imports::ImportFilter::default()] {
        imports::list(scope, filter, page).await.unwrap();
    }
    imports::get(scope, ID).await.unwrap();
}

async fn ask_for_reports(scope: &TenantScope, page: &PageRequest) {
    for schedule in [None, Some(ID)] {
        report_files::list(scope, schedule, page).await.unwrap();
    }
    report_schedules::list(scope, page).await.unwrap();
    let filter =
        digests::MessageFilter { user: Some(ID), state: Some(digests::MessageState::Dead) };
    for filter in [filter, digests::MessageFilter::default()] {
        digests::list_messages(scope, filter, page).await.unwrap();
    }
}

async fn ask_for_hosts(scope: &TenantScope, page: &PageRequest) {
    for filter in [
        HostFilter::default(),
        HostFilter {
            text: Some(text()),
            platform: Some(text()),
            os_version: Some(text()),
            kind: Some(hosts::HostKind::Sbom),
            cve: Some(text()),
            kev: Some(true),
            critical: Some(false),
            software: Some(KEY),
            silent_since: Some(at(0)),
            overdue_at: Some(at(0)),
            label: Some(ID),
            enrolled_with: Some((text(), text())),
            came_with: Some(TokenId(ID)),
            agent_before: Some([0, 2, 0]),
            fails: Some(ID),
            revoked: true,
            as_of: None,
        },
        HostFilter {
            cve: Some(text()),
            software: Some(KEY),
            as_of: Some(at(0)),
            ..HostFilter::default()
        },
    ] {
        hosts::how_many(scope, &filter).await.unwrap();
        for sort in [
            HostSort::Hostname,
            HostSort::LastSeen,
            HostSort::Silent,
            HostSort::Enrolled,
            HostSort::Software,
            HostSort::Findings,
            HostSort::Critical,
            HostSort::Kev,
        ] {
            hosts::list(scope, &filter, sort, page).await.unwrap();
            hosts::export(scope, &filter, sort).await.unwrap();
        }
    }
}

async fn ask_for_findings(scope: &TenantScope, page: &PageRequest) {
    for (state, kev) in [
        (FindingState::Open, None),
        (FindingState::Suppressed, None),
        (FindingState::Resolved, Some(false)),
        (FindingState::Any, Some(true)),
    ] {
        for (host, as_of) in [(None, None), (Some(AGENT), None), (Some(AGENT), Some(at(0)))] {
            let filter = FindingFilter {
                state,
                severity_min: Some(Severity::Low),
                kev,
                cve: Some(text()),
                software: Some(KEY),
                name: host.map(|_| text()),
                has_fix: kev,
                on_hosts: kev,
                host,
                label: host.map(|_| ID),
                confidence_min: Some(Confidence::Low),
                exception: host.map(|_| ID),
                as_of,
            };
            for sort in [
                FindingSort::Severity,
                FindingSort::Epss,
                FindingSort::Kev,
                FindingSort::Opened,
                FindingSort::Hosts,
            ] {
                findings::list(scope, &filter, sort, page).await.unwrap();
                findings::export(scope, &filter, sort, Columns::Cells).await.unwrap();
            }
        }
    }
}

async fn ask_for_software(scope: &TenantScope, page: &PageRequest) {
    for (text, label) in [(Some(text()), Some(ID)), (None, None)] {
        let (source, vulnerable) = (Some(Source::Deb), Some(true));
        let filter = TitleFilter { text, source, vulnerable, label };
        for sort in [TitleSort::Name, TitleSort::Hosts] {
            software::titles(scope, &filter, sort, page).await.unwrap();
        }
    }
    for (vulnerable, gone, as_of) in [
        (None, false, None),
        (Some(true), true, None),
        (Some(false), false, None),
        (Some(true), false, Some(at(0))),
    ] {
        let filter = SoftwareFilter {
            text: Some(text()),
            source: Some(Source::Deb),
            status: Some(Status::Evaluated),
            vulnerable,
            label: vulnerable.map(|_| ID),
            name: vulnerable.map(|_| text()),
            gone,
            as_of,
        };
        for sort in [
            SoftwareSort::Name,
            SoftwareSort::Hosts,
            SoftwareSort::Findings,
            SoftwareSort::FirstSeen,
        ] {
            software::list(scope, &filter, sort, page).await.unwrap();
            software::export(scope, &filter, sort).await.unwrap();
        }
        let filter = HostSoftwareFilter { text: Some(text()), vulnerable, as_of };
        hosts::software(scope, AGENT, &filter, page).await.unwrap();
        hosts::export_software(scope, AGENT, &filter).await.unwrap();
    }
}

async fn ask_for_rules(scope: &TenantScope, page: &PageRequest) {
    let filter = ExceptionFilter {
        state: Some(ExceptionState::Active),
        name: Some(text()),
        cve: Some(text()),
        product: Some(text()),
        label: Some(ID),
        document: Some(ID),
    };
    exceptions::list(scope, &filter, page).await.unwrap();
    exceptions::export(scope, &filter).await.unwrap();
    exceptions::get(scope, ID).await.unwrap();
    exceptions::settle(scope, at(0)).await.unwrap();
    let claim = Claim {
        status: VexStatus::Fixed,
        justification: None,
        note: String::new(),
        action: String::new(),
        suppresses: true,
    };
    let new = NewException {
        id: ID,
        name: None,
        about: &About { cve: Some(text()), ..About::default() },
        hosts: Hosts::All,
        claim: &claim,
        expires_at: None,
        origin: None,
    };
    exceptions::create(scope, &new, at(0)).await.unwrap();
    let about = About { cve: Some(text()), ..About::default() };
    // What is not the company's is refused before anything is asked about it.
    let label = NewLabel { id: ID, name: "lab", description: "", rule: None };
    labels::create(scope, &label, at(0)).await.unwrap();
    let host = agent(scope, "host").await;
    for hosts in [Hosts::All, Hosts::Label(ID), Hosts::One(host)] {
        exceptions::preview(scope, &about, &hosts).await.unwrap();
    }
    labels::list(scope, page).await.unwrap();
    policies::list(scope, page).await.unwrap();
    let all = ResultFilter { state: Some(PolicyState::Fail) };
    policies::results(scope, ID, all, page).await.unwrap();
    policies::export_results(scope, ID, all).await.unwrap();
}
