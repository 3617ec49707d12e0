//! Which certificate authorities an agent trusts, in a number: both sides compare it instead of sending
//! certificates with every connection.

use sha2::{Digest as _, Sha256};

/// The number of a set of authorities' certificates (DER), whatever their order: the first eight bytes of the
/// SHA-256 of their SHA-256s in order.
pub fn number<'a, I: IntoIterator<Item = &'a [u8]>>(certificates: I) -> u64 {
    let mut hashes: Vec<[u8; 32]> =
        certificates.into_iter().map(|der| Sha256::digest(der).into()).collect();
    hashes.sort_unstable();
    hashes.dedup();
    let [a, b, c, d, e, f, g, h, ..]: [u8; 32] = Sha256::digest(hashes.concat()).into();
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_one_number_in_any_order_and_another_set_another() {
        let of = |set: &[&[u8]]| number(set.iter().copied());
        assert_eq!(of(&[b"old", b"new"]), of(&[b"new", b"old", b"new"]));
        assert_ne!(of(&[b"old", b"new"]), of(&[b"new"]));
        assert_ne!(of(&[b"oldnew"]), of(&[b"old", b"new"]));
        // Agents in the field compute it as well: it may never change.
        assert_eq!(of(&[b"old", b"new"]), 0xf4c1_29f2_16a2_4482);
    }
}
