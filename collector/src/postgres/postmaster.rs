//! What a running server says of itself in `postmaster.pid`, and whether it is really there.
//!
//! The file's lines are described in PostgreSQL's `miscadmin.h`: process id, data directory, start
//! time, port, socket directory, listening address, shared memory key, status.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

/// A server that runs on a data directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Postmaster {
    /// Its process.
    pid: Pid,
    /// Where its socket is.
    pub(super) socket_dir: PathBuf,
    /// Whether it takes connections.
    pub(super) is_ready: bool,
}

impl Postmaster {
    /// The server that runs on a data directory; `None` when the file is not there, not complete
    /// yet, or left over from a process that is gone.
    pub(super) fn of(data: &Path) -> Option<Self> {
        let text = fs::read_to_string(data.join("postmaster.pid")).ok()?;
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let server = Self {
            pid: lines.first()?.parse().ok().and_then(Pid::from_raw)?,
            // The server's own word: it may have been started by a release that puts its socket
            // elsewhere.
            socket_dir: PathBuf::from(lines.get(4)?),
            // Written last. Before that the server may still be replaying its log.
            is_ready: lines.get(7).is_some_and(|status| *status == "ready"),
        };
        server.is_running_on(data).then_some(server)
    }

    /// Asks the server to stop: `Signal::INT` closes its connections and writes everything out,
    /// `Signal::QUIT` leaves that to the next start.
    pub(super) fn signal(&self, signal: Signal) {
        // It may have gone meanwhile, which is what was wanted.
        let _gone = kill_process(self.pid, signal);
    }

    /// Whether the process is there and is a server of this directory. Process ids come again, and
    /// after a reboot the file's may be anyone's; a server works in its data directory.
    fn is_running_on(&self, data: &Path) -> bool {
        // Also where it may not be signalled: then it is another user's, and not ours to use or to
        // stop.
        if test_kill_process(self.pid).is_err() {
            return false;
        }
        // A server that was killed together with its parent may wait for ever for somebody to take
        // its exit code: the first process of a container often does not.
        if state_of(self.pid).is_some_and(|state| matches!(state, 'Z' | 'X')) {
            return false;
        }
        let works_in = fs::read_link(format!("/proc/{}/cwd", self.pid.as_raw_nonzero()));
        match (works_in, fs::canonicalize(data)) {
            (Ok(works_in), Ok(data)) => works_in == data,
            // Without /proc, or without the right to look, the process' existence has to do.
            _ => true,
        }
    }
}

/// A process' state, the third field of its `stat` in proc(5); `None` without /proc.
fn state_of(pid: Pid) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    // The second field is the program's name in parentheses, which may hold some itself.
    let (_, behind_name) = stat.rsplit_once(')')?;
    behind_name.trim_start().chars().next()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn takes_a_server_that_is_dead_and_unburied_for_none() {
        let data = tempfile::tempdir().unwrap();
        let mut child = Command::new("true").stdout(Stdio::piped()).spawn().unwrap();
        // Its end of the pipe closes as it exits; only its exit code is left then.
        let mut said = Vec::new();
        child.stdout.take().unwrap().read_to_end(&mut said).unwrap();
        while state_of(Pid::from_child(&child)) != Some('Z') {
            std::thread::yield_now();
        }
        let text = format!("{}\n/data\n1\n5432\n/run\n\n1 2\nready   \n", child.id());
        fs::write(data.path().join("postmaster.pid"), text).unwrap();
        assert_eq!(Postmaster::of(data.path()), None);
        child.wait().unwrap();
    }

    #[test]
    fn takes_a_leftover_file_for_no_server() {
        let data = tempfile::tempdir().unwrap();
        let ours = std::process::id();
        // This process is alive, but works elsewhere: its id came again.
        let text = format!("{ours}\n/data\n1\n5432\n/run\n\n1 2\nready   \n");
        fs::write(data.path().join("postmaster.pid"), text).unwrap();
        assert_eq!(Postmaster::of(data.path()), None);
    }

    #[test]
    fn takes_an_incomplete_file_for_no_server() {
        let data = tempfile::tempdir().unwrap();
        fs::write(data.path().join("postmaster.pid"), "12").unwrap();
        assert_eq!(Postmaster::of(data.path()), None);
    }
}
