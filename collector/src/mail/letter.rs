//! One message as it goes over the wire: its headers and its two bodies.

use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::{Address, Message};
use store::digests::Outgoing;

use super::mailer::SendError;

/// How a digest is ended by mail programs (RFC 2369 and RFC 8058), and that no person wrote it (RFC 3834): headers
/// whose values are made here, of letters that need no encoding.
macro_rules! headers {
    ($($name:ident $text:literal;)+) => {
        $(
            #[derive(Clone)]
            struct $name(String);

            impl Header for $name {
                fn name() -> HeaderName {
                    HeaderName::new_from_ascii_str($text)
                }

                fn parse(text: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
                    Ok(Self(text.to_owned()))
                }

                fn display(&self) -> HeaderValue {
                    // As it is: an address that is broken over lines or encoded is no address.
                    HeaderValue::dangerous_new_pre_encoded(
                        Self::name(),
                        self.0.clone(),
                        self.0.clone(),
                    )
                }
            }
        )+
    };
}

headers! {
    ListUnsubscribe "List-Unsubscribe";
    ListUnsubscribePost "List-Unsubscribe-Post";
    AutoSubmitted "Auto-Submitted";
}

/// Writes a message.
///
/// # Errors
///
/// When an address or a text can stand in no header.
pub(super) fn write(
    from: &Mailbox,
    outgoing: &Outgoing,
    unsubscribe: &str,
) -> Result<Message, SendError> {
    // A line feed would begin a header of somebody else's making.
    let is_line = |text: &str| !text.chars().any(char::is_control);
    for (what, text) in [("subject", &outgoing.subject), ("name", &outgoing.name)] {
        if !is_line(text) {
            return Err(SendError::Unwritable(format!("the {what} has characters of control")));
        }
    }
    if !unsubscribe.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>".contains(&byte)) {
        return Err(SendError::Unwritable("the link to end it is none".to_owned()));
    }
    let address: Address = outgoing.address.parse().map_err(|error| {
        SendError::Unwritable(format!("its person's address cannot be written to: {error}"))
    })?;
    let domain = from.email.domain();
    let builder = Message::builder()
        .from(from.clone())
        .to(Mailbox::new(Some(outgoing.name.clone()), address))
        .subject(&outgoing.subject)
        .date(outgoing.created_at.into())
        // The same whenever it is sent: who gets it twice sees it once.
        .message_id(Some(format!("<{}@{domain}>", outgoing.id)))
        .header(ListUnsubscribe(format!("<{unsubscribe}>")))
        .header(ListUnsubscribePost("List-Unsubscribe=One-Click".to_owned()))
        .header(AutoSubmitted("auto-generated".to_owned()));
    let bodies = MultiPart::alternative_plain_html(outgoing.text.clone(), outgoing.html.clone());
    builder.multipart(bodies).map_err(|error| SendError::Unwritable(error.to_string()))
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;
    use uuid::Uuid;

    use super::*;

    fn outgoing() -> Outgoing {
        Outgoing {
            id: Uuid::from_u128(7),
            digest: Uuid::from_u128(8),
            address: "ann@example.org".to_owned(),
            name: "Änn, the \"first\"".to_owned(),
            subject: "Käse GmbH: 3 new findings".to_owned(),
            text: "Tägl".to_owned(),
            html: "<p>Tägl</p>".to_owned(),
            attempts: 0,
            created_at: OffsetDateTime::UNIX_EPOCH,
            gives_up_at: OffsetDateTime::UNIX_EPOCH,
        }
    }

    fn from() -> Mailbox {
        "Muster <muster@example.org>".parse().unwrap()
    }

    const LINK: &str = "https://muster.example/api/v1/digests/unsubscribe?pass=abc";

    #[test]
    fn a_message_says_how_it_is_ended_and_has_both_bodies() {
        let letter = write(&from(), &outgoing(), LINK).unwrap();
        let text = String::from_utf8(letter.formatted()).unwrap();
        assert!(text.contains(&format!("\r\nList-Unsubscribe: <{LINK}>\r\n")), "{text}");
        assert!(text.contains("\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"));
        assert!(text.contains("\r\nAuto-Submitted: auto-generated\r\n"));
        assert!(text.contains("<00000000-0000-0000-0000-000000000007@example.org>"));
        assert!(text.contains("text/plain") && text.contains("text/html"));
        assert!(text.is_ascii(), "servers without SMTPUTF8 take it: {text}");
    }

    #[test]
    fn nothing_that_somebody_is_called_makes_a_header() {
        for field in 0..3 {
            let mut bad = outgoing();
            let text = "x\r\nBcc: eve@evil.example".to_owned();
            match field {
                0 => bad.subject = text,
                1 => bad.name = text,
                _ => bad.address = format!("ann@example.org{}", &text[1..]),
            }
            let refused = write(&from(), &bad, LINK);
            assert!(matches!(refused, Err(SendError::Unwritable(_))), "{field}");
        }
        let refused = write(&from(), &outgoing(), "https://x/\r\nBcc: <eve@evil.example>");
        assert!(matches!(refused, Err(SendError::Unwritable(_))));
    }
}
