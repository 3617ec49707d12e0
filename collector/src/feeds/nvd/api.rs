//! NVD's API: everything once, then window by window what changed.
//!
//! A window's records become one file of the mirror, and the watermark moves, in one step after the
//! whole window has come; whoever is killed before asks for the window again. Everything is taken
//! by id and date, so that what comes twice changes nothing.

use std::collections::HashMap;
use std::path::PathBuf;

use enrichment::cve::CveId;
use ring::digest::{SHA256, digest};
use time::OffsetDateTime;

use super::history;
use super::page::{self, Head};
use super::paging::{Misfit, Next, Paging};
use super::record::{LineWriter, Record};
use super::window::{Window, page_url};
use crate::config::Secret;
use crate::feeds::fetch::{FetchError, Fetcher};
use crate::feeds::http::ApiAccess;
use crate::feeds::mirror::{FileWriter, Mirror, Part, SourceState};

/// How often a question is begun anew because its answer shrank meanwhile.
const ROUNDS_MAX: u32 = 5;
/// Files that pile up before they are merged.
const PARTS_MAX: usize = 16;

/// What the API gives at once and how often it may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::feeds) struct ApiLimits {
    /// Records of a page; NVD allows 2,000.
    pub(in crate::feeds) page_records: u64,
    /// Requests in any 30 seconds.
    pub(in crate::feeds) requests: usize,
}

impl ApiLimits {
    /// NVD's, with a key or without.
    pub(in crate::feeds) const fn of(key: Option<&Secret>) -> Self {
        Self { page_records: 2_000, requests: if key.is_some() { 50 } else { 5 } }
    }
}

/// What keeps the mirror of the API up to date.
#[derive(Debug)]
pub(in crate::feeds) struct NvdApi<'a> {
    pub(in crate::feeds) fetcher: &'a Fetcher,
    pub(in crate::feeds) mirror: &'a Mirror,
    /// The name of the source.
    pub(in crate::feeds) name: &'a str,
    pub(in crate::feeds) url: &'a str,
    pub(in crate::feeds) key: Option<&'a Secret>,
    pub(in crate::feeds) page_records: u64,
}

/// What one question came to.
#[derive(Debug)]
struct Loaded {
    /// The file, if there were records that the mirror did not have.
    part: Option<Part>,
    /// The server's time when it was asked.
    at: Option<OffsetDateTime>,
    skipped: u64,
}

type Lines = LineWriter<FileWriter>;

