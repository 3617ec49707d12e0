//! `GET /software/titles`: software whatever its versions, which are the list of software of its name.

use axum::Json;
use protocol::software::Source;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::software::{self, Title, TitleFilter};
use time::OffsetDateTime;

use crate::http::document::DateTime;
use crate::http::extract::{Params, Tenant};
use crate::http::may::ReadInventory;
use crate::http::page::{self, Page};
use crate::http::problem::Problem;
use crate::http::schema::SourceName;
use crate::http::v1::counts::CountsView;

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
    limit: Option<u32>,
    page_token: Option<String>,
}

/// A page of titles.
pub(super) async fn list(
    tenant: Tenant<ReadInventory>,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<TitleView>>, Problem> {
    const LIST: &str = "software_titles";
    let page = page::request(LIST, query.limit, query.page_token.as_deref())?;
    let filter = TitleFilter { text: query.query, source: query.source };
    let titles = software::titles(&tenant.scope, &filter, &page).await?;
    Ok(page::respond(LIST, titles, TitleView::from))
}
