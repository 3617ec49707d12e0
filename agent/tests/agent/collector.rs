//! A collector of a few hundred lines: it enrols, welcomes, keeps what it is told in memory, and
//! answers each report as the test wants.

#[path = "wires.rs"]
mod wires;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use agent::clock::{Clock as _, SystemClock};
use agent::delta::Records;
use protocol::enrolment::{EnrolReply, EnrolRequest};
use protocol::frame::{Frame, HEADER_BYTES, Header, Packer, Unpacker};
use protocol::ids::{AgentId, CompanyId, Position, Succession, TokenId};
use protocol::message::{
    ALPN_ENROL, ALPN_SESSION, AgentMessage, Capabilities, CollectorMessage, Heartbeat, Hello,
    Settings, Welcome,
};
use protocol::reject::RejectReason;
use protocol::report::{Report, ReportBody};
use protocol::token::EnrolmentToken;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType,
};
use rustls::RootCertStore;
use rustls::server::{ServerSessionMemoryCache, StoresServerSessions, WebPkiClientVerifier};
use rustls::time_provider::TimeProvider;
use rustls_pki_types::{
    CertificateDer, CertificateSigningRequestDer, PrivatePkcs8KeyDer, UnixTime,
};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;
use uuid::Uuid;

pub(crate) use self::wires::Wires;
use self::wires::{Arrived, Peer, Sockets};

/// How long a test waits for something that has to happen.
const PATIENCE: Duration = Duration::from_secs(30);
/// The trust domain of the tests.
const TRUST_DOMAIN: &str = "muster.test";

/// What to do with a report.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    Ack,
    Reject(RejectReason, u32),
    /// Take it, and close before saying so.
    TakeAndClose,
}

/// Decides what to do with a report, from it and the number of reports that came before.
type Judge = Box<dyn FnMut(&Report, usize) -> Answer + Send>;

/// What the collector saw and holds.
#[derive(Default)]
pub(crate) struct Seen {
    /// The inventory that it was told.
    pub(crate) held: Records,
    /// The last report that was applied.
    pub(crate) applied: Position,
    pub(crate) hellos: Vec<Hello>,
    pub(crate) heartbeats: Vec<Heartbeat>,
    /// Every report as it came, redeliveries included.
    pub(crate) reports: Vec<Report>,
    /// The bytes of every position, to be the same each time.
    pub(crate) frames: BTreeMap<Position, Vec<u8>>,
    pub(crate) enrolments: Vec<EnrolRequest>,
    pub(crate) renewals: usize,
    /// Agents that left for good.
    pub(crate) departures: usize,
    /// Certificates that agents came with.
    pub(crate) certificates: Vec<Vec<u8>>,
    /// Connections of agents that stand.
    pub(crate) connections: usize,
    /// What went wrong: a gap, other bytes for a position, a digest that does not fit.
    pub(crate) faults: Vec<String>,
}

impl Seen {
    /// Applies a report as a store does.
    fn take(&mut self, report: &Report, frame: &Frame) {
        let bytes = frame.to_bytes();
        let before = self.frames.entry(report.position).or_insert_with(|| bytes.clone());
        if *before != bytes {
            self.faults.push(format!("{} came with other bytes", report.position));
        }
        let keys = match report.validate() {
            Ok(keys) => keys,
            Err(error) => return self.faults.push(error.to_string()),
        };
        match self.applied.succession(report.position) {
            Succession::Seen => return,
            Succession::Gap => {
                let fault = format!("{} after {}", report.position, self.applied);
                return self.faults.push(fault);
            }
            Succession::Next => {}
        }
        match &report.body {
            ReportBody::Snapshot { from, to, .. } => {
                self.held.retain(|key, _| key < from || to.is_some_and(|to| *key >= to));
            }
            ReportBody::Delta { removes, .. } => self.held.retain(|key, _| !removes.contains(key)),
        }
        // After the removals: what a part names within its range is there again.
        self.held.extend(keys.into_iter().zip(report.body.records().iter().cloned()));
        self.applied = report.position;
        let digest = self
            .held
            .iter()
            .map(|(key, record)| protocol::fingerprint::RecordFingerprint::of(*key, record))
            .collect();
        if report.digest.is_some_and(|said| said != digest) {
            self.faults.push(format!("the digest of {} does not fit", report.position));
        }
    }
}

