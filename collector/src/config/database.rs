//! `[database]`: PostgreSQL, a private one by default.

use std::path::PathBuf;

use super::section::section;
use super::{ConfigError, NodeConfig, Secret, in_range};

section! {
    /// PostgreSQL 15 or newer. Without an address, the collector keeps a private server in its data
    /// directory, reachable by itself alone.
    "database" RawDatabase {
        /// A file with the address of a server, such as
        /// `postgres://muster:secret@db.example/muster?sslmode=verify-full`. The variable
        /// `DATABASE_URL` does the same.
        url_file: Option<PathBuf> => "/etc/muster/database-url";
        /// A file with the address of a PgBouncer before that server, in transaction mode. Transactions go
        /// through it; migrations, signals and leases of jobs go straight, over eight connections at most.
        pooler_url_file: Option<PathBuf> => "/etc/muster/pooler-url";
        /// A file with the address of a standby of that server, which lists, exports and statistics are then read
        /// from, as soon as it has replayed what was written. While it is away or behind, the server is read.
        replica_url_file: Option<PathBuf> => "/etc/muster/replica-url";
        /// Connections at once. The pipeline's workers and the API share them.
        connections_max: u32 = 24;
        /// Where the programs of the private server are; looked for in the usual places by default.
        binaries_dir: Option<PathBuf> => "/usr/lib/postgresql/17/bin";
        /// Memory of the private server's cache, in MiB.
        shared_buffers_mib: u32 = 192;
    }
}

/// PostgreSQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseConfig {
    /// Which server.
    pub server: DatabaseServer,
    /// The pooler before it that transactions go through.
    pub pooler: Option<Secret>,
    /// The standby that lists, exports and statistics are read from.
    pub replica: Option<Secret>,
    /// Connections at once.
    pub connections_max: u32,
}

/// Which server is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseServer {
    /// One that somebody else runs, by its address.
    Given(Secret),
    /// The collector's own.
    Private(PrivateServer),
}

/// The collector's own server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivateServer {
    /// Where it lives.
    pub dir: PathBuf,
    /// Where its programs are, if they are not to be looked for.
    pub binaries_dir: Option<PathBuf>,
    /// Memory of its cache, in MiB.
    pub shared_buffers_mib: u32,
    /// Connections that the collector may have; the server has room for more beside them.
    pub connections_max: u32,
}

impl DatabaseConfig {
    pub(super) fn new(
        raw: RawDatabase,
        url: Option<Secret>,
        node: &NodeConfig,
    ) -> Result<Self, ConfigError> {
        let from_file =
            raw.url_file.map(|path| Secret::from_file("database.url_file", &path)).transpose()?;
        let pooler = raw
            .pooler_url_file
            .map(|path| Secret::from_file("database.pooler_url_file", &path))
            .transpose()?;
        let replica = raw
            .replica_url_file
            .map(|path| Secret::from_file("database.replica_url_file", &path))
            .transpose()?;
        let connections_max = in_range("database.connections_max", raw.connections_max, 5..=1_000)?;
        // The environment over the file, as everywhere.
        let server = match url.or(from_file) {
            Some(url) => DatabaseServer::Given(url),
            None => DatabaseServer::Private(PrivateServer {
                dir: node.data_dir.join("postgres"),
                binaries_dir: raw.binaries_dir,
                shared_buffers_mib: in_range(
                    "database.shared_buffers_mib",
                    raw.shared_buffers_mib,
                    16..=65_536,
                )?,
                connections_max,
            }),
        };
        if pooler.is_some() && matches!(server, DatabaseServer::Private(_)) {
            return Err(ConfigError::value(
                "database.pooler_url_file",
                "a pooler stands before a server of yours: name the server's own address as well, with \
                 database.url_file",
            ));
        }
        if replica.is_some() && matches!(server, DatabaseServer::Private(_)) {
            return Err(ConfigError::value(
                "database.replica_url_file",
                "the collector's private server has no standby: name a server of yours as well, with \
                 database.url_file",
            ));
        }
        Ok(Self { server, pooler, replica, connections_max })
    }
}
