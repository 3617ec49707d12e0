//! Packages of a language: a registry's word, and those who name the CVE again.

use super::*;

/// The packaging authority's word about one package, and NVD's about two.
fn python() -> Index {
    let mut builder = Builder::new();
    for (cve, product) in [("CVE-2023-0001", "requests"), ("CVE-2023-0002", "flask")] {
        let name =
            if product == "requests" { "python:requests:*" } else { "palletsprojects:flask:*" };
        let range = any_of(&[(&app(name), r#""versionEndExcluding":"3.0""#)]);
        builder.add(&record(cve, 1, &range)).unwrap();
    }
    let said = ["pypi|requests|affected|2.3.0|< 2.31.0|"];
    let known = advisory(Publisher::PyPa, "PYSEC-2023-74", &["CVE-2023-32681"], &said);
    builder.add_advisory(&known).unwrap();
    let nameless =
        advisory(Publisher::PyPa, "PYSEC-2023-99", &[], &["pypi|requests|affected||<= 2.29|"]);
    builder.add_advisory(&nameless).unwrap();
    Index::from_bytes(builder.into_bytes().unwrap()).unwrap()
}

#[test]
fn a_registrys_word_counts_alone_where_it_knows_the_package() {
    let index = python();
    let package = |name, version| {
        let subject = Subject { source: "python", name, version, ..Subject::default() };
        evaluate(&index, &subject)
    };
    let evaluation = package("Requests", "2.30.0");
    assert_eq!(cves(&evaluation), ["CVE-2023-32681"], "NVD's range is not asked");
    assert_eq!(evaluation.identity.rule, "registry:pypi/requests");
    assert_eq!(only(&evaluation).source, "pypa");
    assert_eq!(cves(&package("requests", "2.29")), ["CVE-2023-32681", "PYSEC-2023-99"]);
    assert!(cves(&package("requests", "2.31.0")).is_empty());
    // Below the first version that has it.
    assert_eq!(cves(&package("requests", "1.0")), ["PYSEC-2023-99"]);
    // PyPA has never said anything about this one.
    assert_eq!(cves(&package("flask", "2.0")), ["CVE-2023-0002"]);
    assert_eq!(package("requests", "").status, Status::NotEvaluable);
}

#[test]
fn a_bulletin_that_names_a_cve_again_counts_and_the_dispute_is_told() {
    let cve = "CVE-2022-0001";
    let index = index(&[
        advisory(Publisher::Rocky, "RLSA-2022:1", &[cve], &["rocky 9|curl|affected||< 1.0-2|"]),
        advisory(Publisher::Rocky, "RLSA-2022:2", &[cve], &["rocky 9|curl|affected||< 1.0-5|"]),
    ]);
    let curl = |release| Subject {
        source_name: "curl",
        vendor: "Rocky Enterprise Software Foundation",
        ..rpm("libcurl", "1.0", release)
    };
    let found = |release| evaluate(&index, &on("rocky", "9.3", curl(release)));
    let evaluation = found("3");
    assert_eq!(only(&evaluation).fixed_in.as_deref(), Some("1.0-5"));
    assert_eq!(only(&evaluation).confidence, Confidence::Medium);
    let evaluation = found("1");
    assert_eq!(only(&evaluation).fixed_in.as_deref(), Some("1.0-5"), "ends with the last");
    assert_eq!(only(&evaluation).confidence, Confidence::High);
    assert!(found("5").findings.is_empty());
}

#[test]
fn packages_that_only_documents_list_are_judged_by_their_registries() {
    for (source, said, scheme, name, vulnerable, fixed) in [
        (
            "maven",
            "maven|org.apache.logging.log4j:log4j-core|affected|2.0|< 2.15.0|",
            Scheme::Maven,
            "org.apache.logging.log4j:log4j-core",
            "2.14.1",
            "2.15.0",
        ),
        (
            "go",
            "golang|golang.org/x/net|affected||< 0.7.0|",
            Scheme::Go,
            "golang.org/x/net",
            "v0.6.9",
            "v0.7.0",
        ),
        (
            "nuget",
            "nuget|Newtonsoft.Json|affected||< 13.0.1|",
            Scheme::Nuget,
            "Newtonsoft.Json",
            "12.0.3",
            "13.0.1",
        ),
        ("hex", "hex|phoenix|affected||< 1.6.14|", Scheme::Semver, "phoenix", "1.6.13", "1.6.14"),
    ] {
        let mut known = advisory(Publisher::GitHub, "GHSA-1", &["CVE-2021-44228"], &[said]);
        for affected in &mut known.affected {
            affected.scheme = scheme;
        }
        let index = index(&[known]);
        let found = |version| {
            let subject = Subject { source, name, version, ..Subject::default() };
            evaluate(&index, &subject)
        };
        let evaluation = found(vulnerable);
        assert_eq!(cves(&evaluation), ["CVE-2021-44228"], "{source}");
        assert!(evaluation.identity.purl.is_some(), "{source}");
        assert_eq!((found(fixed).status, found(fixed).findings.len()), (Status::Evaluated, 0));
        // What no advisory ever named is not looked for among programs of the name.
        let other = Subject { source, name: "chrome", version: "1.0", ..Subject::default() };
        assert_eq!(evaluate(&index, &other).status, Status::Unmapped, "{source}");
    }
}
