//! Hosts beside the one that each company of the harness has.

use std::time::Duration;

use enrichment::evaluation::Evaluation;
use protocol::fingerprint::SoftwareKey;
use protocol::host::{HostFacts, Platform};
use protocol::ids::{AgentId, Position, TokenId};
use protocol::report::{Report, ReportBody};
use protocol::software::{SoftwareRecord, Source};
use store::agents::{self, Certificate, Enrolment};
use store::enrolment_tokens::{self, Labels, NewEnrolmentToken};
use store::reports::{self, IncomingReport};
use uuid::Uuid;

use super::harness::{Api, NOW, Tenant, evaluation};

/// A host that is to be.
pub(super) struct Machine<'a> {
    pub(super) name: &'a str,
    /// The distribution.
    pub(super) platform: &'a str,
    /// What it was enrolled with.
    pub(super) labels: &'a [(&'a str, &'a str)],
    /// Names and versions; what is called `bad…` has the harness's finding.
    pub(super) software: &'a [(&'a str, &'a str)],
}

impl<'a> Machine<'a> {
    pub(super) const fn new(name: &'a str) -> Self {
        Self { name, platform: "debian", labels: &[], software: &[] }
    }

    /// Enrols it in a company, and reports what it has.
    pub(super) async fn add(&self, api: &Api, tenant: &Tenant) -> AgentId {
        let agent = self.enrol(api, tenant).await;
        let platform = Platform {
            family: "linux".to_owned(),
            id: self.platform.to_owned(),
            version: "12".to_owned(),
        };
        let record = |(name, version): &(&str, &str)| {
            SoftwareRecord::new(Source::Deb, *name, (*version).to_owned())
        };
        let mut records: Vec<SoftwareRecord> = self.software.iter().map(record).collect();
        // As an agent sends them: in the order of their keys.
        records.sort_by_key(|record| SoftwareKey::of(record, &platform));
        let report = Report {
            position: Position::new(1, 1),
            made_at_ms: 0,
            platform: platform.clone(),
            facts: Some(Box::new(HostFacts {
                hostname: self.name.to_owned(),
                platform,
                agent_version: "0.1.0".to_owned(),
                ..HostFacts::default()
            })),
            sources: Vec::new(),
            digest: None,
            body: ReportBody::Snapshot { from: SoftwareKey(0), to: None, records },
        };
        let incoming =
            IncomingReport { agent, keys: report.validate().unwrap(), report, received_at: NOW };
        reports::apply(&tenant.scope, &[incoming], &judge, 1, NOW).await.unwrap();
        agent
    }

    async fn enrol(&self, api: &Api, tenant: &Tenant) -> AgentId {
        let (token, secret) = (TokenId(Uuid::new_v4()), [9; 32]);
        let text = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let labels: Labels = self.labels.iter().map(text).collect();
        let new = NewEnrolmentToken {
            id: token,
            secret: &secret,
            name: "fleet",
            labels: &labels,
            expires_at: None,
            uses_max: None,
        };
        enrolment_tokens::create(&tenant.scope, &new, NOW).await.unwrap();
        let enrolment = Enrolment {
            token,
            secret: &secret,
            agent: AgentId(Uuid::new_v4()),
            hostname: self.name,
            agent_version: "0.1.0",
            labels: &Labels::new(),
        };
        let certificate = Certificate {
            serial: Uuid::new_v4().as_bytes().to_vec(),
            sha256: [9; 32],
            expires_at: NOW + Duration::from_secs(86_400),
        };
        let sign = |_, _| Ok((certificate.clone(), ()));
        agents::enrol(api.database.store(), &enrolment, &sign, NOW).await.unwrap().agent
    }
}

fn judge(record: &SoftwareRecord, _: &Platform, _: SoftwareKey) -> Evaluation {
    let mut judged = evaluation();
    if !record.name.starts_with("bad") {
        judged.findings.clear();
    }
    judged
}
