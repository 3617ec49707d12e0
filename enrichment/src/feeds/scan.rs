//! Cuts JSON into records without holding more than one: the elements of a document's
//! `vulnerabilities` or of a document that is a list, or whole documents.
//!
//! It only follows quotes and brackets; whether a record is right JSON is for its parser to say,
//! so that one bad record does not end the file.

use std::io::{self, BufRead};

/// The member whose elements are records, in NVD's files and in CISA's alike.
const LIST: &[u8] = b"vulnerabilities";
/// Bytes of a member's name that are kept.
const KEY_BYTES_MAX: usize = 256;

/// What was cut out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// An element of the list.
    Element,
    /// A document that has no list.
    Document,
    /// A record that is too long; it was passed over.
    TooLong,
}

/// Reads documents that follow one another.
pub(super) struct Scanner<R> {
    reader: R,
    /// The longest record that is kept.
    bytes_max: usize,
    /// Whether lists within documents are gone into.
    enters_lists: bool,
    place: Place,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before a document.
    Between,
    /// Among the members of a document, which has a list or not.
    Members { has_list: bool },
    /// Within the list; bare, where it is a document of its own.
    List { is_bare: bool },
}

impl<R: BufRead> Scanner<R> {
    pub(super) const fn new(reader: R, bytes_max: usize) -> Self {
        Self { reader, bytes_max, enters_lists: true, place: Place::Between }
    }

    /// A scanner for documents that are records as a whole.
    pub(super) fn whole(reader: R, bytes_max: usize) -> Self {
        Self { enters_lists: false, ..Self::new(reader, bytes_max) }
    }

    /// The next record, put into `record` as it stands; `None` at the end.
    ///
    /// Fails where the stream fails, ends within a document, or is no JSON.
    pub(super) fn next(&mut self, record: &mut Vec<u8>) -> io::Result<Option<Item>> {
        record.clear();
        let mut fits = true;
        loop {
            let Some(byte) = self.peek()? else {
                return match self.place {
                    Place::Between => Ok(None),
                    Place::Members { .. } | Place::List { .. } => Err(cut()),
                };
            };
            match (self.place, byte) {
                (Place::Between, b'{') => {
                    self.reader.consume(1);
                    self.place = Place::Members { has_list: false };
                }
                (Place::Between, b'[') => {
                    self.reader.consume(1);
                    self.place = Place::List { is_bare: true };
                }
                (Place::Members { has_list }, b'}') => {
                    self.reader.consume(1);
                    self.place = Place::Between;
                    // A document with a list is its envelope, whose elements were the records.
                    if !has_list {
                        return Ok(Some(close(record, fits)));
                    }
                }
                // Whether commas stand where they should is for the record's parser; between records
                // one more or less does no harm.
                (Place::Members { .. } | Place::List { .. }, b',') => self.reader.consume(1),
                (Place::Members { has_list }, b'"') => {
                    fits &= self.member(has_list, record)?;
                }
                (Place::List { is_bare: true }, b']') => {
                    self.reader.consume(1);
                    self.place = Place::Between;
                }
                (Place::List { is_bare: false }, b']') => {
                    self.reader.consume(1);
                    record.clear();
                    fits = true;
                    self.place = Place::Members { has_list: true };
                }
                (Place::List { .. }, b'{') => {
                    record.clear();
                    let fits = self.value(record)?;
                    return Ok(Some(if fits { Item::Element } else { Item::TooLong }));
                }
                _ => return Err(unexpected(byte)),
            }
        }
    }

    /// One member: its list is entered, anything else is added to the document's record.
    fn member(&mut self, has_list: bool, record: &mut Vec<u8>) -> io::Result<bool> {
        let mut key = Vec::new();
        // A key of megabytes would else be kept beside the record that it belongs to.
        let limit = std::mem::replace(&mut self.bytes_max, KEY_BYTES_MAX);
        let key_fits = self.value(&mut key);
        self.bytes_max = limit;
        let key_fits = key_fits?;
        match self.peek()?.ok_or_else(cut)? {
            b':' => self.reader.consume(1),
            byte => return Err(unexpected(byte)),
        }
        let first = self.peek()?.ok_or_else(cut)?;
        let is_list = self.enters_lists
            && first == b'['
            // Between its quotes, as it stands: an escape in the name makes it another one here,
            // and no publisher writes one.
            && key.get(1..key.len().saturating_sub(1)) == Some(LIST);
        if is_list {
            self.reader.consume(1);
            self.place = Place::List { is_bare: false };
            return Ok(true);
        }
        // The envelope of a list is read past: its records say all that is used.
        if has_list {
            return self.value(&mut Vec::new());
        }
        record.push(if record.is_empty() { b'{' } else { b',' });
        record.append(&mut key);
        record.push(b':');
        Ok(self.value(record)? && key_fits)
    }

