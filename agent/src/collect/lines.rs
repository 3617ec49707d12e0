//! Lines of a file that may be damaged, endless or no text at all.
//!
//! One line is in memory at a time and no more than [`LINE_BYTES_MAX`] of it; the rest of a longer one
//! is passed over. The time box is looked at again and again, even within one line.

use std::io::{BufRead, Read as _};
use std::path::PathBuf;

use super::defects::ReadError;
use super::time_box::Stop;

/// Bytes of a line that are kept. Every text that a record may hold is far shorter.
pub(crate) const LINE_BYTES_MAX: u64 = 16 * 1024;

/// A file's lines, one at a time.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    reader: R,
    path: PathBuf,
    stop: Stop,
    line: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    pub(crate) const fn new(reader: R, path: PathBuf, stop: Stop) -> Self {
        Self { reader, path, stop, line: Vec::new() }
    }

    /// The next line without its end; `None` after the last.
    pub(crate) fn next(&mut self) -> Result<Option<&[u8]>, ReadError> {
        self.line.clear();
        if self.stop.is_set() {
            return Err(ReadError::Stopped);
        }
        // Bounded while it is read: a file without line ends would be one line of its whole size.
        let read = self
            .reader
            .by_ref()
            .take(LINE_BYTES_MAX)
            .read_until(b'\n', &mut self.line)
            .map_err(|error| ReadError::io(&self.path, error))?;
        if read == 0 {
            return Ok(None);
        }
        // Without an end it was cut here, or it is the file's last; of that one there is no rest.
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
        } else {
            self.skip_rest()?;
        }
        Ok(Some(&self.line))
    }

    /// Passes over the rest of a line that is too long.
    fn skip_rest(&mut self) -> Result<(), ReadError> {
        loop {
            if self.stop.is_set() {
                return Err(ReadError::Stopped);
            }
            let bytes = self.reader.fill_buf().map_err(|error| ReadError::io(&self.path, error))?;
            let (end, is_over) = match bytes.iter().position(|b| *b == b'\n') {
                Some(at) => (at + 1, true),
                None => (bytes.len(), bytes.is_empty()),
            };
            self.reader.consume(end);
            if is_over {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
pub(crate) fn test_lines(bytes: &[u8]) -> Lines<&[u8]> {
    Lines::new(bytes, PathBuf::from("/test"), Stop::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut lines = test_lines(bytes);
        let mut all = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            all.push(line.to_vec());
        }
        all
    }

    #[test]
    fn gives_empty_lines_and_a_last_one_without_an_end() {
        assert_eq!(all(b"a\n\nb"), [b"a".to_vec(), Vec::new(), b"b".to_vec()]);
        assert!(all(b"").is_empty());
    }

    #[test]
    fn keeps_the_beginning_of_a_line_that_is_too_long_and_finds_the_next() {
        let mut bytes = vec![b'x'; 100_000];
        bytes.extend_from_slice(b"\nnext\n");
        let lines = all(&bytes);
        assert_eq!(lines[0].len() as u64, LINE_BYTES_MAX);
        assert_eq!(lines[1], b"next");
        assert_eq!(lines.len(), 2);
    }

    #[test]
    fn a_line_without_an_end_stops_with_the_time_box() {
        /// Zeros without an end, which end the time box on the way.
        struct Endless(Stop, u32);

        impl std::io::Read for Endless {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                self.1 += 1;
                if self.1 == 100 {
                    self.0.set();
                }
                buffer.fill(0);
                Ok(buffer.len())
            }
        }

        let stop = Stop::default();
        let reader = std::io::BufReader::new(Endless(stop.clone(), 0));
        let mut lines = Lines::new(reader, PathBuf::from("/test"), stop);
        assert!(matches!(lines.next(), Err(ReadError::Stopped)));
    }
}
