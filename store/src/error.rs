//! What can go wrong between here and the database, sorted by what a caller can do about it.
//!
//! A pipeline has to know one thing of a failure: whether the same data may be stored later. It
//! must never take a database that is down for data that is bad, because that would lose reports.

/// A query that gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot answer now, or not as it is set up: try again later.
    #[error("the database cannot be used: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// The database refuses the data itself, and would refuse it again.
    #[error("the database refuses the data: {0}")]
    Unstorable(#[source] sqlx::Error),
    /// A row holds what no row can hold: somebody wrote past this crate, or a downgrade did.
    #[error("table {table} holds {value:?} in column {column}, which this version does not know")]
    Inconsistent {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// What it holds, cut to 64 characters.
        value: String,
    },
    /// The place that a page was to start after is none of this list's.
    #[error("the page does not belong to this list and order: start again without a page token")]
    InvalidCursor,
    /// The company reads as much at once as it may: try again in a moment.
    #[error("all turns of the company to read are taken")]
    Busy,
}

impl StoreError {
    /// Whether the same data can never be stored, so that waiting is useless.
    #[must_use]
    pub const fn is_permanent(&self) -> bool {
        match self {
            Self::Unstorable(_) => true,
            Self::Unavailable(_) | Self::Inconsistent { .. } | Self::InvalidCursor | Self::Busy => {
                false
            }
        }
    }

    /// Whether it is the place and surely not the data: no connection to be had, a server that is
    /// going down, out of room or takes no writes. Other failures may be either.
    #[must_use]
    pub fn is_away(&self) -> bool {
        match self {
            Self::Unavailable(sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed) => true,
            // By class of appendix A: 08 connection exception, 53 insufficient resources, 58 system
            // error; a shutdown, a server that starts, a transaction that may only read.
            Self::Unavailable(error) => code(error).is_some_and(|code| {
                matches!(code.get(..2), Some("08" | "53" | "58"))
                    || matches!(code.as_str(), "57P01" | "57P03" | "25006")
            }),
            Self::Unstorable(_) | Self::Inconsistent { .. } | Self::InvalidCursor | Self::Busy => {
                false
            }
        }
    }

    /// Whether a statement was given up because it took too long or did not get a lock: the server answers, and the
    /// data may be as good as any.
    #[must_use]
    pub fn is_late(&self) -> bool {
        match self {
            // Query cancelled, which is what a statement's time limit does; lock not available.
            Self::Unavailable(error) => {
                code(error).is_some_and(|code| matches!(code.as_str(), "57014" | "55P03"))
            }
            Self::Unstorable(_) | Self::Inconsistent { .. } | Self::InvalidCursor | Self::Busy => {
                false
            }
        }
    }

    /// The error of whoever waits no longer.
    #[must_use]
    pub const fn no_answer() -> Self {
        Self::Unavailable(sqlx::Error::PoolTimedOut)
    }

    pub(crate) fn inconsistent(table: &'static str, column: &'static str, value: &str) -> Self {
        Self::Inconsistent {
            table,
            column,
            // Whatever stands there goes into a log line, and a row may hold kilobytes.
            value: value.chars().take(64).collect(),
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if is_about_data(&error) { Self::Unstorable(error) } else { Self::Unavailable(error) }
    }
}

/// Whether the error is the data's and not the database's.
///
/// By class of PostgreSQL's appendix A: 22 data exception, 23 integrity constraint violation, 54
/// program limit exceeded (a value too long for an index). Everything else, an unknown table
/// included, is a fault of the place and not of the data.
fn is_about_data(error: &sqlx::Error) -> bool {
    code(error).is_some_and(|code| matches!(code.get(..2), Some("22" | "23" | "54")))
}

/// Whether the same transaction may pass when it is run again at once: serialization failure and
/// deadlock.
pub(crate) fn is_conflict(error: &StoreError) -> bool {
    match error {
        StoreError::Unavailable(error) => {
            // By code and not by class: `40003`, of the same class, does not even say whether the
            // statement was done.
            code(error).is_some_and(|code| matches!(code.as_str(), "40001" | "40P01"))
        }
        StoreError::Unstorable(_)
        | StoreError::Inconsistent { .. }
        | StoreError::InvalidCursor
        | StoreError::Busy => false,
    }
}

/// The constraint that a statement violated.
pub(crate) fn violated_constraint(error: &sqlx::Error) -> Option<&str> {
    error.as_database_error().and_then(|error| error.constraint())
}

fn code(error: &sqlx::Error) -> Option<String> {
    error.as_database_error().and_then(|error| error.code()).map(|code| code.into_owned())
}

#[cfg(test)]
mod tests;
