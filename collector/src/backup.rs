//! Backup and restore: a folder with everything that a site cannot make again.
//!
//! The rows of the database as one consistent dump, the certificate authority that agents trust, the
//! feeds and the index, and a list with the digest of each file. Not the queue: what is acknowledged
//! and not stored yet is asked for again by digests (decision 44). The folder holds the authority's
//! key, so it is made for its owner alone. Nothing is ever written over: a backup goes into a new
//! folder, a restore into an empty database and a data directory without an authority. Where a server's
//! files are archived for points in time, the folder is made without rows (decision 64).

mod dump;
mod files;
mod manifest;

use std::ffi::OsStr;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use time::OffsetDateTime;

pub use self::dump::Address;
pub use self::manifest::Manifest;
use crate::authority::{Authority, Home, hex, unhex};
use crate::config::Config;
use crate::feeds::{FeedPaths, listed_files};

const DUMP: &str = "database.dump";
const AUTHORITY: &str = "ca";
const MIRROR: &str = "mirror";
const INDEX: &str = "index";
/// The mirror's list, which is written behind the files that it names.
const MIRROR_LIST: &str = "manifest.json";

/// How often the mirror is read again that changed while it was copied.
const MIRROR_TRIES: u32 = 5;

/// Whose backup it is.
#[derive(Debug)]
pub struct Site<'a> {
    /// The collector's configuration.
    pub config: &'a Config,
    /// Where PostgreSQL's programs are looked for besides the usual places: the environment's `PATH`.
    pub search_path: Option<&'a OsStr>,
}

