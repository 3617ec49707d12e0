//! Texts out of a property list, which applications and installers keep as XML or in a binary form.
//!
//! Only the values at a few paths are wanted, so nothing is built: the path is followed, and what is
//! beside it is passed over. Neither form can make that deeper than the path or longer than the file.

mod binary;
mod xml;

/// Bytes of a property list.
pub(super) const BYTES_MAX: u64 = 8 * 1024 * 1024;

/// The texts at these paths, empty where there is none; `None` for what is no property list.
///
/// A path is a key, or keys of dictionaries in each other with `/` between them. Numbers are given as
/// they would be written.
pub(super) fn texts<const N: usize>(bytes: &[u8], paths: [&str; N]) -> Option<[String; N]> {
    if bytes.starts_with(b"bplist00") {
        return binary::texts(bytes, paths);
    }
    xml::texts(bytes, paths)
}

#[cfg(test)]
mod tests;
