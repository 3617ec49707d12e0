//! The members of CSAF documents that are used, as they stand in JSON.
//!
//! Texts are borrowed from the input. Nothing is judged here. Schema 2.0:
//! `docs.oasis-open.org/csaf/csaf/v2.0`.

use std::borrow::Cow;

use serde::Deserialize;

use crate::feeds::json::null_as_default;

#[derive(Deserialize)]
pub(super) struct RawCsaf<'a> {
    #[serde(borrow)]
    pub(super) document: RawDocument<'a>,
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    pub(super) product_tree: RawTree<'a>,
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    pub(super) vulnerabilities: Vec<RawVulnerability<'a>>,
}

#[derive(Deserialize)]
pub(super) struct RawDocument<'a> {
    #[serde(borrow)]
    pub(super) publisher: RawPublisher<'a>,
    #[serde(borrow)]
    pub(super) tracking: RawTracking<'a>,
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    pub(super) aggregate_severity: RawSeverity<'a>,
}

#[derive(Deserialize)]
pub(super) struct RawPublisher<'a> {
    #[serde(borrow)]
    pub(super) namespace: Cow<'a, str>,
}

#[derive(Deserialize)]
pub(super) struct RawTracking<'a> {
    #[serde(borrow)]
    pub(super) id: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) current_release_date: Option<Cow<'a, str>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct RawSeverity<'a> {
    #[serde(borrow)]
    pub(super) text: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct RawTree<'a> {
    #[serde(borrow, deserialize_with = "null_as_default")]
    pub(super) branches: Vec<RawBranch<'a>>,
    #[serde(borrow, deserialize_with = "null_as_default")]
    pub(super) relationships: Vec<RawRelationship<'a>>,
}

#[derive(Deserialize)]
pub(super) struct RawBranch<'a> {
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    pub(super) branches: Vec<Self>,
    #[serde(borrow)]
    pub(super) product: Option<RawProduct<'a>>,
}

#[derive(Deserialize)]
pub(super) struct RawProduct<'a> {
    #[serde(borrow)]
    pub(super) product_id: Cow<'a, str>,
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    pub(super) product_identification_helper: RawHelper<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct RawHelper<'a> {
    #[serde(borrow)]
    pub(super) cpe: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) purl: Option<Cow<'a, str>>,
}

/// A product as a part of another one.
#[derive(Deserialize)]
pub(super) struct RawRelationship<'a> {
    #[serde(borrow)]
    pub(super) full_product_name: RawProduct<'a>,
    #[serde(borrow)]
    pub(super) product_reference: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) relates_to_product_reference: Cow<'a, str>,
}

#[derive(Deserialize)]
pub(super) struct RawVulnerability<'a> {
    #[serde(borrow)]
    pub(super) cve: Option<Cow<'a, str>>,
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    pub(super) product_status: RawStatus<'a>,
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    pub(super) remediations: Vec<RawRemediation<'a>>,
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    pub(super) flags: Vec<RawFlag<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct RawStatus<'a> {
    #[serde(borrow, deserialize_with = "null_as_default")]
    pub(super) fixed: Vec<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "null_as_default")]
    pub(super) known_affected: Vec<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "null_as_default")]
    pub(super) known_not_affected: Vec<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "null_as_default")]
    pub(super) under_investigation: Vec<Cow<'a, str>>,
}

#[derive(Deserialize)]
pub(super) struct RawRemediation<'a> {
    #[serde(borrow)]
    pub(super) category: Cow<'a, str>,
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    pub(super) details: Cow<'a, str>,
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    pub(super) product_ids: Vec<Cow<'a, str>>,
}

#[derive(Deserialize)]
pub(super) struct RawFlag<'a> {
    #[serde(borrow)]
    pub(super) label: Cow<'a, str>,
    #[serde(default, borrow, deserialize_with = "null_as_default")]
    pub(super) product_ids: Vec<Cow<'a, str>>,
}
