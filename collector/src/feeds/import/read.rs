//! Reading files, on a thread that may wait: what is new goes to the database and the index, what
//! was there before to the index alone.

use std::path::PathBuf;

use enrichment::feeds::{self as reader, FileReport};
use enrichment::index::{BuildReport, Builder};
use tokio::sync::mpsc;

use super::{ImportError, make_folder_of};
use crate::feeds::mirror::{Mirror, Part};
use crate::feeds::sink::{IndexOnly, Page, Sink};

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
        let mut sink = Sink::new(pages);
        let mut files = Vec::new();
        let mut staged = Vec::new();
        for input in &self.fresh {
            sink.begin(&input.source)
                .map_err(|_| ImportError::Stopped)?;
            let report = reader::read_path(&input.path, &mut sink)?;
            for file in report.files.iter().filter(|file| file.kind.is_of_index()) {
                if self.copies {
                    staged.push(stage(&self.mirror, file)?);
                }
            }
            let named = report
                .files
                .into_iter()
                .map(|file| (input.source.clone(), file));
            files.extend(named);
        }
        let builder = sink.finish().map_err(|_| ImportError::Stopped)?;
        let is_new = files.iter().any(|(_, file)| file.kind.is_of_index());
        let index = if is_new || !self.index.exists() {
            self.index_of(builder, is_new)?
        } else {
            None
        };
        Ok(Done {
            files,
            staged,
            index,
        })
    }

    /// Builds the index of everything; none where there is nothing that it is made of, because an
    /// empty one would say of all software that nothing is known about it.
    fn index_of(
        &self,
        mut builder: Builder,
        is_new: bool,
    ) -> Result<Option<BuildReport>, ImportError> {
        let mut has_records = is_new;
        for input in &self.kept {
            let report = reader::read_path(&input.path, &mut IndexOnly(&mut builder))?;
            has_records |= report.files.iter().any(|file| file.kind.is_of_index());
        }
        if !has_records {
            return Ok(None);
        }
        make_folder_of(&self.index)?;
        Ok(Some(builder.write(&self.index)?))
    }
}

fn stage(mirror: &Mirror, file: &FileReport) -> Result<Part, ImportError> {
    mirror
        .stage(&file.path)
        .map_err(|source| ImportError::Mirror {
            path: file.path.clone(),
            source,
        })
}
