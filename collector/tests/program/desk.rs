//! A person at the command line: commands that end by themselves, and what they answer.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use store::test_support::FreshDatabase;
use tempfile::TempDir;

use super::process::PROGRAM;

/// What a command came to.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    pub(crate) fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// What a command printed that did its work and complained about nothing.
    pub(crate) fn done(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (Some(0), ""), "{}", self.out);
        self.out
    }

    /// Why a command failed; it has printed nothing else.
    pub(crate) fn failed(self) -> String {
        assert_eq!((self.code, self.out.as_str()), (Some(1), ""), "{}", self.err);
        self.err
    }

    /// Its lines, a JSON document each.
    pub(crate) fn lines(self) -> Vec<Value> {
        let out = self.done();
        let lines = out.lines().map(|line| serde_json::from_str(line).unwrap());
        lines.collect()
    }
}

/// The program with some words, without anything of this machine's configuration.
pub(crate) fn program(words: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(words).env_remove("DATABASE_URL").stdin(Stdio::null());
    command
}

/// What the program answers without a database.
pub(crate) fn say(words: &[&str]) -> Said {
    Said::of(&mut program(words))
}

/// The same with a text on standard input. A file, which no writer has to keep up with.
pub(crate) fn say_to(words: &[&str], input: &[u8]) -> Said {
    let mut file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut file, input).unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    Said::of(program(words).stdin(Stdio::from(file)))
}

/// A data directory and a database, and nothing that runs on them.
pub(crate) struct Desk {
    pub(crate) dir: TempDir,
    pub(crate) database: FreshDatabase,
}

impl Desk {
    pub(crate) async fn new() -> Self {
        Self { dir: super::process::data_dir(), database: FreshDatabase::create().await }
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = program(words);
        command.arg("--data-dir").arg(self.dir.path()).env("DATABASE_URL", self.database.url());
        command
    }

    pub(crate) fn say(&self, words: &[&str]) -> Said {
        Said::of(&mut self.command(words))
    }

    /// The JSON documents that a command prints.
    pub(crate) fn json(&self, words: &[&str]) -> Vec<Value> {
        Said::of(self.command(words).arg("--json")).lines()
    }

    /// A file of the data directory with some content; its path.
    pub(crate) fn file(&self, name: &str, content: &str) -> String {
        write(self.dir.path(), name, content)
    }
}

/// A file in a directory; its path, as it stands in arguments.
pub(crate) fn write(dir: &Path, name: &str, content: &str) -> String {
    let path = dir.join(name);
    std::io::Write::write_all(&mut File::create(&path).unwrap(), content.as_bytes()).unwrap();
    path.to_str().unwrap().to_owned()
}
