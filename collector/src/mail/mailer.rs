//! The way out: the operator's server, asked with a bound on time, and what its answers mean.

use std::time::Duration;

use lettre::message::Mailbox;
use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{
    Certificate, CertificateStore, Tls, TlsParameters, TlsVersion,
};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use protocol::ids::CompanyId;
use store::digests::Outgoing;

use super::letter;
use super::pass::Passes;
use crate::causes::Causes;
use crate::config::{MailConfig, MailTls};

/// Connections to the server at once.
pub(crate) const AT_ONCE: u32 = 4;
/// How long a connection waits for the next message.
const IDLE: Duration = Duration::from_secs(20);
/// Characters of an error's text.
const ERROR_CHARS_MAX: usize = 500;

type Transport = AsyncSmtpTransport<Tokio1Executor>;

/// What sends mail. Clones share their connections.
#[derive(Clone)]
pub struct Mailer {
    transport: Transport,
    from: Mailbox,
    patience: Duration,
    public_url: String,
    passes: Passes,
}

impl std::fmt::Debug for Mailer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mailer").finish_non_exhaustive()
    }
}

/// Why there is no mailer.
#[derive(Debug, thiserror::Error)]
pub enum MailerError {
    /// The file of certificates cannot be used.
    #[error("mail.ca_file: {0}")]
    Authorities(String),
    /// A setting cannot be used.
    #[error("{0}: {1}")]
    Setting(&'static str, String),
}

/// Why a message was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SendError {
    /// The server cannot be reached, says nothing, or breaks off.
    #[error("the mail server cannot be used: {0}")]
    Away(String),
    /// The server does not let us in: the account or its password is wrong, or it wants one.
    #[error("the mail server does not let us in ({code}): {text}")]
    NotLetIn {
        /// Its reply code.
        code: u16,
        /// What it says.
        text: String,
    },
    /// Not now (4yz).
    #[error("the mail server puts it off ({code}): {text}")]
    Deferred {
        /// Its reply code.
        code: u16,
        /// What it says.
        text: String,
    },
    /// Never (5yz).
    #[error("the mail server refuses it ({code}): {text}")]
    Refused {
        /// Its reply code.
        code: u16,
        /// What it says.
        text: String,
    },
    /// It cannot be written as mail.
    #[error("{0}")]
    Unwritable(String),
}

impl SendError {
    /// The server's reply code, where it gave one.
    pub(crate) const fn code(&self) -> Option<u16> {
        match self {
            Self::NotLetIn { code, .. }
            | Self::Deferred { code, .. }
            | Self::Refused { code, .. } => Some(*code),
            Self::Away(_) | Self::Unwritable(_) => None,
        }
    }
}

impl Mailer {
    /// A mailer with an operator's settings; it connects when there is something to be sent.
    ///
    /// # Errors
    ///
    /// When a setting cannot be used.
    pub fn new(config: &MailConfig, passes: Passes) -> Result<Self, MailerError> {
        let from = config.from.parse();
        let from: Mailbox =
            from.map_err(|error| MailerError::Setting("mail.from", format!("{error}")))?;
        // What we call ourselves: servers look at it.
        let own = config.public_url.split_once("://").map_or("", |(_, host)| host);
        let own = own.rsplit_once(':').map_or(own, |(host, _)| host);
        let mut builder = Transport::builder_dangerous(&config.host)
            .port(config.port)
            .tls(tls(config)?)
            .timeout(Some(config.answer_within))
            .hello_name(ClientId::Domain(own.to_owned()))
            .pool_config(PoolConfig::new().max_size(AT_ONCE).idle_timeout(IDLE));
        if let Some((user, password)) = &config.account {
            let password = password.expose().to_owned();
            builder = builder.credentials(Credentials::new(user.clone(), password));
        }
        Ok(Self {
            transport: builder.build(),
            from,
            patience: config.answer_within,
            public_url: config.public_url.clone(),
            passes,
        })
    }

    /// How long the server may take for a message.
    pub(crate) const fn patience(&self) -> Duration {
        self.patience
    }

