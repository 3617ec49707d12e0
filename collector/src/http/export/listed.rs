//! A list whole, page after page of the list's own handler.
//!
//! A list that the store cannot read in one snapshot is exported by asking its handler for one page after the other,
//! as the caller and with the filter and the order of the request. So an export shows nobody more than the list
//! does, refuses what the list refuses, and needs no code of its own. It keeps a page in memory; what changes while
//! it is read may be in it as it was or as it is, or be missing.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;

use axum::Json;
use axum::body::{self, Body};
use axum::extract::{FromRequestParts as _, Request};
use axum::handler::Handler;
use axum::http::request::Parts;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use store::page::PAGE_ITEMS_MAX;

use super::columns::{self, Column};
use super::{Format, Row, attachment};
use crate::csv;
use crate::http::bounds::Turn;
use crate::http::extract::{self, Authenticated, Chosen, Params};
use crate::http::page::{self, Page, Whole};
use crate::http::problem::Problem;
use crate::http::state::ApiState;
use crate::http::stream::{self, Chunks};

/// An answer that is a list.
pub(crate) trait Listed {
    /// What it is a list of.
    type Item: JsonSchema;
    /// Whether it comes a page at a time.
    const IS_PAGED: bool;
}

impl<V: JsonSchema> Listed for Result<Json<Page<V>>, Problem> {
    type Item = V;
    const IS_PAGED: bool = true;
}

impl<V: JsonSchema> Listed for Result<Json<Whole<V>>, Problem> {
    type Item = V;
    const IS_PAGED: bool = false;
}

/// What an export is asked beside what its list is.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Asked {
    /// What it is written as; `csv` when absent.
    format: Option<Format>,
    #[schemars(skip)]
    limit: Option<u32>,
    #[schemars(skip)]
    page_token: Option<String>,
}

/// A list that can be exported.
#[derive(Debug)]
pub(crate) struct Listing<H> {
    name: &'static str,
    list: H,
    columns: Vec<Column>,
    left_out: Vec<String>,
    is_paged: bool,
    is_of_company: bool,
}

impl<H> Listing<H> {
    /// The list that a handler gives, of a company or of nobody's.
    pub(crate) fn new<O: Listed>(name: &'static str, list: H, is_of_company: bool) -> Self {
        Self {
            name,
            list,
            columns: columns::of::<O::Item>(),
            left_out: columns::left_out::<O::Item>(),
            is_paged: O::IS_PAGED,
            is_of_company,
        }
    }
}

/// Answers with all of a list, or as the list does where it refuses.
///
/// # Errors
///
/// When the export is not asked for as one, or there is no place for it.
pub(crate) async fn respond<H, T>(
    listing: Arc<Listing<H>>,
    state: ApiState,
    request: Request,
) -> Result<Response, Problem>
where
    H: Handler<T, ApiState>,
    T: 'static,
{
    let (mut parts, _) = request.into_parts();
    // Once: the pages that follow are the same request's, and find them in it.
    let who = Authenticated::from_request_parts(&mut parts, &state).await?;
    let Params(asked) = Params::<Asked>::from_request_parts(&mut parts, &state).await?;
    page::refuse(asked.limit, asked.page_token.as_deref())?;
    let mut pages = Pages::<H, T> {
        filter: filter(parts.uri.query().unwrap_or_default()),
        listing: Arc::clone(&listing),
        parts,
        state: state.clone(),
        format: asked.format.unwrap_or_default(),
        token: Some(String::new()),
        extractors: PhantomData,
    };
    let answer = pages.ask().await.map_err(Problem::Internal)?;
    if answer.status() != StatusCode::OK {
        return Ok(answer);
    }
    // Not before the list has let the caller in: a place is a company's.
    let company = if listing.is_of_company { extract::company(&pages.parts, &who)? } else { None };
    let place = state.exports.place_of(company)?;
    if let Some(company) = company {
        pages.parts.extensions.insert(Chosen(company));
    }
    // The answer begins: what is left of it has its place, and the request's turn is somebody else's.
    pages.parts.extensions.remove::<Turn>();
    let mut first = Vec::new();
    if pages.format == Format::Csv {
        let names: Vec<&str> = listing.columns.iter().map(|one| one.name.as_str()).collect();
        csv::names(&names, &mut first);
    }
    pages.read(answer, &mut first).await.map_err(Problem::Internal)?;
    let format = pages.format;
    let body = stream::body(listing.name, place, Writing { first: Some(first), pages });
    Ok(attachment(&listing.name.replace('_', "-"), format, body))
}