impl NvdApi<'_> {
    /// Asks for everything that changed since the watermark, or since `before` when there is none,
    /// or for everything when there is neither or it is forced. Gives how many bad records were passed over.
    ///
    /// # Errors
    ///
    /// When a window does not come whole. The ones before it are in the mirror.
    ///
    /// # Cancel safety
    ///
    /// Safe: the mirror holds the last complete window.
    pub(in crate::feeds) async fn sync(
        &self,
        before: Option<OffsetDateTime>,
        is_forced: bool,
        now: OffsetDateTime,
    ) -> Result<u64, FetchError> {
        let mut skipped = 0;
        // The feed files say until when they have everything, so that a first sync need not ask for
        // all of it.
        let seen = self.mirror.source(self.name).watermark.or(before);
        let Some(mut seen) = seen.filter(|_| !is_forced) else {
            let loaded = self.load(None).await?;
            skipped += loaded.skipped;
            self.commit(loaded, now)?;
            return Ok(skipped);
        };
        // It ends: `now` stays, and every window ends later than the one before.
        while let Some(window) = Window::after(seen, now) {
            let loaded = self.load(Some(&window)).await?;
            skipped += loaded.skipped;
            self.commit(loaded, window.to)?;
            // And not the watermark, which may be earlier: where the server's clock is behind, the
            // same window would be asked for without an end.
            seen = window.to;
        }
        self.compact().await?;
        Ok(skipped)
    }

    /// Makes a complete answer count. The watermark is the server's time where that is earlier:
    /// its clock decided what was in the window.
    fn commit(&self, loaded: Loaded, to: OffsetDateTime) -> Result<(), FetchError> {
        let seen = loaded.at.map_or(to, |at| at.min(to));
        self.mirror.commit(|manifest| {
            let source = manifest.sources.entry(self.name.to_owned()).or_default();
            source.watermark = source.watermark.max(Some(seen));
            if let Some(part) = loaded.part {
                let last = source.parts.keys().next_back();
                // One more than the last. Names are the order of files, and later files count where
                // dates are equal.
                let number = last.and_then(|name| name.parse::<u64>().ok()).unwrap_or(0);
                source.parts.insert(part_name(number + 1), part);
            }
        })?;
        Ok(())
    }

    async fn load(&self, window: Option<&Window>) -> Result<Loaded, FetchError> {
        let mut round = 1;
        loop {
            match self.pass(window).await? {
                Ok(loaded) => return Ok(loaded),
                Err(misfit) if round >= ROUNDS_MAX => {
                    return Err(FetchError::content("NVD's answer", misfit.to_string()));
                }
                Err(_misfit) => round += 1,
            }
        }
    }

    /// Goes once through all pages.
    async fn pass(&self, window: Option<&Window>) -> Result<Result<Loaded, Misfit>, FetchError> {
        // A question for one record tells the total, which decides what a full page is.
        let url = page_url(self.url, window, 0, 1);
        let (head, _) = self.page(&url, None).await?;
        let mut loaded = Loaded { part: None, at: head.at, skipped: 0 };
        let known = self.known(window).await?;
        let mut paging = Paging::new(self.page_records, head.total);
        let mut lines = None;
        let mut written = 0;
        while let Next::Page { start, records } = paging.next() {
            let url = page_url(self.url, window, start, records);
            let (head, records) = self.page(&url, Some(paging.clone())).await?;
            if let Err(misfit) = paging.take(head.start, head.total, head.listed) {
                return Ok(Err(misfit));
            }
            head.warn(self.name);
            loaded.skipped += head.skipped;
            // What has not changed since the overlap was fetched is no news, and makes no file.
            let new = records
                .into_iter()
                .filter(|record| known.get(&record.id) != Some(&fingerprint(&record.line)));
            for record in new {
                let lines = match &mut lines {
                    Some(lines) => lines,
                    // Made with the first record: most windows have none.
                    None => lines.insert(self.lines()?),
                };
                lines.write(&record.line)?;
                written += 1;
            }
        }
        if let Some(lines) = lines {
            loaded.part = Some(finish(lines, written).await?);
        }
        Ok(Ok(loaded))
    }

    /// Asks for a page until it is one that can come next.
    async fn page(
        &self,
        url: &str,
        paging: Option<Paging>,
    ) -> Result<(Head, Vec<Record>), FetchError> {
        let read = move |bytes: Vec<u8>| {
            let (head, records) = page::parse(&bytes)?;
            // A copy: whether the page fits is asked here, so that one that does not is asked for
            // again.
            if let Some(mut paging) = paging.clone() {
                match paging.take(head.start, head.total, head.listed) {
                    // The caller begins anew.
                    Ok(()) | Err(Misfit::Shrunk { .. }) => {}
                    Err(misfit) => return Err(misfit.to_string()),
                }
            }
            Ok((head, records))
        };
        let access = ApiAccess { key: self.key };
        self.fetcher.answer(url, access, read).await
    }

    fn lines(&self) -> std::io::Result<Lines> {
        LineWriter::new(self.mirror.create(self.name)?)
    }

    /// What the mirror has from the windows before, so that the overlap does not look new.
    async fn known(&self, window: Option<&Window>) -> Result<HashMap<CveId, [u8; 16]>, FetchError> {
        if window.is_none() {
            return Ok(HashMap::new());
        }
        let files = self.small_files();
        let reading = tokio::task::spawn_blocking(move || {
            let mut newest = HashMap::new();
            history::for_each(&files, |record, rank| {
                let entry = newest.entry(record.id).or_insert((rank, [0; 16]));
                // At least: the entry that was just made has this very rank, and its print is still
                // to be filled in.
                if rank >= entry.0 {
                    *entry = (rank, fingerprint(&record.line));
                }
                Ok(())
            })?;
            let known = newest.into_iter().map(|(id, (_, print))| (id, print));
            Ok::<_, std::io::Error>(known.collect())
        });
        Ok(reading.await.map_err(std::io::Error::other)??)
    }

    /// The files of single windows, which are small beside the first one.
    fn small_files(&self) -> Vec<PathBuf> {
        let source = self.mirror.source(self.name);
        let largest = source.parts.values().map(|part| part.bytes).max();
        let parts = source.parts.values();
        // All but the largest, which is what came first and takes longest to read; while all are
        // small, all. What an overlap brings again of the largest is only written twice.
        let small = parts.filter(|part| Some(part.bytes) < largest.max(Some(1 << 20)));
        small.map(|part| self.mirror.path(part)).collect()
    }

    /// Merges files that piled up.
    async fn compact(&self) -> Result<(), FetchError> {
        let source = self.mirror.source(self.name);
        let Some(names) = to_merge(&source) else {
            return Ok(());
        };
        let inputs: Vec<_> =
            names.iter().map(|name| self.mirror.path(&source.parts[name])).collect();
        let mut lines = self.lines()?;
        let merging = tokio::task::spawn_blocking(move || {
            let written = history::merge(&inputs, &mut lines)?;
            let part = lines.finish()?.finish()?;
            Ok::<_, std::io::Error>(Part { records: Some(written), ..part })
        });
        let merged = merging.await.map_err(std::io::Error::other)??;
        let inputs = names.iter().map(|name| source.parts[name].sha256.clone());
        // Before the list changes: killed in between, a note about a file that nobody names says
        // nothing.
        self.mirror.note_replaced(inputs, &merged)?;
        self.mirror.commit(|manifest| {
            let source = manifest.sources.entry(self.name.to_owned()).or_default();
            source.parts.retain(|name, _| !names.contains(name));
            // In the place of the first of them, so that it stays before what came after.
            source.parts.insert(names[0].clone(), merged);
        })?;
        Ok(())
    }
}

