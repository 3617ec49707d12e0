//! An agent's side of the wire, byte by byte: it says what a test wants, honest or not.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use protocol::enrolment::{EnrolReply, EnrolRequest};
use protocol::fingerprint::SoftwareKey;
use protocol::frame::{Frame, HEADER_BYTES, Header, Packer, Unpacker};
use protocol::host::Platform;
use protocol::ids::{AgentId, CompanyId, Position};
use protocol::message::{
    ALPN_ENROL, ALPN_SESSION, AgentMessage, Capabilities, CollectorMessage, Hello, SERVER_NAME,
    VERSION_MAX, VERSION_MIN,
};
use protocol::reject::RejectReason;
use protocol::report::{Report, ReportBody};
use protocol::software::{SoftwareRecord, Source};
use protocol::token::EnrolmentToken;
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Endpoint, RecvStream, SendStream, TransportConfig};
use rcgen::{CertificateParams, KeyPair};
use rustls::RootCertStore;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};

/// A host that was enrolled.
pub(crate) struct Agent {
    pub(crate) company: CompanyId,
    pub(crate) id: AgentId,
    address: SocketAddr,
    roots: Vec<CertificateDer<'static>>,
    chain: Vec<CertificateDer<'static>>,
    key: KeyPair,
}

impl Agent {
    /// Enrols a host with a token of the collector in that data directory, or says why it may not.
    pub(crate) async fn enrol(dir: &Path, token: &str) -> Result<Self, (RejectReason, String)> {
        let token: EnrolmentToken = token.parse().unwrap();
        let address = token.addresses[0].parse().unwrap();
        let root = CertificateDer::from_pem_file(dir.join("ca/ca.crt")).unwrap();
        let key = KeyPair::generate().unwrap();
        let csr = CertificateParams::default().serialize_request(&key).unwrap();
        let request = EnrolRequest {
            token: token.id,
            secret: token.secret,
            csr: csr.der().to_vec(),
            hostname: "a-host".to_owned(),
            agent_version: "1.2.3".to_owned(),
            labels: Vec::new(),
        };
        let roots = vec![root];
        let tls = builder(&roots).with_no_client_auth();
        let mut stream = Stream::open(address, tls, ALPN_ENROL).await.unwrap();
        stream.send(&pack(request.encode()).to_bytes()).await;
        let reply = stream.hear().await.unwrap();
        match EnrolReply::decode(&reply).unwrap() {
            EnrolReply::Granted { company, agent, chain, .. } => Ok(Self {
                company,
                id: agent,
                address,
                roots,
                chain: chain.into_iter().map(CertificateDer::from).collect(),
                key,
            }),
            EnrolReply::Refused { reason, detail, .. } => Err((reason, detail)),
        }
    }

    /// Comes with another chain from now on, which somebody made for it; gives the one before.
    pub(crate) fn present(
        &mut self,
        chain: Vec<CertificateDer<'static>>,
    ) -> Vec<CertificateDer<'static>> {
        std::mem::replace(&mut self.chain, chain)
    }

    /// Trusts other authorities from now on.
    pub(crate) fn trust(&mut self, roots: Vec<Vec<u8>>) {
        self.roots = roots.into_iter().map(CertificateDer::from).collect();
    }

    /// Whom it trusts.
    pub(crate) fn roots(&self) -> &[CertificateDer<'static>] {
        &self.roots
    }

    /// Another place where its collector listens, as after a restart.
    pub(crate) fn moved_to(&mut self, address: SocketAddr) {
        self.address = address;
    }

    /// Where its collector listens.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) const fn key(&self) -> &KeyPair {
        &self.key
    }

    /// An open stream, before the hello; or why the handshake failed.
    pub(crate) async fn connect(&self) -> Result<Stream, String> {
        let key = PrivatePkcs8KeyDer::from(self.key.serialize_der()).into();
        let tls = builder(&self.roots).with_client_auth_cert(self.chain.clone(), key).unwrap();
        Stream::open(self.address, tls, ALPN_SESSION).await
    }

    /// A session behind its welcome.
    pub(crate) async fn welcomed(&self, acknowledged: Position) -> Stream {
        let mut stream = self.connect().await.unwrap();
        let hello = Hello { acknowledged, ..hello() };
        stream.say(&AgentMessage::Hello(hello)).await;
        let answer = stream.answer().await;
        assert!(matches!(answer, CollectorMessage::Welcome(_)), "{answer:?}");
        stream
    }
}

