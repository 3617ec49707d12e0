//! The last lines of the agent's log, from where this platform keeps them.
//!
//! On Linux that is the journal, which only its own program can read: the one program that is ever started by
//! this command line, with fixed words and an empty environment, and by nobody but a person who asks for
//! diagnostics. The agent itself starts none.

use std::path::Path;

use serde::Serialize;

use crate::redaction;

/// Lines that are shown.
const LINES: usize = 200;
/// Bytes of a log's end that are read.
const BYTES_MAX: u64 = 256 * 1024;

/// The end of a log.
#[derive(Debug, Serialize)]
pub(super) struct Tail {
    /// Where it is from.
    from: String,
    /// Its lines, the newest last.
    lines: Vec<String>,
    /// Why there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

impl Tail {
    fn of(from: &str, text: std::io::Result<String>) -> Self {
        let (lines, problem) = match text {
            Ok(text) => (last_lines(&text), None),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        Self { from: from.to_owned(), lines, problem }
    }
}

/// The last lines, by the platform's way to keep them.
#[cfg(target_os = "linux")]
pub(super) fn tail(_state_dir: Option<&Path>) -> Tail {
    const JOURNAL: &str = "/usr/bin/journalctl";
    const WORDS: [&str; 6] = [
        "--unit=muster-agent",
        "--lines=200",
        "--no-pager",
        "--quiet",
        "--output=short-iso",
        "--utc",
    ];
    Tail::of(&format!("{JOURNAL} {}", WORDS.join(" ")), journal(JOURNAL, &WORDS))
}

/// The last lines, by the platform's way to keep them.
#[cfg(target_os = "macos")]
pub(super) fn tail(_state_dir: Option<&Path>) -> Tail {
    let path = Path::new("/var/log/muster-agent.log");
    Tail::of(&path.display().to_string(), end_of(path))
}

/// The last lines, by the platform's way to keep them.
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
pub(super) fn tail(state_dir: Option<&Path>) -> Tail {
    let path = state_dir.unwrap_or_else(|| Path::new("")).join("agent.log");
    Tail::of(&path.display().to_string(), end_of(&path))
}

#[cfg(target_os = "linux")]
fn journal(program: &str, words: &[&str]) -> std::io::Result<String> {
    use std::io::Read as _;
    use std::process::{Command, Stdio};

    let mut child = Command::new(program)
        .args(words)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut bytes = Vec::new();
    let read = match child.stdout.take() {
        Some(stdout) => stdout.take(BYTES_MAX).read_to_end(&mut bytes),
        None => Ok(0),
    };
    // It has said enough, or all. Whoever is not waited for stays behind as a zombie.
    child.kill().ok();
    child.wait()?;
    read?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The end of a file that may be longer.
#[cfg(any(not(target_os = "linux"), test))]
fn end_of(path: &Path) -> std::io::Result<String> {
    use std::io::{Read as _, Seek as _, SeekFrom};

    let mut file = std::fs::File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(BYTES_MAX)))?;
    let mut bytes = Vec::new();
    file.take(BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn last_lines(text: &str) -> Vec<String> {
    // Cleaned from the first line on: the beginning of a key must not be cut away from its end.
    let mut lines = redaction::lines(text);
    lines.split_off(lines.len().saturating_sub(LINES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_newest_lines() {
        let text: String = (0..500).map(|number| format!("line {number}\n")).collect();
        let lines = last_lines(&text);
        assert_eq!(lines.len(), LINES);
        assert_eq!(lines.last().map(String::as_str), Some("line 499"));
    }

    #[test]
    fn reads_no_more_than_the_end_of_a_long_file() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let long = format!("{}end", "x".repeat(usize::try_from(BYTES_MAX).expect("fits")));
        std::fs::write(file.path(), long).expect("written");
        let end = end_of(file.path()).expect("readable");
        assert_eq!(u64::try_from(end.len()), Ok(BYTES_MAX));
        assert!(end.ends_with("end"));
    }

    #[test]
    fn a_log_that_cannot_be_read_says_why() {
        let tail = Tail::of("x", end_of(Path::new("/nonexistent/log")));
        assert!(tail.lines.is_empty());
        assert!(tail.problem.is_some_and(|why| why.contains("No such file")));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn takes_what_a_program_says_up_to_a_bound() {
        let said = journal("/bin/sh", &["-c", "echo password=hunter; yes"]).expect("it starts");
        assert_eq!(u64::try_from(said.len()), Ok(BYTES_MAX));
        assert_eq!(last_lines(&said[..16]), ["password=[redacted]"]);
    }
}
