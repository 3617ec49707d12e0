//! The members of the CVE programme's records that are used, as they stand in JSON.
//!
//! Texts are borrowed from the input. Nothing is judged here.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;

use crate::feeds::json::null_as_default;
use crate::feeds::nvd::{CvssData, RawConfiguration, Reference, Text};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawRecord<'a> {
    #[serde(borrow)]
    pub(super) cve_metadata: RawMetadata<'a>,
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    pub(super) containers: RawContainers<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawMetadata<'a> {
    #[serde(borrow)]
    pub(super) cve_id: Cow<'a, str>,
    #[serde(default, borrow)]
    pub(super) state: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) date_published: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) date_updated: Option<Cow<'a, str>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct RawContainers<'a> {
    #[serde(borrow, deserialize_with = "null_as_default")]
    pub(super) cna: RawContainer<'a>,
    #[serde(borrow, deserialize_with = "null_as_default")]
    pub(super) adp: Vec<RawContainer<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RawContainer<'a> {
    #[serde(borrow, deserialize_with = "null_as_default")]
    pub(super) provider_metadata: RawProvider<'a>,
    #[serde(borrow, deserialize_with = "null_as_default")]
    pub(super) descriptions: Vec<Text<'a>>,
    #[serde(borrow, deserialize_with = "null_as_default")]
    pub(super) affected: Vec<RawAffected<'a>>,
    #[serde(borrow, deserialize_with = "null_as_default")]
    pub(super) metrics: Vec<RawMetric<'a>>,
    #[serde(borrow, deserialize_with = "null_as_default")]
    pub(super) problem_types: Vec<RawProblemType<'a>>,
    #[serde(borrow, deserialize_with = "null_as_default")]
    pub(super) references: Vec<Reference<'a>>,
    #[serde(borrow, deserialize_with = "null_as_default")]
    pub(super) cpe_applicability: Vec<RawConfiguration<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RawProvider<'a> {
    #[serde(borrow)]
    pub(super) org_id: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) short_name: Cow<'a, str>,
}

/// A product, in an assigner's words and in NVD's `affectedData` alike.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::feeds) struct RawAffected<'a> {
    #[serde(borrow, deserialize_with = "null_as_default")]
    pub(super) vendor: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "null_as_default")]
    pub(super) product: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "null_as_default")]
    pub(super) package_name: Cow<'a, str>,
    #[serde(rename = "collectionURL", borrow, deserialize_with = "null_as_default")]
    pub(super) collection: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "null_as_default")]
    pub(super) default_status: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "null_as_default")]
    pub(super) cpes: Vec<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "null_as_default")]
    pub(super) versions: Vec<RawVersions<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawVersions<'a> {
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    pub(super) version: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) less_than: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) less_than_or_equal: Option<Cow<'a, str>>,
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    pub(super) status: Cow<'a, str>,
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    pub(super) version_type: Cow<'a, str>,
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    pub(super) changes: Vec<RawChange<'a>>,
}

#[derive(Deserialize)]
pub(super) struct RawChange<'a> {
    #[serde(borrow)]
    pub(super) at: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) status: Cow<'a, str>,
}

/// Exactly one member is set, beside its format and scenarios.
#[derive(Deserialize)]
pub(super) struct RawMetric<'a> {
    #[serde(rename = "cvssV4_0", borrow)]
    pub(super) v40: Option<CvssData<'a>>,
    #[serde(rename = "cvssV3_1", borrow)]
    pub(super) v31: Option<CvssData<'a>>,
    #[serde(rename = "cvssV3_0", borrow)]
    pub(super) v30: Option<CvssData<'a>>,
    #[serde(rename = "cvssV2_0", borrow)]
    pub(super) v2: Option<CvssData<'a>>,
    #[serde(borrow)]
    pub(super) other: Option<RawOther<'a>>,
}

#[derive(Deserialize)]
pub(super) struct RawOther<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Cow<'a, str>,
    /// Its shape depends on the type.
    #[serde(default)]
    pub(super) content: serde_json::Value,
}

/// CISA's decision, in the CVE programme's records and in NVD's alike: `[{"Exploitation": "none"}, …]`.
pub(in crate::feeds) type RawOptions<'a> = Vec<BTreeMap<Cow<'a, str>, Cow<'a, str>>>;

#[derive(Deserialize)]
pub(super) struct RawProblemType<'a> {
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    pub(super) descriptions: Vec<RawProblem<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawProblem<'a> {
    #[serde(borrow)]
    pub(super) cwe_id: Option<Cow<'a, str>>,
}
