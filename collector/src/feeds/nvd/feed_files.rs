//! NVD's feed files: one a year, and one of what changed in the last eight days.
//!
//! Beside each stands a `.meta` file with the size and SHA-256 of its JSON. A file that is not as
//! its `.meta` says is asked for again, because both are renewed at different instants, and then
//! refused. What a new file lacks of an old one stays in a file of its own.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::PathBuf;

use enrichment::cve::CveId;
use flate2::read::MultiGzDecoder;
use ring::digest::{Context, SHA256};
use time::OffsetDateTime;

use super::history;
use super::page;
use super::record::{FILE_BYTES_MAX, LineWriter};
use crate::feeds::fetch::{FetchError, Fetcher};
use crate::feeds::http::{Request, shown};
use crate::feeds::mirror::{Mirror, Part, hex};

/// The first year that NVD has a file of; it holds all before.
const FIRST_YEAR: i32 = 2002;
/// The file of what changed lately.
const MODIFIED: &str = "modified";
/// Ending of the part that keeps what a newer file lacks.
const KEPT: &str = "kept";
/// How often a file that is not as its `.meta` says is fetched.
const TRIES: u32 = 3;

/// What keeps the mirror of the feed files up to date.
#[derive(Debug)]
pub(in crate::feeds) struct NvdFeedFiles<'a> {
    pub(in crate::feeds) fetcher: &'a Fetcher,
    pub(in crate::feeds) mirror: &'a Mirror,
    /// The name of the source.
    pub(in crate::feeds) name: &'a str,
    /// The folder.
    pub(in crate::feeds) url: &'a str,
    /// Whether to fetch what is here already.
    pub(in crate::feeds) is_forced: bool,
}

/// A `.meta` file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Meta {
    /// When the file was made.
    at: Option<OffsetDateTime>,
    /// Bytes of its JSON.
    bytes: u64,
    /// SHA-256 of its JSON, in small letters.
    sha256: String,
}

/// A file that was read and is as it should be.
struct Checked {
    lines: Part,
    kept: Option<Part>,
    skipped: u64,
}

impl NvdFeedFiles<'_> {
    /// Fetches every file that changed; each counts as soon as it is here. Gives how many bad
    /// records were passed over.
    ///
    /// # Errors
    ///
    /// When one does not come or is not as it should be. The ones before it are in the mirror.
    ///
    /// # Cancel safety
    ///
    /// Safe: the mirror holds the files that came whole.
    pub(in crate::feeds) async fn sync(&self, now: OffsetDateTime) -> Result<u64, FetchError> {
        let mut skipped = 0;
        for year in FIRST_YEAR..=now.year() {
            let found = self.file(&year.to_string()).await?;
            // In January the new year's file may not be there yet.
            if found.is_none() && year < now.year() {
                return Err(FetchError::content(
                    shown(self.url),
                    format!("there is no file of {year}"),
                ));
            }
            skipped += found.unwrap_or(0);
        }
        // Last: it is renewed more often than the years, and so is never behind what they say.
        skipped += self.file(MODIFIED).await?.unwrap_or(0);
        Ok(skipped)
    }

    /// The instant until which the files have everything, once there are any.
    pub(in crate::feeds) fn until(mirror: &Mirror, name: &str) -> Option<OffsetDateTime> {
        let source = mirror.source(name);
        let years = source.parts.iter().filter(|(name, _)| name.parse::<i32>().is_ok());
        // The earliest. `None` is less than any instant: a year that does not say it leaves the
        // whole unknown.
        years.map(|(_, part)| part.until).min().flatten()
    }

    /// Brings one file up to date; `None` when NVD has none, else the bad records of it.
    async fn file(&self, name: &str) -> Result<Option<u64>, FetchError> {
        let base = self.url.trim_end_matches('/');
        let url = format!("{base}/nvdcve-2.0-{name}.json.gz");
        let before = self.mirror.source(self.name).parts.get(name).cloned();
        let mut wrong = None;
        for _ in 0..TRIES {
            let Some(meta) = self.meta(&format!("{base}/nvdcve-2.0-{name}.meta")).await? else {
                return Ok(None);
            };
            let before = before.as_ref().filter(|_| !self.is_forced);
            // The hash of NVD's JSON, which the file here, written anew, does not have itself.
            let is_here = |part: &Part| part.origin_sha256.as_deref() == Some(&meta.sha256);
            if before.is_some_and(is_here) {
                return Ok(Some(0));
            }
            let request = Request {
                url: &url,
                etag: before.and_then(|part| part.etag.as_deref()),
                last_modified: before.and_then(|part| part.last_modified.as_deref()),
                ..Request::default()
            };
            let create = || self.mirror.create(self.name);
            let Some(download) = self.fetcher.file(&request, create).await? else {
                return Ok(Some(0));
            };
            match self.check(name, &download, meta).await? {
                Ok(skipped) => return Ok(Some(skipped)),
                Err(reason) => wrong = Some(reason),
            }
        }
        Err(FetchError::content(shown(&url), wrong.unwrap_or_default()))
    }

    async fn meta(&self, url: &str) -> Result<Option<Meta>, FetchError> {
        let Some(bytes) = self.fetcher.note(url).await? else {
            return Ok(None);
        };
        let text = String::from_utf8_lossy(&bytes);
        let meta = Meta::parse(&text).ok_or_else(|| {
            FetchError::content(shown(url), "it says no size and SHA-256, so it is no .meta file")
        });
        meta.map(Some)
    }

    /// Reads what was fetched, and makes it count when it is as it should be; else says why not.
    async fn check(
        &self,
        name: &str,
        download: &Part,
        meta: Meta,
    ) -> Result<Result<u64, String>, FetchError> {
        let (mirror, source) = (self.mirror.clone(), self.name.to_owned());
        let (part, path) = (download.clone(), self.mirror.path(download));
        let kept_name = format!("{name}-{KEPT}");
        let parts = self.mirror.source(self.name).parts;
        // In this order, because later ones are the newer ones.
        let older = [parts.get(&kept_name), parts.get(name)];
        let older: Vec<_> = older.into_iter().flatten().map(|part| mirror.path(part)).collect();
        let name = name.to_owned();
        let checking = tokio::task::spawn_blocking(move || {
            let checked = match convert(&mirror, &source, path, &older, &meta)? {
                Ok(checked) => checked,
                Err(reason) => return Ok(Err(reason)),
            };
            mirror.commit(|manifest| {
                let source = manifest.sources.entry(source).or_default();
                let lines = Part {
                    etag: part.etag,
                    last_modified: part.last_modified,
                    until: meta.at,
                    origin_sha256: Some(meta.sha256),
                    ..checked.lines
                };
                source.parts.insert(name, lines);
                match checked.kept {
                    Some(kept) => source.parts.insert(kept_name, kept),
                    None => source.parts.remove(&kept_name),
                };
            })?;
            Ok::<_, io::Error>(Ok(checked.skipped))
        });
        Ok(checking.await.map_err(io::Error::other)??)
    }
}

