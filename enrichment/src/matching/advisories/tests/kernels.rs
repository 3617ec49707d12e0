//! Kernels of a distribution: installed, running, waiting for a boot, and their headers.

use super::*;

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
    let on_host =
        |running| Subject { running, ..on("rhel", "8.4", rpm("kernel-core", "4.18.0", "305.el8")) };
    let runs = on_host(Some(true));
    assert_eq!(only(&evaluate(&index, &runs)).confidence, Confidence::High);
    let waits = on_host(Some(false));
    let evaluation = evaluate(&index, &waits);
    assert_eq!(evaluation.status, Status::NotEvaluable);
    assert!(evaluation.reason.as_ref().unwrap().contains("boots into it"));
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
        ("rpm", "kernel-core", "Red Hat, Inc.", "rhel", "distribution:vendor"),
        ("rpm", "kernel", "Amazon Linux", "amzn", "distribution:vendor"),
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
        for reason in
            [evaluation.reason.unwrap(), why_not(&index, &subject, "CVE-2021-3600").detail]
        {
            assert!(reason.starts_with("not running: "), "{name}: {reason}");
        }
    }
}
