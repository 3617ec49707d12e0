//! Advisories against packages: whose word counts, in which order of versions, and why not.

mod assigned;
mod changed;
mod copies;
mod kernels;
mod languages;
mod later_releases;
mod places;
mod sources;
mod verdicts;

use crate::advisory::{Advisory, Affected, End, PackageKind, Place, Publisher, Span, Verdict};
use crate::cve::Timestamp;
use crate::evaluation::{Confidence, Evaluation, Finding, Status};
use crate::index::{Builder, ChangedKeys, Index, changes};
use crate::matching::{Step, evaluate, why_not};
use crate::subject::{Platform, Subject};
use crate::testing::{any_of, app, record};
use crate::version::Scheme;

/// A statement from `id release[/channel]|package|verdict|lower|end|module`, where `end` is
/// `< fixed`, `<= last` or nothing.
fn affected(scheme: Scheme, kind: PackageKind, text: &str) -> Affected {
    let fields: Vec<&str> = text.split('|').collect();
    let [place, package, verdict, lower, end, module] = fields[..] else {
        panic!("{text}");
    };
    let (place, channel) = place.split_once('/').unwrap_or((place, ""));
    let place = match place.split_once(' ') {
        Some((id, release)) => Place::Distribution {
            id: id.to_owned(),
            release: release.to_owned(),
            channel: channel.to_owned(),
        },
        None => Place::Language(place.to_owned()),
    };
    let end = match end.split_once(' ') {
        Some(("<", fixed)) => Some(End::Fixed(fixed.to_owned())),
        Some((_, last)) => Some(End::LastAffected(last.to_owned())),
        None => None,
    };
    let (verdict, note) = verdict.split_once(':').unwrap_or((verdict, ""));
    let span = Span { introduced: (!lower.is_empty()).then(|| lower.to_owned()), end };
    let verdict = match verdict {
        "affected" => Verdict::Affected,
        "wont-fix" => Verdict::WontFix,
        "triage" => Verdict::UnderInvestigation,
        _ => Verdict::NotAffected,
    };
    Affected {
        place,
        package: package.to_owned(),
        kind,
        module: module.to_owned(),
        verdict,
        spans: if verdict == Verdict::NotAffected { Vec::new() } else { vec![span] },
        versions: Vec::new(),
        scheme,
        note: note.to_owned(),
    }
}

fn advisory(publisher: Publisher, id: &str, cves: &[&str], said: &[&str]) -> Advisory {
    let (scheme, kind) = match publisher {
        Publisher::Debian | Publisher::Ubuntu => (Scheme::Deb, PackageKind::Source),
        Publisher::Alpine => (Scheme::Apk, PackageKind::Source),
        Publisher::PyPa | Publisher::Assigner => (Scheme::Pypi, PackageKind::Binary),
        Publisher::Suse | Publisher::Rocky => (Scheme::Rpm, PackageKind::Source),
        Publisher::RedHat
        | Publisher::Alma
        | Publisher::Psf
        | Publisher::GitHub
        | Publisher::Go
        | Publisher::Node
        | Publisher::Microsoft => (Scheme::Rpm, PackageKind::Binary),
    };
    Advisory {
        id: id.to_owned(),
        publisher,
        cves: cves.iter().map(|cve| cve.parse().unwrap()).collect(),
        modified: Some(Timestamp(1)),
        is_withdrawn: false,
        severity: String::new(),
        affected: said.iter().map(|text| affected(scheme, kind, text)).collect(),
    }
}

fn index(advisories: &[Advisory]) -> Index {
    let mut builder = Builder::new();
    for advisory in advisories {
        builder.add_advisory(advisory).unwrap();
    }
    Index::from_bytes(builder.into_bytes().unwrap()).unwrap()
}

/// CVE-2024-6387 as Debian and Ubuntu say it of their packages of OpenSSH.
fn openssh() -> Index {
    let cve = "CVE-2024-6387";
    index(&[
        advisory(
            Publisher::Debian,
            "DEBIAN-CVE-2024-6387",
            &[cve],
            &["debian 12|openssh|affected||< 1:9.2p1-2+deb12u3|"],
        ),
        advisory(
            Publisher::Debian,
            "DSA-5724-1",
            &[cve],
            &["debian 12|openssh|affected||< 1:9.2p1-2+deb12u3|"],
        ),
        advisory(
            Publisher::Ubuntu,
            "UBUNTU-CVE-2024-6387",
            &[cve],
            &[
                "ubuntu 22.04|openssh|affected||< 1:8.9p1-3ubuntu0.10|",
                "ubuntu 20.04|openssh|not:code not present||-|",
            ],
        ),
    ])
}

