//! The hash table of products.

use crate::index::bytes::place;

/// Where the search for a product begins, before it is cut to the table's size.
pub(super) fn hash(vendor: &str, product: &str) -> u32 {
    // FNV-1a: names are short, and the table is built here, from records that passed a parser.
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    // No UTF-8 text has this byte: `ab:c` and `a:bc` are two names.
    let separated = vendor.bytes().chain([0xff]).chain(product.bytes());
    for byte in separated {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    let [a, b, c, d, e, f, g, h] = hash.to_le_bytes();
    u32::from_le_bytes([a, b, c, d]) ^ u32::from_le_bytes([e, f, g, h])
}

/// A table at most half full, with linear probing.
pub(super) fn table<'a>(products: &[(u32, u32, u32)], text: impl Fn(u32) -> &'a str) -> Vec<u32> {
    let size = (products.len() * 2).next_power_of_two().max(2);
    let mut slots = vec![0; size];
    for (number, (vendor, product, _)) in (1..).zip(products) {
        let mut at = place(hash(text(*vendor), text(*product))) & (size - 1);
        // Ends, because the table is never full.
        while slots[at] != 0 {
            at = (at + 1) & (size - 1);
        }
        slots[at] = number;
    }
    slots
}
