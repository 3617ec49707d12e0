//! Stanzas of `Key: value` lines, parted by empty lines: dpkg, apk, apt and Python keep their
//! metadata like this.
//!
//! Only the asked-for keys are kept, in buffers that are used again for the next stanza. Lines that
//! continue a value are passed over: no value that a record needs has more than one.

use std::io::BufRead;

use super::defects::ReadError;
use super::lines::Lines;

/// The values of `N` keys in the stanza that was read last.
#[derive(Debug)]
pub(crate) struct Stanza<const N: usize> {
    keys: [&'static str; N],
    values: [Vec<u8>; N],
}

impl<const N: usize> Stanza<N> {
    /// A stanza of these keys, whose case counts.
    pub(crate) fn new(keys: [&'static str; N]) -> Self {
        Self { keys, values: std::array::from_fn(|_| Vec::new()) }
    }

    /// Reads the next stanza; `false` when there is none.
    pub(crate) fn read<R: BufRead>(&mut self, lines: &mut Lines<R>) -> Result<bool, ReadError> {
        // Cleared and not made anew: ten thousand stanzas share eight buffers.
        self.values.iter_mut().for_each(Vec::clear);
        let mut is_begun = false;
        while let Some(line) = lines.next()? {
            if line.trim_ascii().is_empty() {
                if is_begun {
                    return Ok(true);
                }
                continue;
            }
            is_begun = true;
            self.take(line);
        }
        Ok(is_begun)
    }

    /// The values in the order of the keys; empty where the stanza has none.
    pub(crate) fn values(&self) -> [&[u8]; N] {
        std::array::from_fn(|index| self.values[index].as_slice())
    }

    /// Keeps the line's value if its key is asked for; of a repeated key, the first.
    fn take(&mut self, line: &[u8]) {
        // No key is longer, and most lines of a status file are long.
        let Some(colon) = line.iter().take(64).position(|byte| *byte == b':') else {
            return;
        };
        let (key, value) = line.split_at(colon);
        for (index, wanted) in self.keys.iter().enumerate() {
            if key == wanted.as_bytes() && self.values[index].is_empty() {
                self.values[index].extend_from_slice(value[1..].trim_ascii());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::lines::test_lines;

    fn all(text: &[u8]) -> Vec<[String; 2]> {
        let mut lines = test_lines(text);
        let mut stanza = Stanza::new(["Package", "Version"]);
        let mut all = Vec::new();
        while stanza.read(&mut lines).unwrap() {
            all.push(stanza.values().map(|v| String::from_utf8_lossy(v).into()));
        }
        all
    }

    #[test]
    fn parts_stanzas_at_empty_lines_however_many() {
        let text = b"\n\nPackage: a\nVersion: 1\n\n \n\nPackage: b";
        assert_eq!(all(text), [["a", "1"], ["b", ""]]);
    }

    #[test]
    fn passes_over_continued_lines_and_other_keys() {
        let text = b"Package: a\nDescription: x\n Version: 9\n\tVersion: 8\nversion: 7\n";
        assert_eq!(all(text), [["a", ""]]);
    }

    #[test]
    fn takes_the_first_of_a_repeated_key_and_a_value_without_a_space() {
        assert_eq!(all(b"Package:a\r\nPackage: b\n"), [["a", ""]]);
    }

    #[test]
    fn finds_nothing_in_nothing() {
        assert!(all(b"").is_empty());
        assert!(all(b"\n\n").is_empty());
    }
}
