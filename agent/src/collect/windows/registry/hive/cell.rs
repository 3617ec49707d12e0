//! Cells of a hive: keys, lists of keys and values, taken apart.
//!
//! Pure: bytes in, offsets and names out, `None` for whatever is no such cell.

/// A key's or a value's name.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named {
    bytes: Vec<u8>,
    /// One byte a character, or two.
    is_narrow: bool,
}

/// A key.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) name: Named,
    /// Where the list of keys below it is.
    pub(super) keys: Option<u32>,
    /// Where the list of its values is, and how many it has.
    pub(super) values: Option<(u32, usize)>,
}

/// A list that a key names.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum List {
    /// Offsets of keys.
    Keys(Vec<u32>),
    /// Offsets of lists of keys.
    Lists(Vec<u32>),
}

/// A value.
#[derive(Debug)]
pub(super) struct Value {
    pub(super) name: Named,
    pub(super) kind: u32,
    pub(super) bytes: usize,
    pub(super) offset: u32,
    /// The data, when it is short enough to stand here.
    pub(super) inline: Option<Vec<u8>>,
}

/// `REG_SZ` and `REG_EXPAND_SZ`.
pub(super) const fn is_text(kind: u32) -> bool {
    matches!(kind, 1 | 2)
}

/// `REG_DWORD` and `REG_QWORD`.
pub(super) const fn is_number(kind: u32) -> bool {
    matches!(kind, 4 | 11)
}

impl Node {
    pub(super) fn parse(cell: &[u8]) -> Option<Self> {
        if !cell.starts_with(b"nk") {
            return None;
        }
        let is_narrow = u16_at(cell, 2)? & 0x20 != 0;
        let name_bytes = usize::from(u16_at(cell, 72)?);
        let bytes = cell.get(76..76 + name_bytes)?.to_vec();
        let keys = u32_at(cell, 28)?;
        let values = usize::try_from(u32_at(cell, 36)?).ok()?;
        Some(Self {
            name: Named { bytes, is_narrow },
            keys: (u32_at(cell, 20)? > 0).then_some(keys),
            values: (values > 0).then_some((u32_at(cell, 40)?, values)),
        })
    }
}

impl List {
    pub(super) fn parse(cell: &[u8]) -> Option<Self> {
        let count = usize::from(u16_at(cell, 2)?);
        let entries = cell.get(4..)?;
        // With a hash of the name behind every offset, or without.
        let step = match cell.get(..2)? {
            b"lf" | b"lh" => 8,
            b"li" | b"ri" => 4,
            _ => return None,
        };
        let offsets = entries.get(..count * step)?.chunks_exact(step);
        let offsets = offsets.filter_map(|entry| u32_at(entry, 0)).collect();
        Some(if cell.starts_with(b"ri") { Self::Lists(offsets) } else { Self::Keys(offsets) })
    }
}

impl Value {
    pub(super) fn parse(cell: &[u8]) -> Option<Self> {
        /// Says that the data stands in place of its offset.
        const INLINE: u32 = 0x8000_0000;

        if !cell.starts_with(b"vk") {
            return None;
        }
        let name_bytes = usize::from(u16_at(cell, 2)?);
        let size = u32_at(cell, 4)?;
        let bytes = usize::try_from(size & !INLINE).ok()?;
        let is_narrow = u16_at(cell, 16)? & 1 != 0;
        Some(Self {
            name: Named { bytes: cell.get(20..20 + name_bytes)?.to_vec(), is_narrow },
            kind: u32_at(cell, 12)?,
            bytes,
            offset: u32_at(cell, 8)?,
            inline: (size & INLINE != 0).then(|| cell[8..8 + bytes.min(4)].to_vec()),
        })
    }
}

impl Named {
    /// Whether it is this name, which Windows compares without regard to case.
    pub(super) fn is(&self, name: &str) -> bool {
        if self.is_narrow && self.bytes.is_ascii() {
            return self.bytes.eq_ignore_ascii_case(name.as_bytes());
        }
        self.to_text().to_lowercase() == name.to_lowercase()
    }

    pub(super) fn to_text(&self) -> String {
        if self.is_narrow {
            // Latin-1, whose characters are the first of Unicode.
            return self.bytes.iter().map(|byte| char::from(*byte)).collect();
        }
        wide(&self.bytes)
    }
}

/// A text value's text: as far as its first zero.
pub(in crate::collect::windows) fn text_of(bytes: &[u8]) -> String {
    let mut text = wide(bytes);
    if let Some(end) = text.find('\0') {
        text.truncate(end);
    }
    text
}

fn wide(bytes: &[u8]) -> String {
    let units = bytes.as_chunks().0.iter().copied().map(u16::from_le_bytes);
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at + 2)?.try_into().ok()?;
    Some(u16::from_le_bytes(bytes))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(u32::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn named(bytes: &[u8], is_narrow: bool) -> Named {
        Named { bytes: bytes.to_vec(), is_narrow }
    }

    #[test]
    fn names_are_the_same_in_any_case_and_either_width() {
        assert!(named(b"DisplayName", true).is("displayname"));
        assert!(named(b"D\0i\0", false).is("di"));
        assert!(named(b"Caf\xe9", true).is("CAFÉ"));
        assert!(!named(b"DisplayName", true).is("Display"));
    }

    #[test]
    fn a_text_ends_at_its_first_zero_or_with_its_bytes() {
        assert_eq!(text_of(b"a\0b\0\0\0c\0"), "ab");
        assert_eq!(text_of(b"a\0b\0"), "ab");
        assert_eq!(text_of(b"a\0b"), "a");
        assert_eq!(text_of(b"\x00\xd8a\0"), "\u{fffd}a");
        assert_eq!(text_of(b""), "");
    }

    #[test]
    fn a_list_that_says_more_than_it_holds_is_none() {
        assert_eq!(List::parse(b"lh\x02\0\x10\0\0\0hash"), None);
        assert_eq!(List::parse(b"lh\x01\0\x10\0\0\0hash"), Some(List::Keys(vec![16])));
        assert_eq!(List::parse(b"ri\x01\0\x10\0\0\0"), Some(List::Lists(vec![16])));
    }

    proptest! {
        #[test]
        fn whatever_is_in_a_cell_can_be_looked_at(mut cell: Vec<u8>, kind in 0_usize..6) {
            let kinds = [b"nk", b"vk", b"lf", b"lh", b"li", b"ri"];
            cell.splice(..0, *kinds[kind]);
            let node = Node::parse(&cell).map(|node| node.name.to_text().len());
            let value = Value::parse(&cell).map(|value| value.name.to_text().len());
            let list = List::parse(&cell).is_some();
            prop_assert!(usize::from(node.is_some()) + usize::from(value.is_some()) + usize::from(list) <= 1);
        }
    }
}
