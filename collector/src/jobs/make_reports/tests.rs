//! Reports as their readers get them: each format whole, read back by what reads it, with nothing in it that
//! a browser or a spreadsheet would run.

use enrichment::evaluation::{Confidence, Evaluation, Identity, Status, Why};
use protocol::ids::Position;
use protocol::software::SoftwareRecord;
use serde_json::Value;
use store::cves::Severity;
use store::jobs::{self as rows, NewJob};
use store::page::PageRequest;
use store::report_files::{NewReport, ReportFile, ReportState};
use store::report_schedules::{Every, NewSchedule, ScheduleChange};
use store::reports::{self, IncomingReport};
use store::{labels, statistics};

use super::*;
use crate::jobs::Kind;
use crate::jobs::tests::Node;
use crate::pipeline::testing::{self, DAY, lodash};

const EVIL: &str = "=1+<script>alert(1)</script>";
const FORMATS: [ReportFormat; 5] = [
    ReportFormat::Html,
    ReportFormat::Json,
    ReportFormat::Csv,
    ReportFormat::Sarif,
    ReportFormat::CycloneDx,
];

const ALL: Spec = Spec {
    kind: ReportKind::Findings,
    format: ReportFormat::Json,
    severity_min: None,
    kev: None,
    label: None,
};

fn evaluation(cves: &[String]) -> Evaluation {
    let finding = |cve: &String| enrichment::evaluation::Finding {
        cve: cve.as_str().into(),
        source: "nvd".into(),
        confidence: Confidence::High,
        fixed_in: Some("9 & more".into()),
        why: Why::default(),
    };
    Evaluation {
        status: Status::Evaluated,
        reason: None,
        identity: Identity {
            rule: "test".to_owned(),
            purl: Some("pkg:npm/lodash@4.17.15".to_owned()),
            ..Identity::default()
        },
        findings: cves.iter().map(finding).collect(),
        keys: Vec::new(),
    }
}

/// A company whose one host has a piece of software with so many CVEs, and another one with an evil name.
async fn company(node: &Node, cves: u32) -> TenantScope {
    let store = node.database.store();
    let scope = testing::company(store, 1).await;
    let agent = testing::agent(store, &scope, 1).await;
    let evil = SoftwareRecord { name: EVIL.to_owned(), ..lodash("1.0") };
    let report = testing::report(Position::new(1, 1), vec![lodash("4.17.15"), evil]);
    let keys = report.validate().unwrap();
    let incoming = IncomingReport { agent, keys, report, received_at: DAY };
    let judge = |record: &SoftwareRecord| {
        let many = if record.name == EVIL { 1 } else { cves };
        let ids: Vec<String> =
            (0..many).map(|number| format!("CVE-2024-{:04}", 1_000 + number)).collect();
        evaluation(&ids)
    };
    reports::apply(&scope, &[incoming], &|record, _, _| judge(record), 1, DAY).await.unwrap();
    scope
}

/// Asks for a report, and does whatever jobs there are.
async fn made(node: &Node, scope: &TenantScope, spec: Spec) -> ReportFile {
    let now = node.jobs.clock.now();
    let new = NewReport { id: Uuid::new_v4(), name: "Weekly <b>report</b>", spec };
    report_files::create(scope, &new, now).await.unwrap();
    while node.take().await {}
    report_files::get(scope, new.id).await.unwrap().unwrap()
}

async fn text(scope: &TenantScope, report: &ReportFile) -> String {
    assert_eq!(report.state, ReportState::Done, "{report:?}");
    let (mut whole, mut number) = (Vec::new(), 0);
    while let Some(part) = report_files::part(scope, report.id, number).await.unwrap() {
        whole.extend(part);
        number += 1;
    }
    assert_eq!(whole.len() as u64, report.bytes);
    String::from_utf8(whole).unwrap()
}

async fn json_of(node: &Node, scope: &TenantScope, spec: Spec) -> Value {
    let report = made(node, scope, spec).await;
    serde_json::from_str(&text(scope, &report).await).unwrap()
}

#[tokio::test]
async fn a_report_as_json_has_every_finding_that_a_host_has() {
    let node = Node::new().await;
    let scope = company(&node, 3).await;
    statistics::measure(&scope, DAY).await.unwrap();
    let report = json_of(&node, &scope, ALL).await;
    assert_eq!(report["total"], 4);
    assert_eq!(report["findings"].as_array().unwrap().len(), 4);
    assert_eq!(report["report"]["name"], "Weekly <b>report</b>");
    assert_eq!(report["statistics"]["findings"]["all"]["open"], 4);
    let names: Vec<&str> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["software"]["name"].as_str().unwrap())
        .collect();
    assert!(names.contains(&EVIL), "{names:?}");
}

