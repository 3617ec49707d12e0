//! ID tokens (OpenID Connect Core 1.0, section 3.1.3.7): who somebody is, once all that can be checked was.
//! Pure: the time is an argument.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::documents::{Keys, NamedKey};

/// Bytes of a token.
const BYTES_MAX: usize = 64 * 1_024;
/// How far the provider's clock may be from ours, in seconds.
const CLOCKS_APART_S: i64 = 60;
/// Characters of a subject (section 2).
const SUBJECT_CHARS_MAX: usize = 255;
/// Groups that are looked at.
const GROUPS_MAX: usize = 1_000;

/// What a token has to say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected<'a> {
    /// Who it is from.
    pub(super) issuer: &'a str,
    /// Whom it is for.
    pub(super) client_id: &'a str,
    /// Which request it answers.
    pub(super) nonce: &'a str,
    /// The claim that names groups.
    pub(super) groups_claim: Option<&'a str>,
    /// Domains of which an address counts that the token does not call verified.
    pub(super) trusted_domains: &'a [String],
    /// The present.
    pub(super) now: OffsetDateTime,
}

/// Whom a provider means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// What it calls them, for good.
    pub(crate) subject: String,
    /// Their address, which it verified or is trusted with, as it wrote it.
    pub(crate) email: String,
    /// What they are called; the address where it does not say.
    pub(crate) name: String,
    /// Their groups.
    pub(crate) groups: Vec<String>,
}

/// What is wrong with a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    /// It is no token.
    #[error("it is none that can be read")]
    Malformed,
    /// Nobody knows the key that it names.
    #[error("it is signed with a key that the provider does not publish")]
    UnknownKey,
    /// It was changed, or signed by somebody else, or by an algorithm that is not taken.
    #[error("its signature is not right")]
    Signature,
    /// It is somebody else's.
    #[error("it is from another issuer")]
    Issuer,
    /// It is for somebody else.
    #[error("it is for another client")]
    Audience,
    /// Its time is over, or has not come.
    #[error("its time is over or has not come: are the clocks right?")]
    Time,
    /// It answers another request.
    #[error("it answers another request")]
    Nonce,
    /// It does not say who.
    #[error("it has no subject")]
    NoSubject,
    /// It does not say that the address is theirs.
    #[error("it has no address with email_verified or xms_edov, and none of a trusted domain")]
    Unverified,
}

/// Who somebody is, by a token.
///
/// # Errors
///
/// The first thing that is wrong with it.
pub(super) fn read(
    token: &str,
    keys: &Keys,
    expected: &Expected<'_>,
) -> Result<Identity, TokenError> {
    if token.len() > BYTES_MAX {
        return Err(TokenError::Malformed);
    }
    let claims = signed(token, keys)?;
    check(&claims, expected)?;
    identity(&claims, expected)
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// What has to be understood; nothing of it is.
    crit: Option<Value>,
}

/// The claims of a token that one of the keys signed.
fn signed(token: &str, keys: &Keys) -> Result<Map<String, Value>, TokenError> {
    let (message, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
    let (header, claims) = message.split_once('.').ok_or(TokenError::Malformed)?;
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Malformed);
    let header: Header =
        serde_json::from_slice(&decode(header)?).map_err(|_| TokenError::Malformed)?;
    if header.crit.is_some() {
        return Err(TokenError::Malformed);
    }
    let signature = decode(signature)?;
    let mut named = keys.0.iter().filter(|key| is_meant(key, &header)).peekable();
    if named.peek().is_none() {
        return Err(TokenError::UnknownKey);
    }
    if !named.any(|key| key.key.made(&header.alg, message.as_bytes(), &signature)) {
        return Err(TokenError::Signature);
    }
    serde_json::from_slice(&decode(claims)?).map_err(|_| TokenError::Malformed)
}

/// Whether a token's header means this key.
fn is_meant(key: &NamedKey, header: &Header) -> bool {
    let is_named = header.kid.is_none() || header.kid == key.id;
    is_named && key.algorithm.as_ref().is_none_or(|algorithm| *algorithm == header.alg)
}

