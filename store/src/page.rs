//! Pages of lists: what a reader asks for, what it gets, and where the next page begins.
//!
//! Pages go by key and not by number, so that a page costs the same wherever it is and rows that
//! come and go meanwhile neither repeat nor hide others. How a place looks on the wire is not
//! known here.

use serde::{Deserialize, Serialize};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::{Arguments as _, FromRow, Postgres, QueryBuilder};
use time::OffsetDateTime;

use crate::error::StoreError;
use crate::tenant::TenantScope;

/// Most items of one page; a larger request is cut to it.
pub const PAGE_ITEMS_MAX: u32 = 1_000;

/// Which page of a list.
#[derive(Clone, Debug)]
pub struct PageRequest {
    /// Items at most, 1 to [`PAGE_ITEMS_MAX`].
    pub limit: u32,
    /// The place where the page before ended; `None` for the first page.
    pub after: Option<After>,
}

impl PageRequest {
    /// The first page.
    #[must_use]
    pub const fn first(limit: u32) -> Self {
        Self { limit, after: None }
    }

    fn limit(&self) -> u32 {
        self.limit.clamp(1, PAGE_ITEMS_MAX)
    }

    /// Rows to read: one more than the page has, which says whether there is another page.
    pub(crate) fn rows(&self) -> i64 {
        i64::from(self.limit()) + 1
    }
}

/// One page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// Where the next page begins; `None` when this is the last one.
    pub next: Option<After>,
    /// How many items the list has, as far as its pages have shown.
    pub total: Total,
    /// Of which moment large numbers and orders by a number are, where they are kept (decision 46);
    /// `None` where all is of this moment.
    pub counted_at: Option<OffsetDateTime>,
}

impl<T> Page<T> {
    /// The same, with large numbers of that moment.
    #[must_use]
    pub(crate) fn counted(self, at: Option<OffsetDateTime>) -> Self {
        Self { counted_at: at, ..self }
    }
}

/// How many items a list has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Total {
    /// So many, because this was its last page.
    Exact(u64),
    /// So many or more. Counting further would cost what paging saves.
    AtLeast(u64),
}

/// A place in a list: just after the row with this sort value and this id.
///
/// It is no secret and no proof: a made-up one leads to another place in the same company's list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct After {
    /// The row's value of the column that the list is sorted by.
    #[serde(rename = "v")]
    pub value: SortValue,
    /// The row's id, which decides among equal values.
    #[serde(rename = "i")]
    pub id: String,
    /// How many items there were up to here.
    #[serde(rename = "n", default)]
    pub seen: u64,
}

/// A sort column's value. Scores and instants are sorted as whole numbers, so that a value comes
/// back from JSON as it went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SortValue {
    /// A number, an instant in microseconds, a score in millionths.
    Integer(i64),
    /// A text.
    Text(String),
}

/// The type of a sort column's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SortType {
    Integer,
    Text,
    /// An instant, which is compared as one so that an index serves, and goes as a number.
    Instant,
}

/// A row of a list with its place.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct Listed<T> {
    #[sqlx(flatten)]
    row: T,
    sort_value: String,
    sort_id: String,
}

/// A query whose `$1` is the company.
pub(crate) fn within(
    scope: &TenantScope,
    sql: &'static str,
) -> Result<QueryBuilder<Postgres>, StoreError> {
    within_key(scope.key(), sql)
}

/// The same, inside of a transaction that a scope began.
pub(crate) fn within_key(
    company_key: i64,
    sql: &'static str,
) -> Result<QueryBuilder<Postgres>, StoreError> {
    let mut arguments = PgArguments::default();
    arguments.add(company_key).map_err(sqlx::Error::Encode)?;
    Ok(QueryBuilder::with_arguments(sql, arguments))
}

