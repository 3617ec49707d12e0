//! The sortable keys against plain loops over the rules of dpkg and rpm, and laws of any order.

use proptest::prelude::*;

use super::*;

/// dpkg's own algorithm, written from Debian policy 5.6.12 as a pairwise comparison.
pub(super) fn dpkg_part(mut a: &[u8], mut b: &[u8]) -> Ordering {
    let order = |byte: Option<&u8>| match byte {
        None => 0,
        Some(byte) if byte.is_ascii_digit() => 0,
        Some(b'~') => -1,
        Some(byte) if byte.is_ascii_alphabetic() => i32::from(*byte),
        Some(byte) => i32::from(*byte) + 256,
    };
    let is_word = |text: &[u8]| text.first().is_some_and(|byte| !byte.is_ascii_digit());
    while !a.is_empty() || !b.is_empty() {
        while is_word(a) || is_word(b) {
            let decided = order(a.first()).cmp(&order(b.first()));
            if decided.is_ne() {
                return decided;
            }
            (a, b) = (&a[1..], &b[1..]);
        }
        let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (length_a, length_b) = (digits(a), digits(b));
        let number = |text: &[u8]| std::str::from_utf8(text).unwrap().parse::<u64>().unwrap_or(0);
        let decided = number(&a[..length_a]).cmp(&number(&b[..length_b]));
        if decided.is_ne() {
            return decided;
        }
        (a, b) = (&a[length_a..], &b[length_b..]);
    }
    Ordering::Equal
}

/// rpm's own algorithm, written from its manual as a pairwise comparison.
pub(super) fn rpm_part(mut a: &[u8], mut b: &[u8]) -> Ordering {
    let skip = |text: &[u8]| {
        text.iter()
            .take_while(|byte| !byte.is_ascii_alphanumeric() && !matches!(byte, b'~' | b'^'))
            .count()
    };
    loop {
        (a, b) = (&a[skip(a)..], &b[skip(b)..]);
        match (a.first(), b.first()) {
            (None, None) => return Ordering::Equal,
            (Some(b'~'), Some(b'~')) | (Some(b'^'), Some(b'^')) => {
                (a, b) = (&a[1..], &b[1..]);
                continue;
            }
            (Some(b'~'), _) | (None, _) if b.first() != Some(&b'~') => return Ordering::Less,
            (_, Some(b'~')) | (Some(_), None) => return Ordering::Greater,
            (Some(b'^'), _) => return Ordering::Less,
            (_, Some(b'^')) => return Ordering::Greater,
            _ => {}
        }
        let is_number = a[0].is_ascii_digit();
        let segment = |text: &[u8]| {
            text.iter()
                .take_while(|byte| {
                    if is_number { byte.is_ascii_digit() } else { byte.is_ascii_alphabetic() }
                })
                .count()
        };
        let (one, two) = (&a[..segment(a)], &b[..segment(b)]);
        if two.is_empty() {
            return if is_number { Ordering::Greater } else { Ordering::Less };
        }
        let number = |text: &[u8]| std::str::from_utf8(text).unwrap().parse::<u64>().unwrap();
        let decided = if is_number { number(one).cmp(&number(two)) } else { one.cmp(two) };
        if decided.is_ne() {
            return decided;
        }
        (a, b) = (&a[one.len()..], &b[two.len()..]);
    }
}

fn scheme() -> impl Strategy<Value = Scheme> {
    proptest::sample::select(SCHEMES.to_vec())
}

/// Texts that look like versions of some scheme, and a few that look like nothing.
fn version() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => "[0-9]{1,3}",
        3 => prop_oneof![Just("."), Just("-"), Just("_"), Just("~"), Just("+"), Just("^"), Just(" ")]
            .prop_map(str::to_owned),
        2 => prop_oneof![
            Just("rc"), Just("a"), Just("b"), Just("beta"), Just("p"), Just("post"), Just("dev"),
            Just("-r"), Just("u"), Just("ga"), Just("_alpha"), Just("SP"), Just("2020-10-29"),
        ].prop_map(str::to_owned),
        1 => "[a-zA-Z]{1,2}",
    ];
    proptest::collection::vec(piece, 1..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn never_panics_on_any_text(scheme in scheme(), a in "\\PC{0,24}", b in "\\PC{0,24}") {
        let _any = compare(scheme, &a, &b);
        let _any = satisfies(scheme, &a, &b);
    }

    #[test]
    fn the_order_is_total(scheme in scheme(), a in version(), b in version(), c in version()) {
        if let (Ok(ab), Ok(bc), Ok(ac)) =
            (compare(scheme, &a, &b), compare(scheme, &b, &c), compare(scheme, &a, &c))
        {
            prop_assert_eq!(compare(scheme, &b, &a), Ok(ab.reverse()));
            if ab == bc || bc.is_eq() {
                prop_assert_eq!(ac, ab);
            }
        }
        if key(scheme, &a).is_some() {
            prop_assert_eq!(compare(scheme, &a, &a), Ok(Ordering::Equal));
        }
    }

    #[test]
    fn the_order_of_keys_is_the_order_of_versions(scheme in scheme(), a in version(), b in version()) {
        if let (Some(key_a), Some(key_b), Ok(order)) =
            (key(scheme, &a), key(scheme, &b), compare(scheme, &a, &b))
        {
            prop_assert_eq!(key_a.as_bytes().cmp(key_b.as_bytes()), order);
        }
    }

    #[test]
    fn debian_agrees_with_dpkgs_algorithm(a in "[0-9a-zA-Z.+~]{1,12}", b in "[0-9a-zA-Z.+~]{1,12}") {
        prop_assume!(key(Scheme::Deb, &a).is_some() && key(Scheme::Deb, &b).is_some());
        prop_assert_eq!(compare(Scheme::Deb, &a, &b), Ok(dpkg_part(a.as_bytes(), b.as_bytes())));
    }

    #[test]
    fn rpm_agrees_with_rpms_algorithm(a in "[0-9a-z.~^_]{1,10}", b in "[0-9a-z.~^_]{1,10}") {
        prop_assert_eq!(compare(Scheme::Rpm, &a, &b), Ok(rpm_part(a.as_bytes(), b.as_bytes())));
    }

    #[test]
    fn trailing_zeros_change_nothing_where_they_are_padding(
        scheme in proptest::sample::select(vec![
            Scheme::Generic, Scheme::Gem, Scheme::Java, Scheme::Maven, Scheme::Nuget, Scheme::Pypi,
            Scheme::Semver,
        ]),
        numbers in proptest::collection::vec(0_u32..50, 1..5),
        zeros in 0_usize..4,
    ) {
        let text = numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(".");
        let padded = format!("{text}{}", ".0".repeat(zeros));
        prop_assert_eq!(compare(scheme, &text, &padded), Ok(Ordering::Equal));
    }
}