fn check(claims: &Map<String, Value>, expected: &Expected<'_>) -> Result<(), TokenError> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if text("iss") != Some(expected.issuer) {
        return Err(TokenError::Issuer);
    }
    if !is_for(claims, expected.client_id) {
        return Err(TokenError::Audience);
    }
    let now = expected.now.unix_timestamp();
    let ends = instant(claims, "exp").ok_or(TokenError::Time)?;
    let made = instant(claims, "iat").ok_or(TokenError::Time)?;
    // When it begins is said by few; what is no number is no time.
    let begins = match claims.get("nbf") {
        None => made,
        Some(_) => instant(claims, "nbf").ok_or(TokenError::Time)?,
    };
    if now >= ends.saturating_add(CLOCKS_APART_S)
        || made.max(begins) > now.saturating_add(CLOCKS_APART_S)
    {
        return Err(TokenError::Time);
    }
    if text("nonce") != Some(expected.nonce) {
        return Err(TokenError::Nonce);
    }
    Ok(())
}

/// Whether a token is for a client: it names it, and where it names others too, says that it is for this one.
fn is_for(claims: &Map<String, Value>, client_id: &str) -> bool {
    let is_presenter = |name: &Value| name.as_str() == Some(client_id);
    let is_party = claims.get("azp").is_none_or(is_presenter);
    match claims.get("aud") {
        Some(Value::String(one)) => one == client_id && is_party,
        Some(Value::Array(all)) => {
            all.iter().any(is_presenter)
                && is_party
                && (all.len() == 1 || claims.contains_key("azp"))
        }
        _ => false,
    }
}

/// A claim that is an instant, in seconds since 1970; some write fractions of them.
fn instant(claims: &Map<String, Value>, name: &str) -> Option<i64> {
    let value = claims.get(name)?;
    let whole = value.to_string();
    value.as_i64().or_else(|| whole.split_once('.')?.0.parse().ok())
}

fn identity(claims: &Map<String, Value>, expected: &Expected<'_>) -> Result<Identity, TokenError> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let subject = text("sub")
        .filter(|sub| (1..=SUBJECT_CHARS_MAX).contains(&sub.len()) && !sub.contains('\0'))
        .ok_or(TokenError::NoSubject)?;
    let is_theirs =
        |email: &&str| verified(claims).unwrap_or_else(|| is_of(email, expected.trusted_domains));
    let email = text("email").filter(is_theirs).ok_or(TokenError::Unverified)?;
    Ok(Identity {
        subject: subject.to_owned(),
        email: email.to_owned(),
        name: text("name").unwrap_or(email).to_owned(),
        groups: expected.groups_claim.map_or_else(Vec::new, |claim| groups(claims.get(claim))),
    })
}

/// Whether the provider verified the address; `None` when it says nothing of that.
///
/// Microsoft Entra ID has no `email_verified`, but `xms_edov` where the application asks for that claim: whether the domain
/// is the tenant's own, by proof.
fn verified(claims: &Map<String, Value>) -> Option<bool> {
    // A text in some providers' tokens, where the standard has a boolean.
    if let Some(said) = claims.get("email_verified") {
        return Some(matches!(said, Value::Bool(true)) || said.as_str() == Some("true"));
    }
    let said = claims.get("xms_edov")?;
    let is_yes = matches!(said, Value::Bool(true)) || said.as_i64() == Some(1);
    Some(is_yes || matches!(said.as_str(), Some("true" | "1")))
}

/// Whether an address is of one of these domains.
fn is_of(email: &str, domains: &[String]) -> bool {
    let domain = email.rsplit_once('@').map(|(_, domain)| domain);
    domain.is_some_and(|domain| domains.iter().any(|one| one.eq_ignore_ascii_case(domain)))
}

/// Groups are a list, or one text.
fn groups(value: Option<&Value>) -> Vec<String> {
    let all = match value {
        Some(Value::Array(all)) => all.as_slice(),
        Some(one @ Value::String(_)) => std::slice::from_ref(one),
        _ => &[],
    };
    all.iter().take(GROUPS_MAX).filter_map(Value::as_str).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