/// ` opened <= … AND closed > …` for an instant of the past, and for the present what the indexes of
/// rows that hold are made by. `opened` and `closed` are columns.
pub(crate) fn push_holds(
    query: &mut QueryBuilder<Postgres>,
    (opened, closed): (&'static str, &'static str),
    as_of: Option<OffsetDateTime>,
) {
    match as_of {
        None => {
            query.push(closed).push(" = 'infinity'");
        }
        Some(at) => {
            query.push(opened).push(" <= ").push_bind(at);
            query.push(" AND ").push(closed).push(" > ").push_bind(at);
        }
    }
}

#[cfg(test)]
mod explain;
#[cfg(test)]
pub(crate) use self::explain::explain;

#[cfg(test)]
std::thread_local! {
    /// The statements of lists that were built on this thread, for the test that parses them.
    static ASKED: std::cell::RefCell<Vec<String>> = const { std::cell::RefCell::new(Vec::new()) };
}

/// Notes a statement for the test that parses them.
#[cfg(test)]
pub(crate) fn note(query: &QueryBuilder<Postgres>) {
    ASKED.with_borrow_mut(|asked| asked.push(query.sql().as_str().to_owned()));
}

/// The statements of lists that were built on this thread.
#[cfg(test)]
pub(crate) fn asked() -> Vec<String> {
    ASKED.take()
}

/// Runs a list's query in a transaction of its company.
pub(crate) async fn fetch<R>(
    scope: &TenantScope,
    name: &'static str,
    mut query: QueryBuilder<Postgres>,
) -> Result<Vec<Listed<R>>, StoreError>
where
    R: for<'r> FromRow<'r, PgRow> + Send + Unpin,
{
    #[cfg(test)]
    note(&query);
    let mut tx = scope.begin_read(name).await?;
    let rows = query.build_query_as().fetch_all(&mut *tx).await?;
    tx.commit().await?;
    Ok(rows)
}

/// An order of a list: constant SQL, chosen by a whitelisted enum.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    /// The sort expression; never null.
    pub(crate) by: &'static str,
    /// Its type.
    pub(crate) of: SortType,
    /// Whether the greatest comes first.
    pub(crate) descending: bool,
    /// The expression that decides among equals: unique, of type text or uuid.
    pub(crate) tie: &'static str,
    /// Whether the tie is a UUID, which is compared as one so that an index serves.
    pub(crate) tie_is_uuid: bool,
}

impl Order {
    /// The two columns that every list query selects last: `sort_value` as text, and `sort_id`.
    pub(crate) fn push_columns(&self, query: &mut QueryBuilder<Postgres>) {
        match self.of {
            SortType::Integer | SortType::Text => query.push(", (").push(self.by).push(")"),
            SortType::Instant => {
                query.push(", (extract(epoch FROM ").push(self.by).push(") * 1000000)::bigint")
            }
        };
        query.push("::text AS sort_value, (");
        query.push(self.tie).push(")::text AS sort_id ");
    }

    /// The same two columns of a sub-select `p` that has this order's value and tie as `sort_by` and `sort_tie`. Made in
    /// the sub-select itself they would be made of every row that is sorted, and not of a page's alone.
    pub(crate) fn push_columns_of_page(&self, query: &mut QueryBuilder<Postgres>) {
        let outer = Self { by: "p.sort_by", tie: "p.sort_tie", ..*self };
        outer.push_columns(query);
    }

    /// `by AS sort_by, tie AS sort_tie `, for such a sub-select.
    pub(crate) fn push_places(&self, query: &mut QueryBuilder<Postgres>) {
        query.push(self.by).push(" AS sort_by, ").push(self.tie).push(" AS sort_tie ");
    }

    /// ` ORDER BY …` around such a sub-select.
    pub(crate) fn push_order_of_page(&self, query: &mut QueryBuilder<Postgres>) {
        let outer = Self { by: "p.sort_by", tie: "p.sort_tie", ..*self };
        outer.push_order(query);
    }

