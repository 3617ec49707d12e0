//! Instants of requests: which can be read at all, and which a list can be asked for.

use serde::{Deserialize, Deserializer, de};
use store::companies;
use store::tenant::TenantScope;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime, UtcOffset};

use super::problem::Problem;
use super::state::ApiState;

/// An instant as a text (RFC 3339), in UTC. The last hours of the year 9999 are in the year 10000 where
/// an offset is taken off them, which no text of ours and no row can say.
pub(crate) fn parse(text: &str) -> Option<OffsetDateTime> {
    let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    at.checked_to_offset(UtcOffset::UTC)
}

/// Reads an instant of a body.
///
/// # Errors
///
/// When it is none.
pub(crate) fn read<'de, D: Deserializer<'de>>(from: D) -> Result<OffsetDateTime, D::Error> {
    of_text(&String::deserialize(from)?)
}

/// Reads an instant that may be left out.
///
/// # Errors
///
/// When there is one that is none.
pub(crate) fn maybe<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<OffsetDateTime>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    text.as_deref().map(of_text).transpose()
}

fn of_text<E: de::Error>(text: &str) -> Result<OffsetDateTime, E> {
    parse(text).ok_or_else(|| {
        E::custom("no instant of RFC 3339, such as 2026-03-01T12:00:00Z, up to the year 9999")
    })
}

/// The instant that a list is asked for; `None` for now.
///
/// # Errors
///
/// When it is to come, or longer ago than what ended is kept.
pub(crate) async fn as_of(
    asked: Option<OffsetDateTime>,
    scope: &TenantScope,
    state: &ApiState,
) -> Result<Option<OffsetDateTime>, Problem> {
    let Some(at) = asked else { return Ok(None) };
    let now = state.clock.now();
    if at > now {
        return Err(Problem::field("as_of", "an instant that is to come"));
    }
    let days = companies::retention(scope).await?.history_days(state.history_days);
    if at < now - Duration::days(i64::from(days)) {
        let detail = format!(
            "longer ago than {days} days, which is how long what ended is kept (`jobs.retention_days`, or the \
             company's own days)"
        );
        return Err(Problem::field("as_of", detail));
    }
    Ok(Some(at))
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn an_instant_is_the_same_wherever_it_is_said() {
        let noon = datetime!(2026-03-01 12:00 UTC);
        for text in [
            "2026-03-01T12:00:00Z",
            "2026-03-01T12:00:00.000z",
            "2026-03-01T17:30:00+05:30",
            "2026-02-28T13:00:00-23:00",
        ] {
            let at = parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!((at, at.offset()), (noon, UtcOffset::UTC), "{text}");
        }
    }

    #[test]
    fn what_no_calendar_of_ours_has_is_refused_and_breaks_nothing() {
        for text in [
            "",
            "2026-03-01",
            "2026-03-01T12:00:00",
            "2026-02-30T12:00:00Z",
            "2026-03-01T24:00:00Z",
            "2026-03-01T12:00:00+24:00",
            "1772366400",
            "10000-01-01T00:00:00Z",
            // An hour into the year 10000.
            "9999-12-31T23:59:59-01:00",
            "tomorrow",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert!(parse("9999-12-31T23:59:59Z").is_some());
        assert!(parse("9999-12-31T23:59:59+01:00").is_some());
    }
}
