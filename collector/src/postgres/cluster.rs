//! The server's files: made once, completely or not at all.
//!
//! `initdb` and the first statements work on a directory with another name, which gets its own
//! when everything is there. A start that was killed in between begins again.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::PostgresError;
use super::account::Account;
use super::binaries::Binaries;

/// What the first statements make: the role that the collector works with, which is no superuser,
/// so that row-level security holds for it, and its database.
const FIRST_STATEMENTS: &str = "CREATE ROLE muster LOGIN NOSUPERUSER CREATEROLE;\n\
                                CREATE DATABASE muster OWNER muster;\n";

/// Characters of a program's output that an error shows.
const MESSAGE_CHARS: usize = 2_000;
/// Bytes of the log's end that are read for them, whatever their encoding.
const LOG_TAIL_BYTES: u64 = 64 << 10;

/// A server's directory.
#[derive(Clone, Debug)]
pub(super) struct Cluster {
    /// Where everything is.
    pub(super) home: PathBuf,
    /// The data directory.
    pub(super) data: PathBuf,
    /// The server's log.
    pub(super) log: PathBuf,
    /// Who owns it.
    pub(super) account: Account,
}

impl Cluster {
    /// The major version that the files at `home` are of; `None` where there are none, or they do not say it.
    pub(super) fn major(home: &Path) -> Option<u32> {
        fs::read_to_string(home.join("data/PG_VERSION")).ok()?.trim().parse().ok()
    }

    /// The cluster at `home`, an existing private directory; made if it is not there.
    ///
    /// # Errors
    ///
    /// When it cannot be made, or was made by another major version.
    pub(super) fn open(
        home: PathBuf,
        account: Account,
        binaries: &Binaries,
    ) -> Result<Self, PostgresError> {
        let data = home.join("data");
        let cluster = Self { log: home.join("server.log"), home, data, account };
        if cluster.data.exists() {
            cluster.check_version(binaries)?;
        } else {
            tracing::info!(dir = %cluster.home.display(), "making the private PostgreSQL");
            cluster.make(binaries)?;
        }
        Ok(cluster)
    }

    fn make(&self, binaries: &Binaries) -> Result<(), PostgresError> {
        let unfinished = self.home.join("data.unfinished");
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished).map_err(PostgresError::file("remove", &unfinished))?;
        }
        let mut initdb = self.command(binaries, "initdb");
        initdb.arg("-D").arg(&unfinished).args([
            "--username=postgres",
            // The socket's directory admits its owner alone; nothing listens elsewhere.
            "--auth-local=trust",
            "--auth-host=reject",
            "--encoding=UTF8",
            // Bytes decide the order of texts: pages of lists go by it, and another libc's
            // collation would silently corrupt indexes.
            "--locale=C",
            // A page that rots is an error of a query then, and not a row that never was.
            "--data-checksums",
        ]);
        run("initdb", initdb, "")?;
        let mut single = self.command(binaries, "postgres");
        single
            // Without a listening socket: nobody can be in the database before its role and its
            // rights are there.
            .args(["--single", "-j", "-D"])
            .arg(&unfinished)
            .arg("postgres");
        // With -j a statement ends at an empty line.
        run("postgres --single", single, &FIRST_STATEMENTS.replace('\n', "\n\n"))?;
        // The name is the promise that all of the above has happened. initdb has synced the files
        // itself.
        fs::rename(&unfinished, &self.data).map_err(PostgresError::file("name", &self.data))?;
        // A name that a power cut took back would be unfinished again, and be removed with all that
        // was stored since.
        File::open(&self.home)
            .and_then(|home| home.sync_all())
            .map_err(PostgresError::file("sync", &self.home))
    }

    fn check_version(&self, binaries: &Binaries) -> Result<(), PostgresError> {
        let path = self.data.join("PG_VERSION");
        let found = fs::read_to_string(&path).map_err(PostgresError::file("read", &path))?;
        let mut ask = self.command(binaries, "postgres");
        ask.arg("--version");
        let said = run("postgres --version", ask, "")?;
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        let have = said
            .split_whitespace()
            .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))
            // Before a point, or before `devel`, `beta1` and `rc1`.
            .and_then(|version| version.split(['.', 'd', 'b', 'r']).next())
            .unwrap_or_default();
        // The major version alone: minor ones share their files.
        if found.trim() == have {
            Ok(())
        } else {
            Err(PostgresError::Version {
                path: self.data.clone(),
                found: found.trim().to_owned(),
                have: have.to_owned(),
            })
        }
    }

    /// Begins a new log when the present one has grown long; of the older ones the last is kept.
    ///
    /// # Errors
    ///
    /// When the file cannot be renamed.
    pub(super) fn turn_log(&self, bytes_max: u64) -> Result<(), PostgresError> {
        // A running server keeps its file open under whatever name, so this is done between two.
        if fs::metadata(&self.log).is_ok_and(|about| about.len() > bytes_max) {
            fs::rename(&self.log, self.log.with_extension("log.1"))
                .map_err(PostgresError::file("rename", &self.log))?;
        }
        Ok(())
    }

    /// A program of the server's, with its account and without the collector's environment.
    pub(super) fn command(&self, binaries: &Binaries, name: &str) -> Command {
        let mut command = Command::new(binaries.program(name));
        command
            // `PGDATA`, `PGPORT` and a `LD_PRELOAD` of the person who starts the collector are none
            // of the server's business.
            .env_clear()
            .env("LC_ALL", "C")
            .env("TZ", "UTC")
            .env("PATH", "/usr/bin:/bin");
        // Its account may not be able to enter the folder in which the collector was started.
        command.current_dir(&self.home).stdin(Stdio::null());
        self.account.run_as(&mut command);
        command
    }
}