    /// Copies one value; past the limit it is only passed over, and the answer is false.
    fn value(&mut self, record: &mut Vec<u8>) -> io::Result<bool> {
        let mut cutter = Cutter::default();
        let mut fits = true;
        loop {
            let chunk = self.reader.fill_buf()?;
            if chunk.is_empty() {
                return if cutter.may_end() { Ok(fits) } else { Err(cut()) };
            }
            let (length, is_complete) = cutter.cut(chunk);
            fits = fits && record.len() + length <= self.bytes_max;
            if fits {
                record.extend_from_slice(&chunk[..length]);
            } else {
                // Gives the memory back at once, not at the next record.
                *record = Vec::new();
            }
            self.reader.consume(length);
            if is_complete {
                return Ok(fits);
            }
        }
    }

    /// The next byte that is not white space, left in place.
    fn peek(&mut self) -> io::Result<Option<u8>> {
        loop {
            let chunk = self.reader.fill_buf()?;
            let Some(&first) = chunk.first() else {
                return Ok(None);
            };
            let space = chunk.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            if space == 0 {
                return Ok(Some(first));
            }
            self.reader.consume(space);
        }
    }
}

/// Puts the end to a document's record.
fn close(record: &mut Vec<u8>, fits: bool) -> Item {
    if record.is_empty() {
        record.push(b'{');
    }
    record.push(b'}');
    if fits { Item::Document } else { Item::TooLong }
}

fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "it ends within a document")
}

fn unexpected(byte: u8) -> io::Error {
    let shown = char::from(byte).escape_default();
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("`{shown}` stands where JSON does not allow it"),
    )
}

/// Follows one value through chunks.
#[derive(Default)]
struct Cutter {
    depth: u32,
    in_string: bool,
    is_escaped: bool,
    is_scalar: bool,
}

impl Cutter {
    /// How much of the chunk belongs to the value, and whether the value ends there.
    fn cut(&mut self, chunk: &[u8]) -> (usize, bool) {
        for (at, &byte) in chunk.iter().enumerate() {
            if self.in_string {
                match byte {
                    _ if self.is_escaped => self.is_escaped = false,
                    b'\\' => self.is_escaped = true,
                    b'"' => {
                        self.in_string = false;
                        if self.depth == 0 {
                            return (at + 1, true);
                        }
                    }
                    _ => {}
                }
                continue;
            }
            match byte {
                // A number or a word ends where its surroundings go on.
                b',' | b'}' | b']' if self.depth == 0 => return (at, true),
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth = self.depth.saturating_add(1),
                b'}' | b']' => {
                    // Not below zero: at depth 0 the bracket was taken for the end above.
                    self.depth -= 1;
                    if self.depth == 0 {
                        return (at + 1, true);
                    }
                }
                _ => self.is_scalar |= self.depth == 0 && !byte.is_ascii_whitespace(),
            }
        }
        (chunk.len(), false)
    }

