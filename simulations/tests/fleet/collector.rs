//! A stand-in for a collector: real QUIC, TLS, enrolment, frames and answers over a world in memory,
//! and as much of the API as the simulator asks. It can die at any moment and come back.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use protocol::enrolment::{EnrolReply, EnrolRequest};
use protocol::frame::{HEADER_BYTES, Header, Packer, Unpacker};
use protocol::ids::{AgentId, CompanyId, TokenId};
use protocol::message::{
    ALPN_ENROL, ALPN_SESSION, AgentMessage, Capabilities, CollectorMessage, SERVER_NAME, Settings,
    Welcome,
};
use protocol::reject::RejectReason;
use protocol::token::EnrolmentToken;
use quinn::crypto::rustls::{HandshakeData, QuicServerConfig};
use quinn::{Connection, Endpoint, RecvStream, SendStream, ServerConfig};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, CertifiedIssuer, IsCa,
    KeyPair,
};
use rustls::RootCertStore;
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::{CertificateDer, CertificateSigningRequestDer, PrivatePkcs8KeyDer};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::world::{Outcome, Shared};

type Failure = Box<dyn std::error::Error + Send + Sync>;

const SECRET: [u8; 32] = [7; 32];

/// What a collector keeps over its deaths, and how it behaves.
pub(crate) struct Site {
    /// The rows.
    pub(crate) world: Shared,
    /// Every so many reports of a session, one is rejected as too fast; 0 for none.
    pub(crate) rejects_every: usize,
    ca: CertifiedIssuer<'static, KeyPair>,
    address: SocketAddr,
}

impl Site {
    pub(crate) fn new(rejects_every: usize) -> Arc<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = KeyPair::generate()
            .and_then(|key| CertifiedIssuer::self_signed(params, key))
            .expect("a CA");
        // The kernel's choice, and free again at once: the collector takes it, leaves it and takes
        // it again, so it has to have a number before its first life.
        let socket = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
        Arc::new(Self {
            world: Shared::default(),
            rejects_every,
            ca,
            address: socket.local_addr().expect("an address"),
        })
    }

    /// The token for agents of this site.
    pub(crate) fn token(&self) -> EnrolmentToken {
        EnrolmentToken {
            id: TokenId(Uuid::from_u128(1)),
            secret: SECRET,
            ca_sha256: Sha256::digest(self.ca.der()).into(),
            addresses: vec![self.address.to_string()],
        }
    }

    fn server_config(&self) -> Result<ServerConfig, Failure> {
        let key = KeyPair::generate()?;
        let own = CertificateParams::new([SERVER_NAME.to_owned()])?.signed_by(&key, &self.ca)?;
        let mut roots = RootCertStore::empty();
        roots.add(self.ca.der().clone())?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        // Also without a certificate, for a host that enrols has none yet.
        let clients =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
                .allow_unauthenticated()
                .build()?;
        let mut tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_client_cert_verifier(clients)
            .with_single_cert(
                // With the CA's own at the end: that is the one which a token pins.
                vec![own.der().clone(), self.ca.der().clone()],
                PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            )?;
        tls.alpn_protocols = vec![ALPN_SESSION.to_vec(), ALPN_ENROL.to_vec()];
        Ok(ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls)?)))
    }

    /// A life of the collector, on a runtime of its own.
    pub(crate) fn start(self: &Arc<Self>) -> Life {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.spawn(listen(Arc::clone(self)));
        Life(Some(runtime))
    }

    async fn serve(&self, connection: Connection) -> Result<(), Failure> {
        let data =
            connection.handshake_data().and_then(|data| data.downcast::<HandshakeData>().ok());
        // As in the product, what a connection is for is said by ALPN alone.
        let is_enrolment = data.is_some_and(|data| data.protocol.as_deref() == Some(ALPN_ENROL));
        let (send, recv) = connection.accept_bi().await?;
        let mut stream = Stream::new(send, recv)?;
        if is_enrolment {
            self.enrol(&mut stream).await?;
            // Until the host has its answer: a connection that is dropped takes along what was not
            // sent yet.
            connection.closed().await;
            return Ok(());
        }
        let chain = connection
            .peer_identity()
            .and_then(|identity| identity.downcast::<Vec<CertificateDer<'static>>>().ok())
            .ok_or("no certificate")?;
        let own = chain.first().ok_or("no certificate")?;
        // The certificate says who it is; no message is asked.
        let agent = self.world.lock().certificates.get(own.as_ref()).copied();
        self.session(agent.ok_or("a certificate of nobody")?, &mut stream).await
    }

    async fn enrol(&self, stream: &mut Stream) -> Result<(), Failure> {
        let request = EnrolRequest::decode(&stream.hear().await?)?;
        if request.secret != SECRET {
            let refused = EnrolReply::Refused {
                reason: RejectReason::TokenUnknown,
                detail: "the secret is wrong".to_owned(),
                retry_after_ms: 0,
            };
            return stream.say(refused.encode()).await;
        }
        let csr = CertificateSigningRequestDer::from(request.csr);
        let certificate = CertificateSigningRequestParams::from_der(&csr)?.signed_by(&self.ca)?;
        let agent = {
            let mut world = self.world.lock();
            let number = u128::try_from(world.certificates.len())? + 1;
            let agent = AgentId(Uuid::from_u128(number));
            world.certificates.insert(certificate.der().to_vec(), agent);
            agent
        };
        let granted = EnrolReply::Granted {
            company: CompanyId(Uuid::from_u128(1)),
            agent,
            chain: vec![certificate.der().to_vec()],
            roots: vec![self.ca.der().to_vec()],
            settings: Settings::default(),
        };
        stream.say(granted.encode()).await
    }

    async fn session(&self, agent: AgentId, stream: &mut Stream) -> Result<(), Failure> {
        let AgentMessage::Hello(_) = AgentMessage::decode(&stream.hear().await?)? else {
            return Err("no hello".into());
        };
        let welcome = CollectorMessage::Welcome(Welcome {
            version: 1,
            capabilities: Capabilities::current(),
            now_ms: 0,
            settings: Settings::default(),
            extension: Vec::new(),
        });
        stream.say(welcome.encode()).await?;
        for number in 1.. {
            let AgentMessage::Report(report) = AgentMessage::decode(&stream.hear().await?)? else {
                continue;
            };
            let position = report.position;
            let reject = |reason| CollectorMessage::Reject {
                position,
                reason,
                detail: "so it goes".to_owned(),
                retry_after_ms: 20,
            };
            // In its place among the answers: what was sent behind it becomes a gap.
            if self.rejects_every > 0 && number % self.rejects_every == 0 {
                stream.say(reject(RejectReason::RateLimited).encode()).await?;
                continue;
            }
            let outcome = self.world.lock().apply(agent, report);
            let answer = match outcome {
                Outcome::Applied | Outcome::Duplicate => CollectorMessage::Ack { position },
                Outcome::Gap => reject(RejectReason::Gap),
            };
            stream.say(answer.encode()).await?;
        }
        Ok(())
    }
}

