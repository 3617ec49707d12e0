//! The members of NVD's records that are used, as they stand in JSON.
//!
//! Everything is optional but what a record makes no sense without; texts are borrowed from the
//! input. Nothing is judged here.

use std::borrow::Cow;

use serde::Deserialize;

use crate::feeds::json::null_as_default;
use crate::feeds::program::{RawAffected, RawOptions};

/// A record with what stands around it.
#[derive(Deserialize)]
pub(super) struct Envelope<'a> {
    #[serde(borrow)]
    pub(super) cve: RawCve<'a>,
    /// Anchore's remarks on a record of its own.
    #[serde(rename = "_annotation", borrow)]
    pub(super) annotation: Option<Annotation<'a>>,
    /// Where a collection of records took this one from.
    #[serde(rename = "_source", borrow)]
    pub(super) source: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
pub(super) struct Annotation<'a> {
    #[serde(borrow)]
    pub(super) cve_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) description: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) published: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) modified: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) reason: Option<Cow<'a, str>>,
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    pub(super) references: Vec<Cow<'a, str>>,
}

impl Annotation<'_> {
    /// Nearly all of Anchore's records stand in for NVD's and say so in these words; the others
    /// say what they put right.
    pub(super) fn is_correction(&self) -> bool {
        self.reason.as_deref().is_some_and(|reason| !reason.contains("not yet analyzed"))
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RawCve<'a> {
    #[serde(borrow)]
    pub(super) id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) published: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) last_modified: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) vuln_status: Option<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "null_as_default")]
    pub(super) descriptions: Vec<Text<'a>>,
    #[serde(borrow, deserialize_with = "null_as_default")]
    pub(super) metrics: Metrics<'a>,
    #[serde(borrow, deserialize_with = "null_as_default")]
    pub(super) weaknesses: Vec<Weakness<'a>>,
    #[serde(borrow, deserialize_with = "null_as_default")]
    pub(super) configurations: Vec<RawConfiguration<'a>>,
    #[serde(borrow, deserialize_with = "null_as_default")]
    pub(super) references: Vec<Reference<'a>>,
    /// What the CVE's assigner says, since June 2026.
    #[serde(borrow, deserialize_with = "null_as_default")]
    pub(super) affected: Vec<RawAffectedBy<'a>>,
    #[serde(borrow)]
    pub(super) cisa_exploit_add: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) cisa_action_due: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) cisa_required_action: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) cisa_vulnerability_name: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
pub(in crate::feeds) struct Text<'a> {
    #[serde(borrow)]
    pub(in crate::feeds) lang: Cow<'a, str>,
    #[serde(borrow)]
    pub(in crate::feeds) value: Cow<'a, str>,
}

impl Text<'_> {
    /// Feeds write `en`, and now and then `en-US`.
    pub(in crate::feeds) fn is_english(&self) -> bool {
        self.lang
            // `get` and not a slice: the tag is a feed's text, and may be one character of three
            // bytes.
            .get(..2)
            .is_some_and(|lang| lang.eq_ignore_ascii_case("en"))
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Metrics<'a> {
    #[serde(rename = "cvssMetricV40", borrow, deserialize_with = "null_as_default")]
    pub(super) v40: Vec<Metric<'a>>,
    #[serde(rename = "cvssMetricV31", borrow, deserialize_with = "null_as_default")]
    pub(super) v31: Vec<Metric<'a>>,
    #[serde(rename = "cvssMetricV30", borrow, deserialize_with = "null_as_default")]
    pub(super) v30: Vec<Metric<'a>>,
    #[serde(rename = "cvssMetricV2", borrow, deserialize_with = "null_as_default")]
    pub(super) v2: Vec<Metric<'a>>,
    #[serde(rename = "ssvcV203", borrow, deserialize_with = "null_as_default")]
    pub(super) ssvc: Vec<RawSsvc<'a>>,
}

/// Products by who names them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawAffectedBy<'a> {
    #[serde(default, borrow)]
    pub(super) source: Cow<'a, str>,
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    pub(super) affected_data: Vec<RawAffected<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawSsvc<'a> {
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    pub(super) ssvc_data: RawDecision<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct RawDecision<'a> {
    #[serde(borrow, deserialize_with = "null_as_default")]
    pub(super) options: RawOptions<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metric<'a> {
    #[serde(default, borrow)]
    pub(super) source: Cow<'a, str>,
    #[serde(rename = "type", default, borrow)]
    pub(super) kind: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) cvss_data: CvssData<'a>,
    /// Version 2 has it here, later ones in their data.
    #[serde(borrow)]
    pub(super) base_severity: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::feeds) struct CvssData<'a> {
    #[serde(borrow)]
    pub(in crate::feeds) version: Cow<'a, str>,
    #[serde(default, borrow)]
    pub(in crate::feeds) vector_string: Cow<'a, str>,
    pub(in crate::feeds) base_score: f32,
    #[serde(borrow)]
    pub(in crate::feeds) base_severity: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
pub(super) struct Weakness<'a> {
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    pub(super) description: Vec<Text<'a>>,
}

#[derive(Deserialize)]
pub(in crate::feeds) struct Reference<'a> {
    #[serde(borrow)]
    pub(in crate::feeds) url: Cow<'a, str>,
}

#[derive(Deserialize)]
pub(in crate::feeds) struct RawConfiguration<'a> {
    #[serde(borrow)]
    pub(super) operator: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "null_as_default")]
    pub(super) negate: bool,
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    pub(super) nodes: Vec<RawNode<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawNode<'a> {
    #[serde(borrow)]
    pub(super) operator: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "null_as_default")]
    pub(super) negate: bool,
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    pub(super) cpe_match: Vec<RawMatch<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawMatch<'a> {
    pub(super) vulnerable: bool,
    #[serde(borrow)]
    pub(super) criteria: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) version_start_including: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) version_start_excluding: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) version_end_including: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) version_end_excluding: Option<Cow<'a, str>>,
}
