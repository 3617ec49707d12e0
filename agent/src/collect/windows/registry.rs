//! The registry as sources see it: keys below `HKLM\SOFTWARE` and below every person's own.
//!
//! On the running system the keys of people who are signed in are loaded, and everybody else's are in
//! a file of their home that nobody has open: that file is read in place. The list of profiles names
//! those homes, so nobody's account is ever looked up. For any other tree all are files.

pub(super) mod hive;
#[cfg(windows)]
mod live;

use std::path::{Path, PathBuf};

use self::hive::{Hive, HiveKey};
use crate::collect::defects::ReadError;
use crate::collect::records::Records;
use crate::collect::root::Root;

/// The files that hold `HKLM\SOFTWARE` and `HKLM\SYSTEM`.
const SOFTWARE: &str = "/Windows/System32/config/SOFTWARE";
const SYSTEM: &str = "/Windows/System32/config/SYSTEM";
/// Which profiles there are, below `HKLM\SOFTWARE`.
const PROFILES: &str = r"Microsoft\Windows NT\CurrentVersion\ProfileList";
/// Profiles that are looked at.
const PROFILES_MAX: usize = 10_000;

/// Bytes of a text that is kept, before it is cut to what its field may have.
const TEXT_BYTES_MAX: usize = 32 * 1024;

/// A key, wherever it is.
#[derive(Debug)]
pub(super) enum Key<'a> {
    /// In a file.
    File(HiveKey<'a>),
    /// In the registry of the running system.
    #[cfg(windows)]
    Live(live::LiveKey),
}

/// Which of a person's two hives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Personal {
    /// `HKEY_CURRENT_USER`.
    Settings,
    /// `HKEY_CURRENT_USER\Software\Classes`.
    Classes,
}

impl Personal {
    /// Where in a profile its file is.
    const fn file(self) -> &'static str {
        match self {
            Self::Settings => "NTUSER.DAT",
            Self::Classes => "AppData/Local/Microsoft/Windows/UsrClass.dat",
        }
    }
}

/// What is done with a key.
type Visit<'v> = dyn FnMut(&Key<'_>, &mut Records) -> Result<(), ReadError> + 'v;

impl Key<'_> {
    /// The key at a path below this one, with `\` between its parts.
    pub(super) fn open(&self, path: &str) -> Result<Option<Key<'_>>, ReadError> {
        match self {
            Self::File(key) => Ok(key.open(path)?.map(Key::File)),
            #[cfg(windows)]
            Self::Live(key) => Ok(key.open(path)?.map(Key::Live)),
        }
    }

    /// Shows every key right below this one with its name.
    pub(super) fn each(
        &self,
        visit: &mut dyn FnMut(&str, &Key<'_>) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        match self {
            Self::File(key) => key.each(&mut |name, key| visit(name, &Key::File(key))),
            #[cfg(windows)]
            Self::Live(key) => key.each(&mut |name, key| visit(name, &Key::Live(key))),
        }
    }

    /// A text; `None` when there is no such value, or one of another kind.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, ReadError> {
        match self {
            Self::File(key) => key.text(name),
            #[cfg(windows)]
            Self::Live(key) => Ok(key.text(name)),
        }
    }

    /// A text, or an empty one.
    pub(super) fn text_or_empty(&self, name: &str) -> Result<String, ReadError> {
        Ok(self.text(name)?.unwrap_or_default())
    }

    /// A number; `None` when there is no such value, or one of another kind.
    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, ReadError> {
        match self {
            Self::File(key) => key.number(name),
            #[cfg(windows)]
            Self::Live(key) => Ok(key.number(name)),
        }
    }
}

