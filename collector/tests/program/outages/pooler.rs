//! A pooler that goes away while the server behind it stays: transactions have no other way.

use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::*;

/// What stands in for a pooler: it passes on what comes, or hangs up on everybody.
struct Relay {
    port: u16,
    passes: Arc<AtomicBool>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Relay {
    /// On threads of its own, because tests wait for the collector on theirs.
    fn before(server: &Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let relay = Self {
            port: listener.local_addr().unwrap().port(),
            passes: Arc::new(AtomicBool::new(true)),
            open: Arc::default(),
        };
        let (passes, open, port) =
            (Arc::clone(&relay.passes), Arc::clone(&relay.open), server.port);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (Ok(client), Ok(server)) = (client, TcpStream::connect(("127.0.0.1", port)))
                else {
                    continue;
                };
                // Dropped, and so closed, when it does not pass: another error than a port where nobody listens.
                if passes.load(Ordering::SeqCst) {
                    pass(&client, &server);
                    pass(&server, &client);
                    open.lock().unwrap().extend([client, server]);
                }
            }
        });
        relay
    }

    fn go_away(&self) {
        self.passes.store(false, Ordering::SeqCst);
        for stream in self.open.lock().unwrap().drain(..) {
            // One that has ended meanwhile is what is wanted.
            let _ended = stream.shutdown(Shutdown::Both);
        }
    }

    fn come_back(&self) {
        self.passes.store(true, Ordering::SeqCst);
    }

    fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }
}

/// Passes on what comes from one side, until one of them ends.
fn pass(from: &TcpStream, to: &TcpStream) {
    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    std::thread::spawn(move || {
        let _bytes = io::copy(&mut from, &mut to);
        let _ended = to.shutdown(Shutdown::Both);
    });
}

#[tokio::test]
async fn a_pooler_that_is_away_is_a_database_that_is_away_and_no_report_is_blamed() {
    let server = Server::start("");
    let pooler = Relay::before(&server);
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), pooler.url()).unwrap();
    let file = secret.path().display().to_string();
    let mut site = Site::on(&server.url(), &[("MUSTER_DATABASE_POOLER_URL_FILE", &file)]).await;
    let mut stream = site.session().await;
    site.deliver(&mut stream, 2).await;
    site.is_whole().await;
    assert!(site.is_ready());

    pooler.go_away();
    site.deliver(&mut stream, 5).await;
    assert!(!site.is_ready(), "whoever is sent here is not answered");
    let said = async {
        while !site.collector.get("/metrics").lines().any(|line| line == "muster_database_up 0") {
            // Between two questions to a process; the deadline below is what fails.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, said).await.expect("said to be away");

    pooler.come_back();
    // Among it that there is no dead letter.
    site.is_whole().await;
    assert!(site.is_ready());
}
