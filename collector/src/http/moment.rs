//! Lists as they were: which instants can be asked for.

use time::{Duration, OffsetDateTime};

use super::problem::Problem;
use super::state::ApiState;

/// The instant that a list is asked for; `None` for now.
///
/// # Errors
///
/// When it is to come, or longer ago than what ended is kept.
pub(crate) fn as_of(
    asked: Option<OffsetDateTime>,
    state: &ApiState,
) -> Result<Option<OffsetDateTime>, Problem> {
    let Some(at) = asked else { return Ok(None) };
    let now = state.clock.now();
    if at > now {
        return Err(Problem::field("as_of", "an instant that is to come"));
    }
    let kept = Duration::days(i64::from(state.history_days));
    if at < now - kept {
        let detail = format!(
            "longer ago than {} days, which is how long what ended is kept (`jobs.retention_days`)",
            state.history_days
        );
        return Err(Problem::field("as_of", detail));
    }
    Ok(Some(at))
}
