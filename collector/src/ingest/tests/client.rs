//! An agent's side of the wire, which does what it is told and nothing of its own accord.

use std::net::SocketAddr;
use std::sync::Arc;

use protocol::frame::{Frame, Packer};
use protocol::ids::Position;
use protocol::message::{
    ALPN_SESSION, AgentMessage, Capabilities, CollectorMessage, Hello, SERVER_NAME, VERSION_MAX,
    VERSION_MIN,
};
use protocol::reject::RejectReason;
use protocol::report::{Report, ReportBody};
use protocol::software::{SoftwareRecord, Source};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Connection, Endpoint};
use rcgen::KeyPair;
use rustls::RootCertStore;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, DuplexStream};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::fixture::Fixture;
use crate::authority::Authority;
use crate::ingest::frames::{Codecs, FrameReader};
use crate::ingest::limits::ByteBudget;

/// A certificate and its key.
pub(super) struct Credentials {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Credentials {
    pub(super) fn new(chain: Vec<Vec<u8>>, key: &KeyPair) -> Self {
        Self {
            chain: chain.into_iter().map(CertificateDer::from).collect(),
            key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        }
    }
}

/// How a client connects; clones share their tickets.
pub(super) fn tls(
    authority: &Authority,
    credentials: Option<Credentials>,
    alpn: &[u8],
) -> rustls::ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots);
    let mut tls = match credentials {
        Some(credentials) => {
            builder.with_client_auth_cert(credentials.chain, credentials.key).unwrap()
        }
        None => builder.with_no_client_auth(),
    };
    tls.alpn_protocols = vec![alpn.to_vec()];
    tls
}

/// Connects as it is told.
pub(super) async fn dial(
    address: SocketAddr,
    tls: rustls::ClientConfig,
) -> Result<(Endpoint, Connection), String> {
    let config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()));
    let mut endpoint = Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
    endpoint.set_default_client_config(config);
    let connecting = endpoint.connect(address, SERVER_NAME).unwrap();
    let connection = connecting.await.map_err(|error| error.to_string())?;
    Ok((endpoint, connection))
}

/// The way that the tests' clients take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wire {
    Quic,
    Tcp,
}

/// QUIC, or what the run of these tests was told: all of them hold over either.
#[expect(clippy::disallowed_methods, reason = "the one thing that a run of tests is told")]
pub(super) fn wire() -> Wire {
    match std::env::var("MUSTER_TEST_WIRE").as_deref() {
        Ok("tcp") => Wire::Tcp,
        Ok(_) | Err(_) => Wire::Quic,
    }
}

type Sending = Box<dyn AsyncWrite + Send + Unpin>;
type Receiving = Box<dyn AsyncRead + Send + Unpin>;

/// One stream to a collector.
pub(super) struct Client {
    // Dropping it would close the connection under the test.
    quic: Option<(Endpoint, Connection)>,
    send: Sending,
    reader: FrameReader<Receiving>,
    codecs: Codecs,
}

impl Client {
    pub(super) async fn connect(fixture: &Fixture, credentials: Credentials) -> Self {
        let dialled = Self::dial(fixture, Some(credentials), ALPN_SESSION);
        dialled.await.unwrap()
    }

    /// Connects and opens a stream, or says why not.
    pub(super) async fn dial(
        fixture: &Fixture,
        credentials: Option<Credentials>,
        alpn: &[u8],
    ) -> Result<Self, String> {
        let tls = tls(&fixture.authority, credentials, alpn);
        match wire() {
            Wire::Quic => {
                let (endpoint, connection) = dial(fixture.address, tls).await?;
                let opened = connection.open_bi().await;
                let (send, receive) = opened.map_err(|error| error.to_string())?;
                let quic = Some((endpoint, connection));
                Ok(Self::new(quic, Box::new(send), Box::new(receive)))
            }
            Wire::Tcp => {
                let said = |error: std::io::Error| error.to_string();
                let stream = TcpStream::connect(fixture.address).await.map_err(said)?;
                let name = ServerName::try_from(SERVER_NAME).unwrap();
                let connecting = TlsConnector::from(Arc::new(tls)).connect(name, stream);
                let (receive, send) = tokio::io::split(connecting.await.map_err(said)?);
                Ok(Self::new(None, Box::new(send), Box::new(receive)))
            }
        }
    }

    /// Opens the stream of a connection.
    pub(super) async fn on(endpoint: Endpoint, connection: Connection) -> Self {
        let (send, receive) = connection.open_bi().await.unwrap();
        let quic = Some((endpoint, connection));
        Self::new(quic, Box::new(send), Box::new(receive))
    }

    /// One end of a stream, at whose other end a session is.
    pub(super) fn over(near: DuplexStream) -> Self {
        let (receive, send) = tokio::io::split(near);
        Self::new(None, Box::new(send), Box::new(receive))
    }

    fn new(quic: Option<(Endpoint, Connection)>, send: Sending, receive: Receiving) -> Self {
        Self {
            quic,
            send,
            // The collector's own reader. What the wire looks like is pinned by the protocol's
            // golden files, so a fault common to both sides would show there.
            reader: FrameReader::new(
                receive,
                protocol::limits::FRAME_WIRE_BYTES_MAX,
                &ByteBudget::new(u64::MAX),
            ),
            codecs: Codecs::default(),
        }
    }

