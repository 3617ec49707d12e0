//! Advisories against packages: whose word counts, in which order of versions, and why not.

use crate::advisory::{Advisory, Affected, End, PackageKind, Place, Publisher, Span, Verdict};
use crate::cve::Timestamp;
use crate::evaluation::{Confidence, Evaluation, Finding, Status};
use crate::index::{Builder, ChangedKeys, Index, changes};
use crate::matching::{Step, evaluate, why_not};
use crate::subject::{Platform, Subject};
use crate::testing::{any_of, app, record};
use crate::version::Scheme;

mod assigned;
mod copies;
mod later_releases;

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
    let span = Span {
        introduced: (!lower.is_empty()).then(|| lower.to_owned()),
        end,
    };
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
        spans: if verdict == Verdict::NotAffected {
            Vec::new()
        } else {
            vec![span]
        },
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
        affected: said
            .iter()
            .map(|text| affected(scheme, kind, text))
            .collect(),
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
    Subject {
        platform: Platform {
            family: "linux",
            id,
            version,
        },
        ..subject
    }
}

fn deb<'a>(name: &'a str, version: &'a str, source_name: &'a str) -> Subject<'a> {
    Subject {
        source: "deb",
        name,
        version,
        source_name,
        ..Subject::default()
    }
}

fn rpm<'a>(name: &'a str, version: &'a str, release: &'a str) -> Subject<'a> {
    Subject {
        source: "rpm",
        name,
        version,
        release,
        vendor: "Red Hat, Inc.",
        ..Subject::default()
    }
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
    assert_eq!(
        (why.version.as_str(), why.scheme.as_str()),
        ("1:9.2p1-2+deb12u2", "deb")
    );
    let said = why.advisory.as_ref().unwrap();
    assert_eq!(
        said.id, "DEBIAN-CVE-2024-6387",
        "the record about the CVE, not the bulletin"
    );
    assert_eq!(
        (said.package_kind.as_str(), said.verdict.as_str()),
        ("source", "affected")
    );
    // The same upstream version, repaired.
    assert!(cves(&evaluate(&index, &server("1:9.2p1-2+deb12u3"))).is_empty());
}

#[test]
fn each_release_is_judged_by_its_own_statements() {
    let index = openssh();
    let server =
        |release, version| on("ubuntu", release, deb("openssh-server", version, "openssh"));
    assert_eq!(
        cves(&evaluate(&index, &server("22.04", "1:8.9p1-3ubuntu0.9"))).len(),
        1
    );
    assert!(cves(&evaluate(&index, &server("20.04", "1:8.2p1-4"))).is_empty());
    let unknown = evaluate(&index, &server("23.10", "1:9.3p1-1ubuntu3"));
    assert_eq!(unknown.status, Status::NotEvaluable);
    assert!(unknown.reason.unwrap().contains("ubuntu 23.10"));
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
    assert!(
        detail.contains("at or above 1:8.9p1-3ubuntu0.10"),
        "{detail}"
    );
    let (step, detail) = ask("20.04", "1:8.2p1-4", "CVE-2024-6387");
    assert_eq!(step, Step::NotAffected);
    assert!(detail.contains("code not present"), "{detail}");
    assert_eq!(
        ask("22.04", "1:8.9p1-3", "CVE-2023-0001").0,
        Step::NoStatement
    );
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
    let nodejs = any_of(&[(
        &app("nodejs:node.js:*"),
        r#""versionEndExcluding":"18.13.0""#,
    )]);
    builder.add(&record("CVE-2023-0009", 1, &nodejs)).unwrap();
    let said = ["debian 12|nodejs|affected||< 99|"];
    let debians = advisory(
        Publisher::Debian,
        "DEBIAN-CVE-2023-0001",
        &["CVE-2023-0001"],
        &said,
    );
    builder.add_advisory(&debians).unwrap();
    let index = Index::from_bytes(builder.into_bytes().unwrap()).unwrap();
    let node = on(
        "debian",
        "12",
        deb("nodejs", "18.12.1-deb-1nodesource1", ""),
    );
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
    let split = Subject {
        source_version: "2.36-9+deb12u2",
        ..deb("libc-l10n", "9.9", "glibc")
    };
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
    assert!(
        finding.why.notes[0].contains("told from the name"),
        "{finding:?}"
    );
    // Of another history: focal's telnet is of netkit-telnet, whose versions have no epoch.
    assert!(focal("telnet", "0.17-41.2build1").findings.is_empty());
}

