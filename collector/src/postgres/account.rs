//! The account that the server runs with: the collector's own, or an unprivileged one when the
//! collector is root, because PostgreSQL refuses root.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{Mode, OFlags};

use super::PostgresError;

/// Users that a root collector gives its server to, the first that exists.
const USERS: [&str; 3] = ["muster", "postgres", "nobody"];
/// Where the server's files go when its account cannot enter the collector's data directory.
const ELSEWHERE: &str = "/var/lib";

/// Who runs the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Account {
    uid: u32,
    gid: u32,
    /// Whether the collector has to become somebody else for it.
    is_other: bool,
}

impl Account {
    /// The account to use.
    ///
    /// # Errors
    ///
    /// When the collector is root and there is nobody else.
    pub(super) fn choose() -> Result<Self, PostgresError> {
        let uid = rustix::process::geteuid().as_raw();
        let gid = rustix::process::getegid().as_raw();
        // PostgreSQL refuses root alone; whoever else starts the collector may run it.
        if uid != 0 {
            return Ok(Self { uid, gid, is_other: false });
        }
        let passwd = "/etc/passwd";
        let users = fs::read_to_string(passwd).map_err(PostgresError::file("read", passwd))?;
        USERS
            .iter()
            .find_map(|name| find_user(&users, name))
            .map(|(uid, gid)| Self { uid, gid, is_other: true })
            .ok_or(PostgresError::NoAccount)
    }

    /// The account's user id.
    pub(super) const fn uid(self) -> u32 {
        self.uid
    }

    /// Has a program run with this account, and without the collector's other groups.
    pub(super) fn run_as(self, command: &mut Command) {
        if self.is_other {
            // The standard library drops the supplementary groups of root when it changes the user.
            command.uid(self.uid).gid(self.gid);
        }
    }

    /// Where the server's files go: `wanted`, or a directory that the account can enter.
    ///
    /// A clone below `/root` is the common case: nobody but root enters it.
    pub(super) fn home(self, wanted: &Path) -> PathBuf {
        if !self.is_other || self.can_reach(wanted) {
            return wanted.to_owned();
        }
        Path::new(ELSEWHERE).join(format!("muster-postgres-{:016x}", path_hash(wanted)))
    }

    fn can_reach(self, path: &Path) -> bool {
        path.ancestors().skip(1).all(|folder| {
            // What does not exist yet will be made by the collector, for everyone to pass.
            fs::metadata(folder).map_or(true, |about| {
                let mode = about.permissions().mode();
                // As the kernel decides it: the first class that fits counts, even where a later
                // one allows more.
                let bits = if about.uid() == self.uid {
                    mode >> 6
                } else if about.gid() == self.gid {
                    mode >> 3
                } else {
                    mode
                };
                // On a directory the execute bit is the right to pass through.
                bits & 1 == 1
            })
        })
    }

    /// Makes a directory that only this account can enter, if it is not there.
    ///
    /// # Errors
    ///
    /// When it cannot be made, or is somebody else's.
    pub(super) fn make_private_dir(self, dir: &Path) -> Result<(), PostgresError> {
        fs::create_dir_all(dir).map_err(PostgresError::file("make", dir))?;
        // Everything below is done to what was opened here, and to nothing that somebody puts in its
        // place meanwhile: as root, a link followed in `/tmp` would give a folder of the system away.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = rustix::fs::open(dir, flags, Mode::empty())
            .map(File::from)
            .map_err(|error| PostgresError::file("open", dir)(error.into()))?;
        // Of the open handle, so of what is changed below.
        let owner = folder.metadata().map_err(PostgresError::file("look at", dir))?.uid();
        if owner != self.uid && owner != rustix::process::geteuid().as_raw() {
            let theirs = std::io::Error::other("it belongs to another user");
            return Err(PostgresError::file("use", dir)(theirs));
        }
        if self.is_other {
            fchown(&folder, Some(self.uid), Some(self.gid))
                .map_err(PostgresError::file("own", dir))?;
        }
        folder
            .set_permissions(fs::Permissions::from_mode(0o700))
            .map_err(PostgresError::file("protect", dir))
    }
}

fn find_user(passwd: &str, name: &str) -> Option<(u32, u32)> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == name).then_some(())?;
        // passwd(5): name, password, uid, gid.
        let uid = fields.nth(1)?.parse().ok()?;
        Some((uid, fields.next()?.parse().ok()?))
    })
}

