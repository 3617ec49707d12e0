//! Makes the next index out of the one before and of what changed in the feeds since.
//!
//! It exists because a sync brings some hundreds of records and an index is made of hundreds of
//! thousands. Which CVEs and advisories a change of feed files touches is told by the extracts of
//! the files that came and of those that went; only these are judged anew, out of the extracts of
//! all files, and everything else is taken from the index before, row by row. The result is the
//! same, byte for byte, as that of a build of everything. Whatever is missing or does not fit makes
//! it a build of everything, and says why.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::cve::{CveId, Timestamp};
use crate::index::assemble::Origin;
use crate::index::base;
use crate::index::builder::Builder;
use crate::index::extract::{ContentId, Extract, READER, Version, Wanted};
use crate::index::write::{self, BuildReport, Rebuilt};
use crate::index::{Index, IndexError};
use crate::rule::LeftOut;

/// Ending of an extract's name.
const ENDING: &str = "extract";

/// A folder of extracts, each named by the content of its feed file.
#[derive(Clone, Debug)]
pub struct Extracts {
    folder: PathBuf,
}

impl Extracts {
    /// The extracts of a folder, which need not be there yet.
    #[must_use]
    pub const fn in_folder(folder: PathBuf) -> Self {
        Self { folder }
    }

    fn path(&self, content: &ContentId) -> PathBuf {
        let name: String = content.iter().map(|byte| format!("{byte:02x}")).collect();
        self.folder.join(name).with_extension(ENDING)
    }

    /// The extract of a feed file.
    ///
    /// # Errors
    ///
    /// When there is none, or one that cannot be used: the feed has to be read again.
    pub fn open(&self, content: &ContentId) -> Result<Extract, IndexError> {
        Extract::open(&self.path(content), *content)
    }

