//! Why there is no authority, and what to do about it.

use std::path::PathBuf;

/// Why there is no authority.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// A file cannot be read or written.
    #[error("{action} {path}: {error}", path = path.display())]
    File {
        /// What was done.
        action: &'static str,
        /// To which file.
        path: PathBuf,
        /// What came of it.
        error: std::io::Error,
    },
    /// There was an authority, and some of it is gone.
    #[error(
        "{path} is missing, and agents trust the authority that it was part of: restore the \
         directory from a backup, or delete {marker} to begin with a new authority and enrol \
         every agent again", path = path.display(), marker = marker.display()
    )]
    Missing {
        /// What is gone.
        path: PathBuf,
        /// What says that it was there.
        marker: PathBuf,
    },
    /// A file is not what it should be.
    #[error("{path}: {message}: restore the directory from a backup", path = path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// Others than the owner can read the key.
    #[error(
        "{path} can be read by others (mode {mode:03o}): run `chmod 600` on it, and think about \
         who may have read it", path = path.display()
    )]
    Exposed {
        /// The key's file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The nodes of this database share an authority, and it is not here.
    #[error(
        "the nodes of this database share the authority {sha256}, and there is none in \
         {directory}: copy the whole folder of another node there, with its folders and rights, or \
         name it with node.authority_dir", directory = directory.display()
    )]
    Elsewhere {
        /// The fingerprint of the one that they share.
        sha256: String,
        /// Where it was looked for.
        directory: PathBuf,
    },
    /// The directory that was named for it holds none.
    #[error(
        "there is no authority in {directory}, which node.authority_dir names: leave that out on \
         the first node, which makes one, and put all that is in its folder there",
        directory = directory.display()
    )]
    NotGiven {
        /// Where it was looked for.
        directory: PathBuf,
    },
    /// The authority here is not the one that the nodes of this database share.
    #[error(
        "{directory} holds the authority {here}, and the agents of this database trust {sha256}: \
         put the whole folder of another node in its place, with its folders, and delete {marker}; \
         to begin with a new authority and enrol every agent again, run `muster-collector authority forget` first",
        directory = directory.display(), marker = marker.display()
    )]
    Another {
        /// The fingerprint of the one that the nodes share.
        sha256: String,
        /// The fingerprint of the one here.
        here: String,
        /// Where it was found.
        directory: PathBuf,
        /// What says that it was always here.
        marker: PathBuf,
    },
    /// Secrets would be sealed otherwise here than on the other nodes.
    #[error(
        "{path} is missing, or another site's: secrets of webhooks and of providers would not open here: copy \
         the whole folder of another node, with its folders", path = path.display()
    )]
    Seal {
        /// The file that they are derived from.
        path: PathBuf,
    },
    /// The authority that this node signs with is trusted no more, and it has none to go on with.
    #[error(
        "the authority {here} that this node signs with was retired: the nodes of this database share \
         {sha256}, and this one cannot go along ({why}): copy the whole folder {directory} of another \
         node here, with its folders", directory = directory.display()
    )]
    Retired {
        /// The fingerprint of the one here.
        here: String,
        /// The fingerprint of the one that the nodes share.
        sha256: String,
        /// Where that one is looked for.
        directory: PathBuf,
        /// What keeps this node from it.
        why: Box<Self>,
    },
    /// The authority's certificate has expired.
    #[error("{path} has expired: agents have to be enrolled with a new authority", path = path.display())]
    Expired {
        /// The certificate's file.
        path: PathBuf,
    },
    /// The system gives no random bytes, or cannot sign.
    #[error("make the certificate authority: {0}")]
    Crypto(String),
}
