//! The running agent's socket, for `status` and `scan` on the same host.
//!
//! A Unix socket in the state folder, or a named pipe on Windows, for the agent's own user alone. One line in, one JSON line out,
//! with bounds on both, on time and on the number of callers. It takes no parameters: whoever may
//! open it can ask and can hurry, and nothing else.

#[cfg_attr(unix, path = "control/unix.rs")]
#[cfg_attr(windows, path = "control/windows.rs")]
mod socket;

use std::io;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinSet;

use self::socket::{Listener, Stream};

/// Callers that are served at once.
const CALLERS_MAX: usize = 8;
/// Bytes of a request.
const REQUEST_BYTES_MAX: usize = 16;
/// Bytes of an answer.
const ANSWER_BYTES_MAX: u64 = 1024 * 1024;
/// How long a caller may take to say what it wants, and to take its answer.
const CALLER_WITHIN: Duration = Duration::from_secs(2);
/// How long nobody is let in after an accept has failed.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// What a caller wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// How the agent stands.
    Status,
    /// A scan now, and how the agent stands after it.
    Scan,
}

impl Request {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Scan => "scan",
        }
    }

    fn parse(line: &[u8]) -> Option<Self> {
        [Self::Status, Self::Scan].into_iter().find(|request| request.as_str().as_bytes() == line)
    }
}

/// Somebody who waits for an answer.
#[derive(Debug)]
pub struct Caller(Stream);

/// The agent's end of the socket.
#[derive(Debug)]
pub struct Control {
    listener: Listener,
    asking: JoinSet<Option<(Request, Stream)>>,
    answering: JoinSet<()>,
}

impl Control {
    /// Opens the socket over one that an earlier agent left behind. The caller holds the state
    /// folder's lock, so there is no other agent.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            listener: Listener::open(path)?,
            asking: JoinSet::new(),
            answering: JoinSet::new(),
        })
    }

    /// The next request.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: callers that are being read go on.
    pub async fn next(&mut self) -> (Request, Caller) {
        loop {
            // With the last place taken one of the two sets is not empty, so there is always a
            // branch to wait for.
            let callers = self.asking.len() + self.answering.len();
            tokio::select! {
                // The others wait in the kernel's queue, which has its own bound.
                accepted = self.listener.accept(), if callers < CALLERS_MAX => {
                    self.let_in(accepted).await;
                }
                Some(asked) = self.asking.join_next() => {
                    if let Ok(Some((request, stream))) = asked {
                        return (request, Caller(stream));
                    }
                }
                Some(_) = self.answering.join_next() => {}
            }
        }
    }

    /// Begins to listen to a caller.
    async fn let_in(&mut self, accepted: io::Result<Stream>) {
        match accepted {
            Ok(stream) => {
                self.asking.spawn(read_request(stream));
            }
            // An accept fails for want of descriptors at most, and `status` is never worth ending
            // an agent. The caller stays in the kernel's queue and the socket stays ready, so
            // trying again at once would be a busy loop until there are some.
            Err(_) => tokio::time::sleep(ACCEPT_AGAIN_AFTER).await,
        }
    }

    /// Answers a caller, who gets two seconds to take it.
    pub fn answer(&mut self, caller: Caller, answer: &impl Serialize) {
        let Ok(mut bytes) = serde_json::to_vec(answer) else {
            return;
        };
        bytes.push(b'\n');
        let mut stream = caller.0;
        self.answering.spawn(async move {
            let write = async {
                stream.write_all(&bytes).await?;
                stream.shutdown().await
            };
            // A caller that is gone needs no answer.
            tokio::time::timeout(CALLER_WITHIN, write).await.ok();
        });
    }
}

async fn read_request(mut stream: Stream) -> Option<(Request, Stream)> {
    let mut line = Vec::new();
    let read = async {
        // Byte by byte, since nothing behind the line is the request's.
        let mut byte = [0];
        while line.len() < REQUEST_BYTES_MAX && stream.read(&mut byte).await? > 0 {
            if byte == *b"\n" {
                return Ok(Request::parse(&line));
            }
            line.extend_from_slice(&byte);
        }
        Ok::<_, io::Error>(None)
    };
    let request = tokio::time::timeout(CALLER_WITHIN, read).await.ok()?.ok()??;
    Some((request, stream))
}

