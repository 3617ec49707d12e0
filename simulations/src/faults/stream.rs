//! An agent's end of a connection: frames out of bytes, however these come.

use protocol::frame::{Frame, HEADER_BYTES, Header};
use tokio::io::AsyncReadExt as _;

use super::net::{PipeReader, PipeWriter};

/// The agent's end.
pub(super) struct Stream {
    pub(super) reader: PipeReader,
    pub(super) writer: PipeWriter,
    pub(super) buffer: Vec<u8>,
}

/// What a stream gives.
pub(super) enum Heard {
    Frame(Frame),
    Garbled,
    Closed,
}

/// The next frame of the stream, or its end; never, without a stream.
pub(super) async fn next_frame(stream: &mut Option<Stream>) -> Heard {
    let Some(stream) = stream else {
        return std::future::pending().await;
    };
    loop {
        // Looked at before anything is read: one read may have brought several frames.
        if let Some(head) = stream.buffer.first_chunk::<HEADER_BYTES>() {
            // It refuses a length above the protocol's, which bounds what is gathered.
            let Ok(header) = Header::parse(*head) else {
                return Heard::Garbled;
            };
            let end = HEADER_BYTES + header.payload_bytes;
            if stream.buffer.len() >= end {
                // What is behind the frame stays, and is the beginning of the next.
                let rest = stream.buffer.split_off(end);
                let payload = std::mem::replace(&mut stream.buffer, rest).split_off(HEADER_BYTES);
                return Heard::Frame(Frame { packing: header.packing, payload });
            }
        }
        // Safe to be dropped in a `select!`: what was read is in the buffer by then, and nowhere
        // else.
        match stream.reader.read_buf(&mut stream.buffer).await {
            Ok(0) | Err(_) => return Heard::Closed,
            Ok(_) => {}
        }
    }
}

#[cfg(test)]
mod tests;
