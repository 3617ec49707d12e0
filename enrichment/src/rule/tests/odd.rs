//! Configurations that are nested, empty or contradictory, which real feeds have in a few records each.

use super::*;
use crate::cve::Node;
use crate::matching;
use crate::subject::Platform;
use crate::testing::index_of;

fn a_match(vulnerable: bool, criteria: &str) -> CpeMatch {
    CpeMatch { vulnerable, criteria: criteria.to_owned(), range: Range::default() }
}

fn node(all: bool, matches: &[(bool, &str)]) -> Node {
    Node {
        all,
        negate: false,
        matches: matches.iter().map(|(vulnerable, name)| a_match(*vulnerable, name)).collect(),
    }
}

fn of_nodes(all: bool, nodes: Vec<Node>) -> Compiled {
    Compiled::of(&[Configuration { all, negate: false, nodes }])
}

/// The product of each rule, and the products of each of its terms.
fn shown(compiled: &Compiled) -> Vec<String> {
    let term = |term: &Vec<Partner>| {
        let names: Vec<_> = term.iter().map(|partner| &*partner.product.product).collect();
        format!("({})", names.join("|"))
    };
    let rule = |rule: &Rule| {
        let terms: Vec<_> = rule.partners.iter().map(term).collect();
        format!("{}{}", rule.product.product, terms.concat())
    };
    compiled.rules.iter().map(rule).collect()
}

#[test]
fn what_names_nothing_becomes_no_rule_and_is_no_fault() {
    for compiled in [
        Compiled::of(&[]),
        of_nodes(false, vec![]),
        of_nodes(true, vec![]),
        of_nodes(true, vec![node(false, &[]), node(true, &[])]),
        of_nodes(false, vec![node(false, &[(false, &app("v:p:1"))])]),
    ] {
        assert!(compiled.rules.is_empty());
        assert_eq!(compiled.left_out, LeftOut::default());
    }
}

#[test]
fn all_of_several_nodes_have_to_be_there_and_one_of_each_suffices() {
    let (p, q) = (app("v:p:1"), app("v:q:1"));
    let (linux, bsd, php) = (system("l:linux:-"), system("b:bsd:-"), app("php:php:8"));
    let compiled = of_nodes(
        true,
        vec![
            node(false, &[(true, &p), (true, &q)]),
            node(false, &[(false, &linux), (false, &bsd)]),
            node(false, &[(false, &php)]),
        ],
    );
    assert_eq!(shown(&compiled), ["p(linux|bsd)(php)", "q(linux|bsd)(php)"]);
}

#[test]
fn a_node_that_needs_all_of_its_matches_is_a_term_for_each() {
    let (p, q, php) = (app("v:p:1"), app("v:q:1"), app("php:php:8"));
    let both = || node(true, &[(true, &p), (true, &q)]);
    assert_eq!(shown(&of_nodes(false, vec![both()])), ["p(q)", "q(p)"]);
    let with_php = of_nodes(true, vec![both(), node(false, &[(false, &php)])]);
    assert_eq!(shown(&with_php), ["p(q)(php)", "q(p)(php)"]);
    // Under an OR the next node is another sentence.
    let or_php = of_nodes(false, vec![both(), node(false, &[(true, &php)])]);
    assert_eq!(shown(&or_php), ["p(q)", "q(p)", "php"]);
}

#[test]
fn a_term_is_vulnerable_in_those_of_its_matches_that_say_so() {
    let (p, q) = (app("v:p:1"), app("v:q:1"));
    let mixed = node(false, &[(true, &p), (false, &q)]);
    assert_eq!(shown(&of_nodes(true, vec![mixed])), ["p"], "neither needs the other");
}

#[test]
fn an_empty_node_beside_a_vulnerable_one_is_a_condition_that_is_never_met() {
    let p = app("v:p:1");
    let compiled = of_nodes(true, vec![node(false, &[(true, &p)]), node(false, &[])]);
    assert_eq!(shown(&compiled), ["p()"]);
}

#[test]
fn a_partner_that_cannot_be_read_is_left_out_of_its_term_and_never_met_where_it_is_alone() {
    let (p, linux) = (app("v:p:1"), system("l:linux:-"));
    let vulnerable = || node(false, &[(true, &p)]);
    for unreadable in
        ["no name", "cpe:2.3:o:l:lin*:-:*:*:*:*:*:*:*", "cpe:2.3:o:*:*:*:*:*:*:*:*:*:*"]
    {
        let alone = of_nodes(true, vec![vulnerable(), node(false, &[(false, unreadable)])]);
        assert_eq!(shown(&alone), ["p()"], "{unreadable}");
        let beside = node(false, &[(false, unreadable), (false, &linux)]);
        assert_eq!(
            shown(&of_nodes(true, vec![vulnerable(), beside])),
            ["p(linux)"],
            "{unreadable}"
        );
        assert_eq!(alone.left_out, LeftOut::default(), "the rule itself is whole");
    }
    let index = index_of(&[record("CVE-2024-0001", 0, &on(&[(&p, "")], &["no name"]))]);
    let cpe = Cpe::parse(&p).unwrap();
    let platform = Platform { family: "linux", id: "debian", version: "12" };
    assert!(matching::evaluate_cpe(&index, &cpe, platform).findings.is_empty());
}