async fn listen(site: Arc<Site>) {
    let config = site.server_config().expect("a server's configuration");
    let endpoint = loop {
        match Endpoint::server(config.clone(), site.address) {
            Ok(endpoint) => break endpoint,
            // The life before is still being buried.
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Err(error) => panic!("listen at {}: {error}", site.address),
        }
    };
    let mut connections = JoinSet::new();
    while let Some(incoming) = endpoint.accept().await {
        let site = Arc::clone(&site);
        connections.spawn(async move {
            if let Ok(connection) = incoming.await {
                // However it ends, the client says what it thinks of it.
                site.serve(connection).await.ok();
            }
        });
    }
}

/// A collector while it lives. It dies as by `kill -9`: in the middle, without a word to anyone.
pub(crate) struct Life(Option<Runtime>);

impl Drop for Life {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // Not awaited: tasks are dropped where they are, and the socket with them.
            runtime.shutdown_background();
        }
    }
}

struct Stream {
    send: SendStream,
    recv: RecvStream,
    packer: Packer,
    unpacker: Unpacker,
}

impl Stream {
    fn new(send: SendStream, recv: RecvStream) -> Result<Self, Failure> {
        Ok(Self { send, recv, packer: Packer::new()?, unpacker: Unpacker::new()? })
    }

    async fn hear(&mut self) -> Result<Vec<u8>, Failure> {
        let mut header = [0; HEADER_BYTES];
        self.recv.read_exact(&mut header).await?;
        let header = Header::parse(header)?;
        let mut payload = vec![0; header.payload_bytes];
        self.recv.read_exact(&mut payload).await?;
        Ok(self.unpacker.unpack(header.packing, &payload)?)
    }

    async fn say(&mut self, message: Vec<u8>) -> Result<(), Failure> {
        let frame = self.packer.pack(message)?;
        Ok(self.send.write_all(&frame.to_bytes()).await?)
    }
}

/// The API of a site; gives its address. It lives as long as the test.
pub(crate) async fn serve_api(site: Arc<Site>, tasks: &mut JoinSet<()>) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tasks.spawn(async move {
        // One request after another: how fast the API is, is not what these tests are about.
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                match stream.read_u8().await {
                    Ok(byte) => request.push(byte),
                    Err(_) => break,
                }
            }
            let answer = answer(&site, &String::from_utf8_lossy(&request));
            stream.write_all(answer.as_bytes()).await.ok();
        }
    });
    address
}

/// `GET /api/v1/pipeline` and `GET /api/v1/hosts/{agent}/software?limit=…&query=…`
fn answer(site: &Site, request: &str) -> String {
    assert!(request.contains("authorization: Bearer msk_test"), "{request}");
    let path = request.split(' ').nth(1).unwrap_or_default();
    if path == "/api/v1/pipeline" {
        let world = site.world.lock();
        return ok(&serde_json::json!({ "records": world.records - world.uncounted }));
    }
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let agent: AgentId = path
        .strip_prefix("/api/v1/hosts/")
        .and_then(|path| path.strip_suffix("/software"))
        .and_then(|agent| agent.parse().ok())
        .unwrap_or_else(|| panic!("{path} is not asked by the simulator"));
    let name = query.split('&').find_map(|field| field.strip_prefix("query="));
    let name = name.unwrap_or_default().replace("%2B", "+").replace("%20", " ");
    let keys = site.world.lock().keys(agent, &name);
    let items: Vec<_> = keys
        .iter()
        .map(|key| serde_json::json!({"id": key.to_uuid(), "name": "read by nobody"}))
        .collect();
    ok(&serde_json::json!({ "items": items }))
}

fn ok(body: &serde_json::Value) -> String {
    let body = body.to_string();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}
