//! CPE names read, written and compared, by the tables of NISTIR 7695 and 7696.

mod escapes;

use proptest::prelude::*;

use super::*;

fn cpe(text: &str) -> Cpe {
    Cpe::parse(text).unwrap()
}

fn application(rest: &str) -> Cpe {
    cpe(&format!("cpe:2.3:a:{rest}"))
}

#[test]
fn reads_a_formatted_string_and_folds_its_case() {
    let name = cpe("cpe:2.3:a:Microsoft:Internet_Explorer:8.0.6001:Beta:*:*:*:*:*:-");
    assert_eq!(name.get(Attribute::Vendor), &Attr::value("microsoft"));
    assert_eq!(name.get(Attribute::Update), &Attr::value("beta"));
    assert_eq!(name.get(Attribute::Edition), &Attr::Any);
    assert_eq!(name.get(Attribute::Other), &Attr::Na);
}

#[test]
fn unescapes_a_value_after_splitting_at_colons() {
    // The colon of the version is escaped; whoever splits first and unescapes afterwards reads
    // eleven attributes out of twelve.
    let name = application(r"notepad-plus-plus:notepad\+\+:7\:1\.0:*:*:*:*:*:*:*");
    assert_eq!(name.get(Attribute::Product).as_value(), Some("notepad++"));
    assert_eq!(name.get(Attribute::Version).as_value(), Some("7:1.0"));
}

#[test]
fn keeps_an_escaped_wildcard_apart_from_a_wildcard() {
    let literal = application(r"v:p\*:*:*:*:*:*:*:*:*");
    let wild = application("v:p*:*:*:*:*:*:*:*:*");
    assert_eq!(literal.get(Attribute::Product).as_value(), Some("p*"));
    assert_ne!(literal, wild);
    assert_eq!(literal.to_string(), r"cpe:2.3:a:v:p\*:*:*:*:*:*:*:*:*");
    assert_eq!(wild.to_string(), "cpe:2.3:a:v:p*:*:*:*:*:*:*:*:*");
}

#[test]
fn keeps_an_escaped_hyphen_apart_from_na() {
    let name = application(r"v:p:\-:-:*:*:*:*:*:*");
    assert_eq!(name.get(Attribute::Version).as_value(), Some("-"));
    assert_eq!(name.get(Attribute::Update), &Attr::Na);
    assert_eq!(name.to_string(), r"cpe:2.3:a:v:p:\-:-:*:*:*:*:*:*");
}

#[test]
fn reads_a_uri_with_packed_edition_percent_escapes_and_wildcards() {
    // An example of NISTIR 7695 itself, and so is the next one.
    let name = cpe("cpe:/a:hp:insight_diagnostics:7.4.0.1570:-:~~online~win2003~x64~");
    assert_eq!(
        name.to_string(),
        "cpe:2.3:a:hp:insight_diagnostics:7.4.0.1570:-:*:*:online:win2003:x64:*"
    );
    assert_eq!(
        cpe("cpe:/a:foo%5cbar:big%24money:2010%02").to_string(),
        r"cpe:2.3:a:foo\\bar:big\$money:2010*:*:*:*:*:*:*:*"
    );
    assert_eq!(cpe("cpe:/o:linux").get(Attribute::Product), &Attr::Any);
}

#[test]
fn refuses_what_is_no_name_and_says_where() {
    let cases = [
        ("", CpeError::Prefix(String::new())),
        ("cpe:2.4:a:b", CpeError::Prefix("cpe:2.4:".to_owned())),
        ("cpe:2.3:a:v:p", CpeError::Count(3)),
        ("cpe:2.3:a:v:p:1:*:*:*:*:*:*:*:*", CpeError::Count(12)),
        ("cpe:2.3:x:v:p:1:*:*:*:*:*:*:*", CpeError::Part("x".to_owned())),
        ("cpe:2.3:a::p:1:*:*:*:*:*:*:*", CpeError::Empty(Attribute::Vendor)),
        ("cpe:2.3:a:v:p:1:*:*:*:*:*:*:o\\", CpeError::Escape(Attribute::Other)),
        ("cpe:2.3:a:v:p*q:1:*:*:*:*:*:*:*", CpeError::Wildcard(Attribute::Product)),
        ("cpe:2.3:a:v:**:1:*:*:*:*:*:*:*", CpeError::Wildcard(Attribute::Product)),
        ("cpe:2.3:a:v:p q:1:*:*:*:*:*:*:*", CpeError::Character(Attribute::Product)),
        ("cpe:/a:v%zz", CpeError::Percent(Attribute::Vendor)),
        ("cpe:/a:v:p:1:u:~a~b~c~d~e~f", CpeError::Count(12)),
        ("cpe:/a:v:p:1:u:e:l:more", CpeError::Count(8)),
    ];
    for (text, error) in cases {
        assert_eq!(Cpe::parse(text), Err(error), "{text}");
    }
    let long = format!("cpe:2.3:a:{}", "v".repeat(10_000));
    assert_eq!(Cpe::parse(&long), Err(CpeError::TooLong(long.len())));
}

