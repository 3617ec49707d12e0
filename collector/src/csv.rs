//! Comma-separated values (RFC 4180) that no spreadsheet computes.

use std::fmt::{Display, Write as _};

/// What makes a cell a formula to a spreadsheet when it stands first (OWASP, "CSV Injection"): the signs
/// themselves, and the white space that is passed over before them.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// The first line.
pub(crate) fn names(columns: &[&str], out: &mut Vec<u8>) {
    let mut row = Row::new(out);
    for column in columns {
        row.text(column);
    }
    row.end();
}

/// A line being written.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    out: &'a mut Vec<u8>,
    is_first: bool,
}

impl<'a> Row<'a> {
    pub(crate) const fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, is_first: true }
    }

    /// A cell of text that came from anywhere.
    pub(crate) fn text(&mut self, text: &str) {
        self.divide();
        let is_formula = text.trim_start_matches(' ').starts_with(FORMULA);
        let needs_quotes = is_formula || text.contains(['"', ',', '\n', '\r', '\'']);
        if !needs_quotes {
            self.out.extend_from_slice(text.as_bytes());
            return;
        }
        self.out.push(b'"');
        if is_formula {
            // Shown as text by every spreadsheet, and taken off again by whoever reads this back.
            self.out.push(b'\'');
        }
        for byte in text.bytes() {
            if byte == b'"' {
                self.out.push(b'"');
            }
            self.out.push(byte);
        }
        self.out.push(b'"');
    }

    /// A cell of text that may be missing.
    pub(crate) fn maybe(&mut self, text: Option<&str>) {
        self.text(text.unwrap_or_default());
    }

    /// A cell that is ours: a number, an instant, an id, a word of the API.
    pub(crate) fn own(&mut self, value: impl Display) {
        self.divide();
        // Writing to a vector cannot fail.
        let _written = write!(Bytes(self.out), "{value}");
    }

    /// A cell that is ours and may be missing.
    pub(crate) fn maybe_own(&mut self, value: Option<impl Display>) {
        match value {
            Some(value) => self.own(value),
            None => self.divide(),
        }
    }

    pub(crate) fn end(self) {
        self.out.extend_from_slice(b"\r\n");
    }

    fn divide(&mut self) {
        if !self.is_first {
            self.out.push(b',');
        }
        self.is_first = false;
    }
}

struct Bytes<'a>(&'a mut Vec<u8>);

impl std::fmt::Write for Bytes<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(cells: &[&str]) -> String {
        let mut out = Vec::new();
        let mut row = Row::new(&mut out);
        for cell in cells {
            row.text(cell);
        }
        row.end();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn cells_with_signs_of_the_format_are_quoted() {
        assert_eq!(line(&["a", "", "b c"]), "a,,b c\r\n");
        assert_eq!(line(&["a,b", "say \"x\""]), "\"a,b\",\"say \"\"x\"\"\"\r\n");
        assert_eq!(line(&["two\nlines"]), "\"two\nlines\"\r\n");
    }

    #[test]
    fn no_cell_begins_like_a_formula() {
        for evil in ["=HYPERLINK(\"http://x\")", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "  =1", "\r=1"]
        {
            let line = line(&[evil]);
            assert!(line.starts_with("\"'"), "{evil:?}: {line:?}");
        }
        // Inside of a text the same signs are harmless, and a version stays as it is.
        assert_eq!(line(&["1.0-2", "a=b"]), "1.0-2,a=b\r\n");
    }

    #[test]
    fn numbers_of_ours_are_numbers() {
        let mut out = Vec::new();
        let mut row = Row::new(&mut out);
        row.own(-1);
        row.maybe_own(None::<u64>);
        row.own(2.5);
        row.end();
        assert_eq!(out, b"-1,,2.5\r\n");
    }
}
