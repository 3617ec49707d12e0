//! Every escape of both bindings, the limits of a name, and the words with which one is refused.

use super::*;

/// The value of a product as a formatted string has it.
fn formatted(product: &str) -> Result<Attr, CpeError> {
    let name = Cpe::parse(&format!("cpe:2.3:a:v:{product}:1:*:*:*:*:*:*:*"))?;
    Ok(name.get(Attribute::Product).clone())
}

/// The value of a product as a URI has it.
fn uri(product: &str) -> Result<Attr, CpeError> {
    let name = Cpe::parse(&format!("cpe:/a:v:{product}:1"))?;
    Ok(name.get(Attribute::Product).clone())
}

#[test]
fn every_printable_character_is_one_value_in_both_bindings() {
    for byte in b'!'..=b'~' {
        let character = char::from(byte);
        let text = format!("x{character}y");
        let expected = Attr::value(&text);
        assert_eq!(formatted(&format!("x\\{character}y")).as_ref(), Ok(&expected), "{text}");
        assert_eq!(uri(&format!("x%{byte:02x}y")).as_ref(), Ok(&expected), "{text}");
        assert_eq!(uri(&format!("x%{byte:02X}y")).as_ref(), Ok(&expected), "{text}");
        let written = expected.to_string();
        let is_plain = byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        assert_eq!(written.contains('\\'), !is_plain, "{written}");
        assert_eq!(formatted(&written).as_ref(), Ok(&expected), "{written}");
    }
}

