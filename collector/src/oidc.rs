//! Signing in by a company's own provider of identities: OpenID Connect, code flow with PKCE (decision 40).
//!
//! Here is the protocol: where a provider is asked, what it is sent and what its answer has to be. Who comes in by
//! it is `store::oidc`'s to say. It must never reach an address that the operator did not let in, follow a
//! redirect, or believe a token that is not signed by the provider for this very request.

mod documents;
mod known;
mod outside;
mod request;
mod signature;
mod token;

#[cfg(test)]
pub(crate) mod testing;

use std::fmt;
use std::sync::Arc;

use protocol::ids::CompanyId;
use reqwest::{StatusCode, Url};
use serde::Deserialize;
use store::api_keys::PresentedKey;
use store::oidc::Provider;
use time::OffsetDateTime;

pub(crate) use self::outside::AskError;
pub(crate) use self::request::{GOOD_FOR, Request};
pub(crate) use self::token::{Identity, TokenError};

use self::documents::{Discovered, Keys};
use self::known::Known;
use self::outside::Outside;
use self::token::Expected;
use crate::clock::Clock;
use crate::config::OidcConfig;
use crate::sealing::Sealing;
use crate::webhooks::{ClientError, plain};

/// What the key is derived for.
const PURPOSE: &[u8] = b"muster oidc 1";
/// Where providers send people back to.
const CALLBACK: &str = "/api/v1/oidc/callback";
/// Characters of a provider's own word for what is wrong.
const WORD_CHARS_MAX: usize = 100;

/// What signs people in by providers. Clones share what they know.
#[derive(Clone)]
pub struct Oidc(Arc<Inner>);

struct Inner {
    outside: Outside,
    known: Known,
    sealing: Sealing,
    clock: Clock,
    redirect_uri: Option<String>,
}

impl fmt::Debug for Oidc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Oidc").field("redirect_uri", &self.0.redirect_uri).finish_non_exhaustive()
    }
}

/// Why nobody can be used.
#[derive(Debug, thiserror::Error)]
pub enum SetUpError {
    /// The client cannot be made.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The cipher does not take its key.
    #[error(transparent)]
    Sealing(anyhow::Error),
}

