//! One row in the text format of COPY (PostgreSQL's manual, `COPY`, "Text Format").

use std::fmt::Display;
use std::io::{self, Write};

/// A row as it grows.
#[derive(Debug, Default)]
pub(super) struct Row(String);

impl Row {
    pub(super) const fn new() -> Self {
        Self(String::new())
    }

    pub(super) fn number(self, number: u64) -> Self {
        self.plain(number)
    }

    pub(super) fn signed(self, number: i64) -> Self {
        self.plain(number)
    }

    pub(super) fn uuid(self, uuid: uuid::Uuid) -> Self {
        self.plain(uuid)
    }

    pub(super) fn text(mut self, text: &str) -> Self {
        self.separate();
        escape(text, &mut self.0);
        self
    }

    /// NULL where there is none.
    pub(super) fn optional(mut self, text: Option<&str>) -> Self {
        if let Some(text) = text {
            return self.text(text);
        }
        self.separate();
        self.0.push_str("\\N");
        self
    }

    /// A `text[]`.
    pub(super) fn list(mut self, texts: &[String]) -> Self {
        // Quoted always: a bare NULL, a comma or a brace within would mean something (PostgreSQL's
        // manual, 8.15.6).
        let quoted: Vec<String> = texts
            .iter()
            .map(|text| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
            .collect();
        self.separate();
        escape(&format!("{{{}}}", quoted.join(",")), &mut self.0);
        self
    }

    /// Writes the row.
    pub(super) fn end(mut self, out: &mut impl Write) -> io::Result<()> {
        self.0.push('\n');
        out.write_all(self.0.as_bytes())
    }

    /// What needs no escape.
    fn plain(mut self, value: impl Display) -> Self {
        self.separate();
        self.0.push_str(&value.to_string());
        self
    }

    fn separate(&mut self) {
        // The first field of every table is a number, and so never empty.
        if !self.0.is_empty() {
            self.0.push('\t');
        }
    }
}

fn escape(text: &str, row: &mut String) {
    for c in text.chars() {
        match c {
            '\\' => row.push_str("\\\\"),
            '\t' => row.push_str("\\t"),
            '\n' => row.push_str("\\n"),
            '\r' => row.push_str("\\r"),
            // No other character ends a field or a row.
            c => row.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(row: Row) -> String {
        let mut out = Vec::new();
        row.end(&mut out).expect("a row in memory");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn fields_stand_between_tabs_and_what_would_end_one_is_escaped() {
        let row = Row::new().number(1).text("a\tb\\c\n").text("").signed(-5);
        assert_eq!(written(row), "1\ta\\tb\\\\c\\n\t\t-5\n");
    }

    #[test]
    fn nothing_is_not_the_empty_text() {
        let row = Row::new().number(1).optional(None).optional(Some(""));
        assert_eq!(written(row), "1\t\\N\t\n");
    }

    #[test]
    fn a_list_is_quoted_for_the_array_and_escaped_for_the_row() {
        let cpe = "cpe:2.3:a:x\\:y:\"z\"".to_owned();
        let row = Row::new().number(1).list(&[cpe, "b,c".to_owned()]);
        let expected = "1\t{\"cpe:2.3:a:x\\\\\\\\:y:\\\\\"z\\\\\"\",\"b,c\"}\n";
        assert_eq!(written(row), expected);
        assert_eq!(written(Row::new().number(1).list(&[])), "1\t{}\n");
    }
}
