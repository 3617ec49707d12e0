//! What only the assigner of a CVE says of a package, and whose word comes before it.

use super::*;
use crate::cpe::Cpe;
use crate::cve::{CnaProduct, CnaStatus, CnaVersions, CveRecord};
use crate::matching::evaluate_cpe;

const CVE: &str = "CVE-2024-27132";

/// A record of which the assigner says that a package of `PyPI` is affected up to 2.9.2, and NVD what
/// the configurations say.
fn mlflow(configurations: &str) -> CveRecord {
    let mut mlflow = record(CVE, 1, configurations);
    mlflow.cna = vec![CnaProduct {
        source: "JFROG".to_owned(),
        package: "MLflow".to_owned(),
        collection: "https://pypi.org/project/pip".to_owned(),
        versions: vec![CnaVersions {
            version: "0".to_owned(),
            less_than_or_equal: Some("2.9.2".to_owned()),
            status: CnaStatus::Affected,
            version_type: "python".to_owned(),
            ..CnaVersions::default()
        }],
        ..CnaProduct::default()
    }];
    mlflow
}

fn index(records: &[CveRecord], advisories: &[Advisory]) -> Index {
    let mut builder = Builder::new();
    for record in records {
        builder.add(record).unwrap();
    }
    for advisory in advisories {
        builder.add_advisory(advisory).unwrap();
    }
    Index::from_bytes(builder.into_bytes().unwrap()).unwrap()
}

fn package<'a>(name: &'a str, version: &'a str) -> Subject<'a> {
    Subject { source: "python", name, version, is_standalone: true, ..Subject::default() }
}

#[test]
fn a_package_is_found_by_its_assigner_while_nobody_else_says_anything() {
    let index = index(&[mlflow("[]")], &[]);
    let found = evaluate(&index, &package("mlflow", "2.9.2"));
    assert_eq!(found.status, Status::Evaluated);
    assert_eq!(found.identity.rule, "package:pypi/mlflow");
    let finding = only(&found);
    assert_eq!((finding.cve.as_str(), finding.source.as_str()), (CVE, "assigner"));
    assert_eq!(finding.confidence, Confidence::Medium);
    assert_eq!(finding.why.range.as_deref(), Some("<= 2.9.2"));
    assert_eq!(finding.why.rule, "assigner:pypi/mlflow");
    assert_eq!(finding.why.notes, ["stated by the CVE's assigner alone"]);
    assert_eq!(why_not(&index, &package("mlflow", "2.9.2"), CVE).step, Step::Found);
}

#[test]
fn a_product_that_its_assigner_names_by_cpe_is_found_by_its_range() {
    let mut gitlab = mlflow("[]");
    gitlab.cna[0].package.clear();
    gitlab.cna[0].cpes = vec![app("gitlab:gitlab:*")];
    let index = index(&[gitlab], &[]);
    let ask = |version: &str| {
        let cpe = Cpe::parse(&app(&format!("gitlab:gitlab:{version}"))).unwrap();
        evaluate_cpe(&index, &cpe, Platform::default())
    };
    let found = ask("2.9.2");
    let finding = only(&found);
    assert_eq!((finding.source.as_str(), finding.confidence), ("assigner", Confidence::Medium));
    assert_eq!(finding.why.notes, ["stated by the CVE's assigner alone"]);
    assert!(ask("2.9.3").findings.is_empty());
}

#[test]
fn a_repaired_version_is_told_from_a_package_that_nobody_named() {
    let index = index(&[mlflow("[]")], &[]);
    let repaired = package("mlflow", "2.10.0");
    assert!(evaluate(&index, &repaired).findings.is_empty());
    assert_eq!(why_not(&index, &repaired, CVE).step, Step::Version);
    let other = package("mlflow-skinny", "2.9.2");
    assert_eq!(evaluate(&index, &other).status, Status::Unmapped);
    assert_eq!(why_not(&index, &other, CVE).step, Step::Unmapped);
}

#[test]
fn products_that_a_record_is_configured_for_come_before_its_assigners_word() {
    let elsewhere = any_of(&[(&app("lfprojects:mlflow:*"), r#""versionEndExcluding":"2""#)]);
    let index = index(&[mlflow(&elsewhere)], &[]);
    assert!(evaluate(&index, &package("mlflow", "2.9.2")).findings.is_empty());
}

#[test]
fn a_registrys_word_about_a_cve_comes_before_its_assigners() {
    let pypi = |cve| {
        let said = ["pypi|mlflow|affected||< 2.9.0|"];
        advisory(Publisher::PyPa, "PYSEC-2024-1", &[cve], &said)
    };
    let decided = index(&[mlflow("[]")], &[pypi(CVE)]);
    assert!(evaluate(&decided, &package("mlflow", "2.9.2")).findings.is_empty());
    // About another one it says nothing of this.
    let beside = index(&[mlflow("[]")], &[pypi("CVE-2024-0001")]);
    let found = evaluate(&beside, &package("mlflow", "2.8.0"));
    let cves: Vec<&str> = found.findings.iter().map(|one| one.cve.as_str()).collect();
    assert_eq!(cves, ["CVE-2024-0001", CVE]);
    assert_eq!(found.identity.rule, "registry:pypi/mlflow");
}

#[test]
fn a_configuration_that_comes_later_has_the_package_judged_again() {
    let before = index(&[mlflow("[]")], &[]);
    let configured = any_of(&[(&app("lfprojects:mlflow:*"), r#""versionEndExcluding":"2""#)]);
    let after = index(&[mlflow(&configured)], &[]);
    let keys = evaluate(&before, &package("mlflow", "2.9.2")).keys;
    let ChangedKeys::These(changed) = changes(&before, &after) else {
        panic!("one record is not everything");
    };
    assert!(keys.iter().any(|key| changed.contains(key)));
}
