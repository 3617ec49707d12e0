//! Frames out of a simulated stream, however it is cut into pieces.

use std::time::Duration;

use protocol::frame::Packing;

use super::*;
use crate::clock::Clock;
use crate::faults::net::Pipe;
use crate::random::Random;

/// A stream that hears what is pushed into the writer, and the end that its own words go to.
fn stream(seed: u64) -> (Option<Stream>, PipeWriter, PipeReader) {
    let pipe = |seed| Pipe::new(Duration::from_millis(5), Clock.now(), Random::new(seed));
    let (writer, far) = pipe(seed).ends();
    let (theirs, reader) = pipe(seed + 1).ends();
    let stream = Stream { reader, writer, buffer: Vec::new() };
    (Some(stream), theirs, far)
}

fn frame(bytes: usize) -> Frame {
    Frame { packing: Packing::Plain, payload: vec![0x42; bytes] }
}

#[tokio::test(start_paused = true)]
async fn gives_every_frame_however_the_bytes_come() {
    // Shorter than a header, longer than a read, and nothing at all.
    let sizes = [0, 1, 5, 40_000, 3, 0, 700];
    for seed in 0..20 {
        let (mut stream, theirs, _far) = stream(seed);
        let wire: Vec<u8> = sizes.iter().flat_map(|size| frame(*size).to_bytes()).collect();
        for part in wire.chunks(1 + usize::try_from(seed).expect("small") * 37) {
            assert!(theirs.push(part.to_vec()));
        }
        for size in sizes {
            let Heard::Frame(heard) = next_frame(&mut stream).await else {
                panic!("no frame of {size} bytes with seed {seed}");
            };
            assert_eq!(heard, frame(size));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn several_frames_of_one_read_come_one_after_another_and_the_rest_stays() {
    let (mut stream, theirs, _far) = stream(1);
    let mut bytes = frame(3).to_bytes();
    bytes.extend(frame(4).to_bytes());
    let half = frame(50).to_bytes();
    bytes.extend(&half[..20]);
    assert!(theirs.push(bytes));
    for size in [3, 4] {
        let heard = next_frame(&mut stream).await;
        assert!(matches!(heard, Heard::Frame(heard) if heard == frame(size)));
    }
    // Given up in the middle of a frame, as `select!` does, which must lose nothing.
    let waited = tokio::time::timeout(Duration::from_secs(1), next_frame(&mut stream)).await;
    assert!(waited.is_err(), "half a frame is none");
    assert!(theirs.push(half[20..].to_vec()));
    let heard = next_frame(&mut stream).await;
    assert!(matches!(heard, Heard::Frame(heard) if heard == frame(50)));
}

#[tokio::test(start_paused = true)]
async fn what_is_no_frame_is_garbled_before_its_end_is_awaited() {
    let (mut stream, theirs, _far) = stream(1);
    assert!(theirs.push(vec![0xff; HEADER_BYTES]));
    assert!(matches!(next_frame(&mut stream).await, Heard::Garbled));
}

#[tokio::test(start_paused = true)]
async fn an_end_within_a_frame_is_an_end_and_no_frame() {
    let (mut stream, theirs, _far) = stream(1);
    assert!(theirs.push(frame(100).to_bytes()[..30].to_vec()));
    drop(theirs);
    assert!(matches!(next_frame(&mut stream).await, Heard::Closed));
}

#[tokio::test(start_paused = true)]
async fn without_a_stream_nothing_is_ever_heard() {
    let mut none = None;
    let waited = tokio::time::timeout(Duration::from_secs(3_600), next_frame(&mut none)).await;
    assert!(waited.is_err());
}
