//! Tables as text after RFC 4180: quoted fields may hold the separator, quotes and line ends.

use std::io::{self, BufRead};

/// Reads a table row by row.
pub(super) struct Rows<R> {
    reader: R,
    separator: u8,
    bytes_max: usize,
}

/// One row: its fields, or that it was too long to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Row {
    Fields(Vec<String>),
    TooLong,
}

impl<R: BufRead> Rows<R> {
    pub(super) const fn new(reader: R, separator: u8, bytes_max: usize) -> Self {
        Self { reader, separator, bytes_max }
    }

    /// The next row; `None` at the end. Blank lines are passed over.
    pub(super) fn next(&mut self) -> io::Result<Option<Row>> {
        let mut splitter = Splitter::new(self.separator, self.bytes_max);
        loop {
            let chunk = self.reader.fill_buf()?;
            if chunk.is_empty() {
                // The last row need not end with a line end (RFC 4180, section 2, rule 2).
                return Ok(splitter.finish());
            }
            let mut used = 0;
            let mut is_complete = false;
            for &byte in chunk {
                used += 1;
                is_complete = splitter.take(byte);
                if is_complete {
                    break;
                }
            }
            self.reader.consume(used);
            if is_complete {
                match splitter.finish() {
                    Some(row) => return Ok(Some(row)),
                    None => splitter = Splitter::new(self.separator, self.bytes_max),
                }
            }
        }
    }
}

struct Splitter {
    separator: u8,
    bytes_left: usize,
    fields: Vec<String>,
    field: Vec<u8>,
    in_quotes: bool,
    fits: bool,
}

impl Splitter {
    const fn new(separator: u8, bytes_max: usize) -> Self {
        Self {
            separator,
            bytes_left: bytes_max,
            fields: Vec::new(),
            field: Vec::new(),
            in_quotes: false,
            fits: true,
        }
    }

    /// Takes a byte in; true at the row's end.
    fn take(&mut self, byte: u8) -> bool {
        match byte {
            // A doubled quote closes and opens again; its second half is kept as the text's.
            b'"' => {
                // A quote within a field that has none around it is a fault, and is kept as the
                // text that it most probably is. After a closing quote it is the second half of a
                // doubled one.
                if !self.in_quotes && !self.field.is_empty() {
                    self.keep(byte);
                }
                self.in_quotes = !self.in_quotes;
            }
            b'\n' if !self.in_quotes => return true,
            // Only ever half of a line end outside quotes.
            b'\r' if !self.in_quotes => {}
            _ if byte == self.separator && !self.in_quotes => self.close_field(),
            _ => self.keep(byte),
        }
        false
    }

    fn keep(&mut self, byte: u8) {
        match self.bytes_left.checked_sub(1) {
            Some(left) => {
                self.bytes_left = left;
                self.field.push(byte);
            }
            // Goes on to the row's end all the same: the next row is found only there.
            None => self.fits = false,
        }
    }

    fn close_field(&mut self) {
        let field = std::mem::take(&mut self.field);
        // A separator costs too, so that a row of nothing but separators is bounded.
        self.bytes_left = self.bytes_left.saturating_sub(1);
        if self.bytes_left == 0 {
            self.fits = false;
        } else {
            self.fields.push(String::from_utf8_lossy(&field).into_owned());
        }
    }

    fn finish(&mut self) -> Option<Row> {
        if self.fits && self.fields.is_empty() && self.field.is_empty() {
            return None;
        }
        self.close_field();
        Some(if self.fits { Row::Fields(std::mem::take(&mut self.fields)) } else { Row::TooLong })
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn rows(text: &str, bytes_max: usize) -> Vec<Row> {
        let mut rows = Rows::new(BufReader::with_capacity(3, text.as_bytes()), b',', bytes_max);
        std::iter::from_fn(|| rows.next().unwrap()).collect()
    }

    fn fields(fields: &[&str]) -> Row {
        Row::Fields(fields.iter().map(|field| (*field).to_owned()).collect())
    }

    #[test]
    fn splits_rows_and_fields_of_either_line_end() {
        assert_eq!(
            rows("a,b,c\r\n\n1,,3", 100),
            [fields(&["a", "b", "c"]), fields(&["1", "", "3"])]
        );
    }

    #[test]
    fn keeps_separators_quotes_and_line_ends_within_quotes() {
        assert_eq!(rows("1,\"a, \"\"b\"\"\nc\",2\n", 100), [fields(&["1", "a, \"b\"\nc", "2"])]);
    }

    #[test]
    fn passes_over_a_row_that_is_too_long() {
        let text = format!("{}\n1,2\n{}\n", "x".repeat(50), ",".repeat(50));
        assert_eq!(rows(&text, 20), [Row::TooLong, fields(&["1", "2"]), Row::TooLong]);
    }
}
