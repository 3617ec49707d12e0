//! Mail over a real connection: what each answer of a server comes to.

use protocol::ids::CompanyId;
use store::digests::Outgoing;
use time::OffsetDateTime;
use uuid::Uuid;

use super::testing::{Does, Server};
use super::{Mailer, SendError};
use crate::config::MailTls;

const COMPANY: CompanyId = CompanyId(Uuid::from_u128(1));

fn to(address: &str) -> Outgoing {
    Outgoing {
        id: Uuid::new_v4(),
        digest: Uuid::from_u128(2),
        address: address.to_owned(),
        name: "Ann".to_owned(),
        subject: "Acme: 1 new finding".to_owned(),
        text: "One.\n.\nThat was a line with a dot.".to_owned(),
        html: "<p>One.</p>".to_owned(),
        attempts: 0,
        created_at: OffsetDateTime::UNIX_EPOCH,
        gives_up_at: OffsetDateTime::UNIX_EPOCH,
    }
}

async fn send(mailer: &Mailer, address: &str) -> Result<u16, SendError> {
    mailer.send(COMPANY, &to(address)).await
}

#[tokio::test]
async fn a_message_goes_under_tls_and_whole_and_the_next_over_the_same_connection() {
    let server = Server::new().await;
    let mailer = server.mailer(MailTls::StartTls);
    mailer.probe().await.unwrap();
    for _ in 0..3 {
        assert_eq!(send(&mailer, "ann@example.org").await, Ok(250));
    }
    let received = server.received();
    assert_eq!(received.len(), 3);
    assert!(received[0].was_secret);
    assert_eq!(received[0].to, "ann@example.org");
    assert!(received[0].text.contains("That was a line with a dot."), "{}", received[0].text);
    // The question's own, and one for all messages.
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_server_that_speaks_tls_from_the_first_byte_is_spoken_to_so_and_by_its_certificate() {
    let server = Server::new().await;
    server.does(Does::TakeUnderTls);
    let mailer = server.mailer(MailTls::Implicit);
    mailer.probe().await.unwrap();
    assert_eq!(send(&mailer, "ann@example.org").await, Ok(250));
    assert!(server.received()[0].was_secret);
    let mut config = server.config(MailTls::Implicit);
    config.ca_file = None;
    let mailer = Mailer::new(&config, super::Passes::new(|_| [5; 32])).unwrap();
    assert!(matches!(mailer.probe().await, Err(SendError::Away(_))));
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_not_spoken_to() {
    let server = Server::new().await;
    let mut config = server.config(MailTls::StartTls);
    config.ca_file = None;
    let mailer = Mailer::new(&config, super::Passes::new(|_| [5; 32])).unwrap();
    let refused = send(&mailer, "ann@example.org").await;
    assert!(matches!(refused, Err(SendError::Away(_))), "{refused:?}");
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn what_is_put_off_what_is_refused_and_what_breaks_off_are_told_apart() {
    let server = Server::new().await;
    let mailer = server.mailer(MailTls::None);
    let busy = send(&mailer, "busy@example.org").await;
    assert!(matches!(busy, Err(SendError::Deferred { code: 450, .. })), "{busy:?}");
    let gone = send(&mailer, "gone@example.org").await;
    let Err(SendError::Refused { code: 550, text }) = gone else { panic!("{gone:?}") };
    assert!(text.contains("no such user here"), "{text}");
    let relay = send(&mailer, "relay@example.org").await.unwrap_err();
    assert!(matches!(relay, SendError::Deferred { code: 454, .. }), "{relay:?}");
    let own = send(&mailer, "own@example.org").await.unwrap_err();
    assert!(matches!(own, SendError::NotLetIn { code: 530, .. }), "{own:?}");
    assert!(!super::is_trouble(&relay) && !super::is_trouble(&own), "of one recipient each");
    let cut = send(&mailer, "cut@example.org").await;
    assert!(matches!(cut, Err(SendError::Away(_))), "{cut:?}");
    // And none of that keeps the next one from its mail.
    assert_eq!(send(&mailer, "ann@example.org").await, Ok(250));
}

#[tokio::test]
async fn a_server_that_is_away_busy_or_lets_nobody_in_is_not_taken_for_a_refusal() {
    let server = Server::new().await;
    server.does(Does::LetNobodyIn);
    let refused = server.mailer(MailTls::None).probe().await;
    let Err(SendError::NotLetIn { code: 535, text }) = refused else { panic!("{refused:?}") };
    assert!(!text.contains("hush"), "{text}");
    server.does(Does::Busy);
    let busy = send(&server.mailer(MailTls::None), "ann@example.org").await.unwrap_err();
    assert!(super::is_trouble(&busy), "{busy:?}");
    server.does(Does::Hang);
    let mut config = server.config(MailTls::None);
    config.answer_within = std::time::Duration::from_millis(50);
    let mailer = Mailer::new(&config, super::Passes::new(|_| [5; 32])).unwrap();
    assert!(matches!(mailer.probe().await, Err(SendError::Away(_))));
}
