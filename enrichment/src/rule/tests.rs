//! Rules out of configurations: what becomes one, with which partners, and what does not.

mod odd;

use super::*;
use crate::testing::{any_of, app, name_of, on, record, system};

fn compile(configurations: &str) -> Compiled {
    Compiled::of(&record("CVE-2024-0001", 0, configurations).configurations)
}

fn products(compiled: &Compiled) -> Vec<String> {
    let rules = compiled.rules.iter();
    rules.map(|rule| format!("{}:{}", rule.product.vendor, rule.product.product)).collect()
}

#[test]
fn only_what_is_vulnerable_becomes_a_rule() {
    let linux = system("linux:linux_kernel:-");
    let compiled = compile(&on(&[(&app("google:chrome:*"), "")], &[&linux]));
    assert_eq!(products(&compiled), ["google:chrome"]);
    let partners = &compiled.rules[0].partners;
    assert_eq!(partners.len(), 1);
    assert_eq!(&*partners[0][0].product.product, "linux_kernel");
}

#[test]
fn nodes_of_an_or_are_no_partners_of_each_other() {
    let configurations = format!(
        r#"[{{"nodes":[{{"operator":"OR","cpeMatch":[{{"vulnerable":true,"criteria":"{}"}}]}},
            {{"operator":"OR","cpeMatch":[{{"vulnerable":true,"criteria":"{}"}}]}}]}}]"#,
        app("a:one:1"),
        app("b:two:2")
    );
    let compiled = compile(&configurations);
    assert_eq!(products(&compiled), ["a:one", "b:two"]);
    assert!(compiled.rules.iter().all(|rule| rule.partners.is_empty()));
}

#[test]
fn matches_of_a_node_that_needs_all_are_partners_of_each_other() {
    let configurations = format!(
        r#"[{{"nodes":[{{"operator":"AND","cpeMatch":[{{"vulnerable":true,"criteria":"{}"}},
            {{"vulnerable":false,"criteria":"{}"}}]}}]}}]"#,
        app("a:one:1"),
        app("b:two:2")
    );
    let compiled = compile(&configurations);
    assert_eq!(products(&compiled), ["a:one"]);
    assert_eq!(&*compiled.rules[0].partners[0][0].product.product, "two");
}

#[test]
fn two_vulnerable_nodes_of_an_and_need_each_other() {
    let configurations = format!(
        r#"[{{"operator":"AND","nodes":[
            {{"operator":"OR","cpeMatch":[{{"vulnerable":true,"criteria":"{}"}}]}},
            {{"operator":"OR","cpeMatch":[{{"vulnerable":true,"criteria":"{}"}}]}}]}}]"#,
        app("a:one:1"),
        app("b:two:2")
    );
    let compiled = compile(&configurations);
    assert_eq!(products(&compiled), ["a:one", "b:two"]);
    assert!(compiled.rules.iter().all(|rule| rule.partners.len() == 1));
}

#[test]
fn devices_and_their_firmware_are_left_out_and_counted() {
    let hardware = name_of("h", "intel:xeon:-");
    for configurations in [
        any_of(&[(&hardware, "")]),
        any_of(&[(&system("cisco:rv340_firmware:1.0"), "")]),
        // CVE-2000-0268: an operating system of routers, and the routers.
        on(&[(&system("cisco:ios:15.1"), "")], &[&hardware]),
    ] {
        let compiled = compile(&configurations);
        assert!(compiled.rules.is_empty(), "{configurations}");
        assert_eq!(compiled.left_out.hardware, 1);
    }
    let driver = compile(&on(&[(&app("intel:driver:1.0"), "")], &[&hardware]));
    assert_eq!(driver.rules.len(), 1, "an application on hardware stays");
}

#[test]
fn negated_configurations_are_left_out_and_counted() {
    let configurations = any_of(&[(&app("a:one:1"), "")]);
    let negated = configurations.replace("\"operator\":\"OR\"", "\"negate\":true");
    assert_eq!(compile(&negated).left_out.negated, 1);
    let negated = configurations.replace("\"nodes\"", "\"negate\":true,\"nodes\"");
    let compiled = compile(&negated);
    assert_eq!((compiled.rules.len(), compiled.left_out.negated), (0, 1));
}

#[test]
fn a_name_that_would_cover_other_products_becomes_no_rule() {
    for (name, left_out) in [
        // CVE-2021-45967, whose product stands in the vendor's place.
        (app("pascom_cloud_phone_system:*:*"), (1, 0)),
        (app("*:phone:1.0"), (1, 0)),
        (app("v:p*:1.0"), (1, 0)),
        ("cpe:2.3:a:v:p".to_owned(), (0, 1)),
        ("CVE-2024-0001".to_owned(), (0, 1)),
    ] {
        let compiled = compile(&any_of(&[(&name, "")]));
        assert!(compiled.rules.is_empty(), "{name}");
        let counted = (compiled.left_out.wildcards, compiled.left_out.malformed);
        assert_eq!(counted, left_out, "{name}");
    }
}

#[test]
fn tells_all_versions_from_a_range_from_one_from_none() {
    let compiled = compile(&any_of(&[
        (&app("v:p:*"), ""),
        (&app("v:p:*"), r#""versionEndExcluding":" 2.0 ""#),
        (&app("v:p:1.5:rc1"), ""),
        (&app("v:p:-"), ""),
    ]));
    let versions: Vec<_> = compiled.rules.iter().map(|rule| &rule.versions).collect();
    let range = Range { end_excluding: Some("2.0".to_owned()), ..Range::default() };
    assert_eq!(
        versions,
        [
            &Versions::All,
            &Versions::Range(range),
            &Versions::Exact("1.5".into()),
            &Versions::NotApplicable
        ]
    );
    let update = &compiled.rules[2].qualifiers[UPDATE];
    assert_eq!(update, &Qualifier::Value("rc1".into()));
}

#[test]
fn the_digest_tells_rules_apart_and_nothing_else() {
    let of = |configurations: &str| compile(configurations).digest();
    let one = any_of(&[(&app("v:p:1"), "")]);
    assert_eq!(of(&one), of(&one));
    assert_ne!(of(&one), of(&any_of(&[(&app("v:p:2"), "")])));
    assert_ne!(of(&one), of("[]"));
}