/// What a test can change while the collector runs.
struct Control {
    judge: Judge,
    refuse: Option<(RejectReason, u32)>,
    enrol: fn(EnrolReply) -> Option<EnrolReply>,
    settings: Settings,
    /// Bytes to send in place of the next welcome.
    garbage: Option<Vec<u8>>,
    /// How old certificates are when they are issued.
    certificate_age: Duration,
    sessions: Vec<mpsc::Sender<CollectorMessage>>,
    live: Vec<Peer>,
}

struct Shared {
    seen: Mutex<Seen>,
    changed: Condvar,
    control: Mutex<Control>,
    authority: Authority,
}

/// The collector, on a thread of its own.
pub(crate) struct Collector {
    shared: Arc<Shared>,
    wires: Wires,
    address: SocketAddr,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Collector {
    pub(crate) fn start() -> Self {
        Self::start_on(Wires::All)
    }

    /// A collector that can be reached in some ways and not in others.
    pub(crate) fn start_on(wires: Wires) -> Self {
        Self::start_in(wires, 0)
    }

    /// A collector that lives in another time than the host.
    pub(crate) fn start_in(wires: Wires, clock_ahead_s: i64) -> Self {
        Self::start_with(
            wires,
            Authority::new(clock_ahead_s),
            (Ipv4Addr::LOCALHOST, 0).into(),
            Seen::default(),
        )
    }

    fn start_with(wires: Wires, authority: Authority, address: SocketAddr, seen: Seen) -> Self {
        let shared = Arc::new(Shared {
            seen: Mutex::new(seen),
            changed: Condvar::new(),
            control: Mutex::new(Control {
                judge: Box::new(|_, _| Answer::Ack),
                refuse: None,
                enrol: Some,
                settings: Settings::default(),
                garbage: None,
                certificate_age: Duration::ZERO,
                sessions: Vec::new(),
                live: Vec::new(),
            }),
            authority,
        });
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let (ready, is_ready) = std::sync::mpsc::sync_channel(1);
        let for_thread = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                let tls = for_thread.authority.tls();
                let sockets = Sockets::open(wires, address, tls).await;
                ready.send(sockets.address).expect("somebody waits");
                tokio::select! {
                    () = serve(&sockets, &for_thread) => {}
                    _ = stopped => {}
                }
            });
        });
        Self {
            shared,
            wires,
            address: is_ready.recv().expect("the collector listens"),
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// Ends without a word, as a machine does that loses power, and starts again with what it held.
    pub(crate) fn restart(mut self) -> Self {
        let seen = std::mem::take(&mut *self.seen());
        let (authority, address) = (self.shared.authority.clone(), self.address);
        let wires = self.wires;
        self.halt();
        Self::start_with(wires, authority, address, seen)
    }

    fn halt(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the collector does not panic");
        }
        // They hold the socket, whose port the next life takes again.
        self.control().live.clear();
    }

    /// Connections that began with a ticket of an earlier one.
    pub(crate) fn resumed(&self) -> usize {
        self.shared.authority.tickets_used.load(Ordering::Relaxed)
    }

    /// Where it is.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// A token as its company's admin gets it.
    pub(crate) fn token(&self) -> EnrolmentToken {
        EnrolmentToken {
            id: TokenId(Uuid::from_u128(7)),
            secret: [9; 32],
            ca_sha256: self.shared.authority.sha256(),
            addresses: vec![self.address.to_string()],
        }
    }

    pub(crate) fn answer(&self, judge: impl FnMut(&Report, usize) -> Answer + Send + 'static) {
        self.control().judge = Box::new(judge);
    }

    /// Refuses every session from now on, or none.
    pub(crate) fn refuse(&self, refuse: Option<(RejectReason, u32)>) {
        self.control().refuse = refuse;
    }

    /// Changes what is answered to an enrolment; `None` closes without an answer.
    pub(crate) fn answer_enrolment(&self, enrol: fn(EnrolReply) -> Option<EnrolReply>) {
        self.control().enrol = enrol;
    }

    pub(crate) fn set_settings(&self, settings: Settings) {
        self.control().settings = settings;
    }

    /// Sends this in place of the next welcome.
    pub(crate) fn babble(&self, bytes: &[u8]) {
        self.control().garbage = Some(bytes.to_vec());
    }

    pub(crate) fn set_certificate_age(&self, age: Duration) {
        self.control().certificate_age = age;
    }

    /// Says something in every session that stands.
    pub(crate) fn say(&self, message: &CollectorMessage) {
        for session in &self.control().sessions {
            // A session that is over hears nothing.
            session.try_send(message.clone()).ok();
        }
    }

    /// Breaks every connection.
    pub(crate) fn hang_up(&self) {
        for peer in self.control().live.drain(..) {
            peer.close();
        }
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.shared.seen.lock().expect("no panic")
    }

    /// Waits until the collector saw what the test waits for.
    #[track_caller]
    pub(crate) fn wait_for<T>(&self, what: &str, seen: impl Fn(&Seen) -> Option<T>) -> T {
        let mut outcome = None;
        let (guard, _) = self
            .shared
            .changed
            .wait_timeout_while(self.seen(), PATIENCE, |now| {
                outcome = seen(now);
                outcome.is_none()
            })
            .expect("no panic");
        outcome.unwrap_or_else(|| {
            panic!(
                "waited in vain for {what}; applied {}, {} records, {} hellos, faults {:?}",
                guard.applied,
                guard.held.len(),
                guard.hellos.len(),
                guard.faults
            )
        })
    }

    fn control(&self) -> MutexGuard<'_, Control> {
        self.shared.control.lock().expect("no panic")
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // Whether it panicked is of no interest any more.
            thread.join().ok();
        }
    }
}