#[test]
fn a_fix_that_only_subscribers_get_leaves_the_package_vulnerable_and_is_named() {
    let index = index(&[advisory(
        Publisher::Ubuntu,
        "UBUNTU-CVE-2023-1234",
        &["CVE-2023-1234"],
        &[
            "ubuntu 20.04|ansible|wont-fix:end of standard support||-|",
            "ubuntu 20.04/esm-apps|ansible|affected||< 2.9.6-1ubuntu0.1~esm1|",
        ],
    )]);
    let focal = |version| evaluate(&index, &on("ubuntu", "20.04", deb("ansible", version, "")));
    let evaluation = focal("2.9.6-1");
    let finding = only(&evaluation);
    assert_eq!(
        finding.fixed_in.as_deref(),
        Some("2.9.6-1ubuntu0.1~esm1 (esm-apps)")
    );
    assert_eq!(finding.why.advisory.as_ref().unwrap().verdict, "wont_fix");
    assert!(focal("2.9.6-1ubuntu0.1~esm1").findings.is_empty());
}

#[test]
fn a_denial_beats_what_bulletins_say() {
    let index = index(&[
        advisory(
            Publisher::Ubuntu,
            "USN-5310-1",
            &["CVE-2021-3998", "CVE-2021-3999"],
            &["ubuntu 20.04|glibc|affected||< 2.31-0ubuntu9.7|"],
        ),
        advisory(
            Publisher::Ubuntu,
            "UBUNTU-CVE-2021-3998",
            &["CVE-2021-3998"],
            &["ubuntu 20.04|glibc|not:code not present||-|"],
        ),
    ]);
    let libc = on("ubuntu", "20.04", deb("libc6", "2.31-0ubuntu9.2", "glibc"));
    assert_eq!(cves(&evaluate(&index, &libc)), ["CVE-2021-3999"]);
}

#[test]
fn what_is_not_decided_yet_is_found_less_surely() {
    let index = index(&[
        advisory(
            Publisher::Ubuntu,
            "UBUNTU-CVE-2024-1111",
            &["CVE-2024-1111"],
            &["ubuntu 24.04|jq|triage||-|"],
        ),
        advisory(
            Publisher::Debian,
            "DEBIAN-CVE-2010-4756",
            &["CVE-2010-4756"],
            &["debian 12|glibc|affected:unimportant||-|"],
        ),
    ]);
    let jq = evaluate(
        &index,
        &on("ubuntu", "24.04", deb("jq", "1.7.1-3build1", "")),
    );
    assert_eq!(only(&jq).confidence, Confidence::Medium);
    let libc = evaluate(&index, &on("debian", "12", deb("libc6", "2.36-9", "glibc")));
    assert_eq!(only(&libc).confidence, Confidence::Low);
    assert_eq!(only(&libc).fixed_in, None);
}

#[test]
fn what_the_distribution_and_the_maintainers_both_deny_is_no_finding_and_says_so() {
    let denied = "debian 12|glibc|affected:unimportant, and denied by its maintainers||-|";
    let index = index(&[
        advisory(
            Publisher::Debian,
            "DEBIAN-CVE-2019-1010023",
            &["CVE-2019-1010023"],
            &[denied],
        ),
        advisory(
            Publisher::Debian,
            "DEBIAN-CVE-2010-4756",
            &["CVE-2010-4756"],
            &["debian 12|glibc|affected:unimportant||-|"],
        ),
    ]);
    let libc = on("debian", "12", deb("libc6", "2.36-9", "glibc"));
    assert_eq!(cves(&evaluate(&index, &libc)), ["CVE-2010-4756"]);
    let answer = why_not(&index, &libc, "CVE-2019-1010023");
    assert_eq!(answer.step, Step::NotAffected);
    assert!(
        answer.detail.contains("denied by its maintainers"),
        "{answer:?}"
    );
}

