//! A small HTTP server that answers as a test says, and remembers what it was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// Path and query, as they were sent.
    pub(crate) target: String,
    /// The headers, in small letters.
    pub(crate) headers: String,
}

impl Asked {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let prefix = format!("{name}: ");
        self.headers.lines().find_map(|line| line.strip_prefix(&prefix))
    }
}

/// What is answered.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// Close the connection after so many bytes of the body.
    pub(crate) cut: Option<usize>,
}

impl Answer {
    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, headers: Vec::new(), body: body.into(), cut: None }
    }

    pub(crate) fn status(status: u16) -> Self {
        Self { status, ..Self::ok("") }
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(crate) fn cut(mut self, bytes: usize) -> Self {
        self.cut = Some(bytes);
        self
    }
}

type Handler = Box<dyn FnMut(&Asked) -> Answer + Send>;

struct Shared {
    /// Answers that come before the handler's, in turn.
    first: VecDeque<Answer>,
    handler: Handler,
    asked: Vec<Asked>,
}

/// The server. It ends with the test.
pub(crate) struct Server {
    pub(crate) url: String,
    shared: Arc<Mutex<Shared>>,
    task: JoinHandle<()>,
}

impl Server {
    #[expect(clippy::disallowed_methods, reason = "it ends with the test, by being dropped")]
    pub(crate) async fn start(handler: impl FnMut(&Asked) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Mutex::new(Shared {
            first: VecDeque::new(),
            handler: Box::new(handler),
            asked: Vec::new(),
        }));
        let answering = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                // A client that goes away in the middle is part of some tests.
                answer(stream, &answering).await.ok();
            }
        });
        Self { url, shared, task }
    }

    /// Answers that come first, whatever is asked.
    pub(crate) fn first(&self, answers: impl IntoIterator<Item = Answer>) {
        self.shared.lock().unwrap().first.extend(answers);
    }

    /// Answers otherwise from now on.
    pub(crate) fn replace(&self, handler: impl FnMut(&Asked) -> Answer + Send + 'static) {
        self.shared.lock().unwrap().handler = Box::new(handler);
    }

    /// What was asked since the last call.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.shared.lock().unwrap().asked)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(mut stream: TcpStream, shared: &Mutex<Shared>) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        // Byte by byte, so that nothing behind the head is taken; a request here has no body.
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let (first, headers) = head.split_once("\r\n").unwrap();
    let asked = Asked {
        target: first.split(' ').nth(1).unwrap().to_owned(),
        // Values as well, which tests compare with in small letters: one way to write them is
        // enough.
        headers: headers.to_ascii_lowercase(),
    };
    let answer = {
        let mut shared = shared.lock().unwrap();
        shared.asked.push(asked.clone());
        match shared.first.pop_front() {
            Some(answer) => answer,
            None => (shared.handler)(&asked),
        }
    };
    // One answer a connection, so that what was cut cannot be made up for on the same one.
    let mut text = format!("HTTP/1.1 {} X\r\nconnection: close\r\n", answer.status);
    for (name, value) in &answer.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    // It has no body, and a length would be the other file's (RFC 9110, section 15.4.5).
    if answer.status != 304 {
        text.push_str(&format!("content-length: {}\r\n", answer.body.len()));
    }
    text.push_str("\r\n");
    stream.write_all(text.as_bytes()).await?;
    // The head has promised all of it.
    let body = &answer.body[..answer.cut.unwrap_or(answer.body.len())];
    stream.write_all(body).await?;
    stream.shutdown().await
}
