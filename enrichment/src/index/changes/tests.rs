//! Which lookup keys two indexes differ in, and which they do not.

use super::*;
use crate::cpe::Cpe;
use crate::cve::CveRecord;
use crate::evaluation::Status;
use crate::matching::{evaluate, evaluate_cpe};
use crate::subject::{Platform, Subject};
use crate::testing::{any_of, app, index_of, on, record, system};

const BEFORE_2_4: &str = r#""versionEndExcluding":"2.4""#;

fn below(id: &str, product: &str, bounds: &str) -> CveRecord {
    record(id, 1, &any_of(&[(&app(&format!("{product}:*")), bounds)]))
}

fn three() -> Vec<CveRecord> {
    vec![
        below("CVE-2024-0001", "v:p", BEFORE_2_4),
        below("CVE-2024-0002", "w:q", BEFORE_2_4),
        record("CVE-2024-0003", 1, &any_of(&[(&app("x:r:1.0"), "")])),
    ]
}

fn keys(names: &[(&str, &str)]) -> ChangedKeys {
    let mut keys: Vec<_> =
        names.iter().map(|(vendor, product)| LookupKey::of_product(vendor, product)).collect();
    keys.sort_unstable();
    ChangedKeys::These(keys)
}

fn changed(old: &[CveRecord], new: &[CveRecord]) -> ChangedKeys {
    changes(&index_of(old), &index_of(new))
}

#[test]
fn the_same_records_differ_in_nothing() {
    assert_eq!(changed(&three(), &three()), keys(&[]));
}

#[test]
fn what_comes_before_everything_else_moves_all_rows_and_changes_one_product() {
    let mut new = three();
    // Its texts, versions and CVE sort before all others, so every number in the file differs.
    new.insert(0, below("CVE-1999-0001", "a:a", r#""versionEndExcluding":"0.1""#));
    assert_eq!(changed(&three(), &new), keys(&[("a", "a")]));
    assert_eq!(changed(&new, &three()), keys(&[("a", "a")]));
}

#[test]
fn a_new_rule_another_bound_and_a_rejected_cve_change_their_products_only() {
    let mut more = three();
    more.push(below("CVE-2024-0004", "v:p", r#""versionEndExcluding":"9""#));
    assert_eq!(changed(&three(), &more), keys(&[("v", "p")]));

    let mut moved = three();
    moved[1] = below("CVE-2024-0002", "w:q", r#""versionEndIncluding":"2.4""#);
    assert_eq!(changed(&three(), &moved), keys(&[("w", "q")]));

    let mut rejected = three();
    rejected[2] = record("CVE-2024-0003", 2, "[]");
    rejected[2].status = "Rejected".to_owned();
    assert_eq!(changed(&three(), &rejected), keys(&[("x", "r")]));
}

#[test]
fn a_condition_and_a_qualifier_are_content() {
    let alone = record("CVE-2024-0001", 1, &any_of(&[(&app("v:p:*"), BEFORE_2_4)]));
    let linux = system("linux:linux_kernel:-");
    let bsd = system("freebsd:freebsd:-");
    let with = |partners: &[&str]| {
        record("CVE-2024-0001", 1, &on(&[(&app("v:p:*"), BEFORE_2_4)], partners))
    };
    let wordpress = app("v:p:*:*:*:*:*:wordpress");
    let plugin = record("CVE-2024-0001", 1, &any_of(&[(&wordpress, BEFORE_2_4)]));
    let all = [alone, with(&[&linux]), with(&[&bsd]), with(&[&linux, &bsd]), plugin];
    for (at, old) in all.iter().enumerate() {
        for (other, new) in all.iter().enumerate() {
            let found = changed(std::slice::from_ref(old), std::slice::from_ref(new));
            let expected = if at == other { keys(&[]) } else { keys(&[("v", "p")]) };
            assert_eq!(found, expected, "{at} {other}");
        }
    }
    // Partners in another order are the same condition.
    let turned = changed(&[with(&[&linux, &bsd])], &[with(&[&bsd, &linux])]);
    assert_eq!(turned, keys(&[]));
}

#[test]
fn an_application_and_a_system_of_one_name_share_a_key() {
    let mut new = three();
    new.push(record("CVE-2024-0005", 1, &any_of(&[(&system("v:p:*"), BEFORE_2_4)])));
    assert_eq!(changed(&three(), &new), keys(&[("v", "p")]));
}

#[test]
fn more_than_can_be_told_apart_is_everything() {
    let bucket = |key, hash| (LookupKey(key), hash);
    let old = [bucket(1, 1), bucket(2, 1), bucket(4, 1)];
    let new = [bucket(1, 2), bucket(3, 1), bucket(4, 1)];
    let all = [1, 2, 3].map(LookupKey).to_vec();
    assert_eq!(differing(&old, &new, 3), ChangedKeys::These(all));
    assert_eq!(differing(&old, &new, 2), ChangedKeys::Everything);
}

#[test]
fn software_that_was_unmapped_is_found_by_the_product_that_appears() {
    let subject = Subject {
        source: "programs",
        name: "Frobnicator",
        version: "1.0",
        vendor: "Acme",
        ..Subject::default()
    };
    let mut new = three();
    new.push(below("CVE-2024-0009", "acme:frobnicator", BEFORE_2_4));
    let (before, after) = (index_of(&three()), index_of(&new));
    let old = evaluate(&before, &subject);
    assert_eq!(old.status, Status::Unmapped);
    assert_eq!(evaluate(&after, &subject).findings.len(), 1);
    let ChangedKeys::These(changed) = changes(&before, &after) else {
        panic!("one product is everything");
    };
    assert_eq!(changed, [LookupKey::of_product("acme", "frobnicator")]);
    assert!(old.keys.contains(&changed[0]), "{:?}", old.keys);
}

#[test]
fn an_evaluation_that_differs_has_a_key_that_changed() {
    let platform = Platform { family: "linux", id: "debian", version: "12" };
    let mut new = three();
    new.push(below("CVE-2024-0009", "y:new", BEFORE_2_4));
    new.push(below("CVE-2024-0010", "w:q", BEFORE_2_4));
    let (before, after) = (index_of(&three()), index_of(&new));
    let ChangedKeys::These(changed) = changes(&before, &after) else {
        panic!("a few products are everything");
    };
    for (name, is_other) in [("y:new:1.0", true), ("w:q:1.0", true), ("v:p:1.0", false)] {
        let cpe = Cpe::parse(&app(name)).unwrap();
        let (old, new) =
            (evaluate_cpe(&before, &cpe, platform), evaluate_cpe(&after, &cpe, platform));
        assert_eq!(old.findings != new.findings, is_other, "{name}");
        // What was asked for in vain has its key all the same.
        let is_named = old.keys.iter().any(|key| changed.contains(key));
        assert_eq!(is_named, is_other, "{name}");
    }
}