/// Table 6-2 of NISTIR 7696, row by row.
#[test]
fn relates_attributes_as_the_table_says() {
    let value = |text: &str| {
        application(&format!("v:{text}:*:*:*:*:*:*:*:*")).get(Attribute::Product).clone()
    };
    let rows = [
        ("*", "*", Relation::Equal),
        ("*", "-", Relation::Superset),
        ("*", "i", Relation::Superset),
        ("*", "m*", Relation::Undefined),
        ("-", "*", Relation::Subset),
        ("-", "-", Relation::Equal),
        ("-", "i", Relation::Disjoint),
        ("-", "m*", Relation::Undefined),
        ("i", "i", Relation::Equal),
        ("i", "k", Relation::Disjoint),
        ("i", "m*", Relation::Undefined),
        ("i", "-", Relation::Disjoint),
        ("i", "*", Relation::Subset),
        ("m*", "match", Relation::Superset),
        ("m*", "other", Relation::Disjoint),
        ("m*", "*", Relation::Superset),
        ("m*", "-", Relation::Disjoint),
        ("m*", "ma*", Relation::Undefined),
    ];
    for (source, target, relation) in rows {
        assert_eq!(relate(&value(source), &value(target)), relation, "{source} to {target}");
    }
}

#[test]
fn relates_names_by_their_attributes_together() {
    let any = application("v:p:*:*:*:*:*:*:*:*");
    let one = application("v:p:1:*:*:*:*:*:*:*");
    let windows = application("v:p:*:*:*:*:*:windows:*:*");
    assert_eq!(compare(&one, &one), Relation::Equal);
    assert_eq!(compare(&any, &one), Relation::Superset);
    assert_eq!(compare(&one, &any), Relation::Subset);
    assert_eq!(compare(&windows, &one), Relation::Undefined);
    assert_eq!(compare(&one, &application("v:p:2:*:*:*:*:*:*:*")), Relation::Disjoint);
}

#[test]
fn expands_wildcards_at_both_ends() {
    let covers = |source: &str, target: &str| {
        matches(
            &application(&format!("v:p:{source}:*:*:*:*:*:*:*")),
            &application(&format!("v:p:{target}:*:*:*:*:*:*:*")),
        )
    };
    assert!(covers("1.*", "1.2.3"));
    assert!(covers("*.3", "1.2.3"));
    assert!(covers("*2*", "1.2.3"));
    assert!(covers("1.2.?", "1.2.3"));
    assert!(covers("1.2.??", "1.2.3"), "question marks are `up to`");
    assert!(!covers("1.2.?", "1.2.34"));
    assert!(!covers("?2.3", "1.2.3"));
    assert!(covers("???2.3", "1.2.3"));
    assert!(covers("*aa", "aaa"), "a later place may fit where the first does not");
}

#[test]
fn does_not_match_a_record_without_product_against_a_target_without_vendor() {
    // CVE-2021-45967; a published scanner reported it for every package without a vendor.
    let record = application("pascom_cloud_phone_system:*:*:*:*:*:*:*:*:*");
    let installed = application("*:util-linux-setarch:2.37.4:*:*:*:*:*:*:*");
    assert!(!matches(&record, &installed));
}

#[test]
fn does_not_match_a_version_na_record_against_an_installed_version() {
    // CVE-1999-0236 and others.
    let record = application("apache:http_server:-:*:*:*:*:*:*:*");
    assert!(!matches(&record, &application("apache:http_server:2.4.1:*:*:*:*:*:*:*")));
}

#[test]
fn does_not_match_a_plugin_record_against_a_program() {
    let record = application("v:p:*:*:*:*:*:wordpress:*:*");
    assert!(!matches(&record, &application("v:p:1:*:*:*:*:windows:*:*")));
    assert!(matches(&record, &application("v:p:1:*:*:*:*:wordpress:*:*")));
}

fn attribute() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("*".to_owned()),
        Just("-".to_owned()),
        "[a-z0-9._-]{1,12}",
        "(\\?{0,3}|\\*)([a-z0-9_]|\\\\[!-/:-@\\[-`{-~]){1,8}(\\?{0,3}|\\*)",
    ]
}

proptest! {
    #[test]
    fn never_panics_on_any_text(text in "\\PC*") {
        let _any = Cpe::parse(&text);
        let _any = Cpe::parse(&format!("cpe:2.3:a:{text}"));
        let _any = Cpe::parse(&format!("cpe:/a:{text}"));
    }

    #[test]
    fn what_is_written_is_read_back_equal(fields in proptest::collection::vec(attribute(), 10)) {
        let name = cpe(&format!("cpe:2.3:a:{}", fields.join(":")));
        prop_assert_eq!(&cpe(&name.to_string()), &name);
    }

    #[test]
    fn any_value_is_written_so_that_it_is_read_back(text in "[!-~]{1,20}") {
        let name = Cpe::of_product("a", "v", &text);
        prop_assert_eq!(&cpe(&name.to_string()), &name);
    }

    #[test]
    fn pattern_matching_never_panics(text in "\\PC{0,12}", target in "\\PC{0,24}", up_to in 0_u8..4) {
        let pattern = Pattern {
            leading: Wildcard::UpTo(up_to),
            text: text.into_boxed_str(),
            trailing: Wildcard::Anything,
        };
        let _any = pattern.is_match(&target);
    }
}