    /// How browsers reach this collector.
    pub(crate) fn public_url(&self) -> &str {
        &self.public_url
    }

    /// The link that ends a digest.
    pub(crate) fn unsubscribe(&self, company: CompanyId, digest: uuid::Uuid) -> String {
        let pass = self.passes.write(company, digest);
        format!("{}/api/v1/digests/unsubscribe?pass={pass}", self.public_url)
    }

    /// Connects, signs in and says nothing.
    ///
    /// # Errors
    ///
    /// When the server cannot be used.
    pub(crate) async fn probe(&self) -> Result<(), SendError> {
        match self.in_time(self.transport.test_connection()).await? {
            Ok(true) => Ok(()),
            Ok(false) => Err(SendError::Away("it hung up".to_owned())),
            Err(error) => Err(told(error, Of::Server)),
        }
    }

    /// Sends a message; gives the server's reply code.
    ///
    /// # Errors
    ///
    /// When the server did not take it.
    ///
    /// # Cancel safety
    ///
    /// The message may have been taken.
    pub(crate) async fn send(
        &self,
        company: CompanyId,
        outgoing: &Outgoing,
    ) -> Result<u16, SendError> {
        let link = self.unsubscribe(company, outgoing.digest);
        let message = letter::write(&self.from, outgoing, &link)?;
        let answer = self.in_time(self.transport.send(message)).await?;
        answer.map(|answer| answer.code().into()).map_err(|error| told(error, Of::Message))
    }

    async fn in_time<T>(
        &self,
        asking: impl Future<Output = Result<T, lettre::transport::smtp::Error>>,
    ) -> Result<Result<T, lettre::transport::smtp::Error>, SendError> {
        tokio::time::timeout(self.patience, asking).await.map_err(|_| {
            let seconds = self.patience.as_secs();
            SendError::Away(format!("no answer within {seconds} s"))
        })
    }
}

/// What the server was asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    /// Whether it can be used at all.
    Server,
    /// One message.
    Message,
}

/// What an error means.
fn told(error: lettre::transport::smtp::Error, of: Of) -> SendError {
    let code = error.status().map(u16::from);
    let (is_transient, is_permanent) = (error.is_transient(), error.is_permanent());
    let text = Causes(&anyhow::Error::new(error)).to_string();
    let text: String = text.chars().filter(|c| !c.is_control()).take(ERROR_CHARS_MAX).collect();
    match code {
        // Of one recipient servers say it as well ("454 4.7.1 Relay access denied"), and lettre does not say
        // to which command.
        Some(code @ 454) if of == Of::Message => SendError::Deferred { code, text },
        // What is said of who may send at all, and of no message (RFC 4954, section 6).
        Some(code @ (432 | 454 | 530 | 534 | 535 | 538)) => SendError::NotLetIn { code, text },
        Some(code) if is_transient => SendError::Deferred { code, text },
        Some(code) if is_permanent => SendError::Refused { code, text },
        _ => SendError::Away(text),
    }
}

fn tls(config: &MailConfig) -> Result<Tls, MailerError> {
    if config.tls == MailTls::None {
        return Ok(Tls::None);
    }
    let mut builder = TlsParameters::builder(config.host.clone())
        .certificate_store(CertificateStore::WebpkiRoots)
        .set_min_tls_version(TlsVersion::Tlsv12);
    if let Some(path) = &config.ca_file {
        let wrong = |error: &dyn std::fmt::Display| {
            MailerError::Authorities(format!("{}: {error}", path.display()))
        };
        let pem = std::fs::read(path).map_err(|error| wrong(&error))?;
        builder = builder
            .add_root_certificate(Certificate::from_pem(&pem).map_err(|error| wrong(&error))?);
    }
    let parameters = builder.build_rustls();
    let parameters =
        parameters.map_err(|error| MailerError::Setting("mail.tls", error.to_string()))?;
    Ok(if config.tls == MailTls::StartTls {
        // Required, and not where offered: whoever is on the way could leave the offer out.
        Tls::Required(parameters)
    } else {
        Tls::Wrapper(parameters)
    })
}