/// Writes a feed file's records, and what it lacks of `older` files, into files of the mirror.
fn convert(
    mirror: &Mirror,
    source: &str,
    path: PathBuf,
    older: &[PathBuf],
    meta: &Meta,
) -> io::Result<Result<Checked, String>> {
    let mut lines = LineWriter::new(mirror.create(source)?)?;
    let mut newer: HashMap<CveId, bool> = HashMap::new();
    let mut json = Measured {
        // A cut that the bound makes is found by the comparison with the `.meta`.
        inner: MultiGzDecoder::new(BufReader::new(File::open(path)?)).take(FILE_BYTES_MAX),
        hash: Context::new(&SHA256),
        bytes: 0,
    };
    let read = page::read(BufReader::new(&mut json), &mut |record| {
        newer.insert(record.id, record.says_something);
        lines.write(&record.line)
    });
    let head = match read {
        Ok(head) => head,
        Err(reason) => return Ok(Err(reason)),
    };
    // After the last record: the JSON has to be read to its end before its hash is one.
    if let Err(reason) = json.compare(meta) {
        return Ok(Err(reason));
    }
    head.warn(source);
    let records = head.listed - head.skipped;
    let lines = Part { records: Some(records), ..lines.finish()?.finish()? };
    let mut kept = LineWriter::new(mirror.create("kept")?)?;
    let lost = history::keep_lost(older, &newer, &mut kept)?;
    let kept = kept.finish()?;
    let kept = if lost > 0 { Some(Part { records: Some(lost), ..kept.finish()? }) } else { None };
    Ok(Ok(Checked { lines, kept, skipped: head.skipped }))
}

/// Measures what is read through it.
struct Measured<R> {
    inner: R,
    hash: Context,
    bytes: u64,
}

impl<R: Read> Measured<R> {
    fn compare(self, meta: &Meta) -> Result<(), String> {
        if self.bytes != meta.bytes {
            return Err(format!("it has {} bytes and its .meta says {}", self.bytes, meta.bytes));
        }
        let sha256 = hex(self.hash.finish().as_ref());
        if sha256 != meta.sha256 {
            return Err(format!("its SHA-256 is {sha256} and its .meta says {}", meta.sha256));
        }
        Ok(())
    }
}

impl<R: Read> Read for Measured<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hash.update(&buffer[..read]);
        self.bytes += read as u64;
        Ok(read)
    }
}

impl Meta {
    fn parse(text: &str) -> Option<Self> {
        let field = |name: &str| {
            text.lines().find_map(|line| {
                let (key, value) = line.split_once(':')?;
                (key.trim() == name).then(|| value.trim())
            })
        };
        let sha256 = field("sha256")?.to_ascii_lowercase();
        let is_hash = sha256.len() == 64 && sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hash.then_some(Self {
            // Missing is allowed: without it the API is asked for everything once, and not from
            // there on.
            at: field("lastModifiedDate").and_then(page::instant),
            bytes: field("size")?.parse().ok()?,
            sha256,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_meta_file_and_refuses_what_is_none() {
        let hash = "AB".repeat(32);
        let text = format!(
            "lastModifiedDate:2024-06-05T03:00:01-04:00\r\nsize:123\r\nzipSize:9\r\ngzSize:8\r\nsha256:{hash}\r\n"
        );
        let meta = Meta::parse(&text).unwrap();
        assert_eq!(meta.bytes, 123);
        assert_eq!(meta.sha256, "ab".repeat(32));
        assert_eq!(meta.at, Some(time::macros::datetime!(2024-06-05 07:00:01 UTC)));
        for wrong in ["", "<html>sign in</html>", "size:1\nsha256:12", "sha256:x"] {
            assert_eq!(Meta::parse(wrong), None, "{wrong}");
        }
    }
}
