//! Releases, channels, modules and relatives: at which place a package is judged.

use super::*;

#[test]
fn each_release_is_judged_by_its_own_statements() {
    let index = openssh();
    let server =
        |release, version| on("ubuntu", release, deb("openssh-server", version, "openssh"));
    assert_eq!(cves(&evaluate(&index, &server("22.04", "1:8.9p1-3ubuntu0.9"))).len(), 1);
    assert!(cves(&evaluate(&index, &server("20.04", "1:8.2p1-4"))).is_empty());
    let unknown = evaluate(&index, &server("23.10", "1:9.3p1-1ubuntu3"));
    assert_eq!(unknown.status, Status::NotEvaluable);
    assert!(unknown.reason.unwrap().contains("ubuntu 23.10"));
}

#[test]
fn a_longer_supported_minor_release_has_fixes_of_its_own() {
    let index = red_hat();
    let kernel = |release| {
        evaluate(&index, &on("rhel", "8.4", rpm("kernel-core", "4.18.0", release))).findings
    };
    // Below the main line's fix, at the extended line's own.
    assert!(kernel("305.40.1.el8_4").is_empty());
    assert_eq!(kernel("305.30.1.el8_4").len(), 1);
    assert_eq!(kernel("310.el8").len(), 1, "no build of the extended line");
}

#[test]
fn an_epoch_that_a_list_leaves_out_is_not_taken_for_none() {
    let index = red_hat();
    let bare = |release| Subject { vendor: "", ..rpm("bind-libs", "9.11.26", release) };
    let found = |subject| evaluate(&index, &on("rhel", "8.4", subject)).findings;
    assert_eq!(found(bare("3.el8")).len(), 1);
    assert_eq!(found(bare("3.el8"))[0].confidence, Confidence::Medium);
    assert!(found(bare("4.el8_4")).is_empty());
    // From the header no epoch is an epoch of 0, and so before any other.
    assert_eq!(found(rpm("bind-libs", "9.11.26", "4.el8_4")).len(), 1);
    let with = |epoch| Subject { epoch: Some(epoch), ..rpm("bind-libs", "9.11.26", "4.el8_4") };
    assert!(found(with(32)).is_empty());
    assert_eq!(found(with(0)).len(), 1);
}

#[test]
fn a_module_is_judged_by_its_own_streams_advisories() {
    let index = red_hat();
    let found = |version, release| {
        let node = Subject { epoch: Some(1), ..rpm("nodejs", version, release) };
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
        let subject =
            Subject { vendor: "CentOS", epoch: Some(32), ..rpm("bind-libs", "9.11.26", "3.el8") };
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
    let mint = on("linuxmint", "21.3", deb("openssh-server", "1:8.9p1-3", "openssh"));
    assert_eq!(cves(&evaluate(&openssh(), &mint)), ["CVE-2024-6387"]);
    let own = on("linuxmint", "21.3", deb("openssh-server", "1:8.9p1-3+mint1", "openssh"));
    assert_eq!(evaluate(&openssh(), &own).status, Status::NotEvaluable);
}

#[test]
fn a_host_of_an_unknown_distribution_is_not_evaluable() {
    let evaluation = evaluate(&openssh(), &on("", "", deb("openssh-server", "1:9.2p1-2", "")));
    assert_eq!(evaluation.status, Status::NotEvaluable);
    assert!(evaluation.reason.unwrap().contains("unknown"));
    let without = on("rhel", "8.4", rpm("bind-libs", "9.11.26", ""));
    let evaluation = evaluate(&red_hat(), &without);
    assert_eq!(evaluation.status, Status::NotEvaluable, "an rpm without its release");
}
