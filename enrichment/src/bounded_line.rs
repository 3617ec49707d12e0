//! Lines of a bounded length, out of whatever is read: feeds, and questions to the matching commands.
//!
//! Whoever writes a line chooses its length, so that reading one must not take more memory than it may
//! have. What is too long is passed over up to its end, and the next line is read.

use std::io::{self, BufRead};

/// The next line, put into `line` without its end, and whether it fits; `None` at the end.
pub(crate) fn next(
    reader: &mut (impl BufRead + ?Sized),
    line: &mut Vec<u8>,
    bytes_max: usize,
) -> io::Result<Option<bool>> {
    line.clear();
    let mut is_any = false;
    let mut fits = true;
    loop {
        let chunk = reader.fill_buf()?;
        if chunk.is_empty() {
            return Ok(is_any.then_some(fits));
        }
        is_any = true;
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let length = end.unwrap_or(chunk.len());
        // Once too long, always too long: the end of a line must not be taken for a short one.
        fits = fits && line.len() + length <= bytes_max;
        if fits {
            line.extend_from_slice(&chunk[..length]);
        }
        reader.consume(length + usize::from(end.is_some()));
        if end.is_some() {
            return Ok(Some(fits));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn lines(text: &[u8], buffer: usize) -> Vec<(Vec<u8>, bool)> {
        let mut reader = BufReader::with_capacity(buffer, text);
        let mut line = Vec::new();
        let mut lines = Vec::new();
        while let Some(fits) = next(&mut reader, &mut line, 4).unwrap() {
            lines.push((line.clone(), fits));
        }
        lines
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over_however_it_comes() {
        // In every buffer, because a line's end may be the first byte of one.
        for buffer in 1..12 {
            let found = lines(b"abcd\nabcde\n\nfour", buffer);
            let fits: Vec<bool> = found.iter().map(|(_, fits)| *fits).collect();
            assert_eq!(fits, [true, false, true, true], "{buffer}");
            assert_eq!((&found[0].0[..], &found[3].0[..]), (&b"abcd"[..], &b"four"[..]));
        }
    }

    #[test]
    fn an_end_of_line_before_the_end_makes_no_line_of_nothing() {
        assert_eq!(lines(b"a\n", 8).len(), 1);
        assert!(lines(b"", 8).is_empty());
    }
}