/// Names sort by number.
fn part_name(number: u64) -> String {
    format!("{number:08}")
}

fn fingerprint(line: &str) -> [u8; 16] {
    let digest = digest(&SHA256, line.as_bytes());
    let mut print = [0; 16];
    print.copy_from_slice(&digest.as_ref()[..16]);
    print
}

async fn finish(lines: Lines, records: u64) -> Result<Part, FetchError> {
    let finishing = tokio::task::spawn_blocking(move || lines.finish()?.finish());
    let part = finishing.await.map_err(std::io::Error::other)??;
    Ok(Part { records: Some(records), ..part })
}

/// Which files are merged, when there are too many: all but the first, which is large, and the last,
/// which tells what the next overlap holds; and the first as well when the others have grown to half
/// of it, so that each record is written anew a few times in all.
fn to_merge(source: &SourceState) -> Option<Vec<String>> {
    if source.parts.len() <= PARTS_MAX {
        return None;
    }
    let mut names: Vec<String> = source.parts.keys().cloned().collect();
    names.pop();
    let bytes =
        |names: &[String]| -> u64 { names.iter().map(|name| source.parts[name].bytes).sum() };
    if bytes(&names[1..]) * 2 < bytes(&names[..1]) {
        names.remove(0);
    }
    Some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(bytes: &[u64]) -> SourceState {
        let parts = (1..).zip(bytes).map(|(number, bytes)| {
            let part = Part { bytes: *bytes, ..Part::default() };
            (part_name(number), part)
        });
        SourceState { parts: parts.collect(), ..SourceState::default() }
    }

    #[test]
    fn few_files_are_left_alone() {
        assert_eq!(to_merge(&source(&[1_000; PARTS_MAX])), None);
    }

    #[test]
    fn small_files_are_merged_without_the_large_one_until_they_are_half_of_it() {
        let mut bytes = vec![1_000_000];
        bytes.extend([10; PARTS_MAX]);
        let names = to_merge(&source(&bytes)).unwrap();
        assert_eq!(names.len(), PARTS_MAX - 1);
        assert_eq!((names[0].as_str(), names.last().unwrap().as_str()), ("00000002", "00000016"));
        bytes[1] = 500_000;
        let names = to_merge(&source(&bytes)).unwrap();
        assert_eq!(names[0], "00000001");
    }
}
