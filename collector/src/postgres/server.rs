//! The running server: started or adopted, watched, stopped.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;
use tokio::process::Child;
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

use super::PostgresError;
use super::account::{Account, path_hash};
use super::binaries::Binaries;
use super::cluster::{Cluster, log_tail};
use super::postmaster::Postmaster;
use super::shared::{Turn, Use};
use crate::config::PrivateServer;

/// How long a server may take to come up. After a crash it reads its log first, at about a hundred
/// megabytes a second.
const START_TIMEOUT: Duration = Duration::from_secs(300);
/// How long a stop may write out before it is left to the next start's recovery.
const STOP_TIMEOUT: Duration = Duration::from_secs(60);
/// Bytes of the server's log above which a start begins a new one.
const LOG_BYTES_MAX: u64 = 16 << 20;
/// How often a starting or stopping server is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(25);
/// Connections beside the collector's own: commands such as `feed import`, and people with `psql`.
const CONNECTIONS_BESIDE: u32 = 176;
/// Bytes of a unix socket's path, on Linux 107 and on macOS 103, less the socket's own name.
const SOCKET_DIR_BYTES_MAX: usize = 103 - "/.s.PGSQL.5432".len();

/// A server of the collector's own.
#[derive(Debug)]
pub struct PrivatePostgres {
    cluster: Cluster,
    socket_dir: PathBuf,
    /// `None` when the server was there already: it is somebody else's child, or nobody's.
    child: Mutex<Option<Child>>,
    in_use: Use,
}

impl PrivatePostgres {
    /// Starts the server, or joins one that runs on the same data, and waits until it takes
    /// connections. `search_path` is the environment's `PATH`.
    ///
    /// # Errors
    ///
    /// When there is no PostgreSQL here, or it does not start.
    pub async fn start(
        config: &PrivateServer,
        search_path: Option<&std::ffi::OsStr>,
    ) -> Result<Self, PostgresError> {
        let account = Account::choose()?;
        let home = account.home(&config.dir);
        let major = Cluster::major(&home);
        let binaries = Binaries::find(config.binaries_dir.as_deref(), search_path, major)?;
        if home != config.dir {
            tracing::warn!(
                wanted = %config.dir.display(), used = %home.display(),
                "the server's account cannot enter the data directory: its files are elsewhere"
            );
        }
        account.make_private_dir(&home)?;
        // From here to the end of the function nobody else starts or stops this server.
        let turn = Turn::wait(&home).await?;
        let in_use = Use::begin(&home, &turn)?;
        let cluster = Cluster::open(home, account, &binaries)?;
        let server = match Postmaster::of(&cluster.data) {
            Some(running) => {
                tracing::debug!("using the private PostgreSQL that is running");
                let child = Mutex::new(None);
                Self { socket_dir: running.socket_dir, child, cluster, in_use }
            }
            None => Self::spawn(cluster, in_use, &binaries, config)?,
        };
        server.wait_until_ready().await?;
        Ok(server)
    }

    fn spawn(
        cluster: Cluster,
        in_use: Use,
        binaries: &Binaries,
        config: &PrivateServer,
    ) -> Result<Self, PostgresError> {
        let socket_dir = socket_dir(&cluster.home);
        cluster.account.make_private_dir(&socket_dir)?;
        // Opened here, so that the server's account needs no right to make it.
        cluster.turn_log(LOG_BYTES_MAX)?;
        let log = File::options()
            .create(true)
            .append(true)
            .open(&cluster.log)
            .map_err(PostgresError::file("open", &cluster.log))?;
        let clone = log.try_clone().map_err(PostgresError::file("open", &cluster.log))?;
        let mut command = cluster.command(binaries, "postgres");
        command.arg("-D").arg(&cluster.data).arg("-k").arg(&socket_dir);
        for setting in settings(config) {
            command.arg("-c").arg(setting);
        }
        command.stdout(Stdio::from(log)).stderr(Stdio::from(clone));
        // A terminal's Ctrl-C is for the collector, which still needs the server for a while.
        command.process_group(0);
        let program = binaries.program("postgres");
        let child = tokio::process::Command::from(command)
            .spawn()
            .map_err(|source| PostgresError::Run { program, source })?;
        Ok(Self { cluster, socket_dir, child: Mutex::new(Some(child)), in_use })
    }

    async fn wait_until_ready(&self) -> Result<(), PostgresError> {
        let ready = async {
            loop {
                if Postmaster::of(&self.cluster.data).is_some_and(|server| server.is_ready) {
                    return Ok(());
                }
                if self.has_ended().await {
                    return Err(self.not_ready("it ended"));
                }
                sleep(LOOK_EVERY).await;
            }
        };
        match timeout(START_TIMEOUT, ready).await {
            Ok(outcome) => outcome,
            Err(_) => Err(self.not_ready("it is not ready after five minutes")),
        }
    }

    fn not_ready(&self, why: &'static str) -> PostgresError {
        let log = self.cluster.log.clone();
        PostgresError::NotReady { why, tail: log_tail(&log), log }
    }

    async fn has_ended(&self) -> bool {
        match self.child.lock().await.as_mut() {
            // An error means that there is nothing left to wait for.
            Some(child) => !matches!(child.try_wait(), Ok(None)),
            None => Postmaster::of(&self.cluster.data).is_none(),
        }
    }

