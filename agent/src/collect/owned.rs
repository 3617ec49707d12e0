//! Which files that mark a language package belong to a package of the system, for one scan.
//!
//! [`owners`](super::owners) fills it from the package managers' lists and says why; the scanned tree
//! carries it, so that it is made once a scan. It knows no package manager itself. It keeps hashes
//! and no paths: some kilobytes.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Ends of the paths that mark a language package.
const MARKERS: [&[u8]; 5] =
    [b"/METADATA", b"/PKG-INFO", b".egg-info", b"/package.json", b".gemspec"];

/// Hashes that are kept: far more than any host has packages.
const OWNED_MAX: usize = 500_000;

/// The owned paths of one scan, made when they are first needed and shared by its sources.
#[derive(Clone, Debug, Default)]
pub(crate) struct OwnedOnce(Arc<Mutex<Option<Arc<OwnedPaths>>>>);

impl OwnedOnce {
    /// What is known, or else what `read` finds out. A failure is not remembered.
    pub(crate) fn get_or_read<E>(
        &self,
        read: impl FnOnce() -> Result<OwnedPaths, E>,
    ) -> Result<Arc<OwnedPaths>, E> {
        // The lock is not held while the files are read: a thread that hangs there and is
        // abandoned must not make the next source wait for it.
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(owned) = known {
            return Ok(owned);
        }
        let owned = Arc::new(read()?);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(owned.clone());
        Ok(owned)
    }
}

/// The files that mark language packages and that a package manager owns.
#[derive(Debug, Default)]
pub(crate) struct OwnedPaths {
    state: RandomState,
    paths: HashSet<u64>,
}

impl OwnedPaths {
    /// Whether a package manager says that it owns the file.
    pub(crate) fn owns(&self, path: &Path) -> bool {
        let path = path.as_os_str().as_encoded_bytes();
        self.paths.contains(&self.state.hash_one(path))
    }

    /// Remembers an owned file, if it can mark a language package.
    pub(crate) fn add(&mut self, path: &[u8]) {
        // Hashes with a random key, so nobody can write a path that collides on purpose; by chance,
        // 64 bits and some thousand paths do not.
        if MARKERS.iter().any(|end| path.ends_with(end)) && self.paths.len() < OWNED_MAX {
            self.paths.insert(self.state.hash_one(path));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_only_what_can_mark_a_language_package() {
        let mut owned = OwnedPaths::default();
        owned.add(b"/usr/lib/node_modules/npm/package.json");
        owned.add(b"/usr/bin/npm");
        assert!(owned.owns(Path::new("/usr/lib/node_modules/npm/package.json")));
        assert!(!owned.owns(Path::new("/usr/bin/npm")));
    }

    #[test]
    fn is_made_once_and_a_failure_is_tried_again() {
        let shared = OwnedOnce::default();
        let other = shared.clone();
        assert_eq!(shared.get_or_read(|| Err("no")).unwrap_err(), "no");
        let first = other.get_or_read(|| Ok::<_, &str>(OwnedPaths::default())).unwrap();
        let second = shared.get_or_read(|| Err("asked twice")).unwrap();
        assert!(Arc::ptr_eq(&first, &second));
    }
}
