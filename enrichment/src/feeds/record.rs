//! What one JSON object of a feed is, told by its members, and its reading by the parser of its kind.
//!
//! The files of one feed hold one kind, so the kind of the record before is tried first and the
//! others only where that fails. A record that is of a known kind and bad is refused with its id.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::cve::{CveRecord, KevEntry};
use crate::feeds::advisories::Advisories;
use crate::feeds::msrc::{self, Published};
use crate::feeds::report::FeedKind;
use crate::feeds::{csaf, kev, nvd, osv, program, secdb, ubuntu};

/// What a JSON object turned out to be.
#[derive(Debug)]
pub(super) enum Parsed {
    /// A CVE record.
    Cve(Box<CveRecord>),
    /// An entry of CISA's catalogue.
    Kev(Box<KevEntry>),
    /// Advisories about packages.
    Advisories(Advisories),
    /// A document of Microsoft's.
    Published(Box<Published>),
    /// A record of a known kind that holds nothing that is used.
    NotUsed(FeedKind),
    /// Something else.
    Other,
}

/// Why a record is refused.
#[derive(Debug)]
pub(super) struct Refused {
    /// What it is, where it could be told.
    pub(super) kind: FeedKind,
    /// Its id, where it could be read.
    pub(super) id: Option<String>,
    pub(super) reason: String,
}

/// Reads one JSON object; `hint` is what the one before it was.
pub(super) fn parse(record: &[u8], hint: FeedKind) -> Result<Parsed, Refused> {
    // NVD's files are the largest and nearly every record of them is right: no second look at it.
    let may_be_nvd = matches!(hint, FeedKind::Nvd | FeedKind::Unknown);
    let reason = match may_be_nvd.then(|| nvd::parse(record)) {
        Some(Ok(record)) => return Ok(Parsed::Cve(Box::new(record))),
        Some(Err(reason)) => Some(reason),
        None => None,
    };
    let shape: Shape<'_> = serde_json::from_slice(record).map_err(|error| Refused {
        kind: FeedKind::Unknown,
        id: None,
        reason: error.to_string(),
    })?;
    // From here on a mistake is the record's, and its id can be told.
    let kind = shape.kind();
    let parsed = match kind {
        Some(Kind::Nvd) => reason
            .map_or_else(|| nvd::parse(record), Err)
            .map(|record| Parsed::Cve(Box::new(record))),
        Some(Kind::BareNvd) => nvd::parse_bare(record).map(|record| Parsed::Cve(Box::new(record))),
        Some(Kind::Kev) => kev::from_json(record).map(|entry| Parsed::Kev(Box::new(entry))),
        Some(Kind::Osv) => osv::parse(record).map(Parsed::Advisories),
        Some(Kind::Ubuntu) => ubuntu::parse(record).map(Parsed::Advisories),
        Some(Kind::Secdb) => secdb::parse(record).map(Parsed::Advisories),
        Some(Kind::Csaf) => csaf::parse(record)
            .map(|found| found.map_or(Parsed::NotUsed(FeedKind::RedHatVex), Parsed::Advisories)),
        Some(Kind::MicrosoftMonth) => {
            msrc::cvrf::parse(record).map(|found| Parsed::Published(Box::new(found)))
        }
        Some(Kind::MicrosoftCsaf) => {
            msrc::csaf::parse(record).map(|found| Parsed::Published(Box::new(found)))
        }
        Some(Kind::CveProgram) => program::parse(record).map(|found| {
            found.map_or(Parsed::NotUsed(FeedKind::CveProgram), |record| {
                Parsed::Cve(Box::new(record))
            })
        }),
        None => Ok(Parsed::Other),
    };
    parsed.map_err(|reason| Refused {
        kind: kind.map_or(FeedKind::Unknown, Kind::feed),
        // Cut, because a text of a feed goes into logs and reports here.
        id: shape.id().map(|id| id.chars().take(40).collect()),
        reason,
    })
}

/// The kinds of objects.
#[derive(Clone, Copy)]
enum Kind {
    Nvd,
    BareNvd,
    Kev,
    Osv,
    Ubuntu,
    Secdb,
    Csaf,
    MicrosoftMonth,
    MicrosoftCsaf,
    CveProgram,
}

