//! The private PostgreSQL: a server of the collector's own, for whoever does not bring one.
//!
//! It lives in the data directory, listens on a unix socket that only its own account can reach,
//! runs without privileges even when the collector is root, and stops with the last that uses it: the
//! collector, or a command line beside it. When the collector was killed, its server may still be
//! there: the next start uses it, so that there are never two. Nothing here ever deletes a database.

mod account;
mod binaries;
mod cluster;
mod postmaster;
mod server;
mod shared;

use std::io;
use std::path::PathBuf;

pub use self::binaries::client_program;
pub use self::server::PrivatePostgres;

/// Why there is no private server.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// Its programs are not there.
    #[error(
        "PostgreSQL's server programs are not found ({0}): install them (Debian: apt-get install \
         postgresql), name their folder as database.binaries_dir, or set DATABASE_URL to a server \
         that is already there"
    )]
    NoBinaries(String),
    /// The collector is root, and there is no account to run the server with.
    #[error(
        "PostgreSQL does not run as root, and there is no user `muster`, `postgres` or `nobody` to \
         run it with: add one of them, or start the collector as an ordinary user"
    )]
    NoAccount,
    /// A file or directory cannot be used.
    #[error("{action} {path}: {source}", path = path.display())]
    File {
        /// What was done.
        action: &'static str,
        /// To which path.
        path: PathBuf,
        /// What came of it.
        source: io::Error,
    },
    /// One of its programs cannot be run.
    #[error("run {program}: {source}", program = program.display())]
    Run {
        /// Which one.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// One of its programs fails.
    #[error("{program} fails: {message}")]
    Failed {
        /// Which one.
        program: &'static str,
        /// The end of what it said.
        message: String,
    },
    /// The server does not come up.
    #[error("PostgreSQL does not start ({why}); the end of {log} says:\n{tail}", log = log.display())]
    NotReady {
        /// What happened instead.
        why: &'static str,
        /// The server's log.
        log: PathBuf,
        /// Its last lines.
        tail: String,
    },
    /// The data was made by another major version.
    #[error(
        "{path} was made by PostgreSQL {found}, the programs here are {have}: name the right ones \
         as database.binaries_dir, or move the data with pg_upgrade",
        path = path.display()
    )]
    Version {
        /// The data.
        path: PathBuf,
        /// What made it.
        found: String,
        /// What is here.
        have: String,
    },
}

impl PostgresError {
    fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }
}

#[cfg(test)]
mod tests;