fn builder(
    trusted: &[CertificateDer<'static>],
) -> rustls::ConfigBuilder<rustls::ClientConfig, rustls::client::WantsClientCert> {
    let mut roots = RootCertStore::empty();
    for root in trusted {
        roots.add(root.clone()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
}

/// One stream to a collector.
pub(crate) struct Stream {
    // Dropping it would close the connection.
    _endpoint: Endpoint,
    send: SendStream,
    receive: RecvStream,
}

impl Stream {
    async fn open(
        address: SocketAddr,
        mut tls: rustls::ClientConfig,
        alpn: &[u8],
    ) -> Result<Self, String> {
        tls.alpn_protocols = vec![alpn.to_vec()];
        let mut config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()));
        // A test has many agents and asks one after the other: those that wait are not gone.
        let mut transport = TransportConfig::default();
        transport.keep_alive_interval(Some(Duration::from_secs(10)));
        config.transport_config(Arc::new(transport));
        let endpoint = Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
        let connecting = endpoint.connect_with(config, address, SERVER_NAME).unwrap();
        let connection = connecting.await.map_err(|error| error.to_string())?;
        let (send, receive) = connection.open_bi().await.map_err(|error| error.to_string())?;
        Ok(Self { _endpoint: endpoint, send, receive })
    }

    pub(crate) async fn say(&mut self, message: &AgentMessage) {
        self.send(&pack(message.encode()).to_bytes()).await;
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.try_send(bytes).await.unwrap();
    }

    /// Sends, unless nobody takes it any more.
    pub(crate) async fn try_send(&mut self, bytes: &[u8]) -> Result<(), quinn::WriteError> {
        self.send.write_all(bytes).await
    }

    /// Says that nothing more comes.
    pub(crate) fn finish(&mut self) {
        self.send.finish().unwrap();
    }

    /// The next message's bytes, or how the connection ended.
    pub(crate) async fn hear(&mut self) -> Result<Vec<u8>, String> {
        let mut header = [0; HEADER_BYTES];
        let read = self.receive.read_exact(&mut header).await;
        read.map_err(|error| format!("{error:?}"))?;
        let header = Header::parse(header).unwrap();
        // The collector is trusted here, as by no real agent: a wrong length fails the test by its
        // memory or its time.
        let mut payload = vec![0; header.payload_bytes];
        let read = self.receive.read_exact(&mut payload).await;
        read.map_err(|error| format!("{error:?}"))?;
        let message = Unpacker::new().unwrap().unpack(header.packing, &payload);
        Ok(message.unwrap())
    }

    pub(crate) async fn answer(&mut self) -> CollectorMessage {
        CollectorMessage::decode(&self.hear().await.unwrap()).unwrap()
    }

    /// The answer to what may not be, whether it ends the session or not.
    pub(crate) async fn no(&mut self) -> (RejectReason, String) {
        let answer = self.answer().await;
        match answer {
            CollectorMessage::Refuse { reason, detail, .. }
            | CollectorMessage::Reject { reason, detail, .. } => (reason, detail),
            CollectorMessage::Welcome(_)
            | CollectorMessage::Ack { .. }
            | CollectorMessage::SendSnapshot
            | CollectorMessage::ScanNow { .. }
            | CollectorMessage::Settings(_)
            | CollectorMessage::Attend(_)
            | CollectorMessage::Gone
            | CollectorMessage::Rekey
            | CollectorMessage::Rekeyed { .. }
            | CollectorMessage::Authorities { .. }
            | CollectorMessage::Certificate { .. } => panic!("not a no: {answer:?}"),
        }
    }

    /// Delivers a report and waits until it is acknowledged.
    pub(crate) async fn deliver(&mut self, report: Report) {
        let position = report.position;
        self.say(&AgentMessage::Report(report)).await;
        let mut answer = self.answer().await;
        // A collector that misses something may ask once more before it has the snapshot, and the two cross.
        while answer == CollectorMessage::SendSnapshot {
            answer = self.answer().await;
        }
        assert_eq!(answer, CollectorMessage::Ack { position });
    }
}

pub(crate) fn pack(message: Vec<u8>) -> Frame {
    Packer::new().unwrap().pack(message).unwrap()
}

pub(crate) fn hello() -> Hello {
    Hello {
        version_min: VERSION_MIN,
        version_max: VERSION_MAX,
        capabilities: Capabilities::current().without(Capabilities::ATTEND),
        agent_version: "1.2.3".to_owned(),
        acknowledged: Position::default(),
        scan_done: 0,
        extension: Vec::new(),
    }
}

pub(crate) fn record(name: &str) -> SoftwareRecord {
    SoftwareRecord::new(Source::Deb, name, "1.0-1")
}

/// A whole inventory in one part, or what came new.
pub(crate) fn report(epoch: u32, seq: u32, mut records: Vec<SoftwareRecord>) -> Report {
    let platform =
        Platform { family: "linux".to_owned(), id: "debian".to_owned(), version: "12".to_owned() };
    // The order that a snapshot's records have.
    records.sort_by_cached_key(|record| SoftwareKey::of(record, &platform));
    Report {
        position: Position::new(epoch, seq),
        made_at_ms: 1_790_000_000_000,
        platform,
        facts: None,
        sources: Vec::new(),
        body: if seq == 1 {
            ReportBody::Snapshot { from: SoftwareKey(0), to: None, records }
        } else {
            ReportBody::Delta { upserts: records, removes: Vec::new() }
        },
        digest: None,
    }
}
