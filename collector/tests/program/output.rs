//! Commands whose answer nobody takes.

use std::fs::File;
use std::process::{Command, Stdio};

use super::process::PROGRAM;

/// The exit code of a command that answers there, and what it says beside its answer.
fn answer_to(there: impl Into<Stdio>) -> (Option<i32>, String) {
    let mut command = Command::new(PROGRAM);
    let output = command.args(["config", "default"]).stdout(there).output();
    let output = output.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), said)
}

#[test]
fn a_reader_that_has_had_enough_is_no_failure() {
    let (reader, writer) = std::io::pipe().unwrap();
    // A pipe without a reader: the next write to it fails with EPIPE, as behind `| head`.
    drop(reader);
    assert_eq!(answer_to(writer), (Some(0), String::new()));
}

#[test]
fn an_answer_that_finds_no_room_is_a_failure_that_is_said() {
    // Every write to this device fails as on a full disk (full(4)).
    let full = File::options().write(true).open("/dev/full").unwrap();
    let (code, said) = answer_to(full);
    assert_eq!(code, Some(1));
    assert!(said.contains("No space left on device"), "{said}");
}
