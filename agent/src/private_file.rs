//! Files that only the agent may read, written so that a crash leaves the old or the new, never half.
//!
//! It must never write through a path that others can prepare: the temporary file is made new, with
//! its rights, in the folder of the target.

#[cfg(windows)]
mod windows;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

#[cfg(windows)]
use self::windows::create_private;

/// Makes the folder and those above it; the folder itself is the owner's alone (mode 0700).
///
/// # Errors
///
/// When the system refuses. A folder that is there keeps its rights.
pub fn make_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(above) = path.parent() {
        fs::create_dir_all(above)?;
    }
    create_private(path)
}

#[cfg(unix)]
fn create_private(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Puts the bytes into the file at once and durably, readable by its owner alone (mode 0600).
///
/// # Errors
///
/// When the system refuses; the file is what it was.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let fresh = path.with_extension("new");
    // Left over from a crash.
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // `create_new` follows no link, so nobody can have prepared where this goes.
    let mut file = options.open(&fresh)?;
    file.write_all(bytes)?;
    // The content before the name: after the rename a crash must find the new file whole. Ext4
    // would mostly see to it by itself, XFS would leave a file of zeros.
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    // Without it the rename itself could be undone by a power cut, and with it a key that a
    // collector has already signed.
    sync_folder(path)
}

/// The file's bytes, at most `bytes_max` of them; `None` when there is no such file.
///
/// # Errors
///
/// When the system refuses, or the file is longer.
pub fn read(path: &Path, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    // One byte more than allowed tells a file that is too long without reading all of it, and
    // without trusting what its metadata said before.
    file.take(bytes_max + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > bytes_max) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("longer than {bytes_max} bytes"),
        ));
    }
    Ok(Some(bytes))
}

/// Whether somebody beside the owner may read or write the file; never where rights are no modes.
///
/// # Errors
///
/// When the system does not say.
#[cfg(unix)]
pub fn is_open_to_others(path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(fs::metadata(path)?.permissions().mode() & 0o077 != 0)
}

/// Whether somebody beside the owner may read or write the file; never where rights are no modes.
///
/// # Errors
///
/// Never.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "it fails elsewhere")]
pub const fn is_open_to_others(_path: &Path) -> io::Result<bool> {
    Ok(false)
}

/// Whether somebody may read or write the file for whom it is not; never where rights are no modes.
///
/// It is for its owner and, if that is root, for its group to read, where that is the group of this process or root
/// runs it. So packages hand the configuration over (`0640 root:muster-agent`): the agent may not change it.
///
/// # Errors
///
/// When the system does not say.
#[cfg(unix)]
pub fn is_open_beyond_service(path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let metadata = fs::metadata(path)?;
    let file = Owned { user: metadata.uid(), group: metadata.gid() };
    let own = Owned {
        user: rustix::process::geteuid().as_raw(),
        group: rustix::process::getegid().as_raw(),
    };
    Ok(metadata.permissions().mode() & others(file, own) != 0)
}

/// Whether somebody may read or write the file for whom it is not; never where rights are no modes.
///
/// # Errors
///
/// Never.
#[cfg(not(unix))]
pub const fn is_open_beyond_service(path: &Path) -> io::Result<bool> {
    is_open_to_others(path)
}

/// Whose a file or a process is, by the numbers of the user and the group.
#[cfg(unix)]
#[derive(Clone, Copy)]
struct Owned {
    user: u32,
    group: u32,
}

/// The rights that make a file somebody else's as well.
#[cfg(unix)]
const fn others(file: Owned, own: Owned) -> u32 {
    // Root has chosen the group itself; who else is asked about a file has only root's word that the group is its.
    let is_handed_over = file.user == 0 && (own.user == 0 || own.group == file.group);
    if is_handed_over { 0o037 } else { 0o077 }
}

/// A rename is durable only once its folder is.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "it fails elsewhere")]
const fn sync_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn mode(path: &Path) -> u32 {
        let metadata = fs::metadata(path).expect("there");
        metadata.permissions().mode() & 0o777
    }

    #[test]
    fn gives_nobody_else_a_right_even_over_an_open_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secret");
        fs::write(&path, "old").expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).expect("set");
        assert!(is_open_to_others(&path).expect("there"));
        replace(&path, b"new").expect("written");
        assert_eq!(mode(&path), 0o600);
        assert_eq!(read(&path, 10).expect("readable"), Some(b"new".to_vec()));
        assert!(!is_open_to_others(&path).expect("there"));
    }

    #[test]
    fn a_group_reads_what_root_has_handed_over_to_it_and_nothing_else() {
        let agent = Owned { user: 990, group: 991 };
        let of = |user, group| Owned { user, group };
        for (mode, file, own, is_open) in [
            (0o640, of(0, 991), agent, false),
            (0o440, of(0, 991), agent, false),
            (0o600, of(990, 991), agent, false),
            (0o660, of(0, 991), agent, true),
            (0o644, of(0, 991), agent, true),
            // Another group than the agent's, and a file that is not root's.
            (0o640, of(0, 100), agent, true),
            (0o640, of(990, 991), agent, true),
            // `muster-agent check`, run by root.
            (0o640, of(0, 991), of(0, 0), false),
            (0o644, of(0, 991), of(0, 0), true),
            (0o640, of(990, 991), of(0, 0), true),
        ] {
            assert_eq!(
                mode & others(file, own) != 0,
                is_open,
                "{mode:o} {}:{}",
                file.user,
                file.group
            );
        }
    }

    #[test]
    fn is_not_held_up_by_what_a_crash_left_behind() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secret");
        fs::write(path.with_extension("new"), "half").expect("written");
        replace(&path, b"whole").expect("written");
        assert_eq!(read(&path, 10).expect("readable"), Some(b"whole".to_vec()));
        assert!(!path.with_extension("new").exists());
    }

    #[test]
    fn a_write_that_cannot_be_leaves_the_file_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secret");
        replace(&path, b"old").expect("written");
        fs::create_dir(path.with_extension("new")).expect("in the way");
        replace(&path, b"new").expect_err("a folder is in the way");
        assert_eq!(read(&path, 10).expect("readable"), Some(b"old".to_vec()));
    }

    #[test]
    fn makes_a_folder_that_is_closed_to_others() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a/b");
        make_folder(&path).expect("made");
        make_folder(&path).expect("there already");
        assert_eq!(mode(&path), 0o700);
    }

    #[test]
    fn reads_no_more_than_it_may() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("long");
        fs::write(&path, [0; 11]).expect("written");
        read(&path, 10).expect_err("too long");
        assert_eq!(read(&folder.path().join("none"), 10).expect("an answer"), None);
    }
}