impl Kind {
    const fn feed(self) -> FeedKind {
        match self {
            Self::Nvd | Self::BareNvd => FeedKind::Nvd,
            Self::Kev => FeedKind::Kev,
            Self::Osv => FeedKind::Osv,
            Self::Ubuntu => FeedKind::UbuntuTracker,
            Self::Secdb => FeedKind::AlpineSecdb,
            Self::Csaf => FeedKind::RedHatVex,
            Self::MicrosoftMonth | Self::MicrosoftCsaf => FeedKind::Msrc,
            Self::CveProgram => FeedKind::CveProgram,
        }
    }
}

/// Just enough to tell what an object is and which CVE or advisory it is about.
#[derive(Deserialize)]
struct Shape<'a> {
    #[serde(rename = "dataType", borrow)]
    data_type: Option<Cow<'a, str>>,
    #[serde(rename = "cveID", borrow)]
    kev_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(rename = "vulnStatus")]
    status: Option<IgnoredAny>,
    #[serde(borrow)]
    cve: Option<ShapeOfCve<'a>>,
    #[serde(rename = "_annotation", borrow)]
    annotation: Option<ShapeOfAnnotation<'a>>,
    modified: Option<IgnoredAny>,
    #[serde(borrow)]
    candidate: Option<Cow<'a, str>>,
    distroversion: Option<IgnoredAny>,
    #[serde(borrow)]
    document: Option<ShapeOfDocument<'a>>,
    packages: Option<IgnoredAny>,
    #[serde(rename = "cveMetadata", borrow)]
    metadata: Option<ShapeOfMetadata<'a>>,
    #[serde(rename = "DocumentTracking", borrow)]
    month: Option<ShapeOfMonth<'a>>,
}

#[derive(Deserialize)]
struct ShapeOfMonth<'a> {
    #[serde(rename = "Identification", borrow)]
    identification: Option<ShapeOfIdentification<'a>>,
}

#[derive(Deserialize)]
struct ShapeOfIdentification<'a> {
    #[serde(rename = "ID", borrow)]
    id: Option<ShapeOfText<'a>>,
}

#[derive(Deserialize)]
struct ShapeOfText<'a> {
    #[serde(rename = "Value", borrow)]
    value: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct ShapeOfMetadata<'a> {
    #[serde(rename = "cveId", borrow)]
    id: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct ShapeOfDocument<'a> {
    csaf_version: Option<IgnoredAny>,
    #[serde(borrow)]
    tracking: Option<ShapeOfCve<'a>>,
    #[serde(borrow)]
    publisher: Option<ShapeOfPublisher<'a>>,
}

#[derive(Deserialize)]
struct ShapeOfPublisher<'a> {
    #[serde(borrow)]
    namespace: Option<Cow<'a, str>>,
}

impl ShapeOfDocument<'_> {
    fn is_microsofts(&self) -> bool {
        let namespace = self.publisher.as_ref().and_then(|of| of.namespace.as_deref());
        namespace.is_some_and(|namespace| namespace.trim_end_matches('/') == msrc::csaf::NAMESPACE)
    }
}

#[derive(Deserialize)]
struct ShapeOfCve<'a> {
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct ShapeOfAnnotation<'a> {
    #[serde(borrow)]
    cve_id: Option<Cow<'a, str>>,
}