/// Hands `HKLM\SOFTWARE` over; `None` where there is none.
pub(super) fn with_software<T>(
    root: &Root,
    work: impl FnOnce(&Key<'_>) -> Result<T, ReadError>,
) -> Result<Option<T>, ReadError> {
    #[cfg(windows)]
    if root.is_host() {
        return live::LiveKey::software().map(|key| work(&Key::Live(key))).transpose();
    }
    match Hive::open(root, Path::new(SOFTWARE))? {
        Some(hive) => work(&Key::File(hive.top()?)).map(Some),
        None => Ok(None),
    }
}

/// The computer's name, of a tree that is not the running system's.
pub(super) fn computer_name(root: &Root) -> Result<String, ReadError> {
    let Some(hive) = Hive::open(root, Path::new(SYSTEM))? else {
        return Ok(String::new());
    };
    let top = hive.top()?;
    // Which of the sets is the current one matters to drivers; the name is the same in all.
    match top.open(r"ControlSet001\Control\ComputerName\ComputerName")? {
        Some(key) => Ok(key.text("ComputerName")?.unwrap_or_default()),
        None => Ok(String::new()),
    }
}

/// Hands one hive of every person over, loaded or not. A hive that cannot be read costs only itself.
pub(super) fn each_person(
    root: &Root,
    which: Personal,
    out: &mut Records,
    visit: &mut Visit<'_>,
) -> Result<(), ReadError> {
    #[cfg(windows)]
    let loaded =
        if root.is_host() { live::each_person(root, which, out, visit)? } else { Vec::new() };
    #[cfg(not(windows))]
    let loaded: Vec<String> = Vec::new();
    for home in homes(root, &loaded)? {
        let hive = Hive::open(root, &home.join(which.file()));
        let Some(hive) = out.tolerate(hive)?.flatten() else {
            continue;
        };
        // Windows writes changes into a log first, and the log is not read here.
        if hive.is_behind() {
            out.unreadable(hive.path(), "changes of it are still in its log");
        }
        let visited = hive.top().and_then(|top| visit(&Key::File(top), out));
        out.tolerate(visited)?;
    }
    Ok(())
}

/// The homes of the profiles whose hives are not loaded.
fn homes(root: &Root, loaded: &[String]) -> Result<Vec<PathBuf>, ReadError> {
    let mut homes = Vec::new();
    with_software(root, |software| {
        let Some(profiles) = software.open(PROFILES)? else {
            return Ok(());
        };
        profiles.each(&mut |id, profile| {
            if homes.len() < PROFILES_MAX
                // A hive that is loaded was read live, and its file is locked.
                && !loaded.iter().any(|one| one.eq_ignore_ascii_case(id))
                && let Some(path) = profile.text("ProfileImagePath")?
            {
                homes.extend(path_in_tree(&path));
            }
            Ok(())
        })
    })?;
    // Where Windows has repaired a profile, a second key `SID.bak` names the same folder.
    homes.sort_unstable();
    homes.dedup();
    Ok(homes)
}

/// A path of Windows as one of the tree: what is on Windows' own drive is below its top. `None` where it leads to
/// another machine or to a device: a person may write such a path into the own hive, and opening it would show this
/// machine's account to whoever is there.
pub(super) fn path_in_tree(path: &str) -> Option<PathBuf> {
    let path = path.trim().trim_matches('"');
    let path = path.strip_prefix(r"\\?\").unwrap_or(path);
    let below = match path.split_at_checked(2) {
        // Whoever wrote the path saw this drive as C, whatever it is to whoever reads the tree.
        Some((drive, below)) if drive.eq_ignore_ascii_case("c:") => below,
        _ => ["%SystemDrive%", "%SystemRoot%", "%windir%"]
            .iter()
            .find_map(|name| {
                let (head, below) = path.split_at_checked(name.len())?;
                head.eq_ignore_ascii_case(name).then_some(below)
            })
            .unwrap_or(path),
    };
    let in_windows = path.to_ascii_lowercase();
    let top = if in_windows.starts_with("%systemroot%") || in_windows.starts_with("%windir%") {
        "/Windows"
    } else {
        ""
    };
    let path = format!("{top}{}", below.replace('\\', "/"));
    // Asked of what becomes of it: behind a drive two of them mean the same once the drive is gone.
    (!path.starts_with("//")).then(|| PathBuf::from(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_windows_own_drive_is_below_the_top_of_the_tree() {
        for (path, expected) in [
            (r"C:\Users\alice", "/Users/alice"),
            (r"%SystemDrive%\Users\alice", "/Users/alice"),
            (
                r"%systemroot%\system32\config\systemprofile",
                "/Windows/system32/config/systemprofile",
            ),
            ("\"C:\\Program Files\\A\"", "/Program Files/A"),
            (r"\\?\C:\a", "/a"),
            (r"D:\Profiles\bob", "D:/Profiles/bob"),
            ("", ""),
            ("ä", "ä"),
        ] {
            assert_eq!(path_in_tree(path).as_deref(), Some(Path::new(expected)), "{path}");
        }
    }

    #[test]
    fn a_path_to_another_machine_is_none_of_the_tree() {
        for path in [
            r"\\attacker\share",
            "//attacker/share",
            r"\/attacker\share",
            r"/\attacker\share",
            "\"\\\\attacker\\share\"",
            r" \\attacker\share",
            r"C:\\attacker\share",
            r"%SystemDrive%\\attacker\share",
            r"\\.\pipe\name",
            r"\\?\\\attacker\share",
            r"\\?\C:\\attacker\share",
            r"\\\attacker",
        ] {
            assert_eq!(path_in_tree(path), None, "{path}");
        }
        // No other machine: a folder of this name on Windows' own drive.
        let unc = path_in_tree(r"\\?\UNC\attacker\share");
        assert_eq!(unc.as_deref(), Some(Path::new("UNC/attacker/share")));
    }
}
