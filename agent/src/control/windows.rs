//! The agent's named pipe on Windows.
//!
//! A pipe has no folder whose rights would keep others away. Windows gives a new one to its owner, to
//! administrators and to the system, and lets everybody else read at most: a caller has to write before
//! there is anything to read. Callers from other machines are refused.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::net::windows::named_pipe::{
    ClientOptions, NamedPipeClient, NamedPipeServer, ServerOptions,
};

/// One caller, seen from the agent, and the agent, seen from a caller.
pub(super) type Stream = NamedPipeServer;
pub(super) type Client = NamedPipeClient;

/// `ERROR_PIPE_BUSY`: somebody else has just connected, and the agent opens the next end.
const PIPE_BUSY: i32 = 231;
/// How often and after how long a caller tries again then.
const TRIES: u32 = 40;
const TRY_AFTER: Duration = Duration::from_millis(25);

/// What callers connect to.
#[derive(Debug)]
pub(super) struct Listener {
    name: String,
    /// The end that the next caller gets.
    next: NamedPipeServer,
}

impl Listener {
    /// Opens the pipe, which no other process may have.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let name = pipe_name(path);
        // Whoever had made a pipe of this name before would be taken for the agent by its callers.
        let next = ServerOptions::new()
            .first_pipe_instance(true)
            .reject_remote_clients(true)
            .create(&name)?;
        Ok(Self { name, next })
    }

    /// The next caller.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a caller who has connected meanwhile is the next one.
    pub(super) async fn accept(&mut self) -> io::Result<Stream> {
        self.next.connect().await?;
        // Where this fails the caller keeps its end, and comes again with the next try.
        let fresh = ServerOptions::new().reject_remote_clients(true).create(&self.name)?;
        Ok(std::mem::replace(&mut self.next, fresh))
    }
}

/// Connects to the agent that listens; `None` when none does.
pub(super) async fn connect(path: &Path) -> io::Result<Option<Client>> {
    let name = pipe_name(path);
    let mut tries = 0;
    loop {
        tries += 1;
        match ClientOptions::new().open(&name) {
            Ok(client) => return Ok(Some(client)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if error.raw_os_error() == Some(PIPE_BUSY) && tries < TRIES => {
                tokio::time::sleep(TRY_AFTER).await;
            }
            Err(error) => return Err(error),
        }
    }
}

/// The pipe of the agent that has a state folder: agents with two folders have two pipes.
fn pipe_name(path: &Path) -> String {
    let mut hasher = DefaultHasher::new();
    // Windows' paths are the same in any case.
    path.to_string_lossy().to_lowercase().hash(&mut hasher);
    format!(r"\\.\pipe\muster-agent-{:016x}", hasher.finish())
}