#[tokio::test]
async fn a_page_has_nothing_that_a_browser_runs_or_fetches() {
    let node = Node::new().await;
    let scope = company(&node, 3).await;
    statistics::measure(&scope, DAY).await.unwrap();
    for kind in [ReportKind::Findings, ReportKind::Summary] {
        let spec = Spec { kind, format: ReportFormat::Html, ..ALL };
        let report = made(&node, &scope, spec).await;
        let page = text(&scope, &report).await;
        assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"), "{page}");
        assert!(page.contains("Weekly &lt;b&gt;report&lt;/b&gt;"), "{page}");
        for forbidden in ["<script", "<b>", "src=", "href=", "url(", "javascript:"] {
            assert!(!page.contains(forbidden), "{forbidden}: {page}");
        }
        let opened = page.matches("<tr>").count();
        assert_eq!(opened, page.matches("</tr>").count());
    }
}

#[tokio::test]
async fn a_table_has_no_formula_and_a_line_for_each_finding() {
    let node = Node::new().await;
    let scope = company(&node, 3).await;
    let report = made(&node, &scope, Spec { format: ReportFormat::Csv, ..ALL }).await;
    let table = text(&scope, &report).await;
    assert_eq!(table.lines().count(), 5, "{table}");
    assert!(table.contains(",\"'=1+<script>alert(1)</script>\","), "{table}");
    assert_eq!(report.records, 4);
}