fn on<'a>(id: &'a str, version: &'a str, subject: Subject<'a>) -> Subject<'a> {
    Subject { platform: Platform { family: "linux", id, version }, ..subject }
}

fn deb<'a>(name: &'a str, version: &'a str, source_name: &'a str) -> Subject<'a> {
    Subject { source: "deb", name, version, source_name, ..Subject::default() }
}

fn rpm<'a>(name: &'a str, version: &'a str, release: &'a str) -> Subject<'a> {
    Subject { source: "rpm", name, version, release, vendor: "Red Hat, Inc.", ..Subject::default() }
}

fn only(evaluation: &Evaluation) -> &Finding {
    assert_eq!(evaluation.status, Status::Evaluated, "{evaluation:?}");
    let [finding] = &evaluation.findings[..] else {
        panic!("{evaluation:?}");
    };
    finding
}

fn cves(evaluation: &Evaluation) -> Vec<&str> {
    let findings = evaluation.findings.iter();
    findings.map(|finding| finding.cve.as_str()).collect()
}

/// Whether a change from one index to another names a subject's evaluation for another look.
fn is_named_by_the_change(old: &Index, new: &Index, subject: &Subject<'_>) -> bool {
    let ChangedKeys::These(changed) = changes(old, new) else {
        panic!("a few statements are everything");
    };
    let keys = evaluate(old, subject).keys;
    keys.iter().any(|key| changed.contains(key))
}

/// Red Hat's kernel, bind (which has an epoch) and nodejs (of which there are streams).
fn red_hat() -> Index {
    index(&[
        advisory(
            Publisher::RedHat,
            "RHSA-2021:4356",
            &["CVE-2021-3600"],
            &[
                "rhel 8|kernel-core|affected||< 0:4.18.0-348.el8|",
                "rhel 8|kernel-headers|affected||< 0:4.18.0-348.el8|",
            ],
        ),
        advisory(
            Publisher::RedHat,
            "RHSA-2022:0777",
            &["CVE-2021-3600"],
            &["rhel 8.4/eus|kernel-core|affected||< 0:4.18.0-305.40.1.el8_4|"],
        ),
        advisory(
            Publisher::RedHat,
            "RHSA-2021:1989",
            &["CVE-2021-25215"],
            &["rhel 8|bind-libs|affected||< 32:9.11.26-4.el8_4|"],
        ),
        advisory(
            Publisher::RedHat,
            "RHSA-2021:3074",
            &["CVE-2021-22918"],
            &["rhel 8|nodejs|affected||< 1:14.17.3-2.module+el8.4.0+11738+3bd42762|nodejs:14"],
        ),
        advisory(
            Publisher::RedHat,
            "RHSA-2021:3073",
            &["CVE-2021-22918"],
            &["rhel 8|nodejs|affected||< 1:12.22.3-2.module+el8.4.0+11732+c668cc9f|nodejs:12"],
        ),
    ])
}

#[test]
fn a_back_ported_fix_counts_and_an_older_build_is_found_with_all_that_was_compared() {
    let index = openssh();
    let server = |version| on("debian", "12", deb("openssh-server", version, "openssh"));
    let evaluation = evaluate(&index, &server("1:9.2p1-2+deb12u2"));
    let finding = only(&evaluation);
    assert_eq!(finding.source, "debian");
    assert_eq!(finding.confidence, Confidence::High);
    assert_eq!(finding.fixed_in.as_deref(), Some("1:9.2p1-2+deb12u3"));
    let why = &finding.why;
    assert_eq!(why.criteria, "debian 12: openssh");
    assert_eq!(why.range.as_deref(), Some("< 1:9.2p1-2+deb12u3"));
    assert_eq!((why.version.as_str(), why.scheme.as_str()), ("1:9.2p1-2+deb12u2", "deb"));
    let said = why.advisory.as_ref().unwrap();
    assert_eq!(said.id, "DEBIAN-CVE-2024-6387", "the record about the CVE, not the bulletin");
    assert_eq!((said.package_kind.as_str(), said.verdict.as_str()), ("source", "affected"));
    // The same upstream version, repaired.
    assert!(cves(&evaluate(&index, &server("1:9.2p1-2+deb12u3"))).is_empty());
}

