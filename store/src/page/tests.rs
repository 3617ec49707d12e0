//! What a user would miss of pages.

mod complete;

use super::*;

#[test]
fn takes_wildcards_literally() {
    assert_eq!(containing(r"100%_a\b"), r"%100\%\_a\\b%");
}

#[test]
fn places_survive_json() {
    for value in [SortValue::Integer(i64::MAX), SortValue::Text("1".to_owned())] {
        let after = After { value, id: "x".to_owned(), seen: 0 };
        let json = serde_json::to_string(&after).unwrap();
        assert_eq!(serde_json::from_str::<After>(&json).unwrap(), after);
    }
}

#[test]
fn cuts_a_limit_to_what_a_page_may_have() {
    assert_eq!(PageRequest::first(0).limit(), 1);
    assert_eq!(PageRequest::first(u32::MAX).limit(), PAGE_ITEMS_MAX);
}

#[test]
fn a_place_in_time_is_one_that_the_database_takes() {
    assert_eq!(instant(1_000_001).unwrap().unix_timestamp_nanos(), 1_000_001_000);
    // The ends of 64 bits, and 7,000 years before PostgreSQL's first one.
    for forged in [i64::MAX, i64::MIN, -300_000_000_000_000_000] {
        assert!(matches!(instant(forged), Err(StoreError::InvalidCursor)), "{forged}");
    }
}
