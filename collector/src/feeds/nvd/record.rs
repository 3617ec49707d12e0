//! One record as NVD wrote it, and the little that a mirror has to know of it.

use std::io::{self, BufRead, BufReader, Read, Write};

use enrichment::cve::{CveId, Timestamp};
use enrichment::feeds::RECORD_BYTES_MAX;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};

/// Bytes of all records of a file after decompression.
pub(super) const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024 * 1024;
/// Bytes of a line that is too long which a log shows: the CVE's number stands there.
const LINE_SHOWN_BYTES: usize = 80;
/// zstd's own default: a year of NVD in three seconds.
const LEVEL: i32 = 3;

/// A record, `{"cve": {…}}`, in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// Which CVE.
    pub(super) id: CveId,
    /// When NVD changed it last.
    pub(super) modified: Option<Timestamp>,
    /// Whether it says to which products it applies.
    pub(super) says_something: bool,
    /// The record itself.
    pub(super) line: String,
}

#[derive(Deserialize)]
struct Envelope {
    cve: Essence,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Essence {
    id: String,
    last_modified: Option<String>,
    #[serde(default)]
    configurations: Length,
}

impl Record {
    /// Reads a record.
    ///
    /// # Errors
    ///
    /// Why it is none, for people.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let envelope: Envelope = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let cve = envelope.cve;
        let modified = cve.last_modified.as_deref().map(|text| {
            Timestamp::parse(text).ok_or_else(|| format!("lastModified {text:?} is no instant"))
        });
        let id: CveId = cve.id.parse().map_err(|error| format!("{error}"))?;
        let line = one_line(text);
        // Refused before it is kept: no reader of the mirror takes a longer line.
        if line.len() > RECORD_BYTES_MAX {
            return Err(format!("{id} has more than {RECORD_BYTES_MAX} bytes"));
        }
        Ok(Self {
            id,
            modified: modified.transpose()?,
            says_something: cve.configurations.0 > 0,
            line,
        })
    }
}

/// JSON in one line and without space between its words, so that the same record is the same text
/// however a server lays it out. Within a string every character is kept: a line break there is
/// written `\n`.
pub(in crate::feeds) fn one_line(json: &str) -> String {
    let mut line = String::with_capacity(json.len());
    let (mut in_string, mut is_escaped) = (false, false);
    for c in json.chars() {
        if in_string {
            match c {
                // Whatever follows a backslash is part of the string, a quote or another backslash
                // included.
                _ if is_escaped => is_escaped = false,
                '\\' => is_escaped = true,
                '"' => in_string = false,
                _ => {}
            }
        } else if matches!(c, ' ' | '\t' | '\n' | '\r') {
            continue;
        } else if c == '"' {
            in_string = true;
        }
        line.push(c);
    }
    line
}

/// How many entries a list has.
#[derive(Debug, Default)]
struct Length(usize);

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Count;
        impl<'de> Visitor<'de> for Count {
            type Value = Length;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Length, A::Error> {
                let mut length = 0;
                // Counted without being kept: configurations are most of a record.
                while list.next_element::<IgnoredAny>()?.is_some() {
                    length += 1;
                }
                Ok(Length(length))
            }

            // `null` is how a writer may put a list that it does not have.
            fn visit_unit<E>(self) -> Result<Length, E> {
                Ok(Length(0))
            }
        }
        deserializer.deserialize_any(Count)
    }
}

/// Writes records into a file of the mirror, a line each.
pub(in crate::feeds) struct LineWriter<W: Write>(zstd::Encoder<'static, W>);

impl<W: Write> std::fmt::Debug for LineWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LineWriter")
    }
}

impl<W: Write> LineWriter<W> {
    /// A writer without records.
    ///
    /// # Errors
    ///
    /// When there is no memory for it.
    pub(in crate::feeds) fn new(to: W) -> io::Result<Self> {
        let mut encoder = zstd::Encoder::new(to, LEVEL)?;
        // Rot on the disk is found when the file is read, and not in what is made of it.
        encoder.include_checksum(true)?;
        Ok(Self(encoder))
    }