#[test]
fn says_why_a_package_is_well() {
    let index = openssh();
    let ask = |release, version, cve| {
        let subject = on("ubuntu", release, deb("openssh-server", version, "openssh"));
        let answer = why_not(&index, &subject, cve);
        (answer.step, answer.detail)
    };
    let (step, detail) = ask("22.04", "1:8.9p1-3ubuntu0.10", "CVE-2024-6387");
    assert_eq!(step, Step::Version);
    assert!(detail.contains("at or above 1:8.9p1-3ubuntu0.10"), "{detail}");
    let (step, detail) = ask("20.04", "1:8.2p1-4", "CVE-2024-6387");
    assert_eq!(step, Step::NotAffected);
    assert!(detail.contains("code not present"), "{detail}");
    assert_eq!(ask("22.04", "1:8.9p1-3", "CVE-2023-0001").0, Step::NoStatement);
    assert_eq!(ask("22.04", "1:8.9p1-3", "CVE-2024-6387").0, Step::Found);
    let unknown = on("debian", "12", deb("htop", "3.2.2-2", ""));
    let answer = why_not(&index, &unknown, "CVE-2024-6387");
    assert_eq!(answer.step, Step::NoStatement);
    assert!(answer.detail.contains("about htop"), "{}", answer.detail);
}

#[test]
fn a_package_that_no_advisory_names_is_evaluated_and_clean() {
    let evaluation = evaluate(&openssh(), &on("debian", "12", deb("htop", "3.2.2-2", "")));
    assert_eq!(evaluation.status, Status::Evaluated);
    assert!(evaluation.findings.is_empty());
}

#[test]
fn a_vendors_package_is_left_to_cve_records() {
    let mut builder = Builder::new();
    let nodejs = any_of(&[(&app("nodejs:node.js:*"), r#""versionEndExcluding":"18.13.0""#)]);
    builder.add(&record("CVE-2023-0009", 1, &nodejs)).unwrap();
    let said = ["debian 12|nodejs|affected||< 99|"];
    let debians = advisory(Publisher::Debian, "DEBIAN-CVE-2023-0001", &["CVE-2023-0001"], &said);
    builder.add_advisory(&debians).unwrap();
    let index = Index::from_bytes(builder.into_bytes().unwrap()).unwrap();
    let node = on("debian", "12", deb("nodejs", "18.12.1-deb-1nodesource1", ""));
    assert_eq!(cves(&evaluate(&index, &node)), ["CVE-2023-0009"]);
    let own = on("debian", "12", deb("nodejs", "18.12.1+dfsg-2", ""));
    assert_eq!(cves(&evaluate(&index, &own)), ["CVE-2023-0001"]);
}

#[test]
fn the_source_package_may_have_a_version_of_its_own() {
    let index = index(&[advisory(
        Publisher::Debian,
        "DEBIAN-CVE-2023-4911",
        &["CVE-2023-4911"],
        &["debian 12|glibc|affected||< 2.36-9+deb12u3|"],
    )]);
    let found = |subject: Subject<'_>| cves(&evaluate(&index, &on("debian", "12", subject))).len();
    // dpkg's two ways of saying it, and a rebuild of the binaries alone.
    assert_eq!(found(deb("libc-l10n", "9.9", "glibc (2.36-9+deb12u2)")), 1);
    assert_eq!(found(deb("libc-l10n", "1.0", "glibc (2.36-9+deb12u3)")), 0);
    let split = Subject { source_version: "2.36-9+deb12u2", ..deb("libc-l10n", "9.9", "glibc") };
    assert_eq!(found(split), 1);
    assert_eq!(found(deb("libc6", "2.36-9+deb12u3+b1", "glibc")), 0);
    assert_eq!(found(deb("libc6", "2.36-9+deb12u2+b1", "glibc")), 1);
}

#[test]
fn a_binary_name_alone_leads_to_its_source_package_less_surely() {
    let index = index(&[
        advisory(
            Publisher::Ubuntu,
            "UBUNTU-CVE-2022-0778",
            &["CVE-2022-0778"],
            &["ubuntu 20.04|openssl|affected||< 1.1.1f-1ubuntu2.12|"],
        ),
        advisory(
            Publisher::Ubuntu,
            "UBUNTU-CVE-2020-10188",
            &["CVE-2020-10188"],
            &["ubuntu 20.04|inetutils|affected||< 2:1.9.4-11ubuntu0.1|"],
        ),
    ]);
    let focal = |name, version| evaluate(&index, &on("ubuntu", "20.04", deb(name, version, "")));
    let evaluation = focal("libssl1.1", "1.1.1f-1ubuntu2.8");
    let finding = only(&evaluation);
    assert_eq!(finding.confidence, Confidence::Medium);
    assert!(finding.why.notes[0].contains("told from the name"), "{finding:?}");
    // Of another history: focal's telnet is of netkit-telnet, whose versions have no epoch.
    assert!(focal("telnet", "0.17-41.2build1").findings.is_empty());
}