#[test]
fn one_name_that_cannot_be_read_costs_itself_alone() {
    let (p, q) = (app("v:p:1"), app("v:q:1"));
    let compiled =
        of_nodes(false, vec![node(false, &[(true, &p), (true, "cpe:2.3:a:"), (true, &q)])]);
    assert_eq!(shown(&compiled), ["p", "q"]);
    assert_eq!(compiled.left_out.malformed, 1);
}

#[test]
fn a_wildcard_in_a_version_or_behind_it_decides_too_much_to_be_a_rule() {
    for name in [
        app("v:p:1.*"),
        app("v:p:1.0:rc?"),
        app("v:p:1.0:*:*:*:*:win*"),
        app("v:p:1.0:*:*:*:pro*"),
        "cpe:2.3:*:v:p:1:*:*:*:*:*:*:*".to_owned(),
        "cpe:2.3:-:v:p:1:*:*:*:*:*:*:*".to_owned(),
        app("-:p:1"),
        app("v:-:1"),
    ] {
        let compiled = of_nodes(false, vec![node(false, &[(true, &name)])]);
        assert!(compiled.rules.is_empty(), "{name}");
        assert_eq!(compiled.left_out.wildcards, 1, "{name}");
    }
}

#[test]
fn a_version_in_the_name_counts_before_bounds_beside_it() {
    let compiled = compile(&any_of(&[(&app("v:p:1.5"), r#""versionEndExcluding":"9""#)]));
    assert_eq!(compiled.rules[0].versions, Versions::Exact("1.5".into()));
}

#[test]
fn bounds_of_nothing_but_spaces_are_none() {
    for bounds in [
        r#""versionEndExcluding":"""#,
        r#""versionEndIncluding":"  ","versionStartExcluding":"\t""#,
        r#""versionEndExcluding":null"#,
    ] {
        let compiled = compile(&any_of(&[(&app("v:p:*"), bounds)]));
        assert_eq!(compiled.rules[0].versions, Versions::All, "{bounds}");
    }
}

#[test]
fn every_attribute_behind_the_version_is_kept_in_its_place() {
    let name = "cpe:2.3:a:v:p:1:u:e:l:sw:in:cpu:o";
    let compiled = of_nodes(false, vec![node(false, &[(true, name)])]);
    let value = |text: &str| Qualifier::Value(text.into());
    let expected = ["u", "e", "l", "sw", "in", "cpu", "o"].map(value);
    assert_eq!(compiled.rules[0].qualifiers, expected);
    let none = of_nodes(false, vec![node(false, &[(true, "cpe:2.3:a:v:p:1:-:-:-:-:-:-:-")])]);
    assert_eq!(none.rules[0].qualifiers, [const { Qualifier::NotApplicable }; QUALIFIERS]);
}

#[test]
fn firmware_of_a_device_is_told_from_an_operating_system_that_runs_on_one_too() {
    let router = name_of("h", "cisco:rv340:-");
    let linux = system("l:linux:-");
    let of = |name: &str, partners: &[(bool, &str)]| {
        of_nodes(true, vec![node(false, &[(true, name)]), node(false, partners)])
    };
    let on_device = of(&system("cisco:ios:15"), &[(false, &router)]);
    assert_eq!((on_device.rules.len(), on_device.left_out.hardware), (0, 1));
    // One partner that an inventory knows makes it a question that can be asked.
    let on_either = of(&system("cisco:ios:15"), &[(false, &router), (false, &linux)]);
    assert_eq!((on_either.rules.len(), on_either.left_out.hardware), (1, 0));
    let on_nothing_known = of(&system("cisco:ios:15"), &[(false, "no name")]);
    assert_eq!(on_nothing_known.left_out.hardware, 0);
    let named = of_nodes(false, vec![node(false, &[(true, &system("cisco:rv340_firmware:1"))])]);
    assert_eq!(named.left_out.hardware, 1);
    let application = of_nodes(false, vec![node(false, &[(true, &app("v:updater_firmware:1"))])]);
    assert_eq!(application.rules.len(), 1);
}

#[test]
fn a_negation_anywhere_leaves_its_configuration_out_and_no_other() {
    let (p, q) = (app("v:p:1"), app("v:q:1"));
    let plain = |name: &str| Configuration {
        all: false,
        negate: false,
        nodes: vec![node(false, &[(true, name)])],
    };
    let mut of_node = plain(&p);
    of_node.nodes.push(Node { negate: true, ..node(false, &[(true, &q)]) });
    let compiled = Compiled::of(&[of_node, plain(&q)]);
    assert_eq!((shown(&compiled), compiled.left_out.negated), (vec!["q".to_owned()], 1));
}
