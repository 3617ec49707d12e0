//! What stands on the way: an HTTP proxy, somebody who opens TLS, a portal, a hole.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls_pki_types::PrivatePkcs8KeyDer;

/// An HTTP proxy that leads anywhere.
pub(crate) struct Proxy {
    address: SocketAddr,
    tunnels: Arc<AtomicUsize>,
}

impl Proxy {
    /// A proxy for everybody, or for those with a user and a password, `user:password`.
    pub(crate) fn start(password: Option<&str>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("bound");
        let tunnels = Arc::new(AtomicUsize::new(0));
        let wanted = password.map(|password| {
            let basic = base64::engine::general_purpose::STANDARD.encode(password);
            format!("Proxy-Authorization: Basic {basic}\r\n")
        });
        let counted = Arc::clone(&tunnels);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, wanted) = (stream.expect("a connection"), wanted.clone());
                let counted = Arc::clone(&counted);
                std::thread::spawn(move || lead(stream, wanted.as_deref(), &counted));
            }
        });
        Self { address, tunnels }
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ways that it has led.
    pub(crate) fn tunnels(&self) -> usize {
        self.tunnels.load(Ordering::Relaxed)
    }
}

fn lead(mut from: TcpStream, wanted: Option<&str>, counted: &AtomicUsize) {
    let head = head(&mut from);
    if wanted.is_some_and(|wanted| !head.contains(wanted)) {
        let answer = b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=\"test\"\r\n\r\n";
        from.write_all(answer).ok();
        return;
    }
    let target = head.split(' ').nth(1).expect("a request");
    let Ok(mut to) = TcpStream::connect(target) else {
        from.write_all(b"HTTP/1.1 502 Bad Gateway\r\n\r\n").ok();
        return;
    };
    counted.fetch_add(1, Ordering::Relaxed);
    from.write_all(b"HTTP/1.1 200 OK\r\nVia: test\r\n\r\n").ok();
    let (mut there, mut back) =
        (from.try_clone().expect("a socket"), to.try_clone().expect("a socket"));
    std::thread::spawn(move || {
        std::io::copy(&mut there, &mut to).ok();
        to.shutdown(std::net::Shutdown::Write).ok();
    });
    std::io::copy(&mut back, &mut from).ok();
    from.shutdown(std::net::Shutdown::Both).ok();
}

fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
        head.push(byte[0]);
    }
    String::from_utf8(head).expect("text")
}

/// Something that stands at a collector's address, over TCP; UDP is closed there, but for a hole.
pub(crate) struct Middlebox {
    address: SocketAddr,
    heard: Arc<AtomicUsize>,
    _hole: Option<(UdpSocket, TcpListener)>,
}

impl Middlebox {
    /// A hole: what goes in does not come out.
    pub(crate) fn silent() -> Self {
        // The number may be somebody's for the one and free for the other.
        let both = (0..32).find_map(|_| {
            let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).ok()?;
            Some((UdpSocket::bind(tcp.local_addr().ok()?).ok()?, tcp))
        });
        let (udp, tcp) = both.expect("a number that is free for both");
        Self {
            address: tcp.local_addr().expect("bound"),
            heard: Arc::default(),
            _hole: Some((udp, tcp)),
        }
    }

    /// A portal that answers everybody with its page.
    pub(crate) fn portal() -> Self {
        Self::with(|stream, _| {
            let page = b"HTTP/1.1 302 Found\r\nLocation: http://portal.example/\r\n\r\n";
            stream.write_all(page).ok();
            // Until the other side has read it: closing over what it sent would take it back.
            std::io::copy(stream, &mut std::io::sink()).ok();
        })
    }

    /// Somebody who opens TLS, with an authority of this name.
    pub(crate) fn interceptor(name: &str) -> Self {
        let tls = Arc::new(tls_of(name));
        Self::with(move |stream, heard| {
            let mut connection = rustls::ServerConnection::new(Arc::clone(&tls)).expect("TLS");
            let mut stream = rustls::Stream::new(&mut connection, stream);
            let mut said = Vec::new();
            stream.read_to_end(&mut said).ok();
            heard.fetch_add(said.len(), Ordering::Relaxed);
        })
    }

    fn with(serve: impl Fn(&mut TcpStream, &AtomicUsize) + Send + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("bound");
        let heard = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&heard);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                serve(&mut stream.expect("a connection"), &counted);
            }
        });
        Self { address, heard, _hole: None }
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Bytes that somebody said to it in confidence.
    pub(crate) fn bytes_heard(&self) -> usize {
        self.heard.load(Ordering::Relaxed)
    }
}

fn tls_of(name: &str) -> rustls::ServerConfig {
    let authority_key = KeyPair::generate().expect("a key");
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    authority.distinguished_name.push(DnType::CommonName, name);
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().expect("a key");
    let names = vec!["collector.muster.internal".to_owned()];
    let own =
        CertificateParams::new(names).expect("a name").signed_by(&key, &issuer).expect("signed");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![own.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )
        .expect("a key for the certificate");
    // As such boxes do, it speaks whatever it is asked for.
    tls.alpn_protocols = vec![b"muster/1".to_vec(), b"muster-enrol/1".to_vec()];
    tls
}
