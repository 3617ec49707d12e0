//! Packages of languages that a distribution's package may have brought, or whose name is another's.

use super::*;

/// Red Hat's repair of urllib3 under its old version, PyPI's word about the same flaw, and two
/// products that are called like packages of PyPI.
fn red_hats_urllib3() -> Index {
    let mut builder = Builder::new();
    for said in [
        advisory(
            Publisher::RedHat,
            "RHSA-2019:3590",
            &["CVE-2019-11236"],
            &["rhel 8|python3-urllib3|affected||< 1.24.2-2.el8|"],
        ),
        advisory(
            Publisher::PyPa,
            "PYSEC-2019-132",
            &["CVE-2019-11236"],
            &["pypi|urllib3|affected||< 1.24.3|"],
        ),
    ] {
        builder.add_advisory(&said).unwrap();
    }
    for (cve, name) in
        [("CVE-2019-11236", "python:urllib3:*"), ("CVE-2019-10743", "archiver_project:archiver:*")]
    {
        let range = any_of(&[(&app(name), r#""versionEndExcluding":"9""#)]);
        builder.add(&record(cve, 1, &range)).unwrap();
    }
    Index::from_bytes(builder.into_bytes().unwrap()).unwrap()
}

fn of_pypi<'a>(name: &'a str, version: &'a str) -> Subject<'a> {
    Subject { source: "python", name, version, ..Subject::default() }
}

#[test]
fn a_copy_of_the_version_that_the_distribution_repairs_is_not_judged_by_its_version() {
    let index = red_hats_urllib3();
    let listed = on("rhel", "8.6", of_pypi("urllib3", "1.24.2"));
    let evaluation = evaluate(&index, &listed);
    assert_eq!(evaluation.status, Status::NotEvaluable);
    assert!(evaluation.findings.is_empty());
    let reason = evaluation.reason.unwrap();
    assert!(reason.contains("python3-urllib3"), "{reason}");
    let answer = why_not(&index, &listed, "CVE-2019-11236");
    assert_eq!(answer.step, Step::NotEvaluable, "{answer:?}");
}

#[test]
fn a_copy_that_no_package_owns_is_judged_by_its_version() {
    let index = red_hats_urllib3();
    let standalone =
        Subject { is_standalone: true, ..on("rhel", "8.6", of_pypi("urllib3", "1.24.2")) };
    assert_eq!(cves(&evaluate(&index, &standalone)), ["CVE-2019-11236"]);
    // So is one of a version that the distribution does not have, and one on another system.
    for other in [
        on("rhel", "8.6", of_pypi("urllib3", "1.24.1")),
        on("debian", "12", of_pypi("urllib3", "1.24.2")),
        of_pypi("urllib3", "1.24.2"),
    ] {
        assert_eq!(cves(&evaluate(&index, &other)), ["CVE-2019-11236"]);
    }
}

#[test]
fn a_package_that_its_registry_judges_still_says_what_cve_records_call_it() {
    let evaluation = evaluate(&red_hats_urllib3(), &of_pypi("urllib3", "1.24.2"));
    assert_eq!(evaluation.identity.rule, "registry:pypi/urllib3");
    let cpe = &evaluation.identity.cpes[0];
    assert!(cpe.starts_with("cpe:2.3:a:python:urllib3:1.24.2:"), "{cpe}");
}

#[test]
fn a_product_of_the_same_name_is_no_package_that_pypi_never_spoke_of() {
    let evaluation = evaluate(&red_hats_urllib3(), &of_pypi("archiver", "0.1"));
    assert_eq!(evaluation.status, Status::NotEvaluable);
    assert!(evaluation.findings.is_empty());
    assert_eq!(evaluation.identity.cpes.len(), 1, "what it may be is told all the same");
}

#[test]
fn without_pypis_advisories_a_product_of_the_same_name_is_the_best_guess() {
    let mut builder = Builder::new();
    let range = any_of(&[(&app("archiver_project:archiver:*"), r#""versionEndExcluding":"9""#)]);
    builder.add(&record("CVE-2019-10743", 1, &range)).unwrap();
    let guessed = Index::from_bytes(builder.into_bytes().unwrap()).unwrap();
    let archiver = of_pypi("archiver", "0.1");
    assert_eq!(cves(&evaluate(&guessed, &archiver)), ["CVE-2019-10743"]);
    assert!(
        is_named_by_the_change(&guessed, &red_hats_urllib3(), &archiver),
        "once there are advisories, it is judged again"
    );
}

#[test]
fn a_distributions_first_repair_of_a_version_names_its_copies_for_another_look() {
    let pypi = advisory(
        Publisher::PyPa,
        "PYSEC-2019-132",
        &["CVE-2019-11236"],
        &["pypi|urllib3|affected||< 1.24.3|"],
    );
    let other = advisory(
        Publisher::RedHat,
        "RHSA-2019:0001",
        &["CVE-2019-0001"],
        &["rhel 8|bash|affected||< 4.4.19-10.el8|"],
    );
    let repair = advisory(
        Publisher::RedHat,
        "RHSA-2019:3590",
        &["CVE-2019-11236"],
        &["rhel 8|python3-urllib3|affected||< 1.24.2-2.el8|"],
    );
    let before = index(&[pypi.clone(), other.clone()]);
    let after = index(&[pypi, other, repair]);
    let listed = on("rhel", "8.6", of_pypi("urllib3", "1.24.2"));
    assert_eq!(cves(&evaluate(&before, &listed)), ["CVE-2019-11236"]);
    assert!(is_named_by_the_change(&before, &after, &listed));
}
