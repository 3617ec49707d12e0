//! `GET /software/titles`: software whatever its versions, which are the list of software of its name.

use axum::Json;
use protocol::software::Source;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::software::{self, Title, TitleFilter, TitleSort};
use time::OffsetDateTime;

use crate::http::document::DateTime;
use crate::http::extract::{Params, Tenant};
use crate::http::may::ReadInventory;
use crate::http::page::{self, Page};
use crate::http::problem::Problem;
use crate::http::schema::SourceName;
use crate::http::v1::counts::CountsView;
use crate::http::v1::labels;

/// A title that some host has.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "SoftwareTitle")]
pub(super) struct TitleView {
    name: String,
    #[schemars(with = "SourceName")]
    source: Source,
    /// Who makes it, or empty.
    vendor: String,
    /// Versions of it that hosts have.
    versions: u64,
    /// Hosts that have any of them.
    hosts: u64,
    /// CVEs that any of them has, each counted once.
    cves: CountsView,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    first_seen_at: OffsetDateTime,
}

impl From<Title> for TitleView {
    fn from(title: Title) -> Self {
        Self {
            name: title.name,
            source: title.source,
            vendor: title.vendor,
            versions: title.versions,
            hosts: title.hosts,
            cves: title.cves.into(),
            first_seen_at: title.first_seen_at,
        }
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "SoftwareTitleQuery")]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    /// A part of the name or of the vendor.
    query: Option<String>,
    #[schemars(with = "Option<SourceName>")]
    source: Option<Source>,
    /// With open findings of any version, or without any; with `label` on the hosts with it.
    vulnerable: Option<bool>,
    /// What hosts with this label have, by its id or its name: only the versions that they have count.
    label: Option<String>,
    /// By name or, most first, by the hosts of each version, added up.
    #[serde(default)]
    sort: Sort,
    limit: Option<u32>,
    page_token: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[schemars(rename = "SoftwareTitleSort")]
#[serde(rename_all = "snake_case")]
enum Sort {
    #[default]
    Name,
    Hosts,
}

impl Sort {
    const fn list(self) -> (TitleSort, &'static str) {
        match self {
            Self::Name => (TitleSort::Name, "software_titles"),
            Self::Hosts => (TitleSort::Hosts, "software_titles.hosts"),
        }
    }
}

/// A page of titles.
pub(super) async fn list(
    tenant: Tenant<ReadInventory>,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<TitleView>>, Problem> {
    let (sort, name) = query.sort.list();
    let page = page::request(name, query.limit, query.page_token.as_deref())?;
    let filter = TitleFilter {
        text: query.query,
        source: query.source,
        vulnerable: query.vulnerable,
        label: labels::named(&tenant.scope, query.label.as_deref()).await?,
    };
    let titles = software::titles(&tenant.scope, &filter, sort, &page).await?;
    Ok(page::respond(name, titles, TitleView::from))
}
