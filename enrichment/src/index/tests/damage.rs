//! Files that are no index, cut, rotten, or wrong under a right checksum.

use proptest::prelude::*;

use super::*;

#[test]
fn says_what_is_wrong_with_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nvd.index");
    let open = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        Index::open(&path).unwrap_err()
    };
    assert!(matches!(open(b""), IndexError::NotAnIndex(_) | IndexError::Io { .. }));
    assert!(matches!(open(b"{\"format\":\"NVD_CVE\"}"), IndexError::NotAnIndex(_)));
    let good = bytes_of(&records());
    let mut newer = good.clone();
    newer[8] += 1;
    assert!(matches!(open(&newer), IndexError::Version { found: 4, expected: 3, .. }));
    let mut flipped = good;
    *flipped.last_mut().unwrap() ^= 1;
    let error = open(&flipped);
    assert!(error.to_string().contains("checksum"), "{error}");
    let missing = Index::open(&folder.path().join("none")).unwrap_err();
    assert!(matches!(missing, IndexError::Io { action: "open", .. }));
}

#[test]
fn no_changed_byte_goes_unnoticed() {
    let good = bytes_with(&records(), &advisories());
    for at in 0..good.len() {
        for change in [0x01, 0x80, 0xff] {
            let mut changed = good.clone();
            changed[at] ^= change;
            assert!(Index::from_bytes(changed).is_err(), "byte {at} ^ {change}");
        }
    }
}

#[test]
fn no_cut_goes_unnoticed() {
    let good = bytes_with(&records(), &advisories());
    for end in 0..good.len() {
        assert!(Index::from_bytes(good[..end].to_vec()).is_err(), "cut at {end}");
    }
    let longer = [good, vec![0; 8]].concat();
    assert!(Index::from_bytes(longer).is_err());
}

/// Puts the right checksum to wrong bytes, as a hostile file would.
pub(super) fn with_checksum(mut bytes: Vec<u8>) -> Vec<u8> {
    let checksum = format::checksum(&bytes);
    bytes[CHECKSUM_AT..CHECKSUM_AT + 4].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

#[test]
fn wrong_words_under_a_right_checksum_never_panic() {
    let good = bytes_with(&records(), &advisories());
    for at in (HEADER_BYTES..good.len()).step_by(4) {
        for word in [0, 1, 7, u32::MAX - 1, u32::MAX] {
            let mut bytes = good.clone();
            let end = (at + 4).min(bytes.len());
            bytes[at..end].copy_from_slice(&word.to_le_bytes()[..end - at]);
            if let Ok(index) = Index::from_bytes(with_checksum(bytes)) {
                // Only that it answers at all.
                assert!(!answers(&index).is_empty());
            }
        }
    }
}

proptest! {
    #[test]
    fn wrong_bytes_under_a_right_checksum_never_panic(
        changes in proptest::collection::vec((16_usize..4096, any::<u8>()), 1..20),
    ) {
        let mut bytes = bytes_with(&records(), &advisories());
        for (at, byte) in changes {
            let at = at % bytes.len();
            bytes[at.max(16)] = byte;
        }
        if let Ok(index) = Index::from_bytes(with_checksum(bytes)) {
            prop_assert!(!answers(&index).is_empty());
        }
    }
}
