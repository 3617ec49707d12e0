//! What the tests' collector says to an agent: its enrolment, its sessions, an answer to each message.

use std::sync::Arc;
use std::time::Duration;

use protocol::enrolment::{EnrolReply, EnrolRequest};
use protocol::frame::{Frame, HEADER_BYTES, Header, Packer, Unpacker};
use protocol::ids::AgentId;
use protocol::message::{ALPN_ENROL, AgentMessage, Capabilities, CollectorMessage, Welcome};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::wires::{Arrived, Peer, Sockets};
use super::{Answer, Shared, company};

pub(super) async fn serve(sockets: &Sockets, shared: &Arc<Shared>) {
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