    /// The server's address for the collector's own role and database.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_as("muster")
    }

    /// Its address for the server's superuser, which reads past row-level security: for backups alone.
    #[must_use]
    pub fn superuser_url(&self) -> String {
        self.url_as("postgres")
    }

    fn url_as(&self, role: &str) -> String {
        format!("postgres:///muster?host={}&user={role}", percent_encode(&self.socket_dir))
    }

    /// Resolves when the server has ended, wanted or not.
    ///
    /// # Cancel safety
    ///
    /// Safe: it only looks.
    pub async fn ended(&self) {
        while !self.has_ended().await {
            sleep(Duration::from_millis(500)).await;
        }
    }

    /// Ends this use of the server, and stops it when nobody else uses it: connections are closed,
    /// everything is written out. A server that does not manage that in time is stopped hard, which
    /// its next start repairs.
    pub async fn stop(self) {
        let turn = match Turn::wait(&self.cluster.home).await {
            Ok(turn) => turn,
            Err(error) => {
                tracing::warn!(%error, "the private PostgreSQL stays: the next start adopts it");
                return;
            }
        };
        if !self.in_use.is_last(&turn) {
            return;
        }
        // "Fast", then "immediate" shutdown in PostgreSQL's words; never KILL, which leaves shared
        // memory behind.
        for signal in [Signal::INT, Signal::QUIT] {
            let Some(server) = Postmaster::of(&self.cluster.data) else {
                break;
            };
            server.signal(signal);
            let gone = async {
                while !self.has_ended().await {
                    sleep(LOOK_EVERY).await;
                }
            };
            if timeout(STOP_TIMEOUT, gone).await.is_ok() {
                break;
            }
            tracing::warn!("the private PostgreSQL does not stop");
        }
        // Only one that was put elsewhere, because the path beside the data was too long.
        if self.socket_dir.parent() != Some(&*self.cluster.home) {
            // The directory is empty now; one that is not is somebody's, and stays.
            let _in_use = fs::remove_dir(&self.socket_dir);
        }
    }
}

/// Where the socket goes: with the data, or where the path is short enough for a socket.
fn socket_dir(home: &Path) -> PathBuf {
    let beside = home.join("run");
    if beside.as_os_str().len() <= SOCKET_DIR_BYTES_MAX {
        beside
    } else {
        std::env::temp_dir().join(format!("muster-{:016x}", path_hash(home)))
    }
}

/// The server's settings. What is durable stays durable: `fsync`, `full_page_writes` and
/// `synchronous_commit` keep their defaults, which are on.
fn settings(config: &PrivateServer) -> [String; 11] {
    [
        "listen_addresses=".to_owned(),
        "unix_socket_permissions=0700".to_owned(),
        format!("shared_buffers={}MB", config.shared_buffers_mib),
        format!("max_connections={}", config.connections_max + CONNECTIONS_BESIDE),
        // Fewer checkpoints: each has every page written whole to the log the first time it is
        // changed.
        "max_wal_size=2GB".to_owned(),
        "checkpoint_timeout=15min".to_owned(),
        "wal_compression=on".to_owned(),
        // No query here gains by being compiled, and the unit of systemd forbids pages that are written and run.
        "jit=off".to_owned(),
        "log_min_duration_statement=5s".to_owned(),
        "log_line_prefix=%m [%p] %a ".to_owned(),
        "cluster_name=muster".to_owned(),
    ]
}

/// A path as a value in a URL's query (RFC 3986 §2.1).
fn percent_encode(path: &Path) -> String {
    let mut text = String::new();
    for byte in path.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(byte) {
            text.push(char::from(*byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// What can be seen of the server from outside.
impl PrivatePostgres {
    /// The directory of the server's files.
    #[must_use]
    pub fn home(&self) -> &Path {
        &self.cluster.home
    }

    /// The user id that the server runs with.
    #[must_use]
    pub const fn uid(&self) -> u32 {
        self.cluster.account.uid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_lies_with_the_data_where_its_path_is_short_enough() {
        let home = |bytes: usize| PathBuf::from(format!("/{}", "a".repeat(bytes - "//run".len())));
        // The longest of which "/run" still leaves room for the socket's own name.
        let longest = home(SOCKET_DIR_BYTES_MAX);
        assert_eq!(socket_dir(&longest), longest.join("run"));
        let longer = home(SOCKET_DIR_BYTES_MAX + 1);
        let elsewhere = socket_dir(&longer);
        assert!(elsewhere.starts_with(std::env::temp_dir()), "{}", elsewhere.display());
        assert_eq!(elsewhere, socket_dir(&longer), "the next start finds it");
        assert_ne!(elsewhere, socket_dir(&home(SOCKET_DIR_BYTES_MAX + 2)));
    }

    #[test]
    fn a_path_is_a_value_of_a_url_whatever_its_characters() {
        for (path, value) in [
            ("/srv/muster-1/run", "/srv/muster-1/run"),
            ("/srv/a b&c=d?e#f%g", "/srv/a%20b%26c%3Dd%3Fe%23f%25g"),
            ("/srv/M\u{fc}nchen", "/srv/M%C3%BCnchen"),
        ] {
            assert_eq!(percent_encode(Path::new(path)), value);
        }
    }

    #[test]
    fn what_is_durable_is_never_switched_off_and_nothing_listens_on_the_network() {
        let settings = settings(&PrivateServer {
            dir: PathBuf::from("/srv"),
            binaries_dir: None,
            shared_buffers_mib: 64,
            connections_max: 24,
        });
        let has = |setting: &str| settings.iter().any(|other| other == setting);
        assert!(has("listen_addresses=") && has("unix_socket_permissions=0700"));
        assert!(has("shared_buffers=64MB") && has("max_connections=200"));
        for word in ["fsync", "full_page_writes", "synchronous_commit"] {
            assert!(!settings.iter().any(|setting| setting.starts_with(word)), "{word}");
        }
    }
}
