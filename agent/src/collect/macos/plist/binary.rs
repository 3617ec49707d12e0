//! Property lists in the binary form.
//!
//! A table of objects that name each other by number. Only the dictionaries on a path are opened, so a
//! list whose objects hold themselves is no deeper than the path.
//!
//! Format: `CFBinaryPList.c` of Apple's Core Foundation.

/// Bytes of the trailer, the file's last.
const TRAILER_BYTES: usize = 32;
/// Entries of one dictionary that are looked through.
const ENTRIES_MAX: usize = 100_000;

/// Kinds of objects, which the upper half of an object's first byte tells.
const INTEGER: u8 = 0x1;
const ASCII: u8 = 0x5;
const UTF16: u8 = 0x6;
const UTF8: u8 = 0x7;
const DICTIONARY: u8 = 0xd;

/// A list, ready to be asked.
#[derive(Clone, Copy, Debug)]
struct List<'a> {
    bytes: &'a [u8],
    offset_bytes: usize,
    reference_bytes: usize,
    count: usize,
    table: usize,
}

/// An object: its kind, its count, and what is in the file from its content on.
type Object<'a> = (u8, usize, &'a [u8]);

/// See [`super::texts`].
pub(super) fn texts<const N: usize>(bytes: &[u8], paths: [&str; N]) -> Option<[String; N]> {
    let (list, top) = List::open(bytes)?;
    // What is no dictionary is no list that anybody asks by keys.
    list.dictionary(top)?;
    Some(paths.map(|path| list.follow(top, path).unwrap_or_default()))
}

impl<'a> List<'a> {
    fn open(bytes: &'a [u8]) -> Option<(Self, usize)> {
        let trailer = bytes.get(bytes.len().checked_sub(TRAILER_BYTES)?..)?;
        let list = Self {
            bytes,
            offset_bytes: trailer[6].into(),
            reference_bytes: trailer[7].into(),
            count: position(&trailer[8..16])?,
            table: position(&trailer[24..32])?,
        };
        // References of no bytes would make `chunks_exact` panic, and no list has more objects than
        // bytes.
        let is_sound = (1..=8).contains(&list.offset_bytes)
            && (1..=8).contains(&list.reference_bytes)
            && list.count <= bytes.len();
        let top = position(&trailer[16..24])?;
        is_sound.then_some((list, top))
    }

    /// The text at a path of keys.
    fn follow(&self, top: usize, path: &str) -> Option<String> {
        let mut object = top;
        for key in path.split('/') {
            let (keys, values) = self.dictionary(object)?;
            let is_key = |reference| {
                let object = position(reference)?;
                self.text(object).filter(|text| text == key)
            };
            let at = keys
                .chunks_exact(self.reference_bytes)
                .take(ENTRIES_MAX)
                .position(|reference| is_key(reference).is_some())?;
            object = position(values.chunks_exact(self.reference_bytes).nth(at)?)?;
        }
        self.text(object)
    }

    /// The references of a dictionary's keys and of its values.
    fn dictionary(&self, object: usize) -> Option<(&'a [u8], &'a [u8])> {
        let (DICTIONARY, count, content) = self.object(object)? else {
            return None;
        };
        let bytes = count.checked_mul(self.reference_bytes)?;
        let references = content.get(..bytes.checked_mul(2)?)?;
        Some(references.split_at(bytes))
    }

    /// A text, or a number as it would be written.
    fn text(&self, object: usize) -> Option<String> {
        let (kind, count, content) = self.object(object)?;
        match kind {
            // The count is a power of two here, bounded so that the shift stays small.
            INTEGER => Some(number(content.get(..1 << count.min(4))?)?.to_string()),
            ASCII | UTF8 => Some(String::from_utf8_lossy(content.get(..count)?).into_owned()),
            UTF16 => {
                let units = content.get(..count.checked_mul(2)?)?.as_chunks().0;
                let units = units.iter().copied().map(u16::from_be_bytes);
                let text = char::decode_utf16(units);
                Some(text.map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
            }
            _ => None,
        }
    }

    fn object(&self, object: usize) -> Option<Object<'a>> {
        if object >= self.count {
            return None;
        }
        let at = object.checked_mul(self.offset_bytes)?.checked_add(self.table)?;
        let offset = position(self.bytes.get(at..at.checked_add(self.offset_bytes)?)?)?;
        let (marker, content) = self.bytes.get(offset..)?.split_first()?;
        let (kind, count) = (marker >> 4, marker & 0xf);
        if count != 0xf || kind == INTEGER {
            return Some((kind, count.into(), content));
        }
        // A count that does not fit is a number of its own, which comes first.
        let (marker, content) = content.split_first()?;
        if marker >> 4 != INTEGER {
            return None;
        }
        let (count, content) = content.split_at_checked(1 << (marker & 0xf).min(4))?;
        Some((kind, position(count)?, content))
    }
}

/// A number as a position or a count.
fn position(bytes: &[u8]) -> Option<usize> {
    usize::try_from(number(bytes)?).ok()
}

/// A big-endian number of up to eight bytes.
fn number(bytes: &[u8]) -> Option<u64> {
    if bytes.len() > 8 {
        return None;
    }
    Some(bytes.iter().fold(0, |n, byte| n << 8 | u64::from(*byte)))
}
