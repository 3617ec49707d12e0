//! What every new credential has: 32 random bytes, a name and perhaps an end.

use ring::rand::{SecureRandom as _, SystemRandom};
use store::api_keys::PresentedKey;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::http::problem::Problem;

/// Characters of a credential's name.
const NAME_CHARS_MAX: usize = 200;
/// How long a credential may be valid, in seconds: ten years.
const EXPIRES_AFTER_S_MAX: u32 = 315_360_000;

/// A credential that nobody has.
///
/// # Errors
///
/// When the system gives no random bytes.
pub(super) fn new_key() -> Result<PresentedKey, Problem> {
    let mut secret = [0; 32];
    SystemRandom::new()
        .fill(&mut secret)
        .map_err(|_| Problem::Internal(anyhow::anyhow!("the system gives no random bytes")))?;
    // Version 4: the id is public and stands in every request, and when a credential was made is
    // nobody's business there.
    Ok(PresentedKey::new(Uuid::new_v4(), secret))
}

/// The name as it is kept.
///
/// # Errors
///
/// When it is empty, too long, or has characters of control, which could break a log or a row of
/// the console.
pub(super) fn name(text: &str) -> Result<&str, Problem> {
    let name = text.trim();
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX || has_control(name) {
        let detail = format!("1 to {NAME_CHARS_MAX} characters, none of control");
        return Err(Problem::field("name", detail));
    }
    Ok(name)
}

/// When a credential ends that is made now; never when nothing is said.
///
/// # Errors
///
/// When it would end at once or after more than ten years.
pub(super) fn expires_at(
    after_s: Option<u32>,
    now: OffsetDateTime,
) -> Result<Option<OffsetDateTime>, Problem> {
    if after_s.is_some_and(|s| s == 0 || s > EXPIRES_AFTER_S_MAX) {
        let detail = format!("1 to {EXPIRES_AFTER_S_MAX} seconds; leave it out for no end");
        return Err(Problem::field("expires_after_s", detail));
    }
    Ok(after_s.map(|s| now + Duration::seconds(s.into())))
}

/// Whether a text has a character of control.
pub(super) fn has_control(text: &str) -> bool {
    text.chars().any(char::is_control)
}
