//! Bodies that are written while they are read, and for no longer than somebody reads.
//!
//! What writes one holds a place and a snapshot of the database. A reader that stops reading, without closing
//! anything, would hold both for good: so a body is written by a task of its own, which ends when a piece is
//! not taken in time, and in any case after a while. Nobody takes the part for the whole: it ends without
//! the end of a body.

use std::future::Future;
use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::stream::{self, StreamExt as _};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::export::Place;

/// Bytes that are handed over at once: so small that a slow reader takes them in time.
const PIECE_BYTES: usize = 64 << 10;

/// How long a body may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// For a reader to take the next piece.
    pub(super) piece: Duration,
    /// In all.
    pub(super) whole: Duration,
}

/// What a body is written from.
pub(super) trait Chunks: Send + 'static {
    /// The next bytes; `None` at the end.
    fn chunk(&mut self) -> impl Future<Output = anyhow::Result<Option<Vec<u8>>>> + Send;
}

/// A part of a body on its way. A channel that is over without `End` was given up.
enum Piece {
    Bytes(Bytes),
    End,
}

/// Why a body is not written to its end.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("its reader went away")]
    Gone,
    #[error("its reader takes nothing")]
    Stalled,
    #[error(transparent)]
    Failed(#[from] anyhow::Error),
}

/// A body of these chunks. The place is free again when the last of them is handed over.
pub(super) fn body(name: &'static str, place: Place, chunks: impl Chunks) -> Body {
    let (sender, receiver) = mpsc::channel(1);
    let (tasks, patience) = (place.tasks().clone(), place.patience());
    tasks.spawn("http.export", async move {
        match timeout(patience.whole, write(chunks, place, &sender, patience.piece)).await {
            Ok(Ok(())) => {}
            Ok(Err(Ended::Gone)) => tracing::debug!(export = name, "the reader went away"),
            Ok(Err(why)) => tracing::warn!(%why, export = name, "an export ends in its middle"),
            Err(_elapsed) => tracing::warn!(export = name, "an export takes too long, and ends"),
        }
    });
    let pieces = stream::unfold(Some(receiver), |receiver| async move {
        let mut receiver = receiver?;
        match receiver.recv().await {
            Some(Piece::Bytes(bytes)) => Some((Ok(bytes), Some(receiver))),
            Some(Piece::End) => None,
            None => Some((Err(io::Error::other("the export cannot go on")), None)),
        }
    });
    // Packing asks once more after the end.
    Body::from_stream(pieces.fuse())
}

async fn write(
    mut chunks: impl Chunks,
    place: Place,
    sender: &mpsc::Sender<Piece>,
    patience: Duration,
) -> Result<(), Ended> {
    while let Some(chunk) = chunks.chunk().await? {
        let mut chunk = Bytes::from(chunk);
        while !chunk.is_empty() {
            let piece = chunk.split_to(PIECE_BYTES.min(chunk.len()));
            hand_over(sender, Piece::Bytes(piece), patience).await?;
        }
    }
    // Before the end is said: who has read it finds the place free.
    drop((chunks, place));
    hand_over(sender, Piece::End, patience).await
}

async fn hand_over(
    sender: &mpsc::Sender<Piece>,
    piece: Piece,
    patience: Duration,
) -> Result<(), Ended> {
    match timeout(patience, sender.send(piece)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_gone)) => Err(Ended::Gone),
        Err(_elapsed) => Err(Ended::Stalled),
    }
}

#[cfg(test)]
mod tests {
    use protocol::ids::CompanyId;
    use uuid::Uuid;

    use super::super::export::Exports;
    use super::*;
    use crate::lifecycle::Lifecycle;

    const COMPANY: CompanyId = CompanyId(Uuid::nil());

    /// Chunks of `bytes` bytes, `left` of them.
    struct Few {
        left: usize,
        bytes: usize,
    }

    impl Chunks for Few {
        async fn chunk(&mut self) -> anyhow::Result<Option<Vec<u8>>> {
            if self.left == 0 {
                return Ok(None);
            }
            self.left -= 1;
            Ok(Some(vec![7; self.bytes]))
        }
    }

    /// Chunks that come, one every ten minutes of a paused clock, for ever.
    struct Slow;

    impl Chunks for Slow {
        async fn chunk(&mut self) -> anyhow::Result<Option<Vec<u8>>> {
            tokio::time::sleep(Duration::from_secs(600)).await;
            Ok(Some(vec![7]))
        }
    }

    async fn read(body: Body) -> Result<usize, axum::Error> {
        axum::body::to_bytes(body, usize::MAX).await.map(|bytes| bytes.len())
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_comes_whole_and_gives_its_place_back() {
        let exports = Exports::new(Lifecycle::new());
        for (left, bytes) in [(0, 0), (3, 5), (2, 3 * PIECE_BYTES + 1)] {
            for _ in 0..5 {
                let place = exports.place(COMPANY).unwrap();
                let body = body("test", place, Few { left, bytes });
                assert_eq!(read(body).await.unwrap(), left * bytes);
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_stops_gives_its_place_back_and_gets_no_whole() {
        let exports = Exports::new(Lifecycle::new());
        let stalled: Vec<Body> = std::iter::from_fn(|| exports.place(COMPANY).ok())
            .map(|place| body("test", place, Few { left: 3, bytes: 5 }))
            .collect();
        assert_eq!(stalled.len(), 2);
        // The clock of these tests is paused: sleeping moves it, and nothing is waited for.
        tokio::time::sleep(Duration::from_secs(59)).await;
        assert!(exports.place(COMPANY).is_err(), "a reader may pause");
        tokio::time::sleep(Duration::from_secs(2)).await;
        exports.place(COMPANY).unwrap();
        for body in stalled {
            read(body).await.unwrap_err();
        }
    }

    #[tokio::test(start_paused = true)]
    #[expect(clippy::disallowed_methods, reason = "the paused clock, which measures here")]
    async fn an_export_ends_after_an_hour_however_it_is_read() {
        let exports = Exports::new(Lifecycle::new());
        let place = exports.place(COMPANY).unwrap();
        let began = tokio::time::Instant::now();
        read(body("test", place, Slow)).await.unwrap_err();
        assert_eq!(began.elapsed().as_secs(), 3_600);
    }
}