    /// Keeps what a builder has taken in as the extract of a feed file with this content.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn keep(&self, builder: &Builder, content: &ContentId) -> Result<(), IndexError> {
        fs::create_dir_all(&self.folder).map_err(|source| IndexError::Io {
            action: "make",
            path: self.folder.clone(),
            source,
        })?;
        Extract::write(builder, *content, &self.path(content))
    }

    /// Removes the extracts of all other feed files, and what was left half.
    ///
    /// # Errors
    ///
    /// When the folder cannot be listed, or a file in it not be removed.
    pub fn retain(&self, contents: &[ContentId]) -> io::Result<()> {
        let kept: BTreeSet<PathBuf> = contents.iter().map(|content| self.path(content)).collect();
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let path = entry?.path();
            // Whatever it is: the folder holds nothing but extracts, and half-written ones have
            // other names.
            if !kept.contains(&path) {
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    }

    /// Makes the index of these feed files at `path`, out of what is there already as far as that
    /// goes. `made_at` is the instant that tells a newer index from an older one.
    ///
    /// # Errors
    ///
    /// When an extract of one of them is not there or damaged, the index cannot be written, or
    /// there is more than one can hold. `path` is as before then.
    pub fn build(
        &self,
        path: &Path,
        contents: &[ContentId],
        made_at: Timestamp,
    ) -> Result<BuildReport, IndexError> {
        let mut contents = contents.to_vec();
        contents.sort_unstable();
        contents.dedup();
        let before = Index::open(path).ok();
        // A clock may go back; what takes the place of an index is newer than it all the same.
        let at_least =
            before.as_ref().and_then(Index::made_at).map_or(0, |at| at.0.saturating_add(1));
        let origin = Origin { made_at: made_at.0.max(at_least), reader: READER, made_of: contents };
        let changed = match self.since(before, &origin.made_of)? {
            Ok((before, wanted)) => {
                let rebuilt = Rebuilt::Changed {
                    cves: wanted.cves.len() as u64,
                    advisories: wanted.advisories.len() as u64,
                };
                self.bytes_since(&before, &wanted, &origin)
                    .map(|bytes| (bytes, rebuilt))
                    // Damage that the checksum let through costs time and nothing else.
                    .map_err(|_| "the index before it is damaged")
            }
            Err(reason) => Err(reason),
        };
        let (bytes, rebuilt) = match changed {
            Ok(changed) => changed,
            Err(reason) => (self.bytes_of_all(&origin)?, Rebuilt::All { reason }),
        };
        let (records, left_out) = self.counts(&origin.made_of)?;
        // Counted before: an extract that turns out damaged has to leave the index as it was.
        write::replace(path, &bytes)?;
        let index = Index::from_bytes(bytes)?;
        Ok(BuildReport::new(records, left_out, rebuilt, &index))
    }

    fn bytes_of_all(&self, origin: &Origin) -> Result<Vec<u8>, IndexError> {
        let mut builder = Builder::new();
        for content in &origin.made_of {
            self.open(content)?.merge(&mut builder, None)?;
        }
        builder.assemble(origin)
    }

    fn bytes_since(
        &self,
        before: &Index,
        wanted: &Wanted,
        origin: &Origin,
    ) -> Result<Vec<u8>, IndexError> {
        let mut base = base::take(before, wanted)?;
        for content in &origin.made_of {
            self.open(content)?.merge(&mut base.builder, Some(wanted))?;
        }
        base.assemble(before, origin)
    }

    /// What the records of all files were.
    fn counts(&self, contents: &[ContentId]) -> Result<(u64, LeftOut), IndexError> {
        let mut sum = (0, LeftOut::default());
        for content in contents {
            let extract = self.open(content)?;
            sum.0 += extract.records();
            sum.1.add(extract.left_out());
        }
        Ok(sum)
    }

    /// The index before and what changed since, or why that is not to be gone by.
    fn since(
        &self,
        before: Option<Index>,
        contents: &[ContentId],
    ) -> Result<Result<(Index, Wanted), &'static str>, IndexError> {
        let Some(before) = before else {
            return Ok(Err("there is no index before it that can be used"));
        };
        let made_of = before.made_of();
        if made_of.is_empty() {
            return Ok(Err("the index before it does not tell what it is made of"));
        }
        if before.layout.reader != READER {
            return Ok(Err("another version of the program has made the index before it"));
        }
        let mut difference = Difference::default();
        for content in made_of.iter().filter(|content| !contents.contains(content)) {
            let Ok(extract) = self.open(content) else {
                return Ok(Err("the extract of a feed that is gone is missing or damaged"));
            };
            difference.gone(&extract)?;
        }
        for content in contents.iter().filter(|content| !made_of.contains(content)) {
            difference.came(&self.open(content)?)?;
        }
        Ok(Ok((before, difference.wanted())))
    }
}

/// What files that came hold otherwise than files that went.
#[derive(Debug, Default)]
struct Difference {
    cves: BTreeMap<CveId, Sides>,
    advisories: BTreeMap<Box<str>, Sides>,
}

/// The versions of something in files that went and in files that came.
type Sides = [BTreeSet<Version>; 2];

impl Difference {
    fn gone(&mut self, extract: &Extract) -> Result<(), IndexError> {
        self.add(extract, 0)
    }

    fn came(&mut self, extract: &Extract) -> Result<(), IndexError> {
        self.add(extract, 1)
    }

    fn add(&mut self, extract: &Extract, side: usize) -> Result<(), IndexError> {
        for found in extract.cves() {
            let (id, version) = found?;
            self.cves.entry(id).or_default()[side].insert(version);
        }
        for found in extract.advisories() {
            let (id, version) = found?;
            let sides = match self.advisories.get_mut(id) {
                Some(sides) => sides,
                None => self.advisories.entry(id.into()).or_default(),
            };
            sides[side].insert(version);
        }
        Ok(())
    }

    /// What has to be judged anew. A file is replaced as a whole, and most of it is as it was.
    fn wanted(self) -> Wanted {
        // Sets, because a record may stand in several files: one that moved from a file to another
        // is no change.
        let differs = |sides: &Sides| sides[0] != sides[1];
        let cves = self.cves.into_iter();
        let advisories = self.advisories.into_iter();
        Wanted {
            cves: cves.filter(|(_, sides)| differs(sides)).map(|(id, _)| id).collect(),
            advisories: advisories.filter(|(_, sides)| differs(sides)).map(|(id, _)| id).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