    /// Writes a record.
    ///
    /// # Errors
    ///
    /// When the disk does not take it.
    pub(in crate::feeds) fn write(&mut self, line: &str) -> io::Result<()> {
        self.0.write_all(line.as_bytes())?;
        self.0.write_all(b"\n")
    }

    /// Ends the file and gives it back.
    ///
    /// # Errors
    ///
    /// When the disk does not take it.
    pub(in crate::feeds) fn finish(self) -> io::Result<W> {
        self.0.finish()
    }
}

/// Reads a file that [`LineWriter`] wrote, record by record. A line that is too long is passed over,
/// as the index passes over it.
///
/// # Errors
///
/// When it cannot be read, is damaged, or a line is no record: this mirror wrote it.
pub(super) fn read_lines(
    file: impl Read,
    mut each: impl FnMut(Record) -> io::Result<()>,
) -> io::Result<()> {
    let decoder = zstd::Decoder::new(file)?;
    let mut lines = BufReader::new(decoder.take(FILE_BYTES_MAX));
    let mut line = Vec::new();
    while let Some(fits) = next_line(&mut lines, &mut line)? {
        if !fits {
            // Earlier releases kept such records. One of them must not keep all the others out.
            let begins = String::from_utf8_lossy(&line[..LINE_SHOWN_BYTES]);
            tracing::warn!(%begins, "passing over a line of the mirror that is too long");
            continue;
        }
        let text = std::str::from_utf8(&line).map_err(io::Error::other)?;
        each(Record::parse(text.trim_end()).map_err(io::Error::other)?)?;
    }
    Ok(())
}