/// What a query says to the list: everything but the format.
fn filter(query: &str) -> String {
    let name = |pair: &str| pair.split('=').next().unwrap_or_default().to_owned();
    let pairs = query.split('&').filter(|pair| !pair.is_empty() && name(pair) != "format");
    pairs.collect::<Vec<_>>().join("&")
}

/// The pages of a list, as one caller gets them.
struct Pages<H, T> {
    listing: Arc<Listing<H>>,
    /// The request, with who asks in it.
    parts: Parts,
    state: ApiState,
    filter: String,
    format: Format,
    /// Where the next page begins; `None` after the last one.
    token: Option<String>,
    extractors: PhantomData<fn() -> T>,
}

/// A page, as far as an export needs it.
#[derive(Deserialize)]
struct Items<'a> {
    #[serde(borrow)]
    items: Vec<&'a RawValue>,
    next_page_token: Option<String>,
}

impl<H, T> Pages<H, T>
where
    H: Handler<T, ApiState>,
    T: 'static,
{
    /// The list's answer with the next page.
    async fn ask(&self) -> anyhow::Result<Response> {
        let mut query = self.filter.clone();
        if self.listing.is_paged {
            let token = self.token.as_deref().unwrap_or_default();
            let divider = if query.is_empty() { "" } else { "&" };
            // An empty token, too: a second one that is hidden in the filter is refused then.
            query += &format!("{divider}limit={PAGE_ITEMS_MAX}&page_token={token}");
        }
        let mut parts = self.parts.clone();
        parts.uri = Uri::builder().path_and_query(format!("/?{query}")).build()?;
        let request = Request::from_parts(parts, Body::empty());
        Ok(self.listing.list.clone().call(request, self.state.clone()).await)
    }

    /// Writes the rows of an answer.
    async fn read(&mut self, answer: Response, out: &mut Vec<u8>) -> anyhow::Result<()> {
        // The list has it in memory as it is.
        let bytes = body::to_bytes(answer.into_body(), usize::MAX).await?;
        let page: Items<'_> = serde_json::from_slice(&bytes)?;
        self.token = page.next_page_token.filter(|token| !token.is_empty());
        for item in page.items {
            match self.format {
                Format::Csv => {
                    let item: Value = serde_json::from_str(item.get())?;
                    let mut row = Row::new(out);
                    for column in &self.listing.columns {
                        column.cell(&item, &mut row);
                    }
                    row.end();
                }
                Format::Ndjson => {
                    self.line(item, out)?;
                    out.push(b'\n');
                }
            }
        }
        Ok(())
    }

    fn line(&self, item: &RawValue, out: &mut Vec<u8>) -> serde_json::Result<()> {
        let left_out = &self.listing.left_out;
        if left_out.is_empty() {
            out.extend_from_slice(item.get().as_bytes());
            return Ok(());
        }
        let mut fields: BTreeMap<String, &RawValue> = serde_json::from_str(item.get())?;
        fields.retain(|name, _| !left_out.contains(name));
        serde_json::to_writer(out, &fields)
    }
}

/// An export on its way.
struct Writing<H, T> {
    /// What was read before the answer began.
    first: Option<Vec<u8>>,
    pages: Pages<H, T>,
}

impl<H, T> Chunks for Writing<H, T>
where
    H: Handler<T, ApiState>,
    T: 'static,
{
    async fn chunk(&mut self) -> anyhow::Result<Option<Vec<u8>>> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        if self.pages.token.is_none() {
            return Ok(None);
        }
        let answer = self.pages.ask().await?;
        anyhow::ensure!(answer.status() == StatusCode::OK, "the list answers {}", answer.status());
        let mut rows = Vec::new();
        self.pages.read(answer, &mut rows).await?;
        Ok(Some(rows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_asked_everything_but_the_format() {
        assert_eq!(filter(""), "");
        assert_eq!(filter("format=csv"), "");
        assert_eq!(filter("state=open&format=ndjson&query=a%26b"), "state=open&query=a%26b");
        assert_eq!(filter("formats=1&&format"), "formats=1");
    }
}
