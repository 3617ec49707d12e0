//! The tables of this crate: sorted lines of tab-separated text, compiled in and searched in place.
//!
//! They are text so that a change can be reviewed, sorted so that a look-up needs no memory and no
//! start-up, and static so that what they say can be borrowed for ever.

use std::cmp::Ordering;

/// A table: lines `key<TAB>…`, in the order of their keys, each key once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table(&'static str);

impl Table {
    pub(crate) const fn new(text: &'static str) -> Self {
        Self(text)
    }

    /// What stands behind a key.
    pub(crate) fn find(self, key: &str) -> Option<&'static str> {
        let text = self.0.as_bytes();
        let (mut low, mut high) = (0, text.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let start = line_start(text, low, middle);
            let end = line_end(text, middle, high);
            let line = self.0.get(start..end)?;
            let (found, rest) = line.split_once('\t').unwrap_or((line, ""));
            match found.as_bytes().cmp(key.as_bytes()) {
                Ordering::Equal => return Some(rest),
                // Behind the line's end. At the last line that is behind the text, and the search
                // is over.
                Ordering::Less => low = end + 1,
                Ordering::Greater => high = start,
            }
        }
        None
    }

    /// All lines, divided into key and rest.
    #[cfg(test)]
    pub(crate) fn lines(self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.0.lines().map(|line| line.split_once('\t').unwrap_or((line, "")))
    }
}

fn line_start(text: &[u8], low: usize, at: usize) -> usize {
    text[low..at].iter().rposition(|byte| *byte == b'\n').map_or(low, |found| low + found + 1)
}

fn line_end(text: &[u8], at: usize, high: usize) -> usize {
    text[at..high].iter().position(|byte| *byte == b'\n').map_or(high, |found| at + found)
}

/// Divides `vendor:product` at the first colon that stands between a vendor and a product.
pub(crate) fn split_pair(pair: &'static str) -> Option<(&'static str, &'static str)> {
    pair.split_once(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: Table = Table::new("a\t1\nb b\t2\t3\nc\nd/e\t\n");

    #[test]
    fn finds_first_middle_and_last_lines() {
        assert_eq!(TABLE.find("a"), Some("1"));
        assert_eq!(TABLE.find("b b"), Some("2\t3"));
        assert_eq!(TABLE.find("c"), Some(""));
        assert_eq!(TABLE.find("d/e"), Some(""));
    }

    #[test]
    fn finds_nothing_beside_the_keys() {
        for key in ["", "0", "aa", "b", "b c", "z", "d", "é"] {
            assert_eq!(TABLE.find(key), None, "{key}");
        }
        assert_eq!(Table::new("").find("a"), None);
    }

    #[test]
    fn finds_every_line_of_a_table_without_a_last_line_feed() {
        let table = Table::new("alpha\t1\nbeta\t2\ngamma\t3");
        for (key, rest) in table.lines() {
            assert_eq!(table.find(key), Some(rest));
        }
    }
}
