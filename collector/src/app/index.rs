//! The match index on disk: taken when the collector starts, and whenever it was replaced.
//!
//! Imports replace the file in one rename, from this process or from another. One that cannot be
//! used is said once and changes nothing: the index before it stays in use.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use enrichment::index::Index;

use crate::lifecycle::Lifecycle;
use crate::pipeline::matcher::Matcher;

/// How often the file is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Tells one file from its successor at the same path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    modified_s: i64,
    modified_ns: i64,
}

/// The index file, and the matcher that uses it.
#[derive(Debug)]
pub(super) struct IndexFile {
    path: PathBuf,
    matcher: Arc<Matcher>,
    seen: Option<Stamp>,
}

impl IndexFile {
    /// A file that was not looked at yet.
    pub(super) fn new(path: &Path, matcher: Arc<Matcher>) -> Self {
        Self {
            path: path.to_owned(),
            matcher,
            seen: None,
        }
    }

    /// Looks at the file until the stop.
    pub(super) async fn follow(&mut self, lifecycle: &Lifecycle) {
        loop {
            tokio::select! {
                () = lifecycle.stopping() => return,
                () = tokio::time::sleep(LOOK_EVERY) => self.look().await,
            }
        }
    }

    /// Takes the file if it is another one than before.
    pub(super) async fn look(&mut self) {
        let stamp = match stamp(&self.path) {
            Ok(stamp) => stamp,
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::warn!(path = %self.path.display(), %error, "the match index cannot be seen");
                }
                return;
            }
        };
        if self.seen == Some(stamp) {
            return;
        }
        self.seen = Some(stamp);
        let path = self.path.clone();
        let matcher = Arc::clone(&self.matcher);
        // Opening reads the whole file once.
        let opening = tokio::task::spawn_blocking(move || {
            Index::open(&path).map(|index| {
                let generation = index.generation();
                matcher.swap(Arc::new(index));
                generation
            })
        });
        match opening.await {
            Ok(Ok(generation)) => {
                let generation = format!("{generation:016x}");
                tracing::info!(path = %self.path.display(), generation, "took the match index");
            }
            Ok(Err(error)) => {
                tracing::error!(path = %self.path.display(), %error, "the match index cannot be used");
            }
            Err(error) => tracing::error!(%error, "opening the match index panicked"),
        }
    }
}

fn stamp(path: &Path) -> io::Result<Stamp> {
    let metadata = fs::metadata(path)?;
    Ok(Stamp {
        device: metadata.dev(),
        inode: metadata.ino(),
        bytes: metadata.len(),
        modified_s: metadata.mtime(),
        modified_ns: metadata.mtime_nsec(),
    })
}

#[cfg(test)]
mod tests {
    use enrichment::index::Builder;

    use super::*;
    use crate::config::{Config, Layers};

    fn file(dir: &Path) -> IndexFile {
        let layers = Layers::defaults().with("node", "data_dir", dir.to_str().unwrap());
        let config = Config::from_layers(layers).unwrap().enrichment;
        let matcher = Arc::new(Matcher::new(&config));
        IndexFile::new(&dir.join("current"), matcher)
    }

    fn build(path: &Path) {
        Builder::new().write(path).unwrap();
    }

    #[tokio::test]
    async fn an_index_that_comes_later_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = file(dir.path());
        file.look().await;
        assert!(file.matcher.index().is_none());
        build(&file.path);
        file.look().await;
        assert!(file.matcher.index().is_some());
    }

    #[tokio::test]
    async fn a_damaged_index_leaves_the_one_before_in_use() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = file(dir.path());
        build(&file.path);
        file.look().await;
        let before = file.matcher.generation();
        let damaged = dir.path().join("damaged");
        fs::write(&damaged, b"no index at all").unwrap();
        fs::rename(&damaged, &file.path).unwrap();
        file.look().await;
        assert!(file.matcher.index().is_some());
        assert_eq!(file.matcher.generation(), before);
    }
}
