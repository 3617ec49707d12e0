//! Ids, ranges and scores of CVEs as they are written, read and chosen between.

use proptest::prelude::*;

use super::*;
use crate::testing::record;

#[test]
fn an_id_has_one_spelling() {
    for text in [
        "CVE-1999-0001",
        "CVE-2024-6387",
        "CVE-2024-0000",
        "CVE-2024-10000",
        "CVE-2024-4294967295",
        "CVE-9999-0001",
    ] {
        let id: CveId = text.parse().unwrap();
        assert_eq!(id.to_string(), text);
        assert_eq!(SmolStr::from(id), text);
    }
    for text in [
        "",
        "CVE-",
        "CVE-2024",
        "CVE-2024-",
        "CVE-2024-123",
        "CVE-2024-00001",
        "CVE-2024-01234567",
        "CVE-24-0001",
        "CVE-02024-0001",
        "CVE-0999-0001",
        "CVE-0000-0001",
        "CVE-2024-4294967296",
        "CVE-2024-99999999999999999999",
        "cve-2024-0001",
        "CVE 2024-0001",
        "CVE-2024-0001 ",
        " CVE-2024-0001",
        "CVE-2024-0001-1",
        "CVE-2024-+001",
        "CVE-+024-0001",
        "CVE-2024-00x1",
        "CVE-２０２４-0001",
        "CAN-2024-0001",
        "UBUNTU-CVE-2024-0001",
    ] {
        assert!(text.parse::<CveId>().is_err(), "{text}");
    }
}

#[test]
fn what_somebody_types_is_spelled_as_its_publisher_does() {
    for (typed, published) in [
        ("cve-2024-6387", "CVE-2024-6387"),
        ("Cve-2024-6387", "CVE-2024-6387"),
        ("ghsa-9wx4-h78v-vm56", "GHSA-9wx4-h78v-vm56"),
        ("GHSA-9WX4-H78V-VM56", "GHSA-9wx4-h78v-vm56"),
        ("GHSA-9wx4-h78v-vm56", "GHSA-9wx4-h78v-vm56"),
        ("openSUSE-SU-2024:0001-1", "openSUSE-SU-2024:0001-1"),
        ("GO-2024-0001", "GO-2024-0001"),
        ("cve", "cve"),
        ("ghs\u{e9}-1", "ghs\u{e9}-1"),
        ("", ""),
    ] {
        assert_eq!(as_published(typed), published);
    }
}

#[test]
fn what_is_no_id_is_said_and_cut_where_it_is_long() {
    let refused = |text: &str| text.parse::<CveId>().unwrap_err().to_string();
    assert_eq!(refused("CVE-24-1"), "\"CVE-24-1\" is no CVE id such as CVE-2024-6387");
    assert_eq!(refused("CVE-\n"), "\"CVE-\\n\" is no CVE id such as CVE-2024-6387");
    let long = refused(&"é".repeat(1_000));
    assert_eq!(long, format!("\"{}\" is no CVE id such as CVE-2024-6387", "é".repeat(40)));
}

#[test]
fn ids_are_ordered_by_number_and_not_as_text() {
    let ids =
        ["CVE-1999-9999", "CVE-2023-0002", "CVE-2023-9999", "CVE-2023-10000", "CVE-2024-0001"];
    let ids = ids.map(|id| id.parse::<CveId>().unwrap());
    assert!(ids.is_sorted());
    assert_eq!((ids[3].year(), ids[3].number()), (2023, 10_000));
}

#[test]
fn an_id_in_json_is_its_text_and_nothing_else_is_one() {
    let id = CveId::new(2024, 6387);
    assert_eq!(serde_json::to_string(&id).unwrap(), "\"CVE-2024-6387\"");
    assert_eq!(serde_json::from_str::<CveId>("\"CVE-2024-6387\"").unwrap(), id);
    for text in ["\"CVE-2024-1\"", "2024", "null", "[2024,6387]", "{\"year\":2024,\"number\":6387}"]
    {
        assert!(serde_json::from_str::<CveId>(text).is_err(), "{text}");
    }
}

#[test]
fn a_range_is_written_as_the_constraint_that_it_is() {
    let bound = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    for ([from, above, last, below], constraint) in [
        (["", "", "", ""], ""),
        (["2.0", "", "", "2.4.1"], ">= 2.0, < 2.4.1"),
        (["", "1", "", ""], "> 1"),
        (["", "", "3", ""], "<= 3"),
        (["1", "2", "3", "4"], ">= 1, > 2, <= 3, < 4"),
    ] {
        let range = Range {
            start_including: bound(from),
            start_excluding: bound(above),
            end_including: bound(last),
            end_excluding: bound(below),
        };
        assert_eq!(range.to_string(), constraint);
        assert_eq!(range.is_unbounded(), constraint.is_empty());
    }
}

fn scored(scores: &[(&str, &str, f32)]) -> CveRecord {
    let mut record = record("CVE-2024-0001", 1, "[]");
    let of = |(version, source, score): &(&str, &str, f32)| Cvss {
        version: (*version).to_owned(),
        vector: String::new(),
        score: *score,
        severity: severity(version, *score).to_owned(),
        source: (*source).to_owned(),
        primary: false,
    };
    record.cvss = scores.iter().map(of).collect();
    record
}

