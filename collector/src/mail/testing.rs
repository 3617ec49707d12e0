//! A real SMTP server that takes messages, or does whatever else servers do.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::generate_simple_self_signed;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::{Mailer, Passes};
use crate::config::{MailConfig, MailTls, Secret};

/// What a server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Does {
    /// Takes messages, but for those to `busy@…` (450), `relay@…` (454), `own@…` (530), `gone@…` (550) and `cut@…`
    /// (breaks off); those to `slow@…` when it is told to ([`Server::go_on`]).
    Take,
    /// The same, under TLS from the first byte.
    TakeUnderTls,
    /// Answers everybody with 421.
    Busy,
    /// Lets nobody in (535).
    LetNobodyIn,
    /// Says nothing.
    Hang,
}

/// A message as it came.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) to: String,
    pub(crate) text: String,
    pub(crate) was_secret: bool,
}

#[derive(Debug)]
struct Shared {
    does: Mutex<Does>,
    received: Mutex<Vec<Received>>,
    connections: Mutex<u32>,
    /// Those to `slow@…` that came, and those that may go on.
    slow: Semaphore,
    may_go_on: Semaphore,
}

/// The server; it ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    shared: Arc<Shared>,
    address: SocketAddr,
    directory: tempfile::TempDir,
    _serving: JoinSet<()>,
}

/// What a connection is spoken over.
trait Line: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Line for T {}

impl Server {
    pub(crate) async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            does: Mutex::new(Does::Take),
            received: Mutex::default(),
            connections: Mutex::default(),
            slow: Semaphore::new(0),
            may_go_on: Semaphore::new(0),
        });
        let made = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("ca.pem"), made.cert.pem()).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        let mut serving = JoinSet::new();
        let for_all = Arc::clone(&shared);
        serving.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                *for_all.connections.lock().unwrap() += 1;
                open.spawn(serve(stream, acceptor.clone(), Arc::clone(&for_all)));
            }
        });
        Self { shared, address, directory, _serving: serving }
    }

    pub(crate) fn does(&self, does: Does) {
        *self.shared.does.lock().unwrap() = does;
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.shared.received.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> u32 {
        *self.shared.connections.lock().unwrap()
    }

    /// Waits until a message to `slow@…` is being sent.
    pub(crate) async fn slow_came(&self) {
        self.shared.slow.acquire().await.unwrap().forget();
    }

    /// Takes a message to `slow@…`.
    pub(crate) fn go_on(&self) {
        self.shared.may_go_on.add_permits(1);
    }

    pub(crate) fn config(&self, tls: MailTls) -> MailConfig {
        MailConfig {
            host: "localhost".to_owned(),
            port: self.address.port(),
            tls,
            account: Some(("muster".to_owned(), Secret::new("hush"))),
            from: "Muster <muster@example.org>".to_owned(),
            ca_file: Some(self.directory.path().join("ca.pem")),
            answer_within: Duration::from_secs(5),
            public_url: "https://muster.example".to_owned(),
        }
    }

    pub(crate) fn mailer(&self, tls: MailTls) -> Mailer {
        Mailer::new(&self.config(tls), Passes::new(|_| [5; 32])).unwrap()
    }
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, shared: Arc<Shared>) {
    let mut line: BufReader<Box<dyn Line>> = BufReader::new(Box::new(stream));
    let mut is_secret = false;
    let does = *shared.does.lock().unwrap();
    if does == Does::TakeUnderTls {
        let Ok(secret) = acceptor.accept(line.into_inner()).await else { return };
        line = BufReader::new(Box::new(secret));
        is_secret = true;
    }
    match does {
        Does::Hang => return std::future::pending().await,
        Does::Busy => {
            say(&mut line, "421 too busy").await;
            return;
        }
        Does::Take | Does::TakeUnderTls | Does::LetNobodyIn => say(&mut line, "220 test").await,
    }
    let mut to = String::new();
    loop {
        let mut command = String::new();
        if line.read_line(&mut command).await.unwrap_or(0) == 0 {
            return;
        }
        let upper = command.trim_end().to_ascii_uppercase();
        match upper.split([' ', ':']).next().unwrap_or_default() {
            "EHLO" if is_secret => say(&mut line, "250-test\r\n250 AUTH PLAIN").await,
            "EHLO" => say(&mut line, "250-test\r\n250-AUTH PLAIN\r\n250 STARTTLS").await,
            "STARTTLS" => {
                say(&mut line, "220 go on").await;
                let Ok(secret) = acceptor.accept(line.into_inner()).await else { return };
                line = BufReader::new(Box::new(secret));
                is_secret = true;
            }
            "AUTH" if does == Does::LetNobodyIn => say(&mut line, "535 wrong").await,
            "AUTH" => say(&mut line, "235 welcome").await,
            "RCPT" => {
                to = command.trim_end()[8..].trim_matches(['<', '>']).to_owned();
                let Some(answer) = recipient(&to, &shared).await else { return };
                say(&mut line, answer).await;
            }
            "DATA" => {
                say(&mut line, "354 go on").await;
                let mut text = String::new();
                while !text.ends_with("\r\n.\r\n") {
                    if line.read_line(&mut text).await.unwrap_or(0) == 0 {
                        return;
                    }
                }
                let received = Received { to: to.clone(), text, was_secret: is_secret };
                shared.received.lock().unwrap().push(received);
                say(&mut line, "250 taken").await;
            }
            "QUIT" => {
                say(&mut line, "221 bye").await;
                return;
            }
            _ => say(&mut line, "250 fine").await,
        }
    }
}

/// What is said of a recipient; nothing where the server breaks off.
async fn recipient(to: &str, shared: &Shared) -> Option<&'static str> {
    Some(match to.split('@').next().unwrap_or_default() {
        "cut" => return None,
        "busy" => "450 the mailbox is busy",
        "relay" => "454 4.7.1 Relay access denied",
        "own" => "530 authentication is required",
        "gone" => "550 no such user here",
        "slow" => {
            shared.slow.add_permits(1);
            shared.may_go_on.acquire().await.ok()?.forget();
            "250 fine"
        }
        _ => "250 fine",
    })
}

async fn say(line: &mut BufReader<Box<dyn Line>>, text: &str) {
    // Whoever has gone hears nothing.
    line.write_all(format!("{text}\r\n").as_bytes()).await.ok();
    line.flush().await.ok();
}