fn run(name: &'static str, mut command: Command, input: &str) -> Result<Output, PostgresError> {
    use std::io::Write as _;

    let program = PathBuf::from(command.get_program());
    let run_error = |source| PostgresError::Run { program: program.clone(), source };
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(run_error)?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not want its input has failed or will say so itself.
        let _unread = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().map_err(run_error)?;
    // A single-user server ends well even when a statement failed.
    let failed = !output.status.success()
        || [&output.stdout, &output.stderr].iter().any(|text| contains(text, b"ERROR:"));
    if failed {
        let text = [&output.stderr[..], &output.stdout[..]].concat();
        return Err(PostgresError::Failed { program: name, message: tail(&text) });
    }
    Ok(output)
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// The end of a text.
fn tail(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let text = text.trim();
    let skip = text.chars().count().saturating_sub(MESSAGE_CHARS);
    text.chars().skip(skip).collect()
}

/// The end of a log, for people.
pub(super) fn log_tail(log: &Path) -> String {
    // Not the whole of it: a server that complains every second for a year leaves gigabytes.
    let end = || {
        let mut file = File::open(log)?;
        let skip = file.metadata()?.len().saturating_sub(LOG_TAIL_BYTES);
        file.seek(SeekFrom::Start(skip))?;
        let mut text = Vec::new();
        file.take(LOG_TAIL_BYTES).read_to_end(&mut text)?;
        Ok::<_, io::Error>(text)
    };
    end().map_or_else(|error| format!("(cannot be read: {error})"), |text| tail(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_has_grown_long_is_put_aside_and_its_end_is_what_is_shown() {
        let home = tempfile::tempdir().unwrap();
        let cluster = Cluster {
            home: home.path().to_owned(),
            data: home.path().join("data"),
            log: home.path().join("server.log"),
            account: Account::choose().unwrap(),
        };
        cluster.turn_log(10).unwrap();
        fs::write(&cluster.log, format!("{}FATAL: the end", "x".repeat(100_000))).unwrap();
        let shown = log_tail(&cluster.log);
        assert!(shown.ends_with("FATAL: the end"), "{shown}");
        assert_eq!(shown.len(), MESSAGE_CHARS);
        cluster.turn_log(1 << 20).unwrap();
        assert!(cluster.log.exists());
        cluster.turn_log(10).unwrap();
        assert!(!cluster.log.exists());
        assert!(home.path().join("server.log.1").exists());
    }

    /// A directory whose files say one version, and programs in it that say another. Any account can
    /// pass through.
    fn home(version_file: &str, said: &str) -> (tempfile::TempDir, Binaries) {
        use std::os::unix::fs::PermissionsExt as _;

        let home = tempfile::tempdir().unwrap();
        let open = |path: &Path| fs::set_permissions(path, fs::Permissions::from_mode(0o755));
        open(home.path()).unwrap();
        let data = home.path().join("data");
        fs::create_dir(&data).unwrap();
        fs::write(data.join("PG_VERSION"), version_file).unwrap();
        for program in ["initdb", "postgres"] {
            let path = home.path().join(program);
            fs::write(&path, format!("#!/bin/sh\necho '{said}'\n")).unwrap();
            open(&path).unwrap();
        }
        let binaries = Binaries::find(Some(home.path()), None, None).unwrap();
        (home, binaries)
    }

    fn check(version_file: &str, said: &str) -> Result<(), PostgresError> {
        let (home, binaries) = home(version_file, said);
        Cluster::open(home.path().to_owned(), Account::choose()?, &binaries).map(drop)
    }

    #[test]
    fn files_say_their_major_version_and_where_there_are_none_nothing_is_said() {
        let (home, _) = home("15\n", "postgres (PostgreSQL) 15.9");
        assert_eq!(Cluster::major(home.path()), Some(15));
        assert_eq!(Cluster::major(&home.path().join("absent")), None);
    }

    #[test]
    fn files_are_of_a_major_version_however_the_programs_write_theirs() {
        for (file, said) in [
            ("17\n", "postgres (PostgreSQL) 17.2 (Debian 17.2-1.pgdg120+1)"),
            ("17", "postgres (PostgreSQL) 17"),
            ("18\n", "postgres (PostgreSQL) 18beta1"),
            ("18\n", "postgres (PostgreSQL) 18rc2"),
            ("19\n", "postgres (PostgreSQL) 19devel"),
        ] {
            check(file, said).unwrap();
        }
        for (file, said) in [
            ("16\n", "postgres (PostgreSQL) 17.2"),
            ("17\n", "postgres (PostgreSQL) 16.9"),
            ("1\n", "postgres (PostgreSQL) 17.2"),
            ("17\n", "something else"),
            ("", "postgres (PostgreSQL) 17.2"),
        ] {
            let error = check(file, said).unwrap_err();
            assert!(matches!(error, PostgresError::Version { .. }), "{file:?}: {error}");
        }
    }

    #[test]
    fn a_directory_that_is_no_servers_is_said_by_the_file_that_it_lacks_and_left_alone() {
        let home = tempfile::tempdir().unwrap();
        let data = home.path().join("data");
        fs::create_dir(&data).unwrap();
        fs::write(data.join("photo.jpg"), "somebody's").unwrap();
        let binaries = Binaries::find(None, None, None).unwrap();
        let account = Account::choose().unwrap();
        let error = Cluster::open(home.path().to_owned(), account, &binaries).unwrap_err();
        assert!(error.to_string().contains("PG_VERSION"), "{error}");
        assert_eq!(fs::read(data.join("photo.jpg")).unwrap(), b"somebody's");
    }

    #[test]
    fn a_program_that_fails_is_named_with_the_end_of_what_it_said() {
        let script = |text: &str| {
            let mut command = Command::new("/bin/sh");
            command.args(["-c", text]);
            run("initdb", command, "")
        };
        let error = script("yes 'nothing new' | head -10000; echo 'no space left' >&2; exit 1");
        let error = error.unwrap_err().to_string();
        assert!(error.starts_with("initdb fails: "), "{error}");
        assert!(error.len() < 2 * MESSAGE_CHARS, "{}", error.len());
        // A single-user server ends well whatever became of its statements.
        let error = script("echo 'ERROR:  role exists'").unwrap_err().to_string();
        assert!(error.ends_with("ERROR:  role exists"), "{error}");
        script("echo 'WARNING: all is well'").unwrap();
        let mut absent = Command::new("/no/such/initdb");
        absent.arg("-D");
        let error = run("initdb", absent, "").unwrap_err().to_string();
        assert!(error.starts_with("run /no/such/initdb: "), "{error}");
    }

    #[test]
    fn a_log_that_cannot_be_read_is_said_in_its_place() {
        let home = tempfile::tempdir().unwrap();
        let shown = log_tail(&home.path().join("server.log"));
        assert!(shown.starts_with("(cannot be read: No such file"), "{shown}");
        let log = home.path().join("latin.log");
        fs::write(&log, b"FATAL: M\xfcnchen\n").unwrap();
        assert_eq!(log_tail(&log), "FATAL: M\u{fffd}nchen");
    }
}
