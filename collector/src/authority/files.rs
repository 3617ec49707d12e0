//! The authority's files: a key, its certificate, and a mark beside them that says whose they are.
//!
//! Both files come into being in one rename, so no crash leaves one without the other. The mark
//! stays outside of their directory: it is how a directory that was deleted is told from one that
//! never was.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};

use super::{AuthorityError, hex};

/// The files of an authority.
const PARTS: [&str; 4] = ["ca.crt", "ca.key", "cross.crt", "seal.key"];

/// Bytes of a file that is read whole; a key and a certificate have a few hundred.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// Where the authority of a data directory is.
pub(super) struct Files {
    data_dir: PathBuf,
    directory: PathBuf,
    /// What its files' names begin with there.
    prefix: String,
    marker: PathBuf,
}

impl Files {
    /// `given`: a directory that somebody else keeps, in place of the data directory's own.
    pub(super) fn of(data_dir: &Path, given: Option<&Path>) -> Self {
        Self {
            data_dir: data_dir.to_owned(),
            directory: given.map_or_else(|| data_dir.join("ca"), Path::to_owned),
            prefix: String::new(),
            marker: data_dir.join("ca.sha256"),
        }
    }

    /// The fingerprint that was noted last; `None` when none was, or it cannot be read.
    pub(super) fn noted(&self) -> Option<[u8; 32]> {
        super::unhex(fs::read_to_string(&self.marker).ok()?.trim())
    }

    /// The authority of that fingerprint: in the directory itself, or where one is that was prepared, in the folder
    /// of its name or in files whose names begin with it. A Kubernetes secret has no folders.
    pub(super) fn of_fingerprint(&self, sha256: [u8; 32]) -> Self {
        let name = hex(&sha256);
        let folder = self.directory.join(&name);
        let beside = format!("{name}.");
        let (directory, prefix) = if folder.join("ca.crt").exists() {
            (folder, String::new())
        } else if self.directory.join(format!("{beside}ca.crt")).exists() {
            (self.directory.clone(), beside)
        } else {
            (self.directory.clone(), String::new())
        };
        Self { data_dir: self.data_dir.clone(), directory, prefix, marker: self.marker.clone() }
    }

