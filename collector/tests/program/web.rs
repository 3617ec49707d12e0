//! How people reach a collector: under TLS with a certificate of its own, and by settings that change while it runs.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use rustix::process::Signal;
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, ServerName};
use store::test_support::FreshDatabase;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::process::{Collector, command, data_dir, failure, print};

const NAME: &str = "console.example";

/// Puts a new certificate for [`NAME`] and its key there.
fn put_certificate(dir: &Path) -> CertificateDer<'static> {
    let key = KeyPair::generate().unwrap();
    let made = CertificateParams::new(vec![NAME.to_owned()]).unwrap().self_signed(&key).unwrap();
    fs::write(dir.join("web.pem"), made.pem()).unwrap();
    let path = dir.join("web.key");
    fs::write(&path, key.serialize_pem()).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    made.der().clone()
}

/// What a client is answered that believes this certificate alone.
async fn ask(address: SocketAddr, believed: &CertificateDer<'static>) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(believed.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from(NAME).unwrap();
    let mut stream = TlsConnector::from(Arc::new(client)).connect(name, stream).await?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await?;
    let mut answer = Vec::new();
    // Whether it says goodbye before it closes is not what is looked at.
    stream.read_to_end(&mut answer).await.ok();
    Ok(String::from_utf8(answer).unwrap())
}

#[tokio::test]
async fn the_api_is_reached_under_tls_with_the_certificate_that_lies_there_now() {
    let (dir, database) = (data_dir(), FreshDatabase::create().await);
    let first = put_certificate(dir.path());
    let mut serve = command(dir.path(), Some(&database));
    serve.env("MUSTER_HTTP_CERTIFICATE_FILE", dir.path().join("web.pem"));
    serve.env("MUSTER_HTTP_KEY_FILE", dir.path().join("web.key"));
    let mut collector = Collector::start(serve);
    let answer = ask(collector.http, &first).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    // Nothing is answered in the open, and people learn why.
    let refused = collector.get("/readyz");
    assert!(refused.starts_with("HTTP/1.1 400") && refused.contains("https://"), "{refused}");
    let second = put_certificate(dir.path());
    collector.signal(Signal::HUP);
    collector.wait_until_it_says("the API has another certificate");
    let answer = ask(collector.http, &second).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(ask(collector.http, &first).await.is_err());
    // One that cannot be used does not take the last one away.
    fs::write(dir.path().join("web.pem"), "nothing").unwrap();
    collector.signal(Signal::HUP);
    collector.wait_until_it_says("read the configuration again");
    assert!(ask(collector.http, &second).await.unwrap().starts_with("HTTP/1.1 200"));
    assert_eq!(collector.stop().0.code(), Some(0));
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_stops_the_start_with_its_file() {
    let (dir, database) = (data_dir(), FreshDatabase::create().await);
    put_certificate(dir.path());
    let key = dir.path().join("web.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let mut serve = command(dir.path(), Some(&database));
    serve.env("MUSTER_HTTP_CERTIFICATE_FILE", dir.path().join("web.pem"));
    serve.env("MUSTER_HTTP_KEY_FILE", &key);
    let (code, said) = failure(&mut serve);
    assert_eq!(code, Some(1));
    assert!(said.contains("web.key") && said.contains("chmod 600"), "{said}");
}

#[tokio::test]
async fn a_configuration_that_is_read_again_counts_at_once_where_it_can() {
    let (dir, database) = (data_dir(), FreshDatabase::create().await);
    let file = dir.path().join("collector.toml");
    let write = |text: &str| fs::write(&file, text).unwrap();
    write("[http]\nprincipal_requests_per_minute = 1000");
    let mut serve = command(dir.path(), Some(&database));
    serve.arg("--config").arg(&file);
    let mut collector = Collector::start(serve);
    print(dir.path(), &database, &["company", "create", "Ours"]);
    let key = print(dir.path(), &database, &["key", "create", "tests", "--company", "Ours"]);
    let key = key["key"].as_str().unwrap().to_owned();
    let hosts = |collector: &Collector| collector.ask("GET", "/api/v1/hosts", &key).0;
    assert_eq!((hosts(&collector), hosts(&collector)), (200, 200));
    write("[http]\nprincipal_requests_per_minute = 1");
    collector.signal(Signal::HUP);
    collector.wait_until_it_says("read the configuration again");
    let answers = [hosts(&collector), hosts(&collector)];
    assert!(answers.contains(&429), "{answers:?}");
    // What takes a restart is named, and the rest of the file counts.
    write(
        "[http]\nprincipal_requests_per_minute = 100000000\nrequests_max = 9\n[pipeline]\nworkers = 3",
    );
    collector.signal(Signal::HUP);
    let said = collector.wait_until_it_says(
        "read the configuration again: what else changed in these sections takes a restart",
    );
    assert_eq!(said["waiting"], "pipeline, http");
    // So many that the minute which was asked for above is no hindrance.
    assert_eq!(hosts(&collector), 200);
    write("[http]\nprincipal_requests_per_minute = 0");
    collector.signal(Signal::HUP);
    let said = collector
        .wait_until_it_says("the configuration cannot be used, and what was in force still is");
    let error = said["error"].as_str().unwrap();
    assert!(error.contains("http.principal_requests_per_minute"), "{error}");
    assert_eq!(hosts(&collector), 200);
    assert_eq!(collector.stop().0.code(), Some(0));
}