#[test]
fn of_scores_that_rank_alike_the_first_of_the_record_is_shown() {
    let shown = |scores: &[_]| scored(scores).preferred_cvss().map(|cvss| cvss.score);
    assert_eq!(shown(&[]), None);
    assert_eq!(shown(&[("3.1", "a@x", 4.0), ("3.1", "b@x", 9.0)]), Some(4.0));
    assert_eq!(shown(&[("3.0", "a@x", 4.0), ("3.1", "a@x", 9.0)]), Some(9.0));
    assert_eq!(shown(&[("3.1", "a@x", 4.0), ("4.0", "a@x", 9.0)]), Some(9.0));
    // A version that is not known yet is no better than the oldest.
    assert_eq!(shown(&[("5.0", "nvd@nist.gov", 9.0), ("3.0", "a@x", 4.0)]), Some(4.0));
}

#[test]
fn a_band_begins_at_its_own_score() {
    for (version, score, band) in [
        ("3.1", -0.1, "none"),
        ("3.1", 0.0, "none"),
        ("3.1", 0.1, "low"),
        ("3.1", 3.9, "low"),
        ("3.1", 4.0, "medium"),
        ("3.1", 6.9, "medium"),
        ("3.1", 7.0, "high"),
        ("3.1", 8.9, "high"),
        ("3.1", 9.0, "critical"),
        ("4.0", 10.0, "critical"),
        ("2.0", 0.0, "low"),
        ("2.0", 3.9, "low"),
        ("2.0", 4.0, "medium"),
        ("2.0", 6.9, "medium"),
        ("2.0", 7.0, "high"),
        ("2.0", 10.0, "high"),
    ] {
        assert_eq!(severity(version, score), band, "{version} {score}");
    }
}

#[test]
fn a_record_is_withdrawn_by_one_word_in_any_case() {
    for (status, is_rejected) in [
        ("Rejected", true),
        ("REJECTED", true),
        ("rejected", true),
        ("", false),
        ("Reject", false),
        ("Awaiting Analysis", false),
        ("Deferred", false),
    ] {
        let mut record = record("CVE-2024-0001", 1, "[]");
        record.status = status.to_owned();
        assert_eq!(record.is_rejected(), is_rejected, "{status}");
    }
}

#[test]
fn instants_have_no_gap_and_no_overlap_at_the_ends_of_days_months_and_years() {
    for (last, first) in [
        ("2023-02-28T23:59:59.999", "2023-03-01"),
        ("2024-02-28T23:59:59.999", "2024-02-29"),
        ("2024-02-29T23:59:59.999", "2024-03-01"),
        ("1900-02-28T23:59:59.999", "1900-03-01"),
        ("2000-02-29T23:59:59.999", "2000-03-01"),
        ("2024-12-31T23:59:59.999", "2025-01-01"),
        ("1969-12-31T23:59:59.999", "1970-01-01"),
        // A leap second is the first of the next minute here.
        ("2016-12-31T23:59:59.999", "2016-12-31T23:59:60"),
    ] {
        let ms = |text: &str| Timestamp::parse(text).unwrap().0;
        assert_eq!(ms(last) + 1, ms(first), "{last}");
    }
}

#[test]
fn an_instant_that_is_none_is_refused_wherever_it_is_wrong() {
    for text in [
        "2024-00-01",
        "2024-01-00",
        "2024-01-32",
        "2024-04-31",
        "1900-02-29",
        "2024-1-01T00",
        "2024-07-01T",
        "2024-07-01T13",
        "2024-07-01T1:15",
        "2024-07-01T13:60",
        "2024-07-01T13:15:61",
        "2024-07-01T13:15:06Zulu",
        "2024-07-01T13:15:06+",
        "2024-07-01T13:15:06+2",
        "2024-07-01T13:15:06+02:0",
        "2024-07-01T13:15:06+0a:00",
        "2024-07-01t13:15:06Z",
        "2024/07/01",
        "20240701T131506",
    ] {
        assert_eq!(Timestamp::parse(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn every_id_is_written_alike_and_read_back(year in 1000_u16..=9999, number in any::<u32>()) {
        let id = CveId::new(year, number);
        prop_assert_eq!(SmolStr::from(id).to_string(), id.to_string());
        prop_assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn a_text_that_is_taken_for_an_id_is_the_one_that_is_written(text in "(CVE|cve)-[0-9]{3,5}-[0-9]{3,11}") {
        if let Ok(id) = text.parse::<CveId>() {
            prop_assert_eq!(id.to_string(), text);
        }
    }

    #[test]
    fn instants_are_in_the_order_of_their_texts(a in 0_i64..4_102_444_800_000, b in 0_i64..4_102_444_800_000) {
        let text = |ms| Timestamp(ms).to_string();
        prop_assert_eq!(text(a).cmp(&text(b)), a.cmp(&b));
    }

    #[test]
    fn a_zone_moves_an_instant_by_its_offset(
        ms in 0_i64..4_102_444_800, minutes in -14 * 60_i64..=14 * 60,
    ) {
        let utc = Timestamp(ms * 1000).to_string();
        let (sign, size) = if minutes < 0 { ('-', -minutes) } else { ('+', minutes) };
        let local = utc.replace('Z', &format!("{sign}{:02}:{:02}", size / 60, size % 60));
        prop_assert_eq!(Timestamp::parse(&local), Some(Timestamp(ms * 1000 - minutes * 60_000)));
    }
}
