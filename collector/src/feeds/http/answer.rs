//! The body of an answer: whole or not at all, and never more of it than is allowed.

use std::io::{Read as _, Write as _};

use flate2::read::MultiGzDecoder;
use reqwest::header::{CONTENT_ENCODING, ETAG, HeaderName, LAST_MODIFIED};

use super::{HttpError, broken, causes, shown};
use crate::feeds::mirror::{FileWriter, Part};

/// A body that has not been read yet.
#[derive(Debug)]
pub(in crate::feeds) struct Body {
    url: String,
    answer: reqwest::Response,
}

impl Body {
    pub(super) fn new(url: &str, answer: reqwest::Response) -> Self {
        Self { url: url.to_owned(), answer }
    }

    /// The whole of it in memory, decompressed where the server compressed it for the way.
    ///
    /// # Errors
    ///
    /// When it ends early or is larger than `bytes_max`, on the way or after decompression.
    pub(in crate::feeds) async fn bytes(mut self, bytes_max: u64) -> Result<Vec<u8>, HttpError> {
        let mut bytes = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            // Before it is kept. The length that the server says is not asked: it may say none, or
            // another.
            if (bytes.len() + chunk.len()) as u64 > bytes_max {
                return Err(self.too_large(bytes_max));
            }
            bytes.extend_from_slice(&chunk);
        }
        match self.header(CONTENT_ENCODING).as_deref() {
            None | Some("identity") => Ok(bytes),
            Some("gzip") => self.unpacked(&bytes, bytes_max),
            Some(other) => Err(broken(&self.url, format!("it is packed as {other:?}"))),
        }
    }

    /// Writes it into a file of the mirror, which nobody names yet; gives it with what the server calls
    /// this version.
    ///
    /// # Errors
    ///
    /// When it ends early, is larger than `bytes_max`, or the disk does not take it.
    pub(in crate::feeds) async fn into_file(
        mut self,
        mut file: FileWriter,
        bytes_max: u64,
    ) -> Result<Part, HttpError> {
        while let Some(chunk) = self.chunk().await? {
            if file.bytes() + chunk.len() as u64 > bytes_max {
                return Err(self.too_large(bytes_max));
            }
            file.write_all(&chunk)?;
        }
        // Here and not in front: of an answer that ended early nothing may be remembered.
        let (etag, last_modified) = (self.header(ETAG), self.header(LAST_MODIFIED));
        // It waits for the disk.
        let finishing = tokio::task::spawn_blocking(move || file.finish());
        let part = finishing.await.map_err(std::io::Error::other)??;
        Ok(Part { etag, last_modified, ..part })
    }

    /// The next piece. An answer that ends before its length is an error, not an end.
    async fn chunk(
        &mut self,
    ) -> Result<Option<impl std::ops::Deref<Target = [u8]> + use<>>, HttpError> {
        let chunk = self.answer.chunk().await;
        chunk.map_err(|error| broken(&self.url, causes(error)))
    }

    fn unpacked(&self, bytes: &[u8], bytes_max: u64) -> Result<Vec<u8>, HttpError> {
        let mut plain = Vec::new();
        // Several members one behind the other are one file (RFC 1952, section 2.2), as some
        // servers send it.
        MultiGzDecoder::new(bytes)
            // One more than allowed, so that too much is told from exactly enough.
            .take(bytes_max + 1)
            .read_to_end(&mut plain)
            .map_err(|error| broken(&self.url, format!("unpack the answer: {error}")))?;
        if plain.len() as u64 > bytes_max {
            return Err(self.too_large(bytes_max));
        }
        Ok(plain)
    }

    fn header(&self, name: HeaderName) -> Option<String> {
        let value = self.answer.headers().get(name)?;
        value.to_str().ok().map(str::to_owned)
    }

    fn too_large(&self, bytes_max: u64) -> HttpError {
        HttpError::TooLarge { url: shown(&self.url), bytes_max }
    }
}
