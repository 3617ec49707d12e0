//! What has to hold beside the product: systems, devices, other applications, architectures.

use super::*;

#[test]
fn a_plug_in_of_the_same_name_is_another_product() {
    let index = one(&any_of(&[(
        // As CVE-2014-0173 is about Jetpack in WordPress alone.
        &app("v:p:*:*:*:*:*:wordpress"),
        r#""versionEndExcluding":"5""#,
    )]));
    assert!(!is_found(&index, "v:p:4"));
    assert_eq!(step(&index, "v:p:4", LINUX), Step::Target);
}

#[test]
fn a_record_for_one_system_is_not_about_the_others() {
    let index = one(&any_of(&[(&app("v:p:*:*:*:*:*:windows"), r#""versionEndExcluding":"5""#)]));
    assert_eq!(confidence(&index, "v:p:4", WINDOWS), Some(Confidence::High));
    assert!(!is_found_on(&index, "v:p:4", LINUX));
    assert!(!is_found_on(&index, "v:p:4", MACOS));
    let unknown = confidence(&index, "v:p:4", Platform::default());
    assert_eq!(unknown, Some(Confidence::Low));
}

#[test]
fn a_partner_system_decides() {
    let index = one(&on(
        &[(&app("google:chrome:*"), r#""versionEndExcluding":"148""#)],
        &[&system("apple:macos:-"), &system("apple:mac_os_x:-")],
    ));
    assert_eq!(confidence(&index, "google:chrome:147", MACOS), Some(Confidence::High));
    assert!(!is_found_on(&index, "google:chrome:147", WINDOWS));
    assert_eq!(step(&index, "google:chrome:147", WINDOWS), Step::OtherSystem);
    assert_eq!(confidence(&index, "google:chrome:147", Platform::default()), Some(Confidence::Low));
}

#[test]
fn what_needs_another_application_is_not_found_and_says_so() {
    let index = one(&on(
        &[(&app("v:plugin:*"), r#""versionEndExcluding":"5""#)],
        &[&app("mozilla:firefox:*")],
    ));
    assert!(!is_found(&index, "v:plugin:4"));
    let cpe = Cpe::parse(&app("v:plugin:4")).unwrap();
    let why_not = why_not_cpe(&index, &cpe, LINUX, CVE);
    assert_eq!(why_not.step, Step::OtherApplication);
    assert!(why_not.detail.contains("mozilla:firefox"), "{why_not:?}");
}

#[test]
fn what_needs_hardware_is_found_with_low_confidence() {
    let index = one(&on(
        // An application beside hardware is a driver or its tool, which nobody has without the
        // device.
        &[(&app("intel:driver:*"), r#""versionEndExcluding":"5""#)],
        &[&name_of("h", "intel:wifi_6:-")],
    ));
    let evaluation = evaluation(&index, "intel:driver:4", LINUX);
    let finding = &evaluation.findings[0];
    assert_eq!(finding.confidence, Confidence::Low);
    assert_eq!(finding.why.conditions, ["not checked: on intel:wifi_6"]);
}

#[test]
fn another_architecture_is_another_program() {
    let index = one(&any_of(&[(
        // As CVE-2008-3466 names its products for x86 and for x64.
        &app("v:p:*:*:*:*:*:*:x86"),
        r#""versionEndExcluding":"5""#,
    )]));
    let found = |arch: &str| confidence(&index, &format!("v:p:4:*:*:*:*:*:{arch}"), LINUX);
    assert_eq!(found("x86"), Some(Confidence::High));
    assert_eq!(found("x64"), None);
    assert_eq!(found("*"), Some(Confidence::Medium));
}

#[test]
fn a_cpe_tells_what_it_runs_in() {
    let any = one(&below("5"));
    let of_chrome = one(&any_of(&[(&app("v:p:*:*:*:*:*:chrome"), r#""versionEndExcluding":"5""#)]));
    let of_python = one(&any_of(&[(&app("v:p:*:*:*:*:*:python"), r#""versionEndExcluding":"5""#)]));
    let on = |target: &str| format!("v:p:4:*:*:*:*:{target}");
    assert!(!is_found(&any, &on("chrome")), "an extension is another product");
    assert!(is_found(&of_chrome, &on("chrome")));
    assert!(!is_found(&of_chrome, &on("firefox")));
    assert!(is_found(&any, &on("python")), "a package is the product");
    assert!(is_found(&of_python, &on("python")));
    assert!(!is_found(&of_python, &on("node.js")));
}

#[test]
fn a_cpe_tells_its_operating_system_before_what_is_said_around_it() {
    let index = one(&on(
        &[(&app("google:chrome:*"), r#""versionEndExcluding":"148""#)],
        &[&system("apple:macos:-")],
    ));
    let mac = "google:chrome:147:*:*:*:*:macos";
    for platform in [Platform::default(), WINDOWS, MACOS] {
        assert_eq!(confidence(&index, mac, platform), Some(Confidence::High));
    }
    let windows = "google:chrome:147:*:*:*:*:windows";
    assert_eq!(confidence(&index, windows, MACOS), None);
}