    /// ` AND (by, tie) > (…)`, when the page is not the first one.
    pub(crate) fn push_after(
        &self,
        query: &mut QueryBuilder<Postgres>,
        page: &PageRequest,
    ) -> Result<(), StoreError> {
        let Some(after) = &page.after else {
            return Ok(());
        };
        query.push(" AND (").push(self.by).push(", ").push(self.tie).push(") ");
        // Both columns go the same way, so one comparison of rows serves, and one index.
        query.push(if self.descending { "< (" } else { "> (" });
        match (&after.value, self.of) {
            (SortValue::Integer(value), SortType::Integer) => query.push_bind(*value),
            (SortValue::Text(value), SortType::Text) => query.push_bind(value.clone()),
            (SortValue::Integer(value), SortType::Instant) => query.push_bind(instant(*value)?),
            // A place of a list that is sorted by something else: comparing it would be an error of
            // the database's types, and look like a fault of ours.
            (SortValue::Integer(_) | SortValue::Text(_), _) => {
                return Err(StoreError::InvalidCursor);
            }
        };
        query.push(", ");
        if self.tie_is_uuid {
            let id: uuid::Uuid = after.id.parse().map_err(|_| StoreError::InvalidCursor)?;
            query.push_bind(id);
        } else {
            query.push_bind(after.id.clone());
        }
        query.push(")");
        Ok(())
    }

    /// ` ORDER BY …`, for a list that is read to its end.
    pub(crate) fn push_order(&self, query: &mut QueryBuilder<Postgres>) {
        let direction = if self.descending { " DESC" } else { "" };
        query.push(" ORDER BY ").push(self.by).push(direction);
        query.push(", ").push(self.tie).push(direction);
    }

    /// ` ORDER BY … LIMIT …`.
    pub(crate) fn push_end(&self, query: &mut QueryBuilder<Postgres>, page: &PageRequest) {
        self.push_order(query);
        query.push(" LIMIT ").push_bind(page.rows());
    }

    /// The page out of the rows that came.
    pub(crate) fn page<R, T>(
        &self,
        mut rows: Vec<Listed<R>>,
        request: &PageRequest,
        item: impl Fn(R) -> Result<T, StoreError>,
    ) -> Result<Page<T>, StoreError> {
        // A page's size is at most 1,000, far inside usize.
        let limit = usize::try_from(request.limit()).unwrap_or(usize::MAX);
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        // The last row that is shown, not the one more that was read: the next page begins with
        // that one.
        let before = request.after.as_ref().map_or(0, |after| after.seen);
        // Saturating, because a token says whatever its sender likes.
        let seen = before.saturating_add(u64::try_from(rows.len()).unwrap_or(u64::MAX));
        let next = match rows.last().filter(|_| has_more) {
            Some(last) => {
                Some(After { value: self.value(&last.sort_value)?, id: last.sort_id.clone(), seen })
            }
            None => None,
        };
        let total =
            if has_more { Total::AtLeast(seen.saturating_add(1)) } else { Total::Exact(seen) };
        let items = rows.into_iter().map(|listed| item(listed.row)).collect::<Result<_, _>>()?;
        Ok(Page { items, next, total, counted_at: None })
    }

    fn value(&self, text: &str) -> Result<SortValue, StoreError> {
        match self.of {
            SortType::Text => Ok(SortValue::Text(text.to_owned())),
            SortType::Integer | SortType::Instant => text
                .parse()
                .map(SortValue::Integer)
                .map_err(|_| StoreError::inconsistent("list", "sort_value", text)),
        }
    }
}

/// The instant so many microseconds after the epoch.
pub(crate) fn instant(microseconds: i64) -> Result<OffsetDateTime, StoreError> {
    // Microseconds are what a `timestamptz` holds, so a place is kept exactly. None of ours is before the year 1, which
    // a token may say all the same and PostgreSQL may not take.
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(microseconds) * 1_000)
        .ok()
        .filter(|at| at.year() > 0)
        .ok_or(StoreError::InvalidCursor)
}

/// A text as a pattern of `LIKE` that finds it anywhere, its own wildcards taken literally.
pub(crate) fn containing(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests;
