//! A process on one of the hosts, that can be killed, paused and started again.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use super::host::Host;

/// How a process is started, again and again.
#[derive(Clone, Debug)]
pub(super) struct Program {
    /// Where it runs.
    pub(super) host: Host,
    /// The program and its arguments.
    pub(super) line: Vec<String>,
    /// What it finds in its environment beside ours.
    pub(super) environment: Vec<(String, String)>,
    /// Where what it says goes, after what is there.
    pub(super) log: PathBuf,
}

/// A running process. Dropped, it is killed.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    pid: Pid,
}

impl Program {
    /// Starts it.
    ///
    /// # Errors
    ///
    /// When it cannot be started or its log cannot be written.
    pub(super) fn start(&self) -> anyhow::Result<Process> {
        let mut command = self.command()?;
        let log = log(&self.log)?;
        // One open file for both, which appends, so that lines stand in the order in which they
        // were said.
        command.stdout(log.try_clone()?).stderr(log);
        let child = command.spawn();
        let child = child.with_context(|| format!("start {}", self.line.join(" ")))?;
        // Only a child that was waited for has none, and nobody has.
        let pid = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        let pid = pid.context("the process ended at once")?;
        Ok(Process { child, pid })
    }

    /// The same, with what it prints in a file of its own.
    pub(super) fn start_printing_to(&self, path: &Path) -> anyhow::Result<Process> {
        let mut command = self.command()?;
        let out = std::fs::File::create(path)?;
        command.stdout(out).stderr(log(&self.log)?);
        let child = command.spawn()?;
        let pid = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        let pid = pid.context("the process ended at once")?;
        Ok(Process { child, pid })
    }

    fn command(&self) -> anyhow::Result<Command> {
        let (first, rest) = self.line.split_first().context("no program")?;
        let mut command = match self.host.namespace() {
            Some(namespace) => {
                let mut command = Command::new("ip");
                // It becomes the program, so the child is the program and not a keeper of it.
                command.args(["netns", "exec", &namespace, first]);
                command
            }
            None => Command::new(first),
        };
        command
            .args(rest)
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null())
            // A run that ends with an error leaves no process behind that holds a namespace.
            .kill_on_drop(true);
        Ok(command)
    }
}

impl Process {
    /// Kills it as a power cut would, and waits until it is gone.
    pub(super) async fn kill(mut self) {
        // It may be gone already, which is as good.
        let _gone = self.child.kill().await;
    }

    /// Asks it to end, and waits for that.
    ///
    /// # Errors
    ///
    /// When it cannot be asked.
    pub(super) async fn terminate(mut self) -> anyhow::Result<std::process::ExitStatus> {
        // Its number is still its own: nobody has waited for it, for whoever finds it ended
        // replaces it.
        kill_process(self.pid, Signal::TERM)?;
        Ok(self.child.wait().await?)
    }

    /// Stops it where it is.
    pub(super) fn pause(&self) -> anyhow::Result<()> {
        Ok(kill_process(self.pid, Signal::STOP)?)
    }

    /// Lets it go on.
    pub(super) fn resume(&self) -> anyhow::Result<()> {
        Ok(kill_process(self.pid, Signal::CONT)?)
    }

    /// Whether it still runs.
    pub(super) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for its end.
    pub(super) async fn wait(&mut self) -> anyhow::Result<std::process::ExitStatus> {
        Ok(self.child.wait().await?)
    }
}

fn log(path: &Path) -> anyhow::Result<std::fs::File> {
    let opened = OpenOptions::new().create(true).append(true).open(path);
    opened.with_context(|| format!("open {}", path.display()))
}

#[cfg(test)]
mod tests;