impl Shared {
    fn note(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.seen.lock().expect("no panic"));
        self.changed.notify_all();
    }
}

/// The tests' certificate authority.
#[derive(Clone)]
struct Authority {
    certificate: CertificateDer<'static>,
    key: Vec<u8>,
    tickets_used: Arc<AtomicUsize>,
    clock_ahead_s: i64,
}

/// The collector's clock, as TLS reads it.
#[derive(Debug)]
struct Time(i64);

impl Time {
    fn now(&self) -> SystemTime {
        let now = UNIX_EPOCH + Duration::from_millis(SystemClock.now_ms());
        let by = Duration::from_secs(self.0.unsigned_abs());
        if self.0 < 0 { now - by } else { now + by }
    }

    fn now_ms(&self) -> u64 {
        let since = self.now().duration_since(UNIX_EPOCH).expect("after 1970");
        u64::try_from(since.as_millis()).expect("in this age")
    }
}

impl TimeProvider for Time {
    fn current_time(&self) -> Option<UnixTime> {
        let since = Duration::from_millis(self.now_ms());
        Some(UnixTime::since_unix_epoch(since))
    }
}

impl Authority {
    fn new(clock_ahead_s: i64) -> Self {
        let key = KeyPair::generate().expect("a key");
        let certificate = Self::params().self_signed(&key).expect("signed");
        Self {
            certificate: certificate.der().clone(),
            key: key.serialize_der(),
            tickets_used: Arc::default(),
            clock_ahead_s,
        }
    }

    const fn time(&self) -> Time {
        Time(self.clock_ahead_s)
    }

    fn params() -> CertificateParams {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params
    }

    fn issuer(&self) -> Issuer<'static, KeyPair> {
        let key = KeyPair::try_from(self.key.clone()).expect("a key");
        Issuer::new(Self::params(), key)
    }

    fn sha256(&self) -> [u8; 32] {
        ring::digest::digest(&ring::digest::SHA256, &self.certificate)
            .as_ref()
            .try_into()
            .expect("32 bytes")
    }

    /// An agent's certificate of thirty days, some of them gone.
    fn sign(&self, csr: &[u8], agent: AgentId, age: Duration) -> Vec<u8> {
        let request = CertificateSigningRequestDer::from(csr);
        let mut request = CertificateSigningRequestParams::from_der(&request).expect("a request");
        let company = company();
        let uri = format!("spiffe://{TRUST_DOMAIN}/company/{company}/agent/{agent}");
        request.params.subject_alt_names = vec![SanType::URI(uri.try_into().expect("ASCII"))];
        request.params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let now = self.time().now();
        // A little back, as a collector does it: a host whose clock is behind has to be able to use
        // it.
        let from = now - age - Duration::from_secs(60);
        request.params.not_before = from.into();
        request.params.not_after = (from + Duration::from_secs(30 * 86_400)).into();
        let certificate = request.signed_by(&self.issuer()).expect("signed");
        certificate.der().to_vec()
    }

    fn tls(&self) -> rustls::ServerConfig {
        let key = KeyPair::generate().expect("a key");
        let names = vec!["collector.muster.internal".to_owned()];
        let mut params = CertificateParams::new(names).expect("a name");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let now = self.time().now();
        params.not_before = (now - Duration::from_secs(300)).into();
        params.not_after = (now + Duration::from_secs(30 * 86_400)).into();
        let own = params.signed_by(&key, &self.issuer()).expect("signed");
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).expect("a root");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .allow_unauthenticated()
                .build()
                .expect("a verifier");
        let time = Arc::new(self.time());
        let mut tls = rustls::ServerConfig::builder_with_details(provider, time)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("TLS 1.3")
            .with_client_cert_verifier(verifier)
            .with_single_cert(
                vec![own.der().clone(), self.certificate.clone()],
                PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            )
            .expect("a key for the certificate");
        tls.alpn_protocols = vec![ALPN_SESSION.to_vec(), ALPN_ENROL.to_vec()];
        tls.session_storage = Arc::new(Tickets {
            kept: ServerSessionMemoryCache::new(64),
            used: Arc::clone(&self.tickets_used),
        });
        tls
    }
}

