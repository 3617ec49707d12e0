//! Archives: made here byte by byte, whole and broken.

use std::path::Path;

use miniz_oxide::deflate::compress_to_vec;
use proptest::prelude::*;

use super::*;
use crate::collect::test_tree::{Tree, archive};

const NAME: &str = "META-INF/plugin.xml";

fn unpacked(bytes: &[u8], max: usize) -> Result<Option<Vec<u8>>, ReadError> {
    let tree = Tree::new(&[]);
    tree.write("/a.jar", bytes);
    let file = tree.root().file(Path::new("/a.jar"), u64::MAX)?.unwrap();
    read(&file, NAME, max)
}

#[test]
fn finds_one_file_among_others_packed_or_not() {
    let jar = archive(&[("a.class", b"x", 0), (NAME, b"<xml/>", 0)]);
    assert_eq!(unpacked(&jar, 100).unwrap().as_deref(), Some(&b"<xml/>"[..]));
    let packed = compress_to_vec(&[b'x'; 5000], 6);
    let jar = archive(&[("a.class", b"x", 0), (NAME, &packed, 8)]);
    assert_eq!(unpacked(&jar, 5000).unwrap(), Some(vec![b'x'; 5000]));
}

#[test]
fn an_archive_without_the_file_has_none() {
    assert_eq!(unpacked(&archive(&[("a", b"x", 0)]), 100).unwrap(), None);
    assert_eq!(unpacked(&archive(&[]), 100).unwrap(), None);
}

#[test]
fn unpacks_no_more_than_it_may() {
    let packed = compress_to_vec(&[0; 100_000], 9);
    let error = unpacked(&archive(&[(NAME, &packed, 8)]), 5000).unwrap_err();
    assert!(error.to_string().contains("does not unpack"), "{error}");
    let error = unpacked(&archive(&[(NAME, &[0; 101], 0)]), 100).unwrap_err();
    assert!(error.to_string().contains("unknown packing"), "{error}");
}

#[test]
fn says_what_is_no_archive() {
    for bytes in [&b""[..], b"PK", &[0; 100]] {
        let error = unpacked(bytes, 100).unwrap_err();
        assert_eq!(error.to_string(), "/a.jar: not a zip archive");
    }
}

proptest! {
    #[test]
    fn survives_every_damage(at: usize, byte: u8, cut in 0_usize..200) {
        let packed = compress_to_vec(b"<idea-plugin><name>a</name></idea-plugin>", 6);
        let mut jar = archive(&[("a.class", b"x", 0), (NAME, &packed, 8)]);
        let length = jar.len();
        jar[at % length] = byte;
        jar.truncate(length - cut % length);
        if let Ok(Some(bytes)) = unpacked(&jar, 1000) {
            prop_assert!(bytes.len() <= 1000);
        }
    }
}
