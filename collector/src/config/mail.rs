//! `[mail]`: the server that takes mail to people.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::section::section;
use super::{ConfigError, Secret, in_range};

section! {
    /// Mail to people: digests of what happens in their companies.
    "mail" RawMail {
        /// The server that takes mail (SMTP); without one none is sent. What mail links to is at
        /// `oidc.public_url`, which has to be set with it.
        host: Option<String> => "smtp.example.org";
        /// Its port.
        port: u32 = 587;
        /// `starttls`, `implicit` (TLS from the beginning, which is port 465 mostly), or `none`, for a server
        /// on this machine alone.
        tls: String = "starttls";
        /// The account there; without one nobody signs in.
        user: Option<String> => "muster";
        /// A file with its password.
        password_file: Option<PathBuf> => "/etc/muster/mail-password";
        /// Whom mail is from.
        from: Option<String> => "Muster <muster@example.org>";
        /// A file of certificates (PEM) that are believed beside the public authorities'.
        ca_file: Option<PathBuf> => "/etc/muster/mail-ca.pem";
        /// How long the server may take for a message, in seconds.
        answer_within_s: u32 = 30;
    }
}

/// The server that takes mail to people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailConfig {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How it is spoken to.
    pub tls: MailTls,
    /// The account there, and its password.
    pub account: Option<(String, Secret)>,
    /// Whom mail is from: an address, with a name or without.
    pub from: String,
    /// Certificates that are believed beside the public ones.
    pub ca_file: Option<PathBuf>,
    /// How long a message may take.
    pub answer_within: Duration,
    /// How browsers reach this collector: a scheme and a host, without a slash at its end.
    pub public_url: String,
}

/// How a server that takes mail is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailTls {
    /// In the open first, and under TLS before anything of meaning is said (RFC 3207).
    StartTls,
    /// Under TLS from the beginning (RFC 8314).
    Implicit,
    /// In the open, on this machine.
    None,
}

impl MailConfig {
    /// The server, where one is named.
    pub(super) fn new(raw: RawMail, public_url: Option<&str>) -> Result<Option<Self>, ConfigError> {
        let missing = |setting, what| ConfigError::value(setting, format!("{what}: set it too"));
        // Before all else: a file that is named and is none is wrong whatever it would be for.
        let password = raw
            .password_file
            .map(|path| Secret::from_file("mail.password_file", &path))
            .transpose()?;
        let port = in_range("mail.port", raw.port, 1..=u16::MAX.into())?;
        let seconds = in_range("mail.answer_within_s", raw.answer_within_s, 1..=300)?;
        let Some(host) = raw.host else {
            return Ok(None);
        };
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:".contains(&byte);
        if host.is_empty() || !host.bytes().all(is_part) {
            return Err(ConfigError::value("mail.host", format!("{host:?} is no name of a host")));
        }
        let public_url = public_url.ok_or_else(|| {
            missing("oidc.public_url", "mail.host is set, and links in mail need an address")
        })?;
        let from =
            raw.from.ok_or_else(|| missing("mail.from", "mail needs somebody to be from"))?;
        if from.parse::<lettre::message::Mailbox>().is_err() {
            let what = format!("{from:?} is no address such as Muster <muster@example.org>");
            return Err(ConfigError::value("mail.from", what));
        }
        let account = match (raw.user, password) {
            (None, None) => None,
            (Some(user), Some(password)) => Some((user, password)),
            (Some(_), None) => return Err(missing("mail.password_file", "mail.user has none")),
            (None, Some(_)) => return Err(missing("mail.user", "mail.password_file has none")),
        };
        Ok(Some(Self {
            tls: tls(&raw.tls, &host)?,
            host,
            // Never the greatest of all: it was just looked at.
            port: port.try_into().unwrap_or(u16::MAX),
            account,
            from,
            ca_file: raw.ca_file,
            answer_within: Duration::from_secs(seconds.into()),
            public_url: public_url.to_owned(),
        }))
    }
}

fn tls(name: &str, host: &str) -> Result<MailTls, ConfigError> {
    match name {
        "starttls" => Ok(MailTls::StartTls),
        "implicit" => Ok(MailTls::Implicit),
        // Mail holds what is vulnerable where, and a right to end it; a password would go with it.
        "none" if is_here(host) => Ok(MailTls::None),
        "none" => {
            let what = format!("none is for a server on this machine, which {host} is not");
            Err(ConfigError::value("mail.tls", what))
        }
        other => {
            let what = format!("{other:?} is none of starttls, implicit, none");
            Err(ConfigError::value("mail.tls", what))
        }
    }
}

fn is_here(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw() -> RawMail {
        RawMail {
            host: Some("smtp.example.org".to_owned()),
            port: 587,
            tls: "starttls".to_owned(),
            user: None,
            password_file: None,
            from: Some("Muster <muster@example.org>".to_owned()),
            ca_file: None,
            answer_within_s: 30,
        }
    }

    fn refused(raw: RawMail) -> String {
        MailConfig::new(raw, Some("https://muster.example")).unwrap_err().to_string()
    }

    #[test]
    fn mail_goes_in_the_open_to_this_machine_alone() {
        let none = |host: &str| {
            let raw = RawMail { tls: "none".to_owned(), host: Some(host.to_owned()), ..raw() };
            MailConfig::new(raw, Some("https://muster.example"))
        };
        for here in ["localhost", "127.0.0.1", "::1"] {
            assert_eq!(none(here).unwrap().unwrap().tls, MailTls::None, "{here}");
        }
        for there in ["smtp.example.org", "10.0.0.1", "localhost.example.org"] {
            assert!(none(there).unwrap_err().to_string().starts_with("mail.tls"), "{there}");
        }
    }

    #[test]
    fn what_mail_needs_is_asked_for_by_its_name() {
        assert!(refused(RawMail { from: None, ..raw() }).starts_with("mail.from"));
        let from = Some("Muster".to_owned());
        assert!(refused(RawMail { from, ..raw() }).starts_with("mail.from"));
        let user = Some("muster".to_owned());
        assert!(refused(RawMail { user, ..raw() }).starts_with("mail.password_file"));
        let tls = "ssl".to_owned();
        assert!(refused(RawMail { tls, ..raw() }).contains("starttls, implicit, none"));
        let host = Some("smtp.example.org\r\nQUIT".to_owned());
        assert!(refused(RawMail { host, ..raw() }).starts_with("mail.host"));
        let without = MailConfig::new(raw(), None).unwrap_err().to_string();
        assert!(without.starts_with("oidc.public_url"), "{without}");
        assert_eq!(MailConfig::new(RawMail { host: None, ..raw() }, None).unwrap(), None);
    }
}