/// A short name for a path, the same at every start (FNV-1a, 64 bits).
pub(super) fn path_hash(path: &Path) -> u64 {
    path.as_os_str().as_encoded_bytes().iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        // FNV and not the standard library's hasher, which may be another one in the next
        // release.
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_user_out_of_passwd() {
        let passwd = "root:x:0:0::/root:/bin/sh\npostgres:x:101:104:PG:/var/lib/pg:/bin/sh\n";
        assert_eq!(find_user(passwd, "postgres"), Some((101, 104)));
        assert_eq!(find_user(passwd, "post"), None);
    }

    #[test]
    fn goes_elsewhere_when_the_account_cannot_enter() {
        let closed = tempfile::tempdir().unwrap();
        fs::set_permissions(closed.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let stranger = Account { uid: 4_000_000, gid: 4_000_000, is_other: true };
        let wanted = closed.path().join("postgres");
        let home = stranger.home(&wanted);
        assert!(home.starts_with(ELSEWHERE), "{}", home.display());
        assert_eq!(home, stranger.home(&wanted));
        let same = Account { is_other: false, ..stranger };
        assert_eq!(same.home(&wanted), wanted);
    }

    #[test]
    fn a_link_in_place_of_the_directory_is_refused_and_what_it_leads_to_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (victim, link) = (dir.path().join("victim"), dir.path().join("link"));
        fs::create_dir(&victim).unwrap();
        fs::set_permissions(&victim, fs::Permissions::from_mode(0o755)).unwrap();
        std::os::unix::fs::symlink(&victim, &link).unwrap();
        let error = Account::choose().unwrap().make_private_dir(&link).unwrap_err();
        assert!(error.to_string().contains("link"), "{error}");
        let mode = fs::metadata(&victim).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o755);
    }

    #[test]
    fn lines_of_passwd_that_are_none_are_passed_over() {
        let passwd =
            "\n#muster:x:1:1\nmuster:x\nmuster:x:many:2:\nmuster:x:7:8:M:/:/bin/sh\nmuster:x:9:9\n";
        assert_eq!(find_user(passwd, "muster"), Some((7, 8)));
        // A group that is none costs the line, too.
        assert_eq!(find_user("muster:x:7:eight::/:\n", "muster"), None);
        assert_eq!(find_user("", "muster"), None);
    }

    #[test]
    fn the_first_class_that_fits_decides_as_in_the_kernel() {
        let folder = tempfile::tempdir().unwrap();
        let about = fs::metadata(folder.path()).unwrap();
        let (uid, gid) = (about.uid(), about.gid());
        let (other, stranger) = (4_000_000, 4_000_001);
        let account = |uid, gid| Account { uid, gid, is_other: true };
        for (mode, uid, gid, can) in [
            (0o700, uid, gid, true),
            (0o700, other, gid, false),
            (0o710, other, gid, true),
            (0o710, other, stranger, false),
            (0o701, other, stranger, true),
            // The owner may not, though everybody else may.
            (0o011, uid, gid, false),
            (0o701, other, gid, false),
            // To read a folder is not to pass through it.
            (0o744, other, stranger, false),
        ] {
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
            let wanted = folder.path().join("postgres");
            assert_eq!(account(uid, gid).can_reach(&wanted), can, "{mode:o} {uid} {gid}");
        }
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    }

    #[test]
    fn a_folder_that_is_not_there_yet_will_be_one_to_pass_through() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let stranger = Account { uid: 4_000_000, gid: 4_000_000, is_other: true };
        let wanted = folder.path().join("not/there/postgres");
        assert_eq!(stranger.home(&wanted), wanted);
    }

    #[test]
    fn two_data_directories_never_share_a_home_elsewhere() {
        let names = ["/root/a/postgres", "/root/b/postgres", "/root/a/postgres/"];
        let hashes = names.map(|name| path_hash(Path::new(name)));
        assert_ne!(hashes[0], hashes[1]);
        // Fixed for all releases: another number would be another, empty database.
        assert_eq!(path_hash(Path::new("")), 0xcbf2_9ce4_8422_2325);
        assert_eq!(path_hash(Path::new("a")), 0xaf63_dc4c_8601_ec8c);
    }

    #[test]
    fn the_directory_is_the_accounts_alone_and_somebody_elses_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let us = Account {
            uid: rustix::process::geteuid().as_raw(),
            gid: rustix::process::getegid().as_raw(),
            is_other: false,
        };
        let ours = dir.path().join("a/b");
        us.make_private_dir(&ours).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&ours), 0o700);
        // One that was open to others is closed again.
        fs::set_permissions(&ours, fs::Permissions::from_mode(0o777)).unwrap();
        us.make_private_dir(&ours).unwrap();
        assert_eq!(mode(&ours), 0o700);
        if !rustix::process::geteuid().is_root() {
            // Only root can give a directory away.
            return;
        }
        std::os::unix::fs::chown(&ours, Some(4_000_000), None).unwrap();
        let error = us.make_private_dir(&ours).unwrap_err();
        let text = format!("{:#}", anyhow::Error::from(error));
        assert!(text.contains("it belongs to another user"), "{text}");
        assert!(text.contains(ours.to_str().unwrap()), "{text}");
    }
}
