//! Microsoft's Security Updates API: a list of months, and a document for each.
//!
//! Microsoft goes on changing old months, so the list tells of each when it was changed last, and only
//! a month that says another instant than the one that is here is fetched. A month that cannot be
//! fetched stops no other one. Addresses are made of the months' names and never taken from the list,
//! so that a mirror of one's own is asked for everything.

use std::fs::File;
use std::io::{self, BufReader};

use enrichment::feeds::{self as reader, FeedKind, FileReport};
use serde::Deserialize;
use time::{OffsetDateTime, PrimitiveDateTime};

use super::fetch::{FetchError, Fetcher};
use super::file::Nowhere;
use super::http::{Request, shown};
use super::mirror::{Mirror, Part};

/// What the API gives beside XML.
const JSON: &str = "application/json";
/// Months in the list; there are twelve a year since 2016 and some extra ones.
const MONTHS_MAX: usize = 2_000;
/// zstd's own default.
const LEVEL: i32 = 3;

/// What keeps the mirror of the months up to date.
#[derive(Debug)]
pub(super) struct MsrcMonths<'a> {
    pub(super) fetcher: &'a Fetcher,
    pub(super) mirror: &'a Mirror,
    /// The name of the source.
    pub(super) name: &'a str,
    /// The API's address, in front of `updates` and `cvrf`.
    pub(super) url: &'a str,
    /// Whether to fetch what is here already, and to take what is suspiciously small.
    pub(super) is_forced: bool,
}

#[derive(Deserialize)]
struct List {
    value: Vec<Listed>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    #[serde(rename = "ID")]
    id: String,
    current_release_date: String,
}

/// A month of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Month {
    id: String,
    changed_at: OffsetDateTime,
}

impl MsrcMonths<'_> {
    /// Fetches every month that changed; each counts as soon as it is here. Gives how many bad
    /// records were passed over.
    ///
    /// # Errors
    ///
    /// When the list does not come or is not as it should be, or a month is not: what was here of it
    /// stays, and the other months are fetched all the same.
    ///
    /// # Cancel safety
    ///
    /// Safe: the mirror holds the months that came whole.
    pub(super) async fn sync(&self) -> Result<u64, FetchError> {
        let url = format!("{}/updates", self.url.trim_end_matches('/'));
        let bytes = self.fetcher.list(&url, JSON).await?;
        let wrong = |reason: String| FetchError::content(shown(&url), reason);
        let months = months(&bytes).map_err(wrong)?;
        let known = self.mirror.source(self.name).parts;
        if !self.is_forced && months.len() < known.len() / 2 {
            return Err(wrong(format!(
                "it lists {} months where there were {}; `feed sync --force {}` takes it all the same",
                months.len(),
                known.len(),
                self.name
            )));
        }
        let (mut skipped, mut failed) = (0, None);
        for month in months {
            let before = known.get(&month.id).filter(|_| !self.is_forced);
            // Another instant and not only a later one: what the list says now is what is wanted.
            if before.is_some_and(|part| part.until == Some(month.changed_at)) {
                continue;
            }
            match self.month(&month, before).await {
                Ok(bad) => skipped += bad,
                Err(error) => {
                    tracing::warn!(month = month.id, error = %error, "a month is not up to date");
                    failed.get_or_insert(error);
                }
            }
        }
        failed.map_or(Ok(skipped), Err)
    }

    async fn month(&self, month: &Month, before: Option<&Part>) -> Result<u64, FetchError> {
        let url = format!("{}/cvrf/{}", self.url.trim_end_matches('/'), month.id);
        let request = Request {
            url: &url,
            // No ETag: the list says that it changed, and some caches do not notice.
            accept: Some(JSON),
            ..Request::default()
        };
        let create = || self.mirror.create(self.name);
        let Some(download) = self.fetcher.file(&request, create).await? else {
            return Ok(0);
        };
        let (mirror, source, month) = (self.mirror.clone(), self.name.to_owned(), month.clone());
        let before = before.and_then(|part| part.records).unwrap_or(0);
        let keeping =
            tokio::task::spawn_blocking(move || keep(&mirror, &source, &month, &download, before));
        let kept = keeping.await.map_err(io::Error::other)??;
        kept.map_err(|reason| FetchError::content(shown(&url), reason))
    }
}

