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
        let server = Self::read(&data.join("postmaster.pid"))?;
        server.is_running_on(data).then_some(server)
    }

    /// What a file says, whether it is true or not.
    fn read(file: &Path) -> Option<Self> {
        let text = fs::read_to_string(file).ok()?;
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        // A server without connections (`postgres --single`) notes itself as a negative number, which
        // to kill(2) means a group of processes, or all that there are.
        let pid = lines.first()?.parse().ok().filter(|pid| *pid > 0);
        Some(Self {
            pid: pid.and_then(Pid::from_raw)?,
            // The server's own word: it may have been started by a release that puts its socket
            // elsewhere.
            socket_dir: PathBuf::from(lines.get(4)?),
            // Written last. Before that the server may still be replaying its log.
            is_ready: lines.get(7).is_some_and(|status| *status == "ready"),
        })
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

    /// What is made of a file by a server that is this test's own process, whose directory is its
    /// working directory.
    fn read(text: &str) -> Option<Postmaster> {
        let data = tempfile::tempdir().unwrap();
        let path = data.path().join("postmaster.pid");
        fs::write(&path, text).unwrap();
        // Where a process works is asked of the kernel, so the file goes there through a link.
        let here = std::env::current_dir().unwrap();
        let link = data.path().join("data");
        std::os::unix::fs::symlink(&here, &link).unwrap();
        let server = Postmaster::read(&path)?;
        server.is_running_on(&link).then_some(server)
    }

    #[test]
    fn a_server_is_ready_when_its_file_says_so_and_not_before() {
        let ours = std::process::id();
        let file = |status: &str| format!("{ours}\n/data\n1\n5432\n/run/pg\n\n1 2\n{status}");
        for (status, is_ready) in [
            ("ready   \n", true),
            ("ready\n", true),
            ("starting\n", false),
            ("stopping\n", false),
            ("standby \n", false),
            ("", false),
        ] {
            let server = read(&file(status)).unwrap();
            assert_eq!(server.is_ready, is_ready, "{status:?}");
            assert_eq!(server.socket_dir, PathBuf::from("/run/pg"));
        }
    }

    #[test]
    fn a_number_that_is_no_process_is_no_server() {
        for pid in ["", "0", "-1", "many", "99999999999", "2147483647"] {
            let file = format!("{pid}\n/data\n1\n5432\n/run\n\n1 2\nready\n");
            assert_eq!(read(&file), None, "{pid}");
        }
        let ours = std::process::id();
        // It is written line by line: one without its socket cannot be used yet.
        assert_eq!(read(&format!("{ours}\n/data\n1\n5432\n")), None);
    }
}
