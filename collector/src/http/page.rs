//! Pages: a limit, an opaque token for the next page, and the list itself.
//!
//! A token carries the place where its page ended and the name of its list and order, so that it
//! cannot be used on another. It is not secret and not signed: whatever it says is a place within
//! what the caller may see anyway.

use axum::Json;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::page::{After, PAGE_ITEMS_MAX, PageRequest, SortValue, Total};
use time::OffsetDateTime;

use super::document::DateTime;
use super::problem::Problem;

/// Rows of a page when the request does not say.
const LIMIT_DEFAULT: u32 = 100;
/// Bytes of a page token at most: the longest sort value is a software name.
const TOKEN_BYTES_MAX: usize = 4_096;

/// A page of a list.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "{T}Page")]
pub(crate) struct Page<T> {
    /// The rows.
    items: Vec<T>,
    /// What to send as `page_token` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
    /// How many rows the list has.
    total: TotalView,
    /// Of which moment orders by a number, numbers of a hundred and more and findings of hosts are, in a large
    /// company; absent where all is of this moment.
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DateTime>")]
    counted_at: Option<OffsetDateTime>,
}

/// How many rows a list has, as far as its pages have shown.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Total")]
struct TotalView {
    count: u64,
    r#type: TotalType,
}

#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum TotalType {
    /// So many.
    Exact,
    /// So many or more: there are more pages.
    AtLeast,
}

impl From<Total> for TotalView {
    fn from(total: Total) -> Self {
        let (count, r#type) = match total {
            Total::Exact(count) => (count, TotalType::Exact),
            Total::AtLeast(count) => (count, TotalType::AtLeast),
        };
        Self { count, r#type }
    }
}

/// A short list, which comes whole.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "{T}List")]
pub(crate) struct Whole<T> {
    /// The rows.
    items: Vec<T>,
    /// How many rows the list has.
    total: TotalView,
}

/// A short list as it is answered.
pub(crate) fn whole<T, V>(items: Vec<T>, view: impl FnMut(T) -> V) -> Json<Whole<V>> {
    let total = Total::Exact(u64::try_from(items.len()).unwrap_or(u64::MAX)).into();
    let items = items.into_iter().map(view).collect();
    Json(Whole { items, total })
}

/// As [`whole`], of a list that is cut after `items_max` rows: one that long may have more.
pub(crate) fn whole_within<T, V>(
    items: Vec<T>,
    items_max: u32,
    view: impl FnMut(T) -> V,
) -> Json<Whole<V>> {
    let count = u64::try_from(items.len()).unwrap_or(u64::MAX);
    let is_cut = count >= u64::from(items_max);
    let total = if is_cut { Total::AtLeast(count) } else { Total::Exact(count) }.into();
    let items = items.into_iter().map(view).collect();
    Json(Whole { items, total })
}

/// The page that a request asks for, of the list (with its order) named `list`.
///
/// # Errors
///
/// When the limit is outside its range, or the token is not one that this list gave.
pub(crate) fn request(
    list: &str,
    limit: Option<u32>,
    token: Option<&str>,
) -> Result<PageRequest, Problem> {
    let limit = limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=PAGE_ITEMS_MAX).contains(&limit) {
        let detail = format!("{limit} is not within 1 to {PAGE_ITEMS_MAX}");
        return Err(Problem::field("limit", detail));
    }
    let after = match token.filter(|token| !token.is_empty()) {
        None => None,
        Some(token) => Some(decode(list, token).ok_or_else(|| {
            Problem::field("page_token", "not a token of this list and order: begin without one")
        })?),
    };
    Ok(PageRequest { limit, after })
}

/// That nothing is said of pages: a list that is asked for whole has none.
///
/// # Errors
///
/// When something is.
pub(crate) fn refuse(limit: Option<u32>, token: Option<&str>) -> Result<(), Problem> {
    let field = match (limit, token.filter(|token| !token.is_empty())) {
        (None, None) => return Ok(()),
        (Some(_), _) => "limit",
        (None, Some(_)) => "page_token",
    };
    Err(Problem::field(field, "an export is whole: leave it out"))
}

/// The query of a list that has no filter.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageQuery {
    limit: Option<u32>,
    page_token: Option<String>,
}

impl PageQuery {
    /// The page that it asks for, of the list named `list`.
    ///
    /// # Errors
    ///
    /// As [`request`].
    pub(crate) fn of(&self, list: &str) -> Result<PageRequest, Problem> {
        request(list, self.limit, self.page_token.as_deref())
    }
}

/// A page as it is answered.
pub(crate) fn respond<T, V>(
    list: &str,
    page: store::page::Page<T>,
    view: impl FnMut(T) -> V,
) -> Json<Page<V>> {
    Json(Page {
        items: page.items.into_iter().map(view).collect(),
        next_page_token: page.next.map(|after| encode(list, &after)),
        total: page.total.into(),
        counted_at: page.counted_at,
    })
}

fn encode(list: &str, after: &After) -> String {
    // Plain strings and numbers always become JSON; an empty token would begin the list again.
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&(list, after)).unwrap_or_default())
}

fn decode(list: &str, token: &str) -> Option<After> {
    if token.len() > TOKEN_BYTES_MAX {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (name, after): (String, After) = serde_json::from_slice(&bytes).ok()?;
    // A made-up token may lead anywhere in the caller's own list, but not into an error of the
    // database's: its texts hold no zero.
    let has_zero = matches!(&after.value, SortValue::Text(text) if text.contains('\0'));
    (name == list && !has_zero && !after.id.contains('\0')).then_some(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after() -> After {
        After { value: SortValue::Text("web-1".to_owned()), id: "7".to_owned(), seen: 3 }
    }

    #[test]
    fn reads_the_token_of_the_page_before() {
        let token = encode("hosts", &after());
        let page = request("hosts", Some(5), Some(&token)).unwrap();
        assert_eq!((page.limit, page.after), (5, Some(after())));
    }

    #[test]
    fn refuses_the_token_of_another_list_and_no_token_at_all() {
        let token = encode("software", &after());
        assert!(request("hosts", None, Some(&token)).is_err());
        assert!(request("hosts", None, Some("%%%")).is_err());
        assert!(request("hosts", None, Some(&"a".repeat(TOKEN_BYTES_MAX + 1))).is_err());
    }

    #[test]
    fn a_list_that_may_be_cut_says_so() {
        for (count, is_exact) in [(0, true), (2, true), (3, false)] {
            let Json(list) = whole_within(vec![(); count], 3, |()| ());
            assert_eq!(matches!(list.total.r#type, TotalType::Exact), is_exact, "{count}");
            assert_eq!(list.total.count, count as u64);
        }
    }

    #[test]
    fn refuses_limits_outside_the_range() {
        assert!(request("hosts", Some(0), None).is_err());
        assert!(request("hosts", Some(PAGE_ITEMS_MAX + 1), None).is_err());
        assert_eq!(request("hosts", None, None).unwrap().limit, LIMIT_DEFAULT);
    }
}