impl Site<'_> {
    /// Writes a backup into a new folder, beside a running collector or without one; without rows where no `database`
    /// is given. `shared` is the authority that the database knows: this machine's own note of it may be old, or none,
    /// as where nothing but the backup runs.
    ///
    /// # Errors
    ///
    /// When the folder exists, there is no authority yet, the one that counts is not here, or something cannot be read
    /// or written. What was written until then has no list, and no restore takes it.
    pub async fn back_up(
        &self,
        database: Option<&Address<'_>>,
        shared: Option<[u8; 32]>,
        to: &Path,
        now: OffsetDateTime,
    ) -> anyhow::Result<Manifest> {
        // Before the folder: a site that never ran has nothing to keep.
        let authority = self.open_authority(shared, now).context("open the authority")?;
        // For its owner alone before anything is in it.
        DirBuilder::new()
            .mode(0o700)
            .create(to)
            .with_context(|| format!("make the folder {}", to.display()))?;
        let mut manifest = Manifest::new(hex(&authority.fingerprint()), now);
        if let Some(database) = database {
            dump::write(database, self.search_path, &to.join(DUMP)).await?;
            manifest.add_file(to, DUMP)?;
        }
        self.copy_authority(to, &mut manifest)?;
        self.copy_feeds(to, &mut manifest)?;
        // The last of all: a folder with a list is whole.
        manifest.write(to)?;
        Ok(manifest)
    }

    /// Reads the list of a backup, and every file as it says; and looks whether its authority can be here.
    ///
    /// # Errors
    ///
    /// When the folder holds no backup that this release knows, a file is not what it was, or another authority is
    /// here, or none where somebody else has to put it.
    pub fn check(&self, from: &Path) -> anyhow::Result<Manifest> {
        let manifest = Manifest::read(from)?;
        manifest.verify(from)?;
        // Before the database is touched, which has to be empty for the next try.
        let directory = self.authority_dir();
        match self.authority_here(&manifest)? {
            Some(here) => ensure!(
                here == manifest.authority_sha256,
                "{} holds the authority {here}, and the backup's is {}: move it away, or name another \
                 data directory",
                directory.display(),
                manifest.authority_sha256
            ),
            // One that is mounted is somebody else's to put there.
            None => ensure!(
                self.config.node.authority_dir.is_none(),
                "put what is in {} into {}",
                from.join(AUTHORITY).display(),
                directory.display()
            ),
        }
        Ok(manifest)
    }

    /// Brings the rows back into an empty database.
    ///
    /// # Errors
    ///
    /// When PostgreSQL's program is not found or fails; the database is as it was then.
    pub async fn restore_rows(&self, database: &Address<'_>, from: &Path) -> anyhow::Result<()> {
        dump::read(database, self.search_path, &from.join(DUMP)).await
    }

    /// Brings the authority and the feeds of a backup that was checked back; what is there already stays. The feeds are
    /// taken in once more by their next sync: rows of them that came after the database's moment are not in it.
    ///
    /// # Errors
    ///
    /// When something cannot be read or written.
    pub fn restore_files(&self, from: &Path, manifest: &Manifest) -> anyhow::Result<()> {
        let directory = self.authority_dir();
        if self.authority_here(manifest)?.is_none() {
            files::make_private_dir(&directory)?;
            for name in manifest.files_in(AUTHORITY) {
                files::copy(&from.join(AUTHORITY).join(name), &directory.join(name))?;
            }
        }
        let feeds = FeedPaths::of(self.config);
        if !feeds.mirror.join(MIRROR_LIST).exists() {
            for name in manifest.files_in(MIRROR) {
                files::copy(&from.join(MIRROR).join(name), &feeds.mirror.join(name))?;
            }
        }
        if !feeds.index.exists() && manifest.has(INDEX) {
            files::copy(&from.join(INDEX), &feeds.index)?;
        }
        crate::feeds::forget_applied(&feeds.mirror)
            .with_context(|| format!("have the feeds in {} taken in again", feeds.mirror.display()))
    }

    fn open_authority(
        &self,
        shared: Option<[u8; 32]>,
        now: OffsetDateTime,
    ) -> anyhow::Result<Authority> {
        let home = Home { shared, ..Home::of_node(&self.config.node) };
        let authority = Authority::look(&home, &self.config.ingest.trust_domain, now)?;
        authority.context("there is none yet: the first node makes it")
    }

    /// The fingerprint of the authority that is here, if there is one: the backup's own, if that is here.
    fn authority_here(&self, manifest: &Manifest) -> anyhow::Result<Option<String>> {
        let shared = unhex(&manifest.authority_sha256);
        let home = Home { shared, ..Home::of_node(&self.config.node) };
        let certificate = home.certificate_of_shared();
        if !certificate.exists() {
            return Ok(None);
        }
        let sha256 = crate::authority::fingerprint_of(&certificate)?;
        Ok(Some(hex(&sha256)))
    }

    fn authority_dir(&self) -> PathBuf {
        let node = &self.config.node;
        node.authority_dir.clone().unwrap_or_else(|| node.data_dir.join("ca"))
    }

    fn copy_authority(&self, to: &Path, manifest: &mut Manifest) -> anyhow::Result<()> {
        files::make_private_dir(&to.join(AUTHORITY))?;
        let directory = self.authority_dir();
        // Its own files, and those of an authority that is to take its place, or has.
        for name in crate::authority::files_of(&directory).context("read the authority's folder")? {
            let inside = format!("{AUTHORITY}/{name}");
            files::copy(&directory.join(&name), &to.join(&inside))?;
            manifest.add_file(to, &inside)?;
        }
        Ok(())
    }

    fn copy_feeds(&self, to: &Path, manifest: &mut Manifest) -> anyhow::Result<()> {
        let feeds = FeedPaths::of(self.config);
        self.copy_mirror(&feeds.mirror, to, manifest)?;
        if feeds.index.exists() {
            files::copy(&feeds.index, &to.join(INDEX))?;
            manifest.add_file(to, INDEX)?;
        }
        Ok(())
    }

    fn copy_mirror(&self, mirror: &Path, to: &Path, manifest: &mut Manifest) -> anyhow::Result<()> {
        for _ in 0..MIRROR_TRIES {
            let Some((list, names)) = listed_files(mirror).context("read the mirror's list")?
            else {
                return Ok(());
            };
            let folder = to.join(MIRROR);
            if folder.exists() {
                fs::remove_dir_all(&folder)?;
            }
            files::make_private_dir(&folder)?;
            // A sync that goes on meanwhile writes files under other names and removes what its new list
            // does not name: then the old list is none any more, and the next one is read.
            if !files::copy_all(mirror, &folder, &names)? {
                continue;
            }
            files::write(&folder.join(MIRROR_LIST), &list)?;
            for name in names.iter().map(String::as_str).chain([MIRROR_LIST]) {
                manifest.add_file(to, &format!("{MIRROR}/{name}"))?;
            }
            return Ok(());
        }
        bail!("feeds change faster than they are copied: try again when no sync runs")
    }
}

#[cfg(test)]
mod tests;