    /// Says that nothing more comes.
    pub(super) async fn finish(&mut self) {
        self.send.shutdown().await.unwrap();
    }

    /// Ends the connection.
    pub(super) async fn close(self) {
        if let Some((endpoint, connection)) = self.quic {
            connection.close(0_u32.into(), b"");
            endpoint.wait_idle().await;
        }
    }

    /// A session behind its welcome.
    pub(super) async fn welcomed(fixture: &Fixture) -> Self {
        let mut client = Self::connect(fixture, fixture.credentials()).await;
        client.say(&AgentMessage::Hello(hello())).await;
        let answer = client.hear().await;
        assert!(matches!(answer, CollectorMessage::Welcome(_)), "{answer:?}");
        client
    }

    pub(super) async fn say(&mut self, message: &AgentMessage) {
        self.send_frame(&pack(message.encode())).await;
    }

    /// Says something to somebody who may be gone.
    pub(super) async fn try_to_say(&mut self, message: &AgentMessage) {
        let bytes = pack(message.encode()).to_bytes();
        self.send.write_all(&bytes).await.ok();
        self.send.flush().await.ok();
    }

    pub(super) async fn send_frame(&mut self, frame: &Frame) {
        self.send_bytes(&frame.to_bytes()).await;
    }

    pub(super) async fn send_bytes(&mut self, bytes: &[u8]) {
        self.send.write_all(bytes).await.unwrap();
        self.send.flush().await.unwrap();
    }

    /// The collector's next message; panics when there is none.
    pub(super) async fn hear(&mut self) -> CollectorMessage {
        CollectorMessage::decode(&self.hear_bytes().await.unwrap()).unwrap()
    }

    /// The next message's bytes; `None` when the collector has said all that it has to say.
    pub(super) async fn hear_bytes(&mut self) -> Option<Vec<u8>> {
        let frame = self.reader.next().await.ok()??;
        Some(self.codecs.unpack(&frame).unwrap())
    }

    /// The reason for which the collector ends the session.
    pub(super) async fn hear_refusal(&mut self) -> RejectReason {
        let heard = self.hear().await;
        let CollectorMessage::Refuse { reason, .. } = heard else {
            panic!("not a refusal: {heard:?}");
        };
        assert_eq!(self.hear_bytes().await, None, "a refusal is the last word");
        reason
    }

    /// Returns once the collector has read all that was said: it answers a renewal that cannot be
    /// at once, whatever else it still owes.
    pub(super) async fn is_read(&mut self) {
        // An empty request is refused out of hand, and messages of a stream are read in order: no
        // sleep, no polling.
        self.say(&AgentMessage::Renew { csr: Vec::new() }).await;
        let (position, reason, _) = self.hear_reject().await;
        assert_eq!(position, Position::default());
        assert_eq!(reason, RejectReason::InvalidRequest);
    }

    pub(super) async fn hear_ack(&mut self) -> Position {
        let heard = self.hear().await;
        let CollectorMessage::Ack { position } = heard else {
            panic!("not an acknowledgement: {heard:?}");
        };
        position
    }

    /// The next reject: which report, why, and for how long to wait.
    pub(super) async fn hear_reject(&mut self) -> (Position, RejectReason, u32) {
        let heard = self.hear().await;
        let CollectorMessage::Reject { position, reason, retry_after_ms, .. } = heard else {
            panic!("not a reject: {heard:?}");
        };
        (position, reason, retry_after_ms)
    }
}

pub(super) fn pack(message: Vec<u8>) -> Frame {
    Packer::new().unwrap().pack(message).unwrap()
}

pub(super) fn hello() -> Hello {
    Hello {
        version_min: VERSION_MIN,
        version_max: VERSION_MAX,
        // Tests of attendance say otherwise; to all others its word would be one more to pass over.
        capabilities: Capabilities::current().without(Capabilities::ATTEND),
        agent_version: "1.2.3".to_owned(),
        acknowledged: Position::default(),
        scan_done: 0,
        extension: Vec::new(),
    }
}

/// A report that any collector takes: a snapshot's part at the start of an epoch, else a delta.
pub(super) fn report(epoch: u32, seq: u32) -> Report {
    let records = vec![SoftwareRecord::new(Source::Deb, "curl", "7.88.1-10+deb12u5")];
    Report {
        position: Position::new(epoch, seq),
        made_at_ms: 1_790_000_000_000,
        platform: protocol::host::Platform {
            family: "linux".to_owned(),
            id: "debian".to_owned(),
            version: "12".to_owned(),
        },
        facts: None,
        sources: Vec::new(),
        body: if seq == 1 {
            ReportBody::Snapshot { from: protocol::fingerprint::SoftwareKey(0), to: None, records }
        } else {
            ReportBody::Delta { upserts: records, removes: Vec::new() }
        },
        digest: None,
    }
}

pub(super) fn message(report: Report) -> AgentMessage {
    AgentMessage::Report(report)
}