impl Shape<'_> {
    fn kind(&self) -> Option<Kind> {
        // The members of one kind never occur in another's records; the order is of no meaning.
        if self.data_type.is_some() {
            Some(Kind::CveProgram)
        } else if self.kev_id.is_some() {
            Some(Kind::Kev)
        // The envelope of NVD's API. A record of a feed file stands in the same one.
        } else if self.cve.is_some() {
            Some(Kind::Nvd)
        } else if self.id.is_some() && self.status.is_some() {
            Some(Kind::BareNvd)
        } else if self.id.is_some() && self.modified.is_some() {
            // The two members that OSV's schema asks for; NVD's is called `lastModified`.
            Some(Kind::Osv)
        } else if self.candidate.is_some() && self.packages.is_some() {
            Some(Kind::Ubuntu)
        } else if self.distroversion.is_some() && self.packages.is_some() {
            Some(Kind::Secdb)
        } else if let Some(document) = &self.document
            && document.csaf_version.is_some()
        {
            Some(if document.is_microsofts() { Kind::MicrosoftCsaf } else { Kind::Csaf })
        } else if self.month.is_some() {
            Some(Kind::MicrosoftMonth)
        } else {
            None
        }
    }

    fn id(&self) -> Option<&str> {
        let of_cve = self.cve.as_ref().and_then(|cve| cve.id.as_deref());
        let of_annotation = self.annotation.as_ref().and_then(|a| a.cve_id.as_deref());
        let tracking = self.document.as_ref().and_then(|of| of.tracking.as_ref());
        let of_document = tracking.and_then(|tracking| tracking.id.as_deref());
        let of_month = self.month.as_ref().and_then(|of| of.identification.as_ref());
        let of_month = of_month.and_then(|of| of.id.as_ref()?.value.as_deref());
        let of_metadata = self.metadata.as_ref().and_then(|of| of.id.as_deref());
        of_cve
            .or(of_annotation)
            .or(self.kev_id.as_deref())
            .or(self.candidate.as_deref())
            .or(of_document)
            .or(of_metadata)
            .or(of_month)
            // Last, because in an envelope the id beside the record is somebody else's.
            .or(self.id.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(record: &str, hint: FeedKind) -> Refused {
        match parse(record.as_bytes(), hint) {
            Err(refused) => refused,
            Ok(parsed) => panic!("{parsed:?}"),
        }
    }

    #[test]
    fn a_bad_record_of_any_kind_is_refused_with_its_kind_and_id_whatever_came_before() {
        for (record, kind, id) in [
            (r#"{"cve":{"id":"CVE-1"}}"#, FeedKind::Nvd, "CVE-1"),
            (r#"{"id":"CVE-2","vulnStatus":"x"}"#, FeedKind::Nvd, "CVE-2"),
            (r#"{"cveID":"CVE-3","dateAdded":"2024-01-01"}"#, FeedKind::Kev, "CVE-3"),
            (r#"{"id":"DSA-4","modified":"soon"}"#, FeedKind::Osv, "DSA-4"),
            (r#"{"candidate":"CVE-5","packages":{}}"#, FeedKind::UbuntuTracker, "CVE-5"),
            (
                r#"{"document":{"csaf_version":"2.0","tracking":{"id":"CVE-6"}}}"#,
                FeedKind::RedHatVex,
                "CVE-6",
            ),
            (
                r#"{"document":{"csaf_version":"2.0","publisher":{"namespace":"https://msrc.microsoft.com"},"tracking":{"id":"msrc_CVE-8"}}}"#,
                FeedKind::Msrc,
                "msrc_CVE-8",
            ),
            (
                r#"{"DocumentTracking":{"Identification":{"ID":{"Value":"2024-Apr"}},"CurrentReleaseDate":"soon"}}"#,
                FeedKind::Msrc,
                "2024-Apr",
            ),
            (
                r#"{"dataType":"CVE_RECORD","cveMetadata":{"cveId":"CVE-7"}}"#,
                FeedKind::CveProgram,
                "CVE-7",
            ),
        ] {
            for hint in [FeedKind::Unknown, FeedKind::Nvd, FeedKind::Osv, FeedKind::Kev] {
                let refused = refused(record, hint);
                assert_eq!((refused.kind, refused.id.as_deref()), (kind, Some(id)), "{record}");
            }
        }
    }

    #[test]
    fn a_repository_of_alpine_has_no_id_to_name() {
        let refused = refused(r#"{"distroversion":"x","packages":[]}"#, FeedKind::Unknown);
        assert_eq!((refused.kind, refused.id), (FeedKind::AlpineSecdb, None));
    }

    #[test]
    fn a_long_id_is_cut_before_it_is_shown() {
        let record = format!(r#"{{"id":"{}","modified":1}}"#, "x".repeat(1000));
        assert_eq!(refused(&record, FeedKind::Osv).id.map(|id| id.len()), Some(40));
    }
}