/// Why somebody cannot be signed in by a provider.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OidcError {
    /// The operator has not said where people are to be sent back to.
    #[error("the operator has not set oidc.public_url")]
    Off,
    /// The provider is not asked, or does not answer.
    #[error("ask for {0}: {1}")]
    Ask(&'static str, AskError),
    /// What it publishes cannot be used.
    #[error("{0}")]
    Published(String),
    /// It does not take the code or the client.
    #[error("the provider refuses the code or the client: {0}")]
    Refused(String),
    /// Its token is none to believe.
    #[error("the provider's token: {0}")]
    Token(#[from] TokenError),
    /// The secret was sealed with another key.
    #[error("the client's secret was sealed by another authority: set it anew")]
    SecretLost,
    /// Something of ours.
    #[error(transparent)]
    Internal(anyhow::Error),
}

/// What begins a sign-in.
#[derive(Debug)]
pub(crate) struct Begun {
    /// Where the person is sent.
    pub(crate) location: String,
    /// What the browser keeps until they come back.
    pub(crate) kept: String,
}

impl Oidc {
    /// With an operator's settings, and the key that an authority derives for this purpose.
    ///
    /// # Errors
    ///
    /// When a setting or the key cannot be used.
    pub fn new(
        config: &OidcConfig,
        clock: Clock,
        derive: impl FnOnce(&[u8]) -> [u8; 32],
    ) -> Result<Self, SetUpError> {
        Ok(Self(Arc::new(Inner {
            outside: Outside::new(config)?,
            known: Known::default(),
            sealing: Sealing::new(&derive(PURPOSE)).map_err(SetUpError::Sealing)?,
            clock,
            redirect_uri: config.public_url.as_ref().map(|url| format!("{url}{CALLBACK}")),
        })))
    }

    /// Where providers send people back to, if the operator said where this is.
    pub(crate) fn redirect_uri(&self) -> Option<&str> {
        self.0.redirect_uri.as_deref()
    }

    /// A client's secret as the database keeps it.
    ///
    /// # Errors
    ///
    /// When the cipher does not seal.
    pub(crate) fn seal(&self, company: CompanyId, secret: &str) -> anyhow::Result<Vec<u8>> {
        self.0.sealing.seal(company.0.as_bytes(), secret.as_bytes().to_vec())
    }

    /// Begins to sign somebody in; `to` is where they want to, and `replaces` the session that they have.
    ///
    /// # Errors
    ///
    /// When the provider cannot be asked.
    pub(crate) async fn begin(
        &self,
        company: CompanyId,
        provider: &Provider,
        to: String,
        replaces: Option<&PresentedKey>,
    ) -> Result<Begun, OidcError> {
        let redirect_uri = self.redirect_uri().ok_or(OidcError::Off)?;
        let discovered = self.discover(&provider.issuer).await?;
        let request = Request::new(company.0, to, replaces, self.0.clock.now());
        let request = request.map_err(OidcError::Internal)?;
        let mut location = self.endpoint(&discovered.authorization_endpoint)?;
        let asks_for_groups = provider.groups_claim.is_some() && discovered.has_scope_of_groups();
        let scope =
            if asks_for_groups { "openid email profile groups" } else { "openid email profile" };
        location
            .query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &provider.client_id)
            .append_pair("redirect_uri", redirect_uri)
            .append_pair("scope", scope)
            .append_pair("state", &request.state())
            .append_pair("nonce", &request.nonce())
            .append_pair("code_challenge", &request.challenge())
            .append_pair("code_challenge_method", "S256");
        let kept = request.sealed(&self.0.sealing).map_err(OidcError::Internal)?;
        Ok(Begun { location: location.into(), kept })
    }

    /// The request that a browser kept, when `state` names it and it still may be answered.
    pub(crate) fn answered(&self, kept: &str, state: &str, now: OffsetDateTime) -> Option<Request> {
        Request::answered(&self.0.sealing, kept, state, now)
    }

    /// Whom the provider means by a code.
    ///
    /// # Errors
    ///
    /// When it cannot be asked, does not take the code, or its token is none to believe.
    pub(crate) async fn redeem(
        &self,
        provider: &Provider,
        request: &Request,
        code: &str,
    ) -> Result<Identity, OidcError> {
        let discovered = self.discover(&provider.issuer).await?;
        let token = self.exchange(provider, &discovered, request, code).await?;
        let nonce = request.nonce();
        let expected = Expected {
            issuer: &provider.issuer,
            client_id: &provider.client_id,
            nonce: &nonce,
            groups_claim: provider.groups_claim.as_deref(),
            trusted_domains: &provider.trusted_domains,
            now: self.0.clock.now(),
        };
        let keys = self.keys(&discovered, false).await?;
        match token::read(&token, &keys, &expected) {
            // It may have begun to sign with another one.
            Err(TokenError::UnknownKey) => {
                let keys = self.keys(&discovered, true).await?;
                Ok(token::read(&token, &keys, &expected)?)
            }
            read => Ok(read?),
        }
    }

    /// Whether there is a provider of this name.
    ///
    /// # Errors
    ///
    /// When there is none that can be used.
    pub(crate) async fn check(&self, issuer: &str) -> Result<(), OidcError> {
        self.discover(issuer).await.map(drop)
    }

    /// Where a provider is asked.
    async fn discover(&self, issuer: &str) -> Result<Arc<Discovered>, OidcError> {
        let now = self.0.clock.instant();
        if let Some(known) = self.0.known.discovered(issuer, now) {
            return Ok(known);
        }
        let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let what = "the provider's configuration";
        let body = self.0.outside.get(&url).await.map_err(|error| OidcError::Ask(what, error))?;
        let discovered: Discovered = serde_json::from_slice(&body)
            .map_err(|error| OidcError::Published(format!("{what} is none: {error}")))?;
        // Or one provider could have another's tokens believed (Discovery, section 4.3).
        if discovered.issuer != issuer {
            let other: String = plain(&discovered.issuer).chars().take(WORD_CHARS_MAX).collect();
            let detail = format!("the provider calls itself {other:?}: that is the issuer to name");
            return Err(OidcError::Published(detail));
        }
        for endpoint in
            [&discovered.authorization_endpoint, &discovered.token_endpoint, &discovered.jwks_uri]
        {
            self.endpoint(endpoint)?;
        }
        let discovered = Arc::new(discovered);
        self.0.known.keep(&discovered, now);
        Ok(discovered)
    }

    /// An address that a provider published, when it may be reached.
    fn endpoint(&self, url: &str) -> Result<Url, OidcError> {
        let checked = self.0.outside.check(url);
        checked.map_err(|error| OidcError::Ask("one of the provider's addresses", error.into()))
    }

    async fn keys(&self, discovered: &Discovered, missed: bool) -> Result<Arc<Keys>, OidcError> {
        let now = self.0.clock.instant();
        if let Some(known) = self.0.known.keys(&discovered.issuer, missed, now) {
            return Ok(known);
        }
        let what = "the provider's keys";
        let asked = self.0.outside.get(&discovered.jwks_uri).await;
        let body = asked.map_err(|error| OidcError::Ask(what, error))?;
        let keys = Keys::parse(&body)
            .map_err(|error| OidcError::Published(format!("{what} are none: {error}")))?;
        let keys = Arc::new(keys);
        self.0.known.keep_keys(&discovered.issuer, &keys, now);
        Ok(keys)
    }

    /// The ID token that a provider gives for a code.
    async fn exchange(
        &self,
        provider: &Provider,
        discovered: &Discovered,
        request: &Request,
        code: &str,
    ) -> Result<String, OidcError> {
        let redirect_uri = self.redirect_uri().ok_or(OidcError::Off)?;
        let place = request.company();
        let secret = self.0.sealing.open(place.as_bytes(), &provider.client_secret);
        let secret = secret.and_then(|secret| String::from_utf8(secret).ok());
        let secret = secret.ok_or(OidcError::SecretLost)?;
        let (id, verifier) = (provider.client_id.as_str(), request.verifier());
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", verifier.as_str()),
        ];
        let basic = if discovered.takes_secret_in_form() {
            form.extend([("client_id", id), ("client_secret", secret.as_str())]);
            None
        } else {
            Some((id, secret.as_str()))
        };
        let asked = self.0.outside.post(&discovered.token_endpoint, &form, basic).await;
        let (status, body) = asked.map_err(|error| OidcError::Ask("a token", error))?;
        token_of(status, &body)
    }
}

/// The ID token in an answer (OpenID Connect Core 1.0, section 3.1.3.3).
fn token_of(status: StatusCode, body: &[u8]) -> Result<String, OidcError> {
    #[derive(Default, Deserialize)]
    struct Answer {
        id_token: Option<String>,
        error: Option<String>,
    }
    let answer: Answer = serde_json::from_slice(body).unwrap_or_default();
    match answer.id_token.filter(|_| status == StatusCode::OK) {
        Some(token) => Ok(token),
        None => {
            let word = answer.error.unwrap_or_else(|| "no ID token".to_owned());
            let word: String = plain(&word).chars().take(WORD_CHARS_MAX).collect();
            Err(OidcError::Refused(format!("HTTP status {}, {word}", status.as_u16())))
        }
    }
}