    fn part(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{}{name}", self.prefix))
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn marker(&self) -> &Path {
        &self.marker
    }

    pub(super) fn key(&self) -> PathBuf {
        self.part("ca.key")
    }

    pub(super) fn certificate(&self) -> PathBuf {
        self.part("ca.crt")
    }

    /// The certificate for it that the authority before it has signed.
    pub(super) fn cross(&self) -> PathBuf {
        self.part("cross.crt")
    }

    /// What secrets for other purposes are derived from, where it is not the key beside it.
    pub(super) fn seal(&self) -> PathBuf {
        self.part("seal.key")
    }

    /// Whether there is an authority; an error when there was one and some of it is gone.
    pub(super) fn exist(&self) -> Result<bool, AuthorityError> {
        // Not `exists`, which takes what may not be looked at for what is not there: a service that
        // was once started as root would be told to delete a good authority.
        let is_directory_there = is_there(&self.directory)?;
        if !is_directory_there && !is_there(&self.marker)? {
            return Ok(false);
        }
        for path in [self.key(), self.certificate()] {
            if !is_there(&path)? {
                return Err(AuthorityError::Missing {
                    path,
                    marker: if is_directory_there {
                        self.directory.clone()
                    } else {
                        self.marker.clone()
                    },
                });
            }
        }
        Ok(true)
    }

    /// Writes both files; after a crash there are both or none.
    pub(super) fn create(&self, key: &str, certificate: &str) -> Result<(), AuthorityError> {
        let new = self.data_dir.join("ca.new");
        let at_new = |action| file_error(action, &new);
        if new.exists() {
            // Left by a crash before the rename: nobody has ever used it.
            fs::remove_dir_all(&new).map_err(at_new("remove"))?;
        }
        fs::DirBuilder::new().mode(0o700).create(&new).map_err(at_new("create"))?;
        write_synced(&new.join("ca.key"), key, 0o600)?;
        write_synced(&new.join("ca.crt"), certificate, 0o644)?;
        // Content, then names, then the rename, then the rename's own folder: at each step a power
        // cut leaves no authority or a whole one.
        sync_directory(&new)?;
        fs::rename(&new, &self.directory).map_err(at_new("rename"))?;
        sync_directory(&self.data_dir)
    }

    /// Notes whose authority this directory has, or compares it with what was noted. Where the nodes share it,
    /// what was noted may be the one before it.
    pub(super) fn mark(&self, fingerprint: &str, is_shared: bool) -> Result<(), AuthorityError> {
        match fs::read_to_string(&self.marker) {
            Ok(noted) if noted.trim() == fingerprint => Ok(()),
            Ok(_) if is_shared => self.write_marker(fingerprint),
            Ok(noted) => Err(AuthorityError::Damaged {
                path: self.certificate(),
                message: format!(
                    "it is another authority's than the one that agents were enrolled with \
                     ({fingerprint}, not {})",
                    noted.trim()
                ),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.write_marker(fingerprint),
            Err(error) => Err(file_error("read", &self.marker)(error)),
        }
    }

    fn write_marker(&self, fingerprint: &str) -> Result<(), AuthorityError> {
        let new = self.marker.with_extension("new");
        if let Err(error) = fs::remove_file(&new)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(file_error("remove", &new)(error));
        }
        write_synced(&new, &format!("{fingerprint}\n"), 0o644)?;
        fs::rename(&new, &self.marker).map_err(file_error("rename", &new))?;
        sync_directory(&self.data_dir)
    }

    pub(super) fn read_key(&self) -> Result<String, AuthorityError> {
        read_secret(self.key())
    }

    /// What secrets are derived from, as hexadecimal digits; `None` where that is the key.
    pub(super) fn read_seal(&self) -> Result<Option<String>, AuthorityError> {
        let path = self.seal();
        if is_there(&path)? { read_secret(path).map(Some) } else { Ok(None) }
    }

    pub(super) fn read_cross(&self) -> Result<Option<String>, AuthorityError> {
        let path = self.cross();
        if is_there(&path)? { read(&path).map(Some) } else { Ok(None) }
    }

    /// Writes a prepared authority into a folder of its fingerprint's name; after a crash it is there whole or
    /// not at all.
    pub(super) fn add(
        into: &Path,
        name: &str,
        files: &[(&str, &str, u32)],
    ) -> Result<(), AuthorityError> {
        let new = into.join("prepared.new");
        if new.exists() {
            // Left by a crash before the rename: nobody has ever used it.
            fs::remove_dir_all(&new).map_err(file_error("remove", &new))?;
        }
        fs::DirBuilder::new().mode(0o700).create(&new).map_err(file_error("create", &new))?;
        for (file, text, mode) in files {
            write_synced(&new.join(file), text, *mode)?;
        }
        sync_directory(&new)?;
        fs::rename(&new, into.join(name)).map_err(file_error("rename", &new))?;
        sync_directory(into)
    }

    pub(super) fn read_certificate(&self) -> Result<String, AuthorityError> {
        read(&self.certificate())
    }
}

/// The names of an authority's files in a folder, and of those that were prepared, in folders of it or beside.
pub(crate) fn files_of(directory: &Path) -> io::Result<Vec<String>> {
    let parts = |folder: &Path, prefix: &str| {
        let there = PARTS.into_iter().filter(|part| folder.join(part).exists());
        there.map(|part| format!("{prefix}{part}")).collect::<Vec<_>>()
    };
    let mut names = parts(directory, "");
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if super::unhex(&name).is_some() {
            names.extend(parts(&entry.path(), &format!("{name}/")));
        } else if let Some((sha256, part)) = name.split_once('.')
            && super::unhex(sha256).is_some()
            && PARTS.contains(&part)
        {
            names.push(name);
        }
    }
    Ok(names)
}

/// A file that only its owner may read.
fn read_secret(path: PathBuf) -> Result<String, AuthorityError> {
    let about = fs::metadata(&path).map_err(file_error("read", &path))?;
    // The file's type is in the same number.
    let mode = about.permissions().mode() & 0o777;
    // A secret that a container is given is root's, and read by the group that the container was
    // given with it; nobody else is in that.
    let is_given = about.uid() == 0 && !rustix::process::geteuid().is_root();
    let others = if is_given { 0o037 } else { 0o077 };
    // Refused and not repaired: changing the mode would hide that others could read the key
    // until now.
    if mode & others != 0 {
        return Err(AuthorityError::Exposed { path, mode });
    }
    read(&path)
}

fn is_there(path: &Path) -> Result<bool, AuthorityError> {
    path.try_exists().map_err(file_error("look for", path))
}

fn file_error<'a>(
    action: &'static str,
    path: &'a Path,
) -> impl Fn(io::Error) -> AuthorityError + use<'a> {
    move |error| AuthorityError::File { action, path: path.to_owned(), error }
}

fn read(path: &Path) -> Result<String, AuthorityError> {
    let damaged = |message: &str| AuthorityError::Damaged {
        path: path.to_owned(),
        message: message.to_owned(),
    };
    let bytes = fs::metadata(path).map_err(file_error("read", path))?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(damaged("it is far longer than it can be"));
    }
    match fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(damaged("it is not text")),
        Err(error) => Err(file_error("read", path)(error)),
    }
}

fn write_synced(path: &Path, text: &str, mode: u32) -> Result<(), AuthorityError> {
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    write().map_err(file_error("write", path))
}

fn sync_directory(path: &Path) -> Result<(), AuthorityError> {
    File::open(path).and_then(|directory| directory.sync_all()).map_err(file_error("sync", path))
}
