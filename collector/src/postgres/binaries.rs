//! Where PostgreSQL's server programs are. Distributions keep them out of `PATH`.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::PostgresError;

/// Folders with a folder a version, and what that folder holds the programs in.
const VERSIONED: [(&str, &str, &str); 3] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/opt/homebrew/opt", "postgresql@", "bin"),
];
/// Folders with the programs in them.
const PLAIN: [&str; 3] = ["/usr/local/pgsql/bin", "/usr/local/bin", "/usr/bin"];

/// A folder with `initdb` and `postgres`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Binaries(PathBuf);

impl Binaries {
    /// The programs of the folder that was named, or else those of the major version that the server's files are of,
    /// or else the newest that can be found: another version may be installed beside it at any time.
    ///
    /// # Errors
    ///
    /// When there are none.
    pub(super) fn find(
        named: Option<&Path>,
        search_path: Option<&OsStr>,
        major: Option<u32>,
    ) -> Result<Self, PostgresError> {
        if let Some(folder) = named {
            return Self::in_folder(folder.to_owned())
                .ok_or_else(|| PostgresError::NoBinaries(format!("not in {}", folder.display())));
        }
        let searched = search_path.map(std::env::split_paths).into_iter().flatten();
        in_order(versioned(), searched, major)
            .chain(PLAIN.iter().map(PathBuf::from))
            .find_map(Self::in_folder)
            .ok_or_else(|| PostgresError::NoBinaries("not in PATH nor in the usual places".into()))
    }

    /// One of the programs.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn in_folder(folder: PathBuf) -> Option<Self> {
        ["initdb", "postgres"]
            .iter()
            // Both are needed, and a client's package has neither.
            .all(|program| folder.join(program).is_file())
            .then_some(Self(folder))
    }
}

/// One of PostgreSQL's client programs: of the folder that was named, or else of the newest version
/// that is installed, because an older one does not read a newer server.
#[must_use]
pub fn client_program(
    named: Option<&Path>,
    search_path: Option<&OsStr>,
    name: &str,
) -> Option<PathBuf> {
    let folders: Vec<PathBuf> = match named {
        Some(folder) => vec![folder.to_owned()],
        None => {
            let searched = search_path.map(std::env::split_paths).into_iter().flatten();
            // The path last: Debian's is a wrapper that takes the version of some local server.
            let plain = PLAIN.iter().map(PathBuf::from);
            let versioned = versioned().into_iter().map(|(_, folder)| folder);
            versioned.chain(searched).chain(plain).collect()
        }
    };
    folders.into_iter().map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// Folders of the version that is wanted, then those of the path, then all others.
fn in_order(
    versioned: Vec<(u32, PathBuf)>,
    searched: impl Iterator<Item = PathBuf>,
    major: Option<u32>,
) -> impl Iterator<Item = PathBuf> {
    let (own, others): (Vec<_>, Vec<_>) =
        versioned.into_iter().partition(|(version, _)| Some(*version) == major);
    let folder = |(_, folder): (u32, PathBuf)| folder;
    own.into_iter().map(folder).chain(searched).chain(others.into_iter().map(folder))
}

/// Folders of every version that is installed, the newest first.
fn versioned() -> Vec<(u32, PathBuf)> {
    let mut found = Vec::new();
    for (parent, prefix, rest) in VERSIONED {
        // A folder that is not there or may not be read has no versions.
        for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let version = name.to_str().and_then(|name| name.strip_prefix(prefix)?.parse().ok());
            if let Some(version) = version {
                let version: u32 = version;
                found.push((version, entry.path().join(rest)));
            }
        }
    }
    // By number: as text, 9 would be newer than 17.
    found.sort_unstable_by(|a, b| b.cmp(a));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_with(programs: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for program in programs {
            fs::write(folder.path().join(program), "").unwrap();
        }
        folder
    }

    #[test]
    fn a_named_folder_is_the_only_one_that_is_looked_into() {
        let empty = folder_with(&["postgres"]);
        let error = Binaries::find(Some(empty.path()), None, None).unwrap_err().to_string();
        assert!(error.contains("install them"), "{error}");
        let full = folder_with(&["postgres", "initdb"]);
        assert!(Binaries::find(Some(full.path()), None, None).is_ok());
    }

    #[test]
    fn the_search_path_comes_before_the_usual_places() {
        let full = folder_with(&["postgres", "initdb"]);
        let found = Binaries::find(None, Some(full.path().as_os_str()), None).unwrap();
        assert_eq!(found.program("initdb"), full.path().join("initdb"));
    }

    #[test]
    fn the_first_folder_of_the_search_path_with_both_programs_counts() {
        let client = folder_with(&["psql"]);
        let half = folder_with(&["initdb"]);
        let (first, second) =
            (folder_with(&["postgres", "initdb"]), folder_with(&["postgres", "initdb"]));
        let folders = [&client, &half, &first, &second].map(tempfile::TempDir::path);
        let path = std::env::join_paths(folders).unwrap();
        let found = Binaries::find(None, Some(path.as_os_str()), None).unwrap();
        assert_eq!(found, Binaries(first.path().to_owned()));
    }

    #[test]
    fn files_of_a_version_keep_its_programs_when_a_newer_one_is_installed() {
        let versioned = || [17_u32, 15].map(|major| (major, PathBuf::from(major.to_string())));
        let order = |major| -> Vec<PathBuf> {
            in_order(versioned().into(), [PathBuf::from("path")].into_iter(), major).collect()
        };
        assert_eq!(order(Some(15)), ["15", "path", "17"].map(PathBuf::from));
        // There are no files yet, or the version is gone.
        for major in [None, Some(13)] {
            assert_eq!(order(major), ["path", "17", "15"].map(PathBuf::from), "{major:?}");
        }
    }

    #[test]
    fn a_folder_by_a_programs_name_is_no_program() {
        let folder = folder_with(&["initdb"]);
        fs::create_dir(folder.path().join("postgres")).unwrap();
        let error = Binaries::find(Some(folder.path()), None, None).unwrap_err();
        let expected = format!("not found (not in {})", folder.path().display());
        assert!(error.to_string().contains(&expected), "{error}");
    }
}
