//! Whose the state folder is, for commands that a person types as root.
//!
//! The service runs as a user of its own, which can neither open nor change what root has made in its folder: a host that
//! root has enrolled would never report. So root makes nothing there that has to last.

use std::io;
use std::path::Path;

use super::Failure;

/// Refuses to go on as root in a folder of another user. One that is missing is nobody's yet.
///
/// # Errors
///
/// With what to type in place of `command`; or when the system does not say whose the folder is.
pub(super) fn refuse_to_make(state_dir: &Path, command: &str) -> Result<(), Failure> {
    let Some(owner) = owner_of(state_dir)? else {
        return Ok(());
    };
    match refusal(own_user(), owner, state_dir, command) {
        Some(why) => Err(Failure(why)),
        None => Ok(()),
    }
}

/// The first of these names in the folder that is another user's than the folder is, with what to do about it.
///
/// # Errors
///
/// When the system does not say whose they are.
pub(super) fn stranger(state_dir: &Path, names: &[&str]) -> io::Result<Option<String>> {
    let Some(owner) = owner_of(state_dir)? else {
        return Ok(None);
    };
    for name in names {
        let path = state_dir.join(name);
        if owner_of(&path)?.is_some_and(|other| other != owner) {
            return Ok(Some(format!(
                "{} is of another user than its folder, and an agent that runs as the folder's owner cannot open it: \
                 run `chown -R {owner} {}`",
                path.display(),
                state_dir.display()
            )));
        }
    }
    Ok(None)
}

/// Why this user must not make anything in a folder of that one.
fn refusal(own: u32, owner: u32, state_dir: &Path, command: &str) -> Option<String> {
    // Who is neither root nor the owner is refused by the system, in words that name the folder.
    (own == 0 && owner != 0).then(|| {
        format!(
            "{} is the folder of user {owner}, who could not open what root makes there: run \
             `sudo -u '#{owner}' muster-agent {command}`, or give root the folder where the agent itself runs as root",
            state_dir.display()
        )
    })
}

/// The number of the user whose it is; `None` where nothing is there, and where users have no numbers.
#[cfg(unix)]
fn owner_of(path: &Path) -> io::Result<Option<u32>> {
    use std::os::unix::fs::MetadataExt as _;
    match std::fs::symlink_metadata(path) {
        Ok(metadata) => Ok(Some(metadata.uid())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The number of the user whose it is; `None` where nothing is there, and where users have no numbers.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "it fails elsewhere")]
const fn owner_of(_path: &Path) -> io::Result<Option<u32>> {
    Ok(None)
}

#[cfg(unix)]
fn own_user() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[cfg(not(unix))]
const fn own_user() -> u32 {
    u32::MAX
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[test]
    fn root_makes_nothing_that_the_service_could_not_open() {
        let folder = Path::new("/var/lib/muster-agent");
        for (own, owner, is_refused) in
            [(0, 990, true), (0, 0, false), (990, 990, false), (1_000, 990, false)]
        {
            let why = refusal(own, owner, folder, "enroll < TOKEN");
            assert_eq!(why.is_some(), is_refused, "{own} in a folder of {owner}");
            let tells = |why: &String| why.contains("`sudo -u '#990' muster-agent enroll < TOKEN`");
            assert!(why.as_ref().is_none_or(tells), "{why:?}");
        }
    }

    #[test]
    fn a_folder_of_ones_own_and_one_that_is_not_there_are_no_obstacle() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(refuse_to_make(folder.path(), "scan").is_ok());
        assert!(refuse_to_make(&folder.path().join("none"), "scan").is_ok());
    }

    #[test]
    fn what_somebody_else_has_made_is_named_with_its_mend() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["gate", "spool.redb"] {
            std::fs::write(folder.path().join(name), "").expect("written");
        }
        let names = ["gate", "lock", "spool.redb"];
        assert_eq!(stranger(folder.path(), &names).expect("readable"), None);
        // Root alone may give things away; whoever else runs this has seen all that there is to see.
        if std::os::unix::fs::chown(folder.path(), Some(990), None).is_ok() {
            let why = stranger(folder.path(), &names).expect("readable").expect("root's");
            let mend = format!("`chown -R 990 {}`", folder.path().display());
            assert!(why.contains("/gate is of another user") && why.contains(&mend), "{why}");
            assert!(refuse_to_make(folder.path(), "scan").is_err());
        }
    }
}
