//! What was typed.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::{Arg, Parser, ValueExt as _};

use crate::config::Raw;
use crate::logging::Level;

/// What `help` says.
pub(super) const HELP: &str = "\
muster-agent: reports the software of this host to its company's collector

usage: muster-agent COMMAND [OPTIONS]

commands:
  enroll              make this host an agent, with a token of its company
    --token-file FILE   read the token from FILE, or from stdin with -
    --token TOKEN       the token itself; other users of this host may see it
    --force             even if the host is enrolled already: it becomes a new agent
                        Without either, the token comes from MUSTER_ENROLMENT_TOKEN,
                        MUSTER_ENROLMENT_TOKEN_FILE or, when it is no terminal, stdin.
  unenroll            make it an agent no longer: tells the collector, and deletes key and state;
                        exit code 1 when the collector could not be told
  run                 report until stopped
  scan                scan now: by the running agent, or once without one
  status [--json]     how the agent stands; exit code 1 when none runs
  check               whether configuration, state, identity and collector are as they should be
  inventory [--json]  what would be sent, with every source's status; sends nothing
  diagnostics         one document for whoever helps, without tokens, keys and passwords
    --out FILE          into FILE, instead of stdout
  version             the version
  help                this

options:
  --config FILE       instead of /etc/muster/agent.toml
  --state-dir DIR     instead of /var/lib/muster-agent
  --log-level LEVEL   error, warn, info or debug

exit codes: 0 done, 1 failed, 2 wrong use
";

/// A command line.
#[derive(Debug)]
pub(super) struct Args {
    pub(super) command: Command,
    /// The configuration's file, if another one was named.
    pub(super) config: Option<PathBuf>,
    /// What was set besides.
    pub(super) raw: Raw,
}

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command {
    Enroll(Enroll),
    Unenroll,
    Run,
    Scan,
    Status {
        json: bool,
    },
    Check,
    Inventory {
        json: bool,
    },
    Diagnostics {
        out: Option<PathBuf>,
    },
    /// For the service control manager, and so not in the help.
    #[cfg(windows)]
    Service,
    Version,
    Help,
}

/// How to enrol.
#[derive(Default, PartialEq, Eq)]
pub(super) struct Enroll {
    pub(super) token: Option<String>,
    pub(super) token_file: Option<PathBuf>,
    pub(super) force: bool,
}

impl std::fmt::Debug for Enroll {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Enroll")
            .field("token_file", &self.token_file)
            .field("force", &self.force)
            .finish_non_exhaustive()
    }
}

impl Args {
    /// Reads a command line, without the program's own name.
    pub(super) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Self, String> {
        let mut typed = Typed::default();
        let mut parser = Parser::from_args(arguments);
        while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
            // The argument borrows the parser, whose next value is needed.
            let name = match argument {
                Arg::Long(name) => name.to_owned(),
                Arg::Short('h') => "help".to_owned(),
                Arg::Short('V') => "version".to_owned(),
                Arg::Short(letter) => return Err(format!("-{letter} is unknown")),
                Arg::Value(word) if typed.command.is_none() => {
                    typed.command = Some(text(word)?);
                    continue;
                }
                Arg::Value(word) => return Err(format!("{} is one word too many", word.display())),
            };
            typed.option(&name, &mut parser)?;
        }
        typed.mean()
    }
}

/// Words and options as they came.
#[derive(Default)]
struct Typed {
    command: Option<String>,
    config: Option<PathBuf>,
    raw: Raw,
    enroll: Enroll,
    json: bool,
    out: Option<PathBuf>,
    /// Options that only some commands take.
    special: Vec<&'static str>,
}

impl Typed {
    fn option(&mut self, name: &str, parser: &mut Parser) -> Result<(), String> {
        let mut value = || parser.value().map_err(|error| error.to_string());
        match name {
            "help" | "version" => self.command = Some(name.to_owned()),
            "config" => self.config = Some(value()?.into()),
            "state-dir" => self.raw.state_dir = Some(value()?.into()),
            "log-level" => self.raw.log_level = Some(level(value()?)?),
            "json" => {
                self.json = true;
                self.special.push("--json");
            }
            "force" => {
                self.enroll.force = true;
                self.special.push("--force");
            }
            "out" => {
                self.out = Some(value()?.into());
                self.special.push("--out");
            }
            "token" => {
                self.enroll.token = Some(text(value()?)?);
                self.special.push("--token");
            }
            "token-file" => {
                self.enroll.token_file = Some(value()?.into());
                self.special.push("--token-file");
            }
            other => return Err(format!("--{other} is unknown")),
        }
        Ok(())
    }

    fn mean(self) -> Result<Args, String> {
        let word = self.command.ok_or("no command")?;
        let (command, taken): (_, &[&str]) = match word.as_str() {
            "enroll" | "enrol" => {
                if self.enroll.token.is_some() && self.enroll.token_file.is_some() {
                    return Err("--token and --token-file exclude each other".to_owned());
                }
                let taken = &["--token", "--token-file", "--force"];
                (Command::Enroll(self.enroll), taken)
            }
            "unenroll" | "unenrol" => (Command::Unenroll, &[]),
            "run" => (Command::Run, &[]),
            "scan" => (Command::Scan, &[]),
            "status" => (Command::Status { json: self.json }, &["--json"]),
            "check" => (Command::Check, &[]),
            "inventory" => (Command::Inventory { json: self.json }, &["--json"]),
            "diagnostics" => (Command::Diagnostics { out: self.out }, &["--out"]),
            #[cfg(windows)]
            "service" => (Command::Service, &[]),
            "version" => (Command::Version, &[]),
            "help" => (Command::Help, &[]),
            other => return Err(format!("{other:?} is no command")),
        };
        // Only here, for an option may stand before the command that does not take it.
        match self.special.iter().find(|option| !taken.contains(option)) {
            // Whoever asks for help gets it, whatever else was typed.
            Some(option) if !matches!(command, Command::Help | Command::Version) => {
                Err(format!("{word} does not take {option}"))
            }
            Some(_) | None => Ok(Args { command, config: self.config, raw: self.raw }),
        }
    }
}

fn text(word: OsString) -> Result<String, String> {
    word.string().map_err(|error| error.to_string())
}

fn level(word: OsString) -> Result<Level, String> {
    text(word)?.parse().map_err(|error| format!("{error}"))
}

#[cfg(test)]
mod tests;