/// Counts the tickets that agents come back with.
#[derive(Debug)]
struct Tickets {
    kept: Arc<ServerSessionMemoryCache>,
    used: Arc<AtomicUsize>,
}

impl StoresServerSessions for Tickets {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        self.kept.put(key, value)
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.kept.get(key)
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        let taken = self.kept.take(key);
        self.used.fetch_add(usize::from(taken.is_some()), Ordering::Relaxed);
        taken
    }

    fn can_cache(&self) -> bool {
        true
    }
}

pub(crate) fn company() -> CompanyId {
    CompanyId(Uuid::from_u128(0xc0))
}

async fn serve(sockets: &Sockets, shared: &Arc<Shared>) {
    let mut tasks = tokio::task::JoinSet::new();
    while let Some(accepted) = sockets.accept().await {
        let shared = Arc::clone(shared);
        tasks.spawn(async move {
            // A handshake that fails is the agent's to report.
            let Some(arrived) = accepted.shake_hands().await else {
                return;
            };
            let Arrived { protocol, certificate, peer, send, recv } = arrived;
            let stream = Stream { send, recv };
            if protocol.as_deref() == Some(ALPN_ENROL) {
                enrol(&shared, stream).await;
                // Until the host has read its answer and goes: dropping the connection would be
                // faster than the answer.
                peer.has_gone().await;
            } else {
                let own = certificate.expect("an agent has a certificate");
                session(&shared, &peer, own, stream).await;
            }
        });
    }
}

struct Stream {
    send: Box<dyn AsyncWrite + Send + Unpin>,
    recv: Box<dyn AsyncRead + Send + Unpin>,
}

impl Stream {
    async fn write(&mut self, message: Vec<u8>) -> Option<()> {
        let frame = Packer::new().expect("memory").pack(message).expect("short");
        self.send.write_all(&frame.to_bytes()).await.ok()?;
        self.send.flush().await.ok()
    }
}

async fn read<R: AsyncRead + Unpin>(recv: &mut R) -> Option<(Frame, Vec<u8>)> {
    let mut header = [0; HEADER_BYTES];
    recv.read_exact(&mut header).await.ok()?;
    let header = Header::parse(header).expect("a header");
    let mut payload = vec![0; header.payload_bytes];
    recv.read_exact(&mut payload).await.ok()?;
    let packing = header.packing;
    let message =
        Unpacker::new().expect("memory").unpack(packing, &payload).expect("a packed message");
    Some((Frame { packing, payload }, message))
}

async fn enrol(shared: &Shared, mut stream: Stream) {
    let Some((_, message)) = read(&mut stream.recv).await else {
        return;
    };
    let request = EnrolRequest::decode(&message).expect("a request");
    let reply = {
        let control = shared.control.lock().expect("no panic");
        let agent = AgentId(Uuid::new_v4());
        let own = shared.authority.sign(&request.csr, agent, control.certificate_age);
        (control.enrol)(EnrolReply::Granted {
            company: company(),
            agent,
            chain: vec![own],
            roots: vec![shared.authority.certificate.to_vec()],
            settings: control.settings.clone(),
        })
    };
    shared.note(|seen| seen.enrolments.push(request));
    if let Some(reply) = reply {
        stream.write(reply.encode()).await;
    }
    stream.send.shutdown().await.ok();
}

