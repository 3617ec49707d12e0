//! Reading files, on a thread that may wait: what is new goes to the database and into its extract,
//! and of the extracts of all files the index is built.

use std::path::{Path, PathBuf};

use enrichment::cve::Timestamp;
use enrichment::feeds::{self as reader, FileReport, SinkError};
use enrichment::index::{BuildReport, Builder, Extracts};
use tokio::sync::mpsc;

use super::{ImportError, make_folder_of};
use crate::feeds::mirror::{Mirror, Part};
use crate::feeds::sink::{IndexOnly, Keep, Page, Sink};

/// A file or folder, and the source that it is of.
#[derive(Clone, Debug)]
pub(super) struct Input {
    pub(super) source: String,
    pub(super) path: PathBuf,
}

/// What is to be read.
#[derive(Debug)]
pub(super) struct Read {
    /// For the database and the index.
    pub(super) fresh: Vec<Input>,
    /// For the index, which is made of everything.
    pub(super) kept: Vec<Input>,
    /// The index.
    pub(super) index: PathBuf,
    /// The instant by which a new index is newer than the one before.
    pub(super) now: Timestamp,
    /// The mirror, which nobody else has while this works: whoever asked for it may be gone.
    pub(super) mirror: Mirror,
    /// Whether what is fresh is copied into the mirror, because it is not there already.
    pub(super) copies: bool,
}

/// What was read.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) files: Vec<(String, FileReport)>,
    pub(super) staged: Vec<Part>,
    pub(super) index: Option<BuildReport>,
}

impl Read {
    /// Reads, and builds the index where there is something new for it.
    pub(super) fn run(self, pages: mpsc::Sender<(String, Page)>) -> Result<Done, ImportError> {
        let extracts = self.mirror.extracts();
        let keeper = Keeper {
            mirror: &self.mirror,
            extracts: &extracts,
            copies: self.copies,
            staged: Vec::new(),
            contents: Vec::new(),
        };
        let mut sink = Sink::new(pages, keeper);
        let mut files = Vec::new();
        for input in &self.fresh {
            sink.begin(&input.source).map_err(|_| ImportError::Stopped)?;
            let report = reader::read_path(&input.path, &mut sink)?;
            let named = report.files.into_iter().map(|file| (input.source.clone(), file));
            files.extend(named);
        }
        let keeper = sink.finish().map_err(|_| ImportError::Stopped)?;
        let (staged, mut contents) = (keeper.staged, keeper.contents);
        // KEV and EPSS alone change rows of the database and nothing that is matched by.
        let is_new = files.iter().any(|(_, file)| file.kind.is_of_index());
        let index = if is_new || !self.index.exists() {
            // Only where there is something to build: opening the extracts of all files takes a
            // while.
            for input in &self.kept {
                contents.extend(self.kept(&extracts, &input.path)?);
            }
            self.build(&extracts, &contents)?
        } else {
            None
        };
        Ok(Done { files, staged, index })
    }

    /// The content of a file of the mirror that the index is made of, with its extract in place;
    /// `None` for one that it is not made of.
    fn kept(&self, extracts: &Extracts, path: &Path) -> Result<Option<[u8; 32]>, ImportError> {
        let Some(content) = content_of(path) else {
            return Ok(None);
        };
        let has_records = match extracts.open(&content) {
            Ok(extract) => extract.has_records(),
            Err(reason) => {
                tracing::info!(%reason, path = %path.display(), "a feed is read again for the index");
                let mut builder = Builder::new();
                reader::read_path(path, &mut IndexOnly(&mut builder))?;
                extracts.keep(&builder, &content)?;
                builder.has_records()
            }
        };
        Ok(has_records.then_some(content))
    }

    /// Builds the index of all that there is; none where that is nothing, because an empty one would
    /// say of all software that nothing is known about it.
    fn build(
        &self,
        extracts: &Extracts,
        contents: &[[u8; 32]],
    ) -> Result<Option<BuildReport>, ImportError> {
        if contents.is_empty() {
            return Ok(None);
        }
        make_folder_of(&self.index)?;
        let report = extracts.build(&self.index, contents, self.now)?;
        tracing::info!(rebuilt = ?report.rebuilt, "a new match index is in place");
        // The new index is made of these alone. What is left of others is removed the next time.
        if let Err(error) = extracts.retain(contents) {
            tracing::warn!(%error, "extracts of feeds that are gone cannot be removed");
        }
        Ok(Some(report))
    }
}

/// Keeps the extract of each file that was read, and where it is not in the mirror yet, a copy of it.
#[derive(Debug)]
struct Keeper<'a> {
    mirror: &'a Mirror,
    extracts: &'a Extracts,
    copies: bool,
    staged: Vec<Part>,
    contents: Vec<[u8; 32]>,
}

impl Keep for Keeper<'_> {
    fn keep(&mut self, file: &FileReport, held: &Builder) -> Result<(), SinkError> {
        if !file.kind.is_of_index() {
            return Ok(());
        }
        let content = if self.copies {
            let part = self.mirror.stage(&file.path)?;
            // Always there: the mirror has just named it so.
            let content = content_of(Path::new(&part.sha256));
            self.staged.push(part);
            content
        } else {
            content_of(&file.path)
        };
        if let Some(content) = content {
            self.extracts.keep(held, &content)?;
            self.contents.extend(held.has_records().then_some(content));
        }
        Ok(())
    }
}

/// The content that a file of the mirror is named by.
fn content_of(path: &Path) -> Option<[u8; 32]> {
    let name = path.file_name()?.to_str()?.as_bytes();
    let mut content = [0; 32];
    // Files from before there was a list are named by the first half of a hash, and a file that is
    // imported by hand by anything.
    if name.len() != content.len() * 2 {
        return None;
    }
    for (byte, digits) in content.iter_mut().zip(name.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_the_mirror_tells_its_content_by_its_name_and_no_other_file_does() {
        let name = "00ff".repeat(16);
        let content = content_of(&Path::new("mirror").join(&name)).unwrap();
        assert_eq!(content[..4], [0x00, 0xff, 0x00, 0xff]);
        for other in ["nvdcve-2.0-2024.json.gz", "00ff", &"zz".repeat(32), ""] {
            assert_eq!(content_of(Path::new(other)), None, "{other}");
        }
    }
}
