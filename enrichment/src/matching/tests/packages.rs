//! Records about upstream projects against packages that are built of them.

use super::*;

#[test]
fn a_python_package_is_judged_in_the_order_of_its_own_scheme() {
    let index = one(&any_of(&[(
        &app("python:requests:*:*:*:*:*:python"),
        r#""versionStartIncluding":"2.3.0","versionEndExcluding":"2.31.0""#,
    )]));
    let evaluation = evaluate(&index, &python("requests", "2.31.0.dev1"));
    assert_eq!(evaluation.findings.len(), 1, "{evaluation:?}");
    assert_eq!(evaluation.findings[0].why.scheme, "pypi");
    assert!(evaluate(&index, &python("requests", "2.31.0.post1")).findings.is_empty());
}

#[test]
fn a_package_of_the_distribution_is_not_judged_by_upstream_versions() {
    let index = one(&any_of(&[(
        // CVE-2024-6387 as NVD's range has it, and Debian's build with the repair.
        &app("openbsd:openssh:*"),
        r#""versionEndExcluding":"9.8""#,
    )]));
    let subject = Subject {
        source: "deb",
        name: "openssh-server",
        version: "1:9.2p1-2+deb12u3",
        source_name: "openssh",
        vendor: "Debian OpenSSH Maintainers <debian-ssh@lists.debian.org>",
        origin: "Debian",
        platform: LINUX,
        ..Subject::default()
    };
    let evaluation = evaluate(&index, &subject);
    assert_eq!(evaluation.status, Status::NotEvaluable, "{evaluation:?}");
    assert!(evaluation.findings.is_empty());
    assert_eq!(why_not(&index, &subject, CVE).step, Step::NotEvaluable);
}

#[test]
fn a_record_about_a_package_is_about_the_program_that_is_built_of_it() {
    let of = |language: &str| {
        let name = app(&format!("v:p:*:*:*:*:*:{language}"));
        one(&any_of(&[(&name, r#""versionEndExcluding":"5""#)]))
    };
    let program = |language| confidence(&of(language), "v:p:4", LINUX);
    assert_eq!(program("go"), Some(Confidence::High));
    assert_eq!(program("maven"), Some(Confidence::High));
    assert_eq!(program("python"), Some(Confidence::Medium));
    assert_eq!(program("jenkins"), None, "a plug-in is another product");
    let package = confidence(&of("go"), "v:p:4:*:*:*:*:python", LINUX);
    assert_eq!(package, None, "a package of another language is another product");
}

#[test]
fn a_third_partys_package_is_a_program_on_its_system() {
    let index = one(&any_of(&[(
        &app("grafana:grafana:*:*:*:*:*:go"),
        r#""versionEndExcluding":"10.4.13""#,
    )]));
    let subject = Subject {
        source: "deb",
        name: "grafana",
        vendor: "contact@grafana.com",
        version: "9.5.2",
        platform: LINUX,
        ..Subject::default()
    };
    let evaluation = evaluate(&index, &subject);
    assert_eq!(evaluation.findings.len(), 1, "{evaluation:?}");
    assert_eq!(evaluation.findings[0].confidence, Confidence::High);
}

#[test]
fn a_component_is_judged_by_the_cpe_name_that_its_document_gives_and_by_no_other() {
    let index = one(&any_of(&[(&app("openbsd:openssh:*"), r#""versionEndExcluding":"9.8""#)]));
    let judged = |bundle_id, origin| {
        let subject = Subject {
            source: "component",
            name: "openssh",
            vendor: "OpenBSD",
            version: "9.2",
            bundle_id,
            origin,
            ..Subject::default()
        };
        evaluate(&index, &subject)
    };
    let purl = "pkg:generic/openssh@9.2";
    let named = judged("cpe:2.3:a:openbsd:openssh:9.2:p1:*:*:*:*:*:*", purl);
    assert_eq!((named.status, named.findings.len()), (Status::Evaluated, 1), "{named:?}");
    assert_eq!(named.identity.purl.as_deref(), Some(purl));
    let repaired = judged("cpe:2.3:a:openbsd:openssh:9.8:*:*:*:*:*:*:*", purl);
    assert_eq!((repaired.status, repaired.findings.len()), (Status::Evaluated, 0));
    // Its name and vendor would be found among programs.
    let bare = judged("", purl);
    assert_eq!((bare.status, bare.findings.len()), (Status::Unmapped, 0));
    assert!(bare.reason.unwrap().contains("no CPE name"));
    let broken = judged("cpe:2.3:a:openbsd", "");
    assert_eq!(broken.status, Status::NotEvaluable, "{broken:?}");
}