async fn session(shared: &Shared, peer: &Peer, own: Vec<u8>, mut stream: Stream) {
    let Some((_, message)) = read(&mut stream.recv).await else {
        return;
    };
    let AgentMessage::Hello(hello) = AgentMessage::decode(&message).expect("a message") else {
        panic!("a session begins with a hello");
    };
    let (sender, mut said) = mpsc::channel(16);
    let first = {
        let mut control = shared.control.lock().expect("no panic");
        control.sessions.push(sender);
        control.live.push(peer.clone());
        match control.refuse {
            Some((reason, retry_after_ms)) => CollectorMessage::Refuse {
                reason,
                detail: "as the test wants it".to_owned(),
                retry_after_ms,
            },
            None => CollectorMessage::Welcome(Welcome {
                version: 1,
                capabilities: Capabilities::current(),
                now_ms: shared.authority.time().now_ms(),
                settings: control.settings.clone(),
                extension: Vec::new(),
            }),
        }
    };
    let garbage = shared.control.lock().expect("no panic").garbage.take();
    let is_refused = garbage.is_some() || matches!(first, CollectorMessage::Refuse { .. });
    match garbage {
        // The agent may be gone before all of it is out.
        Some(bytes) => stream.send.write_all(&bytes).await.unwrap_or_default(),
        None => stream.write(first.encode()).await.unwrap_or_default(),
    }
    shared.note(|seen| {
        seen.hellos.push(hello);
        seen.certificates.push(own);
        seen.connections += 1;
    });
    if is_refused {
        stream.send.flush().await.ok();
        peer.has_gone().await;
    } else {
        let agent = agent_of(shared);
        loop {
            let went_on = tokio::select! {
                // Reading a frame is never given up half-way for good: this branch ends the session.
                frame = read(&mut stream.recv) => match frame {
                    Some((frame, message)) => {
                        let message = AgentMessage::decode(&message).expect("a message");
                        answer(shared, &mut stream.send, message, &frame, agent).await
                    }
                    None => None,
                },
                message = said.recv() => match message {
                    Some(message) => stream.write(message.encode()).await,
                    None => None,
                },
                () = peer.is_over() => None,
            };
            if went_on.is_none() {
                break;
            }
        }
        peer.close();
    }
    shared.note(|seen| seen.connections -= 1);
}

/// The agent that every session belongs to: a test has one.
fn agent_of(shared: &Shared) -> AgentId {
    let seen = shared.seen.lock().expect("no panic");
    let der = seen.certificates.last().expect("the session's own");
    let (_, parsed) = x509_parser::parse_x509_certificate(der).expect("a certificate");
    let names = parsed.subject_alternative_name().expect("readable");
    let name = format!("{:?}", names.expect("a name").value.general_names);
    let id = name.rsplit('/').next().expect("a path");
    AgentId(id.trim_end_matches(['"', ')', ']']).parse().expect("a UUID"))
}

async fn answer<W: AsyncWrite + Unpin>(
    shared: &Shared,
    send: &mut W,
    message: AgentMessage,
    frame: &Frame,
    agent: AgentId,
) -> Option<()> {
    let reply = match message {
        AgentMessage::Report(report) => {
            let count = shared.seen.lock().expect("no panic").reports.len();
            let answer = (shared.control.lock().expect("no panic").judge)(&report, count);
            let position = report.position;
            shared.note(|seen| {
                if matches!(answer, Answer::Ack | Answer::TakeAndClose) {
                    seen.take(&report, frame);
                }
                seen.reports.push(report);
            });
            match answer {
                Answer::Ack => CollectorMessage::Ack { position },
                Answer::Reject(reason, retry_after_ms) => CollectorMessage::Reject {
                    position,
                    reason,
                    detail: String::new(),
                    retry_after_ms,
                },
                Answer::TakeAndClose => return None,
            }
        }
        AgentMessage::Heartbeat(heartbeat) => {
            shared.note(|seen| seen.heartbeats.push(heartbeat));
            return Some(());
        }
        AgentMessage::Renew { csr } => {
            shared.note(|seen| seen.renewals += 1);
            CollectorMessage::Certificate {
                chain: vec![shared.authority.sign(&csr, agent, Duration::ZERO)],
            }
        }
        AgentMessage::Leave => {
            shared.note(|seen| seen.departures += 1);
            CollectorMessage::Gone
        }
        AgentMessage::Rekey { csr } => {
            let other = AgentId(Uuid::new_v4());
            CollectorMessage::Rekeyed {
                agent: other,
                chain: vec![shared.authority.sign(&csr, other, Duration::ZERO)],
            }
        }
        AgentMessage::Hello(_) => panic!("one hello a session"),
    };
    let packed = Packer::new().expect("memory").pack(reply.encode()).expect("short");
    send.write_all(&packed.to_bytes()).await.ok()?;
    send.flush().await.ok()
}
