//! Red Hat's CSAF VEX documents: a note that names the newest archive, and the archive of them all.
//!
//! The archive is made anew every day and holds every document, so that what was deleted is gone with
//! the next one. It is kept as it came, a tar in zstd, and read in place.

use std::io;

use enrichment::feeds::{self as reader, FeedKind};

use super::fetch::{FetchError, Fetcher};
use super::file::Nowhere;
use super::http::{Request, shown};
use super::mirror::{Mirror, Part};

/// The note.
const LATEST: &str = "archive_latest.txt";
/// How the archive's name begins and ends, around its date.
const NAME: (&str, &str) = ("csaf_vex_", ".tar.zst");
/// The name of the one part of the source.
const ALL: &str = "all";

/// What keeps the mirror of the archive up to date.
#[derive(Debug)]
pub(super) struct RedHatVex<'a> {
    pub(super) fetcher: &'a Fetcher,
    pub(super) mirror: &'a Mirror,
    /// The name of the source.
    pub(super) name: &'a str,
    /// The folder.
    pub(super) url: &'a str,
    /// Whether to fetch what is here already, and to take what is suspiciously small.
    pub(super) is_forced: bool,
}

impl RedHatVex<'_> {
    /// Fetches the archive if the note names another one. Gives how many bad records it has.
    ///
    /// # Errors
    ///
    /// When the note or the archive does not come, or is not what it should be; what was here stays.
    ///
    /// # Cancel safety
    ///
    /// Safe: the mirror holds the archive from before or the new one.
    pub(super) async fn sync(&self) -> Result<u64, FetchError> {
        let folder = self.url.trim_end_matches('/');
        let note_url = format!("{folder}/{LATEST}");
        // No note is an empty one, which names no archive and is refused as such.
        let note = self.fetcher.note(&note_url).await?.unwrap_or_default();
        let archive = archive(&note)
            .ok_or_else(|| FetchError::content(shown(&note_url), "it names no archive"))?;
        let before = self.mirror.source(self.name).parts.remove(ALL);
        let before = before.filter(|_| !self.is_forced);
        // The name has the date, and stands where other servers have their word for a version.
        if before.as_ref().and_then(|part| part.etag.as_deref()) == Some(archive.as_str()) {
            return Ok(0);
        }
        let url = format!("{folder}/{archive}");
        let request = Request { url: &url, ..Request::default() };
        let create = || self.mirror.create(self.name);
        let Some(download) = self.fetcher.file(&request, create).await? else {
            return Ok(0);
        };
        let (mirror, source) = (self.mirror.clone(), self.name.to_owned());
        let before = before.and_then(|part| part.records).unwrap_or(0);
        let keeping = tokio::task::spawn_blocking(move || {
            let part = Part { etag: Some(archive), ..download };
            keep(&mirror, source, part, before)
        });
        let kept = keeping.await.map_err(io::Error::other)??;
        kept.map_err(|reason| FetchError::content(shown(&url), reason))
    }
}

/// Looks at an archive that was fetched, and makes it count; else says what is wrong.
fn keep(
    mirror: &Mirror,
    source: String,
    part: Part,
    records_before: u64,
) -> io::Result<Result<u64, String>> {
    let file = match reader::read_path(&mirror.path(&part), &mut Nowhere) {
        Ok(report) => report.files.into_iter().next(),
        Err(error) => return Ok(Err(error.to_string())),
    };
    let Some(file) = file.filter(|file| file.kind == FeedKind::RedHatVex) else {
        return Ok(Err("it holds no VEX documents of Red Hat".to_owned()));
    };
    if file.records == 0 || file.records < records_before / 2 {
        return Ok(Err(format!(
            "it holds {} documents where there were {records_before}; \
             `feed sync --force {source}` takes it all the same",
            file.records
        )));
    }
    let part = Part { records: Some(file.records), ..part };
    mirror.commit(|manifest| {
        let state = manifest.sources.entry(source).or_default();
        state.parts.insert(ALL.to_owned(), part);
    })?;
    Ok(Ok(file.skipped))
}

/// The archive that a note names. It becomes a part of an address, so it has to be a plain name.
fn archive(note: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(note).ok()?.trim();
    let date = name.strip_prefix(NAME.0)?.strip_suffix(NAME.1)?;
    let is_date = |c: char| c.is_ascii_digit() || c == '-';
    // It becomes a part of an address: digits and hyphens lead nowhere else.
    (matches!(date.len(), 8..=32) && date.chars().all(is_date)).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_name_with_a_date_is_an_archive() {
        assert_eq!(
            archive(b"csaf_vex_2026-11-20.tar.zst\n").as_deref(),
            Some("csaf_vex_2026-11-20.tar.zst")
        );
        for note in [
            &b""[..],
            b"<html>",
            b"csaf_vex_.tar.zst",
            b"csaf_vex_../../2026-11-20.tar.zst",
            b"csaf_vex_2026-11-20.tar.zst?x",
            b"csaf_advisories_2026-11-20.tar.zst",
            b"\xff",
        ] {
            assert_eq!(archive(note), None, "{}", String::from_utf8_lossy(note));
        }
    }
}
