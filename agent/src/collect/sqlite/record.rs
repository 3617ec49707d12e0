//! Records: the columns of one row.
//!
//! Pure, like [`super::btree`]. A record may go on in overflow pages; what is asked for here is where
//! in the payload a column is, and its bytes only as far as they are on the row's own page.
//!
//! Format: section 2.1 of "Database File Format" of `SQLite`'s documentation.

/// What a column holds.
#[cfg(any(target_os = "macos", test, feature = "test-support"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::collect) enum Value<'a> {
    /// NULL, or a kind that nothing here asks for.
    Nothing,
    /// An integer.
    Number(i64),
    /// A text or a blob.
    Bytes(&'a [u8]),
}

/// The columns of a record (2.1), as far as they are in the bytes that are there.
pub(in crate::collect) struct Columns<'a> {
    record: &'a [u8],
    types: &'a [u8],
    at: usize,
}

impl<'a> Columns<'a> {
    pub(in crate::collect) fn new(record: &'a [u8]) -> Option<Self> {
        let mut rest = record;
        let header_bytes = usize::try_from(varint(&mut rest)?).ok()?;
        let types_at = record.len() - rest.len();
        Some(Self { record, types: record.get(types_at..header_bytes)?, at: header_bytes })
    }

    /// Where in the payload the next column is.
    fn next_position(&mut self) -> Option<std::ops::Range<usize>> {
        let kind = varint(&mut self.types)?;
        self.place(kind)
    }

    /// What the next column holds; `None` behind the last one, and where the record is cut.
    #[cfg(any(target_os = "macos", test, feature = "test-support"))]
    pub(in crate::collect) fn next_value(&mut self) -> Option<Value<'a>> {
        let kind = varint(&mut self.types)?;
        let position = self.place(kind)?;
        let bytes = self.record.get(position)?;
        Some(match kind {
            1..=6 => Value::Number(signed(bytes)),
            8 => Value::Number(0),
            9 => Value::Number(1),
            12.. => Value::Bytes(bytes),
            _ => Value::Nothing,
        })
    }

    /// Where in the payload a column of a kind is that begins here.
    fn place(&mut self, kind: u64) -> Option<std::ops::Range<usize>> {
        let bytes = match kind {
            // NULL and integers of one to four bytes.
            kind @ 0..=4 => kind,
            // Integers of six and of eight bytes, and a float.
            5 => 6,
            6 | 7 => 8,
            // The numbers 0 and 1, which take no bytes, and two kinds that no file has.
            8..=11 => 0,
            // Blobs and texts by turns, which is why the length is half of it.
            kind => (kind - 12) / 2,
        };
        let begin = self.at;
        self.at = begin.checked_add(usize::try_from(bytes).ok()?)?;
        Some(begin..self.at)
    }

    /// Where in the payload a column is, by its number from 0.
    pub(in crate::collect) fn position_of(
        mut self,
        number: usize,
    ) -> Option<std::ops::Range<usize>> {
        for _ in 0..number {
            self.next_position()?;
        }
        self.next_position()
    }
}

impl<'a> Iterator for Columns<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let position = self.next_position()?;
        self.record.get(position)
    }
}

/// An integer as columns have it: of up to eight bytes, the largest first, in two's complement.
#[cfg(any(target_os = "macos", test, feature = "test-support"))]
fn signed(bytes: &[u8]) -> i64 {
    let is_negative = bytes.first().is_some_and(|first| first & 0x80 != 0);
    let begin = if is_negative { -1 } else { 0 };
    bytes.iter().fold(begin, |number, byte| number << 8 | i64::from(*byte))
}

/// A number of up to nine bytes (1.6), seven bits each and eight in the ninth.
pub(super) fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for count in 1..=9 {
        let (byte, left) = rest.split_first()?;
        *rest = left;
        if count == 9 {
            return Some(number << 8 | u64::from(*byte));
        }
        number = number << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(mut bytes: &[u8]) -> Option<(u64, usize)> {
        let number = varint(&mut bytes)?;
        Some((number, bytes.len()))
    }

    #[test]
    fn reads_numbers_of_one_to_nine_bytes() {
        assert_eq!(number(&[0x7f, 1]), Some((127, 1)));
        assert_eq!(number(&[0x81, 0]), Some((128, 0)));
        assert_eq!(number(&[0xff; 9]), Some((u64::MAX, 0)));
        assert_eq!(number(&[0xff; 8]), None);
        assert_eq!(number(&[]), None);
    }

    #[test]
    fn finds_columns_and_the_extent_of_one_that_goes_on_elsewhere() {
        // A header of five bytes: NULL, a number of one byte, a blob of 100 bytes, text of two.
        let record = [6, 0, 1, 0x81, 0x54, 17, 42, b'x', b'y'];
        let columns = || Columns::new(&record).unwrap();
        assert_eq!(columns().next(), Some([].as_slice()));
        assert_eq!(columns().nth(1), Some([42].as_slice()));
        assert_eq!(columns().position_of(2), Some(7..107));
        assert_eq!(columns().position_of(4), None);
    }

    #[test]
    fn reads_what_each_kind_of_column_holds() {
        // NULL, 0, 1, -2 in a byte, -2 in three, 258, a float, a text, and one that is cut.
        let record = [
            &[10, 0, 8, 9, 1, 3, 2, 7, 17, 21][..],
            &[0xfe, 0xff, 0xff, 0xfe, 1, 2],
            &[0; 8],
            b"ab",
            b"cut",
        ];
        let record = record.concat();
        let mut columns = Columns::new(&record).unwrap();
        let values: Vec<_> = std::iter::from_fn(|| columns.next_value()).collect();
        assert_eq!(
            values,
            [
                Value::Nothing,
                Value::Number(0),
                Value::Number(1),
                Value::Number(-2),
                Value::Number(-2),
                Value::Number(258),
                Value::Nothing,
                Value::Bytes(b"ab"),
            ]
        );
    }

    #[test]
    fn refuses_a_header_that_is_not_there() {
        assert!(Columns::new(&[]).is_none());
        assert!(Columns::new(&[9, 1]).is_none());
        assert!(Columns::new(&[0, 1]).is_none());
    }

    #[test]
    fn refuses_a_column_longer_than_anything() {
        let mut record = vec![11, 0];
        record.extend([0xff; 9]);
        record.push(0xff);
        assert!(Columns::new(&record).unwrap().position_of(2).is_none());
    }
}
