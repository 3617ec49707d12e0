//! The agent's socket on Unix.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

/// One caller, seen from the agent, and the agent, seen from a caller.
pub(super) type Stream = UnixStream;
pub(super) type Client = UnixStream;

/// What callers connect to.
#[derive(Debug)]
pub(super) struct Listener {
    path: PathBuf,
    socket: UnixListener,
}

impl Listener {
    /// Opens the socket over one that an earlier agent left behind.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        // Between these two lines the socket has the rights of the umask. Nobody else can reach it
        // even then: the folder around it is its owner's alone.
        let socket = UnixListener::bind(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
        let path = path.to_owned();
        Ok(Self { path, socket })
    }

    /// The next caller.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub(super) async fn accept(&mut self) -> io::Result<Stream> {
        self.socket.accept().await.map(|(stream, _)| stream)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Left behind, it would only be removed by the next agent.
        std::fs::remove_file(&self.path).ok();
    }
}

/// Connects to the agent that listens; `None` when none does.
pub(super) async fn connect(path: &Path) -> io::Result<Option<Client>> {
    match UnixStream::connect(path).await {
        Ok(stream) => Ok(Some(stream)),
        // A socket that is left behind refuses: no agent listens there either.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