/// Asks the agent that runs with a socket; `None` when none does.
///
/// # Errors
///
/// When the socket is not the caller's to open, or when the answer does not come in time.
pub async fn ask(path: &Path, request: Request, within: Duration) -> io::Result<Option<Vec<u8>>> {
    let Some(mut stream) = socket::connect(path).await? else {
        return Ok(None);
    };
    let exchange = async {
        let line = format!("{}\n", request.as_str());
        stream.write_all(line.as_bytes()).await?;
        let mut answer = Vec::new();
        (&mut stream)
            // Whoever answers here may not be an agent but anybody who could write to the folder.
            .take(ANSWER_BYTES_MAX)
            .read_to_end(&mut answer)
            .await?;
        Ok::<_, io::Error>(answer)
    };
    let answer = tokio::time::timeout(within, exchange)
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    if answer.is_empty() {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
    }
    Ok(Some(answer))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::PathBuf;

    use tokio::net::UnixStream;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn with_socket<F: AsyncFnOnce(Control, PathBuf)>(work: F) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("control.sock");
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime")
            .block_on(async {
                let control = Control::open(&path).expect("a socket");
                work(control, path.clone()).await;
            });
    }

    /// Serves so many requests, and says what they were.
    async fn serve(control: &mut Control, count: usize) -> Vec<Request> {
        let mut requests = Vec::new();
        while requests.len() < count {
            let (request, caller) = control.next().await;
            requests.push(request);
            control.answer(caller, &"done");
        }
        while control.answering.join_next().await.is_some() {}
        requests
    }

    #[test]
    fn answers_what_it_is_asked() {
        with_socket(async |mut control, path| {
            let asked = async {
                let status = ask(&path, Request::Status, SECOND).await;
                let scan = ask(&path, Request::Scan, SECOND).await;
                (status.expect("an answer"), scan.expect("an answer"))
            };
            let (requests, answers) = tokio::join!(serve(&mut control, 2), asked);
            assert_eq!(requests, [Request::Status, Request::Scan]);
            let done = Some(b"\"done\"\n".to_vec());
            assert_eq!(answers, (done.clone(), done));
        });
    }

    #[test]
    fn callers_that_say_nonsense_or_nothing_do_not_keep_others_waiting() {
        with_socket(async |mut control, path| {
            let mut silent = Vec::new();
            for words in [&b""[..], b"sta", b"shutdown\n", &[b'x'; 100]] {
                let mut stream = UnixStream::connect(&path).await.expect("open");
                stream.write_all(words).await.expect("written");
                silent.push(stream);
            }
            let (requests, answer) =
                tokio::join!(serve(&mut control, 1), ask(&path, Request::Status, SECOND));
            assert_eq!(requests, [Request::Status]);
            assert!(answer.expect("an answer").is_some());
        });
    }

    #[test]
    fn only_its_owner_can_open_it() {
        with_socket(async |_control, path| {
            let mode = std::fs::metadata(&path).expect("there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        });
    }

    #[test]
    fn without_an_agent_there_is_no_answer_and_no_error() {
        with_socket(async |control, path| {
            drop(control);
            assert_eq!(ask(&path, Request::Status, SECOND).await.expect("no error"), None);
            // One that a killed agent left behind.
            drop(std::os::unix::net::UnixListener::bind(&path).expect("a socket"));
            assert_eq!(ask(&path, Request::Status, SECOND).await.expect("no error"), None);
            Control::open(&path).expect("over the old one");
        });
    }

    #[test]
    fn an_accept_that_failed_is_not_tried_again_at_once() {
        with_socket(async |mut control, path| {
            // "Too many open files", which the socket stays ready for.
            let failed = control.let_in(Err(io::Error::from_raw_os_error(24)));
            let at_once = tokio::time::timeout(ACCEPT_AGAIN_AFTER / 10, failed).await;
            assert!(at_once.is_err(), "it would be a busy loop");
            // The caller was not lost by that.
            let asked = ask(&path, Request::Status, SECOND);
            let (_, answer) = tokio::join!(serve(&mut control, 1), asked);
            assert!(answer.expect("an answer").is_some());
        });
    }

    #[test]
    fn an_agent_that_does_not_answer_is_an_error_in_time() {
        with_socket(async |_control, path| {
            let error = ask(&path, Request::Status, Duration::from_millis(20))
                .await
                .expect_err("no answer");
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        });
    }
}
