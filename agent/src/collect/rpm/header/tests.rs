//! Headers: whole, in pieces of any size, and damaged.

use proptest::prelude::*;

use super::*;

/// Makes a header out of entries: tag, type, value.
fn blob(entries: &[(u32, u32, &[u8])]) -> Vec<u8> {
    let mut index = Vec::new();
    let mut store = Vec::new();
    for (tag, kind, value) in entries {
        let offset = u32::try_from(store.len()).unwrap();
        for number in [*tag, *kind, offset, 1] {
            index.extend(number.to_be_bytes());
        }
        store.extend_from_slice(value);
    }
    let mut blob = u32::try_from(entries.len()).unwrap().to_be_bytes().to_vec();
    blob.extend(u32::try_from(store.len()).unwrap().to_be_bytes());
    blob.extend(index);
    blob.extend(store);
    blob
}

fn bash() -> Vec<u8> {
    blob(&[
        (1000, TYPE_STRING, b"bash\0"),
        (1001, TYPE_STRING, b"5.1.8\0"),
        (1002, TYPE_STRING, b"6.el9\0"),
        // Between wanted values and out of the order of tags, so that what passes by has to be
        // counted.
        (1004, TYPE_I18NSTRING, b"a summary\0"),
        (1003, TYPE_INT32, &7_u32.to_be_bytes()),
        (1116, 4, &[0; 4096]),
        (1008, TYPE_INT32, &1_700_000_000_u32.to_be_bytes()),
    ])
}

fn read(blob: &[u8], piece_bytes: usize) -> Option<Header> {
    let mut reader = HeaderReader::new(Wanted::Package);
    for piece in blob.chunks(piece_bytes) {
        reader.feed(piece);
    }
    reader.finish()
}

#[test]
fn reads_the_same_in_pieces_of_any_size() {
    let whole = read(&bash(), usize::MAX).unwrap();
    assert_eq!(
        (whole.name.as_slice(), whole.version.as_slice()),
        (b"bash".as_slice(), b"5.1.8".as_slice())
    );
    assert_eq!((whole.epoch, whole.installed_at_s), (Some(7), Some(1_700_000_000)));
    assert!(whole.vendor.is_empty());
    for piece_bytes in [1, 2, 3, 7, 15, 16, 17, 100, 4092] {
        assert_eq!(read(&bash(), piece_bytes).as_ref(), Some(&whole), "{piece_bytes}");
    }
}

#[test]
fn keeps_no_more_than_the_wanted_values() {
    let mut reader = HeaderReader::new(Wanted::Package);
    reader.feed(&bash());
    let kept: usize = reader.values.iter().map(|v| v.bytes.len()).sum();
    assert!(kept < 8 * TEXT_BYTES_MAX, "{kept}");
    assert!(reader.index.is_empty());
}

#[test]
fn gives_nothing_of_a_header_that_is_cut_within_a_wanted_value() {
    let whole = bash();
    assert_eq!(read(&whole[..whole.len() - 1], 64), None);
    assert_eq!(read(&whole[..20], 64), None);
    assert_eq!(read(&[], 64), None);
}

#[test]
fn gives_nothing_of_a_header_without_a_name() {
    assert_eq!(read(&blob(&[(1001, TYPE_STRING, b"1\0")]), 64), None);
    assert_eq!(read(&blob(&[(1000, TYPE_STRING, b"\0")]), 64), None);
}

#[test]
fn gives_nothing_where_a_value_has_the_wrong_type() {
    assert_eq!(read(&blob(&[(1000, TYPE_INT32, b"bash\0")]), 64), None);
    let epoch_as_text = blob(&[(1000, TYPE_STRING, b"bash\0"), (1003, TYPE_STRING, b"1\0\0\0")]);
    assert_eq!(read(&epoch_as_text, 64), None);
}

#[test]
fn refuses_an_index_or_a_store_that_no_package_has() {
    let sizes: [[u32; 2]; 4] = [[0, 10], [u32::MAX, 10], [5000, 10], [1, u32::MAX]];
    for size in sizes {
        let mut blob: Vec<_> = size.into_iter().flat_map(u32::to_be_bytes).collect();
        blob.resize(100_000, 0);
        assert_eq!(read(&blob, 4096), None, "{size:?}");
    }
}

#[test]
fn refuses_a_value_outside_of_the_store() {
    let mut blob = bash();
    blob[8 + 8..8 + 12].copy_from_slice(&u32::MAX.to_be_bytes());
    assert_eq!(read(&blob, 64), None);
}

#[test]
fn cuts_a_text_without_an_end_where_nobody_needs_more() {
    let name = [b'x'; 5000];
    let header = read(&blob(&[(1000, TYPE_STRING, &name)]), 64).unwrap();
    assert_eq!(header.name.len(), TEXT_BYTES_MAX);
}

fn files(blob: &[u8], piece_bytes: usize) -> Vec<String> {
    let mut reader = HeaderReader::new(Wanted::Files);
    for piece in blob.chunks(piece_bytes) {
        reader.feed(piece);
    }
    let mut files = Vec::new();
    reader.finish_files().each(&mut |folder, name| {
        let path = [folder, name].concat();
        files.push(String::from_utf8_lossy(&path).into_owned());
    });
    files
}

#[test]
fn joins_folders_and_names_of_files() {
    let numbers = [1_u32, 0, 1, 7].map(u32::to_be_bytes).concat();
    let entries: [(u32, u32, &[u8]); 3] = [
        (1116, TYPE_INT32, &numbers),
        (1117, 8, b"METADATA\0bash\0RECORD\0lost\0"),
        (1118, 8, b"/usr/bin/\0/usr/lib/x.dist-info/\0"),
    ];
    let expected =
        ["/usr/lib/x.dist-info/METADATA", "/usr/bin/bash", "/usr/lib/x.dist-info/RECORD"];
    for piece_bytes in [1, 7, 1000] {
        assert_eq!(files(&blob(&entries), piece_bytes), expected);
    }
    // A folder for each of the names that are there.
    assert_eq!(files(&blob(&entries[1..]), 64), [""; 0]);
    assert_eq!(files(&[], 64), [""; 0]);
}

proptest! {
    #[test]
    fn survives_every_damage(at: prop::sample::Index, byte: u8, piece_bytes in 1_usize..64) {
        let mut blob = bash();
        let at = at.index(blob.len());
        blob[at] = byte;
        let _: Option<Header> = read(&blob, piece_bytes);
        let _: Vec<String> = files(&blob, piece_bytes);
    }

    #[test]
    fn survives_any_bytes(blob: Vec<u8>, piece_bytes in 1_usize..64) {
        let _: Option<Header> = read(&blob, piece_bytes);
    }
}