#[tokio::test]
async fn a_sarif_log_has_a_rule_for_every_result() {
    let node = Node::new().await;
    let scope = company(&node, 3).await;
    let log = json_of(&node, &scope, Spec { format: ReportFormat::Sarif, ..ALL }).await;
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    let rules: Vec<&str> = run["tool"]["driver"]["rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| rule["id"].as_str().unwrap())
        .collect();
    let results = run["results"].as_array().unwrap();
    assert_eq!((rules.len(), results.len()), (3, 4));
    for result in results {
        assert!(rules.contains(&result["ruleId"].as_str().unwrap()), "{result}");
        assert!(!result["message"]["text"].as_str().unwrap().is_empty());
        assert!(result["partialFingerprints"]["musterFinding/v1"].is_string());
    }
}

#[tokio::test]
async fn a_bill_of_materials_refers_to_nothing_that_is_not_in_it() {
    let node = Node::new().await;
    let scope = company(&node, 3).await;
    let bom = json_of(&node, &scope, Spec { format: ReportFormat::CycloneDx, ..ALL }).await;
    assert_eq!((&bom["bomFormat"], &bom["specVersion"]), (&"CycloneDX".into(), &"1.6".into()));
    let components = bom["components"].as_array().unwrap();
    let known: Vec<&Value> = components.iter().map(|one| &one["bom-ref"]).collect();
    assert_eq!(known.len(), 2);
    assert!(components.iter().all(|one| one["purl"] == "pkg:npm/lodash@4.17.15"));
    let vulnerabilities = bom["vulnerabilities"].as_array().unwrap();
    assert_eq!(vulnerabilities.len(), 4);
    let mut names = std::collections::BTreeSet::new();
    for one in vulnerabilities {
        assert!(known.contains(&&one["affects"][0]["ref"]), "{one}");
        assert!(names.insert(one["bom-ref"].to_string()), "twice: {one}");
    }
}

#[tokio::test]
async fn a_report_of_many_parts_is_whole() {
    let node = Node::new().await;
    let scope = company(&node, 2_500).await;
    for format in FORMATS {
        let report = made(&node, &scope, Spec { format, ..ALL }).await;
        assert_eq!(report.records, 2_501, "{format:?}");
        assert!(report.bytes > report_files::PART_BYTES as u64, "{format:?}: {}", report.bytes);
        let whole = text(&scope, &report).await;
        if matches!(format, ReportFormat::Json | ReportFormat::Sarif | ReportFormat::CycloneDx) {
            serde_json::from_str::<Value>(&whole).unwrap();
        }
    }
}

#[tokio::test]
async fn every_format_of_a_company_without_findings_can_be_read() {
    let node = Node::new().await;
    let scope = testing::company(node.database.store(), 1).await;
    for format in FORMATS {
        let report = made(&node, &scope, Spec { format, ..ALL }).await;
        assert_eq!(report.records, 0);
        let whole = text(&scope, &report).await;
        match format {
            ReportFormat::Html => assert!(whole.ends_with("</html>\n")),
            ReportFormat::Csv => assert_eq!(whole.lines().count(), 1),
            ReportFormat::Json | ReportFormat::Sarif | ReportFormat::CycloneDx => {
                assert!(serde_json::from_str::<Value>(&whole).unwrap().is_object());
            }
        }
    }
}

#[tokio::test]
async fn a_filter_leaves_out_what_it_says() {
    let node = Node::new().await;
    let scope = company(&node, 3).await;
    for (spec, total) in [
        (Spec { kev: Some(true), ..ALL }, 0),
        (Spec { kev: Some(false), ..ALL }, 4),
        (Spec { severity_min: Some(Severity::High), ..ALL }, 0),
    ] {
        assert_eq!(json_of(&node, &scope, spec).await["total"], total, "{spec:?}");
    }
}

#[tokio::test]
async fn a_report_for_a_label_that_is_gone_is_given_up_and_says_so() {
    let node = Node::new().await;
    let scope = company(&node, 1).await;
    let new = labels::NewLabel { id: Uuid::from_u128(7), name: "web", description: "", rule: None };
    labels::create(&scope, &new, DAY).await.unwrap();
    let spec = Spec { label: Some(new.id), ..ALL };
    let report = json_of(&node, &scope, spec).await;
    assert_eq!((&report["total"], &report["report"]["label"]), (&0.into(), &"web".into()));
    labels::delete(&scope, new.id, DAY).await.unwrap();
    let report = made(&node, &scope, spec).await;
    assert_eq!(report.state, ReportState::Failed);
    assert!(report.error.unwrap().contains("label"));
}

/// Has a company's report made every day, an hour after the test's day begins.
async fn daily(scope: &TenantScope) -> Uuid {
    let every = Every { weekday: None, minute: 13 * 60, time_zone: "UTC".to_owned() };
    let schedule = ScheduleChange { name: "daily", spec: ALL, every: &every, is_enabled: true };
    let new = NewSchedule { id: Uuid::new_v4(), schedule };
    report_schedules::create(scope, &new, DAY).await.unwrap();
    new.id
}

/// The reports of a schedule that are made.
async fn made_of(scope: &TenantScope, schedule: Uuid) -> usize {
    let page = PageRequest::first(9);
    let made = report_files::list(scope, Some(schedule), &page).await.unwrap().items;
    assert!(made.iter().all(|report| report.state == ReportState::Done), "{made:?}");
    made.len()
}

#[tokio::test]
async fn a_company_whose_schedules_go_wrong_keeps_no_other_from_its_reports() {
    let node = Node::new().await;
    let store = node.database.store();
    let lost = company(&node, 1).await;
    let (broken, whole) = (testing::company(store, 2).await, testing::company(store, 3).await);
    let (of_lost, of_whole) = (daily(&lost).await, daily(&whole).await);
    daily(&broken).await;
    // A release of the system's time zones that knows one less.
    let sql = format!("UPDATE report_schedules SET time_zone = 'Gone/Zone' WHERE id = '{of_lost}'");
    node.database.execute(&sql).await;
    node.break_rows(&broken, "report_schedules").await;
    node.hand.advance(std::time::Duration::from_secs(3_660));
    let error = format!("{:#}", look_at_schedules(&node.jobs).await.unwrap_err());
    assert!(error.contains(&broken.company().to_string()), "{error}");
    while node.take().await {}
    assert_eq!((made_of(&lost, of_lost).await, made_of(&whole, of_whole).await), (1, 1));
}

#[tokio::test]
async fn a_schedule_has_its_report_made_once_when_its_time_comes() {
    let node = Node::new().await;
    let scope = company(&node, 1).await;
    let schedule = daily(&scope).await;
    // The test's day stands at noon.
    for (advance_s, reports) in [(60, 0), (3_600, 1), (60, 1), (86_400, 2)] {
        node.hand.advance(std::time::Duration::from_secs(advance_s));
        let now = node.jobs.clock.now();
        let (kind, tick) = (Kind::MakeReports.as_str(), now.to_string());
        let job =
            NewJob { kind, tick: &tick, payload: &Value::Null, run_after: now, company: None };
        rows::enqueue(node.database.store(), &job, now).await.unwrap();
        while node.take().await {}
        assert_eq!(made_of(&scope, schedule).await, reports, "after {advance_s} s");
    }
}
