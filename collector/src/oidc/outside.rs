//! The way to providers: connects to what may be reached, follows nothing, and takes little back.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{RequestBuilder, StatusCode};
use tokio::sync::Semaphore;

use crate::causes::Causes;
use crate::config::OidcConfig;
use crate::webhooks::{ClientError, Reach, Unreachable, judging, plain};

/// How long a provider may take for all of an answer. Three of them have to fit into one request of ours.
const PATIENCE: Duration = Duration::from_secs(6);
/// Bytes of an answer: keys of the largest providers are a tenth of it.
const BYTES_MAX: usize = 256 * 1_024;
/// Questions at once; more wait.
const AT_ONCE: usize = 32;
/// Characters of an error's text.
const ERROR_CHARS_MAX: usize = 300;

/// What asks providers. Clones share their connections.
#[derive(Clone, Debug)]
pub(super) struct Outside {
    http: reqwest::Client,
    reach: Reach,
    turns: Arc<Semaphore>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AskError {
    /// It may not be asked.
    #[error("{0}")]
    Unreachable(#[from] Unreachable),
    /// It does not answer.
    #[error("no answer: {0}")]
    Away(String),
    /// It answers more than anybody needs.
    #[error("the answer has more than {BYTES_MAX} bytes")]
    TooLarge,
    /// It answers with something else.
    #[error("HTTP status {0}")]
    Status(u16),
}

/// The client's name and secret, where they stand in a header.
pub(super) type Basic<'a> = Option<(&'a str, &'a str)>;

impl Outside {
    /// With an operator's settings.
    ///
    /// # Errors
    ///
    /// When the file of certificates cannot be used.
    pub(super) fn new(config: &OidcConfig) -> Result<Self, ClientError> {
        let reach = Reach::of("oidc", config.allow_http, &config.allowed_networks);
        let ca_file: Option<&Path> = config.ca_file.as_deref();
        Ok(Self {
            http: judging(&reach, ("oidc.ca_file", ca_file), PATIENCE)?,
            reach,
            turns: Arc::new(Semaphore::new(AT_ONCE)),
        })
    }

    /// Whether an address may be asked, as far as that can be seen from it.
    ///
    /// # Errors
    ///
    /// Why it may not.
    pub(super) fn check(&self, url: &str) -> Result<reqwest::Url, Unreachable> {
        self.reach.check(url)
    }

    /// A document.
    ///
    /// # Errors
    ///
    /// When there is none, or not one alone.
    pub(super) async fn get(&self, url: &str) -> Result<Vec<u8>, AskError> {
        let asking = self.http.get(self.check(url)?);
        match self.ask(asking).await? {
            (StatusCode::OK, body) => Ok(body),
            (status, _) => Err(AskError::Status(status.as_u16())),
        }
    }

    /// What is answered to a form, whatever the status.
    ///
    /// # Errors
    ///
    /// When nothing is.
    pub(super) async fn post(
        &self,
        url: &str,
        form: &[(&str, &str)],
        basic: Basic<'_>,
    ) -> Result<(StatusCode, Vec<u8>), AskError> {
        let mut asking = self
            .http
            .post(self.check(url)?)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish());
        if let Some(value) = basic.and_then(basic_header) {
            asking = asking.header(AUTHORIZATION, value);
        }
        self.ask(asking).await
    }

    async fn ask(&self, asking: RequestBuilder) -> Result<(StatusCode, Vec<u8>), AskError> {
        // Nobody closes it; if somebody did, asking would still be right.
        let _turn = self.turns.acquire().await;
        let mut answer = asking.header(ACCEPT, "application/json").send().await.map_err(away)?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(away)? {
            if body.len() + chunk.len() > BYTES_MAX {
                return Err(AskError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok((answer.status(), body))
    }
}

/// A client's name and secret as RFC 6749, section 2.3.1 has them: each as in a form, then as ever.
fn basic_header((id, secret): (&str, &str)) -> Option<HeaderValue> {
    let encode =
        |text: &str| -> String { form_urlencoded::byte_serialize(text.as_bytes()).collect() };
    let pair = STANDARD.encode(format!("{}:{}", encode(id), encode(secret)));
    let mut value = HeaderValue::from_str(&format!("Basic {pair}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn away(error: reqwest::Error) -> AskError {
    let error = anyhow::Error::new(error.without_url());
    let refused = error.chain().find_map(|cause| cause.downcast_ref::<Unreachable>());
    match refused {
        Some(refused) => AskError::Unreachable(refused.clone()),
        None => {
            let text = plain(&Causes(&error).to_string());
            AskError::Away(text.chars().take(ERROR_CHARS_MAX).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_with_any_character_is_one_in_the_header() {
        let value = basic_header(("muster", "a:b c+é")).unwrap();
        let (_, pair) = value.to_str().unwrap().split_once(' ').unwrap();
        let plain = String::from_utf8(STANDARD.decode(pair).unwrap()).unwrap();
        assert_eq!(plain, "muster:a%3Ab+c%2B%C3%A9");
        assert!(value.is_sensitive());
    }

    #[tokio::test]
    async fn what_is_inside_is_not_asked_by_number_or_name() {
        let config = OidcConfig { allow_http: true, ..OidcConfig::default() };
        let outside = Outside::new(&config).unwrap();
        for url in ["http://127.0.0.1:9/", "http://localhost:9/", "http://[::1]:9/"] {
            let refused = outside.get(url).await.unwrap_err();
            assert!(matches!(refused, AskError::Unreachable(_)), "{url}: {refused}");
        }
    }
}
