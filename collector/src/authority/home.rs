//! Where a node keeps its authority, or is given it.

use std::path::{Path, PathBuf};

use super::files::Files;
use crate::config::NodeConfig;

/// Where a node's authority is, and what is known of it.
#[derive(Clone, Copy, Debug)]
pub struct Home<'a> {
    /// The node's data directory.
    pub data_dir: &'a Path,
    /// Where the authority is kept for this node, if not in its data directory.
    pub authority_dir: Option<&'a Path>,
    /// The fingerprint of the authority that all nodes share, once there is one.
    pub shared: Option<[u8; 32]>,
}

impl<'a> Home<'a> {
    /// The home of a node of its own.
    #[must_use]
    pub const fn of(data_dir: &'a Path) -> Self {
        Self { data_dir, authority_dir: None, shared: None }
    }

    /// The home of a node as it is configured.
    #[must_use]
    pub fn of_node(node: &'a NodeConfig) -> Self {
        Self { authority_dir: node.authority_dir.as_deref(), ..Self::of(&node.data_dir) }
    }

    /// Where the authority is that signs: by what all nodes share, or by what this one has noted.
    pub(super) fn files_of_shared(&self) -> Files {
        let files = self.files();
        match self.shared.or_else(|| files.noted()) {
            Some(sha256) => files.of_fingerprint(sha256),
            None => files,
        }
    }

    /// The folder that the authority that signs is in.
    pub(crate) fn directory_of_shared(&self) -> PathBuf {
        self.files_of_shared().directory().to_owned()
    }

    /// The certificate of the authority that signs.
    pub(crate) fn certificate_of_shared(&self) -> PathBuf {
        self.files_of_shared().certificate()
    }

    /// The key of the authority that signs.
    pub(crate) fn key_of_shared(&self) -> PathBuf {
        self.files_of_shared().key()
    }

    /// What secrets are derived from on this node, where another authority took the first one's place.
    pub(crate) fn seal_of_shared(&self) -> PathBuf {
        self.files_of_shared().seal()
    }

    pub(super) fn files(&self) -> Files {
        Files::of(self.data_dir, self.authority_dir)
    }
}
