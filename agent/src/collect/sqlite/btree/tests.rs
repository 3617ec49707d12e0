//! Pages and rows: the sizes that the format prescribes, and pages that lie.

use super::*;

#[test]
fn keeps_as_much_of_a_row_on_its_page_as_the_format_says() {
    // The examples follow from section 1.6 with U = 4096: X = 4061, M = 489.
    assert_eq!(local_bytes(4061, 4096), 4061);
    assert_eq!(local_bytes(4062, 4096), 489);
    assert_eq!(local_bytes(489 + 4092, 4096), 489);
    assert_eq!(local_bytes(489 + 4092 + 100, 4096), 589);
    assert_eq!(local_bytes(usize::MAX, 480) % 480, local_bytes(usize::MAX, 480));
}

fn leaf(pointer: u16, row: &[u8]) -> Vec<u8> {
    let mut page = vec![0; 512];
    page[0] = LEAF_TABLE;
    page[3..5].copy_from_slice(&1_u16.to_be_bytes());
    page[8..10].copy_from_slice(&pointer.to_be_bytes());
    let at = usize::from(pointer).min(512);
    let end = (at + row.len()).min(512);
    page[at..end].copy_from_slice(&row[..end - at]);
    page
}

#[test]
fn reads_a_row_and_nothing_outside_of_its_page() {
    let page = leaf(500, &[3, 1, b'a', b'b', b'c']);
    let cell = Node::new(&page, 0).unwrap().cell(0).unwrap();
    assert_eq!(
        (cell.payload_bytes, cell.local.as_slice(), cell.overflow),
        (3, b"abc".as_slice(), 0)
    );
    for (pointer, row) in [(510, [9, 1, b'a']), (512, [1, 1, 1]), (u16::MAX, [1, 1, 1])] {
        let page = leaf(pointer, &row);
        assert!(Node::new(&page, 0).unwrap().cell(0).is_none(), "{pointer}");
    }
}

#[test]
fn refuses_pages_of_another_kind_or_with_more_rows_than_fit() {
    assert!(Node::new(&[0; 512], 0).is_none());
    assert!(Node::new(&[], 0).is_none());
    let mut page = leaf(500, &[]);
    page[3..5].copy_from_slice(&u16::MAX.to_be_bytes());
    assert!(Node::new(&page, 0).is_none());
}