/// Reads the next line; `None` at the end, and whether it fits: of one that does not, only the
/// beginning is in `line`.
fn next_line(lines: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Option<bool>> {
    line.clear();
    // For each line anew: a file without line ends must not be read into memory whole. One more
    // for the line's end.
    let bytes_max = RECORD_BYTES_MAX as u64 + 1;
    if lines.by_ref().take(bytes_max).read_until(b'\n', line)? == 0 {
        return Ok(None);
    }
    let fits = line.len() <= RECORD_BYTES_MAX || line.ends_with(b"\n");
    if !fits {
        lines.skip_until(b'\n')?;
    }
    Ok(Some(fits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_a_record_as_it_is_but_for_how_it_is_laid_out() {
        let text = "{\"cve\": {\n  \"id\": \"CVE-2021-46973\",\r\n \"x\": \"a \\\" \\\\\", \"y\":\t\"é\\n b\"}}";
        let record = Record::parse(text).unwrap();
        assert_eq!(
            record.line,
            "{\"cve\":{\"id\":\"CVE-2021-46973\",\"x\":\"a \\\" \\\\\",\"y\":\"é\\n b\"}}"
        );
        let before: serde_json::Value = serde_json::from_str(text).unwrap();
        let after: serde_json::Value = serde_json::from_str(&record.line).unwrap();
        assert_eq!(before, after);
        assert!(!record.says_something);
    }

    #[test]
    fn refuses_what_is_no_record_and_says_why() {
        let error = |text: &str| Record::parse(text).unwrap_err();
        assert!(error("{\"cve\":{\"id\":\"../../etc\"}}").contains("etc"));
        assert!(error("{\"cve\":{}}").contains("id"));
        let text = "{\"cve\":{\"id\":\"CVE-2021-46973\",\"lastModified\":\"soon\"}}";
        assert!(error(text).contains("soon"));
        assert!(error("{\"cve\":").contains("EOF"));
    }

    #[test]
    fn gives_back_the_records_that_were_written_and_says_when_a_file_is_cut() {
        let mut writer = LineWriter::new(Vec::new()).unwrap();
        for number in 1_000..1_100 {
            let line =
                format!("{{\"cve\":{{\"id\":\"CVE-2024-{number}\",\"configurations\":[1]}}}}");
            writer.write(&line).unwrap();
        }
        let file = writer.finish().unwrap();
        let mut read = 0;
        let mut count = |record: Record| {
            assert!(record.says_something);
            read += 1;
            Ok(())
        };
        read_lines(&file[..], &mut count).unwrap();
        assert!(read_lines(&file[..file.len() - 3], &mut count).is_err());
        assert!(read >= 100);
    }

    /// A record of so many bytes in one line.
    fn record_of(number: u32, bytes: usize) -> String {
        let empty = format!("{{\"cve\":{{\"id\":\"CVE-2024-{number}\",\"x\":\"\"}}}}");
        let filling = "x".repeat(bytes - empty.len());
        empty.replace("\"x\":\"\"", &format!("\"x\":\"{filling}\""))
    }

    #[test]
    fn a_record_as_long_as_allowed_is_kept_and_a_longer_one_refused_with_its_number() {
        let longest = record_of(1_000, RECORD_BYTES_MAX);
        assert_eq!(Record::parse(&longest).unwrap().line, longest);
        // How it is laid out does not count: the mirror keeps one line of it.
        let padded = longest.replacen(':', ":\n  ", 1);
        assert_eq!(Record::parse(&padded).unwrap().line, longest);
        let error = Record::parse(&record_of(1_001, RECORD_BYTES_MAX + 1)).unwrap_err();
        assert_eq!(error, "CVE-2024-1001 has more than 8388608 bytes");
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over_and_those_around_it_are_read() {
        let lengths = [100, RECORD_BYTES_MAX, RECORD_BYTES_MAX + 1, 3 * RECORD_BYTES_MAX, 100];
        let mut writer = LineWriter::new(Vec::new()).unwrap();
        for (number, bytes) in (1_000..).zip(lengths) {
            writer.write(&record_of(number, bytes)).unwrap();
        }
        let mut read = Vec::new();
        read_lines(&writer.finish().unwrap()[..], |record| {
            read.push(record.id.number());
            Ok(())
        })
        .unwrap();
        assert_eq!(read, [1_000, 1_001, 1_004]);
    }

    #[test]
    fn a_file_that_ends_within_a_line_that_is_too_long_is_read_to_its_end() {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.write_all(record_of(1_000, 100).as_bytes()).unwrap();
        encoder.write_all(b"\n").unwrap();
        encoder.write_all(&vec![b'x'; RECORD_BYTES_MAX + 1]).unwrap();
        let mut read = 0;
        read_lines(&encoder.finish().unwrap()[..], |_| {
            read += 1;
            Ok(())
        })
        .unwrap();
        assert_eq!(read, 1);
    }

    #[test]
    fn a_line_that_is_no_record_is_a_damage_of_the_mirror() {
        for wrong in ["", "{}", "{\"cve\":{\"id\":\"CVE-1\"}}", "no json"] {
            let mut writer = LineWriter::new(Vec::new()).unwrap();
            writer.write(wrong).unwrap();
            let file = writer.finish().unwrap();
            assert!(read_lines(&file[..], |_| Ok(())).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn configurations_that_are_null_or_none_say_nothing_and_others_do() {
        let says = |rest: &str| {
            let text = format!("{{\"cve\":{{\"id\":\"CVE-2024-1000\"{rest}}}}}");
            Record::parse(&text).map(|record| record.says_something)
        };
        assert_eq!(says(""), Ok(false));
        assert_eq!(says(",\"configurations\":null"), Ok(false));
        assert_eq!(says(",\"configurations\":[]"), Ok(false));
        assert_eq!(says(",\"configurations\":[{\"nodes\":[]}]"), Ok(true));
        assert!(says(",\"configurations\":{}").is_err());
    }
}
