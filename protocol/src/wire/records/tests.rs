//! Columns and tables as they stand on the wire, and such as no honest sender makes.

use super::*;

fn named(name: &str) -> SoftwareRecord {
    SoftwareRecord::new(Source::Deb, name, "1")
}

fn installed(at: Option<u32>) -> SoftwareRecord {
    SoftwareRecord { installed_at_s: at, ..named("a") }
}

#[test]
fn a_vendor_stands_once_in_the_table() {
    let records: Vec<_> = ["a", "b", "c"]
        .map(|name| SoftwareRecord {
            vendor: "Debian".to_owned(),
            origin: "Debian".to_owned(),
            ..named(name)
        })
        .into();
    let (strings, columns) = WireRecords::new(&records);
    assert_eq!(strings.0, ["Debian"]);
    assert_eq!(columns.vendors, [1, 1, 1]);
    assert_eq!(columns.archs, [0, 0, 0]);
    assert_eq!(columns.into_records(&strings), Ok(records));
}

#[test]
fn times_stand_once_and_as_steps() {
    let records =
        [Some(1_000), None, Some(700), Some(1_000), Some(0), Some(u32::MAX)].map(installed);
    let (strings, columns) = WireRecords::new(&records);
    assert_eq!(columns.times, [0, 700, 300, u32::MAX - 1_000]);
    assert_eq!(columns.installed, [3, 0, 2, 3, 1, 4]);
    assert_eq!(columns.into_records(&strings), Ok(records.to_vec()));
}

#[test]
fn times_that_run_past_the_end_stay_there() {
    let records = [installed(Some(1))];
    let (strings, mut columns) = WireRecords::new(&records);
    columns.times = vec![u32::MAX, 5];
    columns.installed = vec![2];
    let records = columns.into_records(&strings).expect("records");
    assert_eq!(records[0].installed_at_s, Some(u32::MAX));
}

#[test]
fn refuses_numbers_that_point_past_their_table() {
    let records = [installed(Some(1))];
    let (strings, mut columns) = WireRecords::new(&records);
    columns.vendors = vec![1];
    assert_eq!(columns.into_records(&strings), Err(DecodeError::UnknownString(1, 0)));
    let (strings, mut columns) = WireRecords::new(&records);
    columns.installed = vec![2];
    assert_eq!(columns.into_records(&strings), Err(DecodeError::UnknownTime(2, 1)));
}

#[test]
fn refuses_columns_of_different_lengths() {
    type Change = fn(&mut WireRecords<'_>);
    let changes: [(&str, Change); 9] = [
        ("releases", |c| c.releases.push("")),
        ("sources", |c| c.sources.push(Source::Deb)),
        ("vendors", |c| c.vendors.push(0)),
        ("archs", |c| c.archs.clear()),
        ("origins", |c| c.origins.push(0)),
        ("epochs", |c| c.epochs.clear()),
        ("bundle_ids", |c| c.bundle_ids.clear()),
        ("locations", |c| c.locations.clear()),
        ("installed", |c| c.installed.push(0)),
    ];
    for (name, change) in changes {
        let records = [named("a"), named("b")];
        let (strings, mut columns) = WireRecords::new(&records);
        change(&mut columns);
        assert!(matches!(
            columns.into_records(&strings),
            Err(DecodeError::Column { column, records: 2, .. }) if column == name
        ));
    }
}

#[test]
fn only_kernels_say_whether_they_run() {
    let records: Vec<_> = [None, Some(false), None, Some(true)]
        .map(|running| SoftwareRecord { running, ..named("linux-image") })
        .into();
    let (strings, columns) = WireRecords::new(&records);
    let numbers: Vec<_> = columns.kernels.iter().map(|k| (k.record, k.running)).collect();
    assert_eq!(numbers, [(1, false), (3, true)]);
    assert_eq!(columns.into_records(&strings), Ok(records));
}

#[test]
fn refuses_kernels_that_are_no_record_stand_twice_or_go_back() {
    let kernel = |record| WireKernel { record, running: true };
    for (kernels, refused) in [
        (vec![kernel(2)], 2),
        (vec![kernel(0), kernel(0)], 0),
        (vec![kernel(1), kernel(0)], 0),
        (vec![kernel(u16::MAX)], u16::MAX),
    ] {
        let records = [named("a"), named("b")];
        let (strings, mut columns) = WireRecords::new(&records);
        columns.kernels = kernels;
        assert_eq!(columns.into_records(&strings), Err(DecodeError::UnknownKernel(refused, 2)));
    }
}

/// 400 records that each name one long string three times would be 600 MB from half a megabyte.
#[test]
fn refuses_a_short_message_that_unfolds_to_a_large_one() {
    let long = "x".repeat(STRING_BYTES + 1);
    let records = vec![SoftwareRecord { vendor: long, ..named("a") }; RECORDS];
    let (strings, columns) = WireRecords::new(&records);
    assert_eq!(columns.into_records(&strings), Err(DecodeError::LongString(STRING_BYTES + 1)));
}

#[test]
fn lists_far_past_their_limit_are_not_read() {
    let records = vec![named("a"); RECORDS + 1];
    let (_, columns) = WireRecords::new(&records);
    let bytes = postcard::to_stdvec(&columns).expect("encodes");
    assert!(postcard::from_bytes::<WireRecords<'_>>(&bytes).is_err());
}