#[test]
fn a_withdrawn_cve_that_a_distribution_still_lists_is_found_least_surely() {
    let mut withdrawn = record("CVE-2018-10754", 1, "[]");
    withdrawn.status = "Rejected".to_owned();
    let mut builder = Builder::new();
    builder.add(&withdrawn).unwrap();
    let said = ["debian 7|ncurses|affected||-|"];
    let lists = advisory(
        Publisher::Debian,
        "DEBIAN-CVE-2018-10754",
        &["CVE-2018-10754"],
        &said,
    );
    builder.add_advisory(&lists).unwrap();
    let index = Index::from_bytes(builder.into_bytes().unwrap()).unwrap();
    let ncurses = on("debian", "7", deb("libtinfo5", "5.9-10", "ncurses"));
    let evaluation = evaluate(&index, &ncurses);
    let finding = only(&evaluation);
    assert_eq!(finding.confidence, Confidence::Low);
    assert!(finding.why.notes[0].contains("withdrawn"), "{finding:?}");
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
fn installed_kernels_are_found_less_surely_and_their_headers_not_at_all() {
    let index = red_hat();
    let kernel = |name, release| evaluate(&index, &on("rhel", "8.4", rpm(name, "4.18.0", release)));
    let evaluation = kernel("kernel-core", "305.el8");
    let finding = only(&evaluation);
    assert_eq!(finding.confidence, Confidence::Medium);
    assert!(finding.why.notes[0].contains("runs"), "{finding:?}");
    assert!(kernel("kernel-headers", "305.el8").findings.is_empty());
}

#[test]
fn of_the_installed_kernels_only_the_running_one_is_judged_where_it_is_known() {
    let index = red_hat();
    let on_host = |running| Subject {
        running,
        ..on("rhel", "8.4", rpm("kernel-core", "4.18.0", "305.el8"))
    };
    let runs = on_host(Some(true));
    assert_eq!(only(&evaluate(&index, &runs)).confidence, Confidence::High);
    let waits = on_host(Some(false));
    let evaluation = evaluate(&index, &waits);
    assert_eq!(evaluation.status, Status::NotEvaluable);
    assert!(
        evaluation
            .reason
            .as_ref()
            .unwrap()
            .contains("boots into it")
    );
    let found = &evaluate(&index, &runs).findings[0].cve;
    assert_eq!(why_not(&index, &waits, found).step, Step::NotEvaluable);
    // Not even a host that marks something else can make it disappear.
    let bind = Subject {
        running: Some(false),
        epoch: Some(32),
        ..on("rhel", "8.4", rpm("bind-libs", "9.11.26", "3.el8"))
    };
    assert_eq!(cves(&evaluate(&index, &bind)), ["CVE-2021-25215"]);
}

#[test]
fn a_kernel_that_waits_for_a_boot_says_so_whoever_built_it_and_wherever_it_is() {
    let index = red_hat();
    for (source, name, vendor, id, rule) in [
        (
            "rpm",
            "kernel-core",
            "Red Hat, Inc.",
            "rhel",
            "distribution:vendor",
        ),
        (
            "rpm",
            "kernel",
            "Amazon Linux",
            "amzn",
            "distribution:vendor",
        ),
        ("rpm", "kernel-ml", "The ELRepo Project", "rhel", "kernel"),
        ("pacman", "linux", "", "arch", "distribution:format"),
    ] {
        let subject = Subject {
            source,
            vendor,
            running: Some(false),
            ..on(id, "8.4", rpm(name, "4.18.0", "240.el8"))
        };
        let evaluation = evaluate(&index, &subject);
        assert_eq!(evaluation.status, Status::NotEvaluable, "{name}");
        assert_eq!(evaluation.identity.rule, rule, "{name}");
        for reason in [
            evaluation.reason.unwrap(),
            why_not(&index, &subject, "CVE-2021-3600").detail,
        ] {
            assert!(reason.starts_with("not running: "), "{name}: {reason}");
        }
    }
}

#[test]
fn a_longer_supported_minor_release_has_fixes_of_its_own() {
    let index = red_hat();
    let kernel = |release| {
        evaluate(
            &index,
            &on("rhel", "8.4", rpm("kernel-core", "4.18.0", release)),
        )
        .findings
    };
    // Below the main line's fix, at the extended line's own.
    assert!(kernel("305.40.1.el8_4").is_empty());
    assert_eq!(kernel("305.30.1.el8_4").len(), 1);
    assert_eq!(kernel("310.el8").len(), 1, "no build of the extended line");
}

#[test]
fn an_epoch_that_a_list_leaves_out_is_not_taken_for_none() {
    let index = red_hat();
    let bare = |release| Subject {
        vendor: "",
        ..rpm("bind-libs", "9.11.26", release)
    };
    let found = |subject| evaluate(&index, &on("rhel", "8.4", subject)).findings;
    assert_eq!(found(bare("3.el8")).len(), 1);
    assert_eq!(found(bare("3.el8"))[0].confidence, Confidence::Medium);
    assert!(found(bare("4.el8_4")).is_empty());
    // From the header no epoch is an epoch of 0, and so before any other.
    assert_eq!(found(rpm("bind-libs", "9.11.26", "4.el8_4")).len(), 1);
    let with = |epoch| Subject {
        epoch: Some(epoch),
        ..rpm("bind-libs", "9.11.26", "4.el8_4")
    };
    assert!(found(with(32)).is_empty());
    assert_eq!(found(with(0)).len(), 1);
}

#[test]
fn a_module_is_judged_by_its_own_streams_advisories() {
    let index = red_hat();
    let found = |version, release| {
        let node = Subject {
            epoch: Some(1),
            ..rpm("nodejs", version, release)
        };
        evaluate(&index, &on("rhel", "8.4", node)).findings.len()
    };
    assert_eq!(found("14.16.0", "2.module+el8.3.0+10180+b92e1eb6"), 1);
    assert_eq!(found("14.17.3", "2.module+el8.4.0+11738+3bd42762"), 0);
    // 12.22.3 is below every 14, and repaired.
    assert_eq!(found("12.22.3", "2.module+el8.4.0+11732+c668cc9f"), 0);
    assert_eq!(found("16.1.0", "1.module+el8.4.0+11111+abcdef01"), 0);
    assert_eq!(found("10.24.0", "1.el8"), 0, "of no module");
    let node = rpm("nodejs", "16.1.0", "1.module+el8.4.0+11111+abcdef01");
    let answer = why_not(&index, &on("rhel", "8.4", node), "CVE-2021-22918");
    assert_eq!(answer.step, Step::OtherBuild, "{}", answer.detail);
}

#[test]
fn relatives_are_judged_by_those_whose_packages_they_have() {
    let index = red_hat();
    let bind = |id, version| {
        let subject = Subject {
            vendor: "CentOS",
            epoch: Some(32),
            ..rpm("bind-libs", "9.11.26", "3.el8")
        };
        evaluate(&index, &on(id, version, subject))
    };
    assert_eq!(only(&bind("centos", "8")).confidence, Confidence::Medium);
    for (id, version, named) in [
        ("centos", "9", "CentOS Stream 9"),
        ("ol", "8.4", "Oracle Linux 8.4"),
        ("rocky", "8.4", "rocky 8.4"),
        ("fedora", "34", "Fedora 34"),
    ] {
        let evaluation = bind(id, version);
        assert_eq!(evaluation.status, Status::NotEvaluable, "{id}");
        assert!(evaluation.reason.unwrap().contains(named), "{id}");
    }
    let mint = on(
        "linuxmint",
        "21.3",
        deb("openssh-server", "1:8.9p1-3", "openssh"),
    );
    assert_eq!(cves(&evaluate(&openssh(), &mint)), ["CVE-2024-6387"]);
    let own = on(
        "linuxmint",
        "21.3",
        deb("openssh-server", "1:8.9p1-3+mint1", "openssh"),
    );
    assert_eq!(evaluate(&openssh(), &own).status, Status::NotEvaluable);
}

#[test]
fn a_host_of_an_unknown_distribution_is_not_evaluable() {
    let evaluation = evaluate(
        &openssh(),
        &on("", "", deb("openssh-server", "1:9.2p1-2", "")),
    );
    assert_eq!(evaluation.status, Status::NotEvaluable);
    assert!(evaluation.reason.unwrap().contains("unknown"));
    let without = on("rhel", "8.4", rpm("bind-libs", "9.11.26", ""));
    let evaluation = evaluate(&red_hat(), &without);
    assert_eq!(
        evaluation.status,
        Status::NotEvaluable,
        "an rpm without its release"
    );
}

/// The packaging authority's word about one package, and NVD's about two.
fn python() -> Index {
    let mut builder = Builder::new();
    for (cve, product) in [("CVE-2023-0001", "requests"), ("CVE-2023-0002", "flask")] {
        let name = if product == "requests" {
            "python:requests:*"
        } else {
            "palletsprojects:flask:*"
        };
        let range = any_of(&[(&app(name), r#""versionEndExcluding":"3.0""#)]);
        builder.add(&record(cve, 1, &range)).unwrap();
    }
    let said = ["pypi|requests|affected|2.3.0|< 2.31.0|"];
    let known = advisory(Publisher::PyPa, "PYSEC-2023-74", &["CVE-2023-32681"], &said);
    builder.add_advisory(&known).unwrap();
    let nameless = advisory(
        Publisher::PyPa,
        "PYSEC-2023-99",
        &[],
        &["pypi|requests|affected||<= 2.29|"],
    );
    builder.add_advisory(&nameless).unwrap();
    Index::from_bytes(builder.into_bytes().unwrap()).unwrap()
}

#[test]
fn a_registrys_word_counts_alone_where_it_knows_the_package() {
    let index = python();
    let package = |name, version| {
        let subject = Subject {
            source: "python",
            name,
            version,
            ..Subject::default()
        };
        evaluate(&index, &subject)
    };
    let evaluation = package("Requests", "2.30.0");
    assert_eq!(
        cves(&evaluation),
        ["CVE-2023-32681"],
        "NVD's range is not asked"
    );
    assert_eq!(evaluation.identity.rule, "registry:pypi/requests");
    assert_eq!(only(&evaluation).source, "pypa");
    assert_eq!(
        cves(&package("requests", "2.29")),
        ["CVE-2023-32681", "PYSEC-2023-99"]
    );
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
        advisory(
            Publisher::Rocky,
            "RLSA-2022:1",
            &[cve],
            &["rocky 9|curl|affected||< 1.0-2|"],
        ),
        advisory(
            Publisher::Rocky,
            "RLSA-2022:2",
            &[cve],
            &["rocky 9|curl|affected||< 1.0-5|"],
        ),
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
    assert_eq!(
        only(&evaluation).fixed_in.as_deref(),
        Some("1.0-5"),
        "ends with the last"
    );
    assert_eq!(only(&evaluation).confidence, Confidence::High);
    assert!(found("5").findings.is_empty());
}

/// Whether a change from one index to another names a subject's evaluation for another look.
fn is_named_by_the_change(old: &Index, new: &Index, subject: &Subject<'_>) -> bool {
    let ChangedKeys::These(changed) = changes(old, new) else {
        panic!("a few statements are everything");
    };
    let keys = evaluate(old, subject).keys;
    keys.iter().any(|key| changed.contains(key))
}

#[test]
fn a_changed_statement_names_its_packages_for_another_look_and_no_others() {
    let fixed_in = |fix: &str| {
        let openssh = format!("debian 12|openssh|affected||< {fix}|");
        let curl = "debian 12|curl|affected||< 7.88.1-10+deb12u5|";
        index(&[
            advisory(Publisher::Debian, "DSA-1", &["CVE-2024-6387"], &[&openssh]),
            advisory(Publisher::Debian, "DSA-2", &["CVE-2023-38545"], &[curl]),
        ])
    };
    let (before, after) = (fixed_in("1:9.2p1-2+deb12u3"), fixed_in("1:9.2p1-2+deb12u4"));
    let server = on(
        "debian",
        "12",
        deb("openssh-server", "1:9.2p1-2+deb12u3", "openssh"),
    );
    let curl = on("debian", "12", deb("curl", "7.88.1-10", "curl"));
    assert_eq!(evaluate(&before, &server).findings, []);
    assert_eq!(evaluate(&after, &server).findings.len(), 1);
    assert!(is_named_by_the_change(&before, &after, &server));
    assert!(!is_named_by_the_change(&before, &after, &curl));
}

#[test]
fn a_release_that_gets_advisories_names_all_packages_that_could_not_be_judged() {
    let said = |place: &str| format!("{place}|openssh|affected||< 1:9.2p1-2+deb12u3|");
    let bookworm = advisory(
        Publisher::Debian,
        "D1",
        &["CVE-2024-6387"],
        &[&said("debian 12")],
    );
    let trixie = advisory(
        Publisher::Debian,
        "D2",
        &["CVE-2024-6387"],
        &[&said("debian 13")],
    );
    let before = index(std::slice::from_ref(&bookworm));
    let after = index(&[bookworm, trixie]);
    let bash = on("debian", "13", deb("bash", "5.2.37-2", "bash"));
    assert_eq!(evaluate(&before, &bash).status, Status::NotEvaluable);
    assert_eq!(evaluate(&after, &bash).status, Status::Evaluated);
    assert!(is_named_by_the_change(&before, &after, &bash));
}

#[test]
fn a_registrys_first_word_about_a_package_names_it_for_another_look() {
    let jinja = advisory(
        Publisher::PyPa,
        "PYSEC-1",
        &["CVE-2024-22195"],
        &["pypi|jinja2|affected||< 3.1.3|"],
    );
    let (before, after) = (index(&[]), index(&[jinja]));
    let subject = Subject {
        source: "python",
        name: "Jinja2",
        version: "3.1.2",
        ..Subject::default()
    };
    assert_eq!(evaluate(&after, &subject).findings.len(), 1);
    assert!(is_named_by_the_change(&before, &after, &subject));
}