/// Looks at a month that was fetched, compresses it, and makes it count; else says what is wrong.
fn keep(
    mirror: &Mirror,
    source: &str,
    month: &Month,
    download: &Part,
    records_before: u64,
) -> io::Result<Result<u64, String>> {
    let path = mirror.path(download);
    let file = match reader::read_path(&path, &mut Nowhere) {
        Ok(report) => report.files.into_iter().next(),
        Err(error) => return Ok(Err(error.to_string())),
    };
    let (records, skipped) = match checked(file, month, records_before) {
        Ok(counted) => counted,
        Err(reason) => return Ok(Err(reason)),
    };
    // Its plain JSON is a tenth as large packed. The file that came is named by no list, and goes
    // with the next change.
    let mut to = mirror.create(source)?;
    zstd::stream::copy_encode(BufReader::new(File::open(&path)?), &mut to, LEVEL)?;
    let part = Part { records: Some(records), until: Some(month.changed_at), ..to.finish()? };
    mirror.commit(|manifest| {
        let state = manifest.sources.entry(source.to_owned()).or_default();
        state.parts.insert(month.id.clone(), part);
    })?;
    Ok(Ok(skipped))
}

/// Records that were read and bad ones, if the document is what it should be.
fn checked(
    file: Option<FileReport>,
    month: &Month,
    records_before: u64,
) -> Result<(u64, u64), String> {
    let file = file.filter(|file| file.kind == FeedKind::Msrc);
    let file = file.ok_or("it is no month of Microsoft's updates")?;
    // A month of nothing but Azure's services has no record that is used, and is whole all the same.
    let records = file.records + file.not_used;
    if records == 0 {
        let why = file.problems.first().map_or("", |problem| problem.reason.as_str());
        return Err(format!("no CVE of {} can be read: {why}", month.id));
    }
    // Half as many are more likely half a document than half the flaws.
    if records < records_before / 2 {
        return Err(format!("{} holds {records} CVEs where there were {records_before}", month.id));
    }
    Ok((records, file.skipped))
}

/// The months of a list, the newest first.
fn months(bytes: &[u8]) -> Result<Vec<Month>, String> {
    let list: List = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if list.value.is_empty() || list.value.len() > MONTHS_MAX {
        return Err(format!("it lists {} months", list.value.len()));
    }
    let mut months = list
        .value
        .into_iter()
        .map(|listed| {
            // It becomes a part of an address: `2024-Apr`, `2017-May-B`.
            let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
            let shown: String = listed.id.chars().take(40).collect();
            // A month that is none makes the whole list doubtful: it is refused, and what is here
            // stays.
            if listed.id.is_empty() || listed.id.len() > 40 || !listed.id.chars().all(is_plain) {
                return Err(format!("{shown:?} is no name of a month"));
            }
            let changed_at = instant(&listed.current_release_date)
                .ok_or_else(|| format!("the date of {shown} is no instant"))?;
            Ok(Month { id: listed.id, changed_at })
        })
        .collect::<Result<Vec<_>, _>>()?;
    months.sort_by(|a, b| b.changed_at.cmp(&a.changed_at).then_with(|| a.id.cmp(&b.id)));
    Ok(months)
}

/// An instant with `Z` or without, which is meant then too.
fn instant(text: &str) -> Option<OffsetDateTime> {
    let iso = &time::format_description::well_known::Iso8601::DEFAULT;
    OffsetDateTime::parse(text, iso)
        .or_else(|_| PrimitiveDateTime::parse(text, iso).map(PrimitiveDateTime::assume_utc))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_read_newest_first_with_and_without_a_zone() {
        let list = br#"{"@odata.context":"x","value":[
            {"ID":"2016-Apr","CurrentReleaseDate":"2018-04-10T07:00:00Z","Severity":null},
            {"ID":"2024-Mar","CurrentReleaseDate":"2024-04-09T07:00:00"}]}"#;
        let found = months(list).unwrap();
        let ids: Vec<_> = found.iter().map(|month| month.id.as_str()).collect();
        assert_eq!(ids, ["2024-Mar", "2016-Apr"]);
        assert_eq!(found[0].changed_at, time::macros::datetime!(2024-04-09 07:00 UTC));
    }

    #[test]
    fn a_list_that_is_none_or_names_no_months_is_refused() {
        for (list, reason) in [
            ("<html>", "expected"),
            (r#"{"value":[]}"#, "0 months"),
            (r#"{"value":[{"ID":"../x","CurrentReleaseDate":"2024-04-09T07:00:00Z"}]}"#, "no name"),
            (r#"{"value":[{"ID":"","CurrentReleaseDate":"2024-04-09T07:00:00Z"}]}"#, "no name"),
            (r#"{"value":[{"ID":"2024-Apr","CurrentReleaseDate":"soon"}]}"#, "no instant"),
        ] {
            let refused = months(list.as_bytes()).unwrap_err();
            assert!(refused.contains(reason), "{list}: {refused}");
        }
    }
}