    /// Whether the stream may end here: only a number or a word needs no end of its own.
    const fn may_end(&self) -> bool {
        self.is_scalar && self.depth == 0 && !self.in_string
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    /// Cuts a text that comes in chunks of so many bytes.
    fn cuts(text: &str, chunk: usize, bytes_max: usize) -> (Vec<(Item, String)>, Option<String>) {
        let reader = BufReader::with_capacity(chunk, text.as_bytes());
        let mut scanner = Scanner::new(reader, bytes_max);
        let mut record = Vec::new();
        let mut items = Vec::new();
        loop {
            match scanner.next(&mut record) {
                Ok(Some(item)) => items.push((item, String::from_utf8(record.clone()).unwrap())),
                Ok(None) => return (items, None),
                Err(error) => return (items, Some(error.to_string())),
            }
        }
    }

    fn items(text: &str) -> Vec<(Item, String)> {
        let (items, error) = cuts(text, 64, 1000);
        assert_eq!(error, None, "{text}");
        items
    }

    #[test]
    fn cuts_the_elements_of_the_list_whatever_stands_around_it() {
        let text = r#" {"format": "x", "n": 1, "vulnerabilities": [ {"a": "}]"}, {"b": [1, {"c": "\"]"}]} ], "z": {"q": []} } "#;
        let expected = vec![
            (Item::Element, r#"{"a": "}]"}"#.to_owned()),
            (Item::Element, r#"{"b": [1, {"c": "\"]"}]}"#.to_owned()),
        ];
        assert_eq!(items(text), expected);
        for chunk in 1..text.len() {
            assert_eq!(cuts(text, chunk, 1000).0, expected, "chunks of {chunk}");
        }
    }

    #[test]
    fn gives_documents_without_a_list_whole() {
        let text = "{\"cve\": {\"id\": \"A\"}, \"n\": 12 }\n{}\n{\"vulnerabilities\": \"none\"}";
        assert_eq!(
            items(text),
            [
                (Item::Document, r#"{"cve":{"id": "A"},"n":12 }"#.to_owned()),
                (Item::Document, "{}".to_owned()),
                (Item::Document, r#"{"vulnerabilities":"none"}"#.to_owned()),
            ]
        );
    }

    #[test]
    fn cuts_the_elements_of_a_document_that_is_a_list() {
        let text = "[{\"a\": 1}, {\"vulnerabilities\": [{\"b\": 2}]}]\n[]{\"c\": 3}";
        let expected = [
            (Item::Element, r#"{"a": 1}"#.to_owned()),
            (Item::Element, r#"{"vulnerabilities": [{"b": 2}]}"#.to_owned()),
            (Item::Document, r#"{"c":3}"#.to_owned()),
        ];
        for chunk in 1..text.len() {
            assert_eq!(cuts(text, chunk, 1000), (expected.to_vec(), None), "{chunk}");
        }
        let (items, error) = cuts(r#"[{"a": 1},"#, 64, 1000);
        assert_eq!((items.len(), error.is_some()), (1, true), "the list has no end");
    }

    #[test]
    fn gives_documents_whole_where_it_is_told_to() {
        let text = r#"{"vulnerabilities": [{"cve": "A"}], "n": 1} {"document": {}}"#;
        let mut scanner = Scanner::whole(text.as_bytes(), 1000);
        let mut record = Vec::new();
        assert_eq!(scanner.next(&mut record).unwrap(), Some(Item::Document));
        assert_eq!(record, br#"{"vulnerabilities":[{"cve": "A"}],"n":1}"#);
        assert_eq!(scanner.next(&mut record).unwrap(), Some(Item::Document));
        assert_eq!(scanner.next(&mut record).unwrap(), None);
    }

    #[test]
    fn passes_over_a_record_that_is_too_long_and_goes_on() {
        let long = "x".repeat(100);
        let text = format!(r#"{{"vulnerabilities":[{{"a":"{long}"}},{{"b":1}}]}}"#);
        let (items, error) = cuts(&text, 7, 50);
        assert_eq!(error, None);
        assert_eq!(items[0].0, Item::TooLong);
        assert_eq!(items[1], (Item::Element, r#"{"b":1}"#.to_owned()));
    }

    #[test]
    fn gives_what_stands_before_a_cut_and_says_that_it_is_cut() {
        let text = r#"{"vulnerabilities":[{"a":1},{"b":2}]}"#;
        for end in 1..text.len() {
            let (items, error) = cuts(&text[..end], 64, 1000);
            assert!(error.is_some_and(|error| error.contains("ends within")));
            let complete = usize::from(end >= 27) + usize::from(end >= 35);
            assert_eq!(items.len(), complete, "cut after {end}");
        }
    }

    #[test]
    fn refuses_what_is_no_json() {
        for text in ["[1]", "{]}", "{\"a\" 1}", "{\"vulnerabilities\":[1]}", "x"] {
            assert!(cuts(text, 64, 1000).1.is_some(), "{text}");
        }
    }
}