#[test]
fn a_divider_is_one_only_where_an_even_number_of_backslashes_stands_before_it() {
    for (fields, vendor, product) in [
        (r"v:p", "v", "p"),
        (r"v\:w:p", "v:w", "p"),
        (r"v\\:p", r"v\", "p"),
        (r"v\\\:w:p", r"v\:w", "p"),
        (r"\::\:", ":", ":"),
    ] {
        let name = cpe(&format!("cpe:2.3:a:{fields}:1:*:*:*:*:*:*:*"));
        assert_eq!(name.get(Attribute::Vendor).as_value(), Some(vendor), "{fields}");
        assert_eq!(name.get(Attribute::Product).as_value(), Some(product), "{fields}");
        assert_eq!(cpe(&name.to_string()), name, "{fields}");
    }
}

#[test]
fn percent_escapes_of_a_uri_are_characters_wildcards_or_faults() {
    let product = Attribute::Product;
    for (text, expected) in [
        ("p%2a", Ok("p\\*")),
        ("p%3f", Ok("p\\?")),
        ("p%02", Ok("p*")),
        ("%01%01p", Ok("??p")),
        ("%02p%01", Ok("*p?")),
        ("p%7e", Ok("p\\~")),
        ("p%25", Ok("p\\%")),
        ("p%", Err(CpeError::Percent(product))),
        ("p%2", Err(CpeError::Percent(product))),
        ("p%2g", Err(CpeError::Percent(product))),
        ("p%+1", Err(CpeError::Percent(product))),
        ("p%80", Err(CpeError::Percent(product))),
        ("p%c3%a9", Err(CpeError::Percent(product))),
        ("p%00", Err(CpeError::Character(product))),
        ("p%0a", Err(CpeError::Character(product))),
        ("p%20q", Err(CpeError::Character(product))),
        ("p%7f", Err(CpeError::Character(product))),
        ("p%02q", Err(CpeError::Wildcard(product))),
        ("%02%02", Err(CpeError::Wildcard(product))),
        ("p%01%02", Err(CpeError::Wildcard(product))),
    ] {
        let found = uri(text).map(|value| value.to_string());
        assert_eq!(found, expected.map(str::to_owned), "{text}");
    }
}

#[test]
fn a_lone_wildcard_is_any_and_one_beside_others_a_pattern_or_a_fault() {
    assert_eq!(formatted("*"), Ok(Attr::Any));
    assert_eq!(formatted("-"), Ok(Attr::Na));
    assert_eq!(formatted("--"), Ok(Attr::value("--")));
    assert_eq!(formatted("-p"), Ok(Attr::value("-p")));
    for text in ["?", "??", "p*", "*p", "*p*", "?p??", "\\**", "\\?*"] {
        assert!(matches!(formatted(text), Ok(Attr::Pattern(_))), "{text}");
    }
    for text in ["**", "*?", "?*", "p*q", "p**", "p*?", "p?*", "*p*q"] {
        assert_eq!(formatted(text), Err(CpeError::Wildcard(Attribute::Product)), "{text}");
    }
}

#[test]
fn question_marks_alone_stand_for_a_text_of_that_length_at_most() {
    let Ok(Attr::Pattern(pattern)) = formatted("??") else {
        panic!("it is a pattern");
    };
    for (text, is_covered) in [("", true), ("a", true), ("é", true), ("ab", true), ("abc", false)]
    {
        assert_eq!(pattern.is_match(text), is_covered, "{text}");
    }
    let most = "?".repeat(255);
    assert!(formatted(&most).is_ok());
    let more = formatted(&format!("{most}?"));
    assert_eq!(more, Err(CpeError::Wildcard(Attribute::Product)));
}

#[test]
fn a_name_may_be_as_long_as_it_may_and_not_a_byte_longer() {
    let of_bytes = |bytes: usize| {
        let frame = "cpe:2.3:a::p:1:*:*:*:*:*:*:*".len();
        format!("cpe:2.3:a:{}:p:1:*:*:*:*:*:*:*", "v".repeat(bytes - frame))
    };
    assert!(Cpe::parse(&of_bytes(4096)).is_ok());
    assert_eq!(Cpe::parse(&of_bytes(4097)), Err(CpeError::TooLong(4097)));
    // Bytes and not characters: half as many of two bytes each are as long.
    let wide = of_bytes(2100).replace('v', "é");
    assert_eq!(Cpe::parse(&wide), Err(CpeError::TooLong(wide.len())));
}

#[test]
fn the_case_of_a_prefix_a_part_and_a_value_does_not_count() {
    let name = cpe("cpe:2.3:a:vendor:été:1:*:*:*:*:*:*:*");
    assert_eq!(cpe("CPE:2.3:A:VENDOR:ÉTÉ:1:*:*:*:*:*:*:*"), name);
    assert_eq!(cpe("CPE:/A:Vendor:Product"), cpe("cpe:/a:vendor:product"));
    // A sigma at the end of a Greek word, and a letter that is two in lower case.
    for text in ["ΟΔΟΣ", "İx", "Straẞe", "ǅ"] {
        assert_eq!(formatted(text), Ok(Attr::value(text)), "{text}");
    }
}

#[test]
fn a_uri_leaves_out_what_it_does_not_say() {
    let any = ":*".repeat(8);
    for (uri, formatted) in [
        ("cpe:/", "cpe:2.3:*:*:*"),
        ("cpe:/a", "cpe:2.3:a:*:*"),
        ("cpe:/a:", "cpe:2.3:a:*:*"),
        ("cpe:/a::p", "cpe:2.3:a:*:p"),
        ("cpe:/-:v:p", "cpe:2.3:-:v:p"),
        ("cpe:/h:v:p::::", "cpe:2.3:h:v:p"),
    ] {
        assert_eq!(cpe(uri), cpe(&format!("{formatted}{any}")), "{uri}");
    }
}

#[test]
fn a_packed_edition_may_be_short_and_a_tilde_elsewhere_is_a_character() {
    for (edition, attributes) in [
        ("~", "*:*:*:*:*:*"),
        ("~e", "e:*:*:*:*:*"),
        ("~e~pro", "e:*:pro:*:*:*"),
        ("~~pro~-~x64~", "*:*:pro:-:x64:*"),
        ("~~~~~other", "*:*:*:*:*:other"),
        ("e~pro", r"e\~pro:*:*:*:*:*"),
    ] {
        let name = cpe(&format!("cpe:/a:v:p:1:u:{edition}"));
        assert_eq!(name, cpe(&format!("cpe:2.3:a:v:p:1:u:{attributes}")), "{edition}");
    }
    let name = cpe("cpe:/a:v:~p~q");
    assert_eq!(name.get(Attribute::Product).as_value(), Some("~p~q"));
}

#[test]
fn a_refusal_names_the_attribute_and_says_what_would_be_right() {
    for (text, words) in [
        ("gnu:bash", "a CPE name begins with `cpe:2.3:` or `cpe:/`, this begins with \"gnu:bash\""),
        ("cpe:2.3:a:v", "a CPE name has 11 attributes, this has 2"),
        ("cpe:2.3:b:v:p:1:*:*:*:*:*:*:*", "part is `a`, `o`, `h`, `*` or `-`, not \"b\""),
        ("cpe:2.3:a:v::1:*:*:*:*:*:*:*", "product is empty; write `*` for any value"),
        ("cpe:2.3:a:v:p:1:*:*:*:*:x y:*:*", "target_sw holds white space or a control character"),
        ("cpe:2.3:a:v:p:1:*:*:*:*:*:*:x\\", "other ends with a backslash that escapes nothing"),
        (
            "cpe:2.3:a:v:p:1:*:*:*:p*o:*:*:*",
            "sw_edition holds an unescaped wildcard that is not at an end",
        ),
        ("cpe:/a:v:p:%zz", "version holds a percent sign without two hexadecimal digits"),
        (
            "cpe:2.3:a*:v:p:1:*:*:*:*:*:*:*",
            "part holds an unescaped wildcard that is not at an end",
        ),
    ] {
        assert_eq!(Cpe::parse(text).unwrap_err().to_string(), words, "{text}");
    }
    // What stands in a message is cut, and at a character.
    let said = Cpe::parse(&"é".repeat(1_000)).unwrap_err();
    assert_eq!(said, CpeError::Prefix("é".repeat(8)));
}

#[test]
fn an_escape_does_not_hide_white_space_or_a_control_character() {
    for text in ["p\\ q", "p\tq", "p\\\nq", "p\u{a0}q", "p\u{85}", "\u{7f}p", "p\u{2003}"] {
        assert_eq!(formatted(text), Err(CpeError::Character(Attribute::Product)), "{text:?}");
    }
}

proptest! {
    #[test]
    fn a_uri_and_a_formatted_string_of_one_value_are_one_name(text in "[!-~]{1,24}") {
        let escaped: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let name = Cpe::of_product("a", "v", &text).with(Attribute::Version, Attr::value("1"));
        prop_assert_eq!(&cpe(&format!("cpe:/a:v:{escaped}:1")), &name);
        prop_assert_eq!(&cpe(&name.to_string()), &name);
    }

    #[test]
    fn a_pattern_covers_what_its_text_is_put_into(
        before in "[a-z.]{0,4}", text in "[a-z.]{1,5}", behind in "[a-z.]{0,4}",
    ) {
        let whole = format!("{before}{text}{behind}");
        let pattern = |leading, trailing| Pattern { leading, text: text.clone().into(), trailing };
        prop_assert!(pattern(Wildcard::Anything, Wildcard::Anything).is_match(&whole));
        prop_assert!(pattern(Wildcard::UpTo(4), Wildcard::UpTo(4)).is_match(&whole));
        let is_bare = pattern(Wildcard::Nothing, Wildcard::Nothing).is_match(&whole);
        prop_assert_eq!(is_bare, whole == text);
        let ends = pattern(Wildcard::Anything, Wildcard::Nothing).is_match(&whole);
        prop_assert_eq!(ends, whole.ends_with(&text));
        let begins = pattern(Wildcard::Nothing, Wildcard::Anything).is_match(&whole);
        prop_assert_eq!(begins, whole.starts_with(&text));
    }
}
