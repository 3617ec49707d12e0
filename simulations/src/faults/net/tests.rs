//! The simulated network: it is late, torn and silent as it was told, and never anything else.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

fn pipe(delay_ms: u64) -> Pipe {
    Pipe::new(Duration::from_millis(delay_ms), Clock.now(), Random::new(1))
}

#[tokio::test(start_paused = true)]
async fn bytes_come_late_in_order_and_in_pieces() {
    let pipe = pipe(100);
    let (mut writer, mut reader) = pipe.ends();
    let sent: Vec<u8> = (0..200_u8).cycle().take(100_000).collect();
    let began = Clock.now();
    let writing = async {
        for piece in sent.chunks(7_000) {
            writer.write_all(piece).await.unwrap();
        }
        writer.shutdown().await.unwrap();
    };
    let mut got = Vec::new();
    let (read, ()) = tokio::join!(reader.read_to_end(&mut got), writing);
    read.unwrap();
    assert_eq!(got, sent);
    // Half of the delay is the least that is drawn around it.
    assert!(Clock.now() - began >= Duration::from_millis(50));
}

#[tokio::test(start_paused = true)]
async fn a_writer_waits_for_room_and_a_torn_pipe_lets_it_go() {
    let pipe = pipe(1);
    let (mut writer, _reader) = pipe.ends();
    let writing = async { writer.write_all(&vec![7; 3 * WINDOW_BYTES]).await };
    let tearing = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        pipe.tear(None);
    };
    let (written, ()) = tokio::join!(writing, tearing);
    assert_eq!(written.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
}

#[tokio::test(start_paused = true)]
async fn what_was_under_way_of_a_torn_pipe_may_come_when_its_writer_is_long_gone() {
    let pipe = pipe(60_000);
    let (writer, mut reader) = pipe.ends();
    assert!(writer.push(vec![1, 2, 3]));
    pipe.tear(Some(Duration::from_secs(20)));
    assert!(!writer.push(vec![4]));
    let began = Clock.now();
    let mut got = Vec::new();
    let error = reader.read_to_end(&mut got).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(got, [1, 2, 3]);
    assert_eq!(Clock.now() - began, Duration::from_secs(20));
}

/// A pipe whose numbers follow from a seed, with its two ends.
fn seeded(delay_ms: u64, seed: u64) -> (Pipe, PipeWriter, PipeReader) {
    let delay = Duration::from_millis(delay_ms);
    let pipe = Pipe::new(delay, Clock.now(), Random::new(seed));
    let (writer, reader) = pipe.ends();
    (pipe, writer, reader)
}

/// Everything until the end, and how it ended.
async fn drain(reader: &mut PipeReader) -> (Vec<u8>, Option<io::ErrorKind>) {
    let mut got = Vec::new();
    let ended = reader.read_to_end(&mut got).await;
    (got, ended.err().map(|error| error.kind()))
}

/// When each of some single bytes arrives, in milliseconds, and in which pieces.
async fn arrivals(seed: u64, count: u8) -> Vec<(u128, u8)> {
    let (_pipe, mut writer, mut reader) = seeded(200, seed);
    let began = Clock.now();
    for byte in 0..count {
        assert!(writer.push(vec![byte]));
    }
    writer.shutdown().await.expect("an end");
    let mut all = Vec::new();
    while let Ok(byte) = reader.read_u8().await {
        all.push(((Clock.now() - began).as_millis(), byte));
    }
    all
}

#[tokio::test(start_paused = true)]
async fn a_seed_says_when_every_byte_arrives() {
    let one = arrivals(7, 50).await;
    assert_eq!(one, arrivals(7, 50).await);
    assert_ne!(one, arrivals(8, 50).await);
}

#[tokio::test(start_paused = true)]
async fn bytes_never_overtake_and_take_half_to_one_and_a_half_of_the_delay() {
    let all = arrivals(3, 200).await;
    let bytes: Vec<u8> = all.iter().map(|(_, byte)| *byte).collect();
    assert_eq!(bytes, (0..200).collect::<Vec<u8>>());
    assert!(all.windows(2).all(|pair| pair[0].0 <= pair[1].0));
    assert!(all.iter().all(|(at, _)| (100..=301).contains(at)), "{all:?}");
}

#[tokio::test(start_paused = true)]
async fn a_blocked_path_holds_everything_back_and_then_lets_all_of_it_through() {
    let (pipe, mut writer, mut reader) = seeded(10, 1);
    let began = Clock.now();
    pipe.block_until(began + Duration::from_secs(60));
    // A second block that is shorter lets nothing out.
    pipe.block_until(began + Duration::from_secs(5));
    writer.write_all(b"held").await.expect("room");
    writer.shutdown().await.expect("an end");
    let (got, error) = drain(&mut reader).await;
    assert_eq!((got.as_slice(), error), (&b"held"[..], None));
    let took = Clock.now() - began;
    assert!(took >= Duration::from_secs(60), "{took:?}");
    assert!(took < Duration::from_secs(61), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_block_does_not_hold_what_was_under_way_before_it() {
    let (pipe, writer, mut reader) = seeded(10, 1);
    assert!(writer.push(b"early".to_vec()));
    let began = Clock.now();
    pipe.block_until(began + Duration::from_secs(60));
    assert!(writer.push(b"late".to_vec()));
    let mut first = [0; 5];
    reader.read_exact(&mut first).await.expect("bytes");
    assert!(Clock.now() - began < Duration::from_secs(1));
    assert_eq!(&first, b"early");
    let mut second = [0; 4];
    reader.read_exact(&mut second).await.expect("bytes");
    assert!(Clock.now() - began >= Duration::from_secs(60));
}

#[tokio::test(start_paused = true)]
async fn a_slow_path_makes_what_is_written_from_then_on_late_and_a_quick_one_does_not_overtake() {
    let (pipe, writer, mut reader) = seeded(10, 1);
    pipe.slow_down(Duration::from_secs(10));
    let began = Clock.now();
    assert!(writer.push(vec![1]));
    pipe.slow_down(Duration::from_millis(1));
    assert!(writer.push(vec![2]));
    assert_eq!(reader.read_u8().await.expect("a byte"), 1);
    let first = Clock.now() - began;
    assert!(first >= Duration::from_secs(5), "{first:?}");
    assert_eq!(reader.read_u8().await.expect("a byte"), 2);
    assert!(Clock.now() - began >= first, "in order, however quick");
}

#[tokio::test(start_paused = true)]
async fn a_cut_loses_the_end_and_never_the_middle_of_what_was_sent() {
    let sent: Vec<u8> = (0..=255).collect();
    let mut lengths = std::collections::BTreeSet::new();
    for seed in 0..200 {
        let (pipe, writer, mut reader) = seeded(50, seed);
        for chunk in sent.chunks(16) {
            assert!(writer.push(chunk.to_vec()));
        }
        pipe.tear(None);
        let (got, error) = drain(&mut reader).await;
        assert_eq!(error, Some(io::ErrorKind::ConnectionReset));
        assert!(sent.starts_with(&got), "seed {seed}: {got:?}");
        lengths.insert(got.len());
    }
    // From nothing to nearly all, and within chunks as well as between them.
    assert!(lengths.contains(&0));
    assert!(lengths.iter().any(|length| *length > 200), "{lengths:?}");
    assert!(lengths.iter().any(|length| length % 16 != 0));
}

#[tokio::test(start_paused = true)]
async fn a_cut_is_known_at_once_by_its_writer() {
    let (pipe, mut writer, _reader) = seeded(50, 1);
    assert!(writer.has_room());
    pipe.tear(None);
    assert!(!writer.has_room());
    assert!(!writer.push(vec![1]));
    let error = writer.write_all(b"more").await.expect_err("torn");
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
}

#[tokio::test(start_paused = true)]
async fn a_late_cut_brings_bytes_forward_and_keeps_their_order() {
    let (pipe, writer, mut reader) = seeded(60_000, 5);
    for byte in 0..20 {
        assert!(writer.push(vec![byte]));
    }
    let began = Clock.now();
    pipe.tear(Some(Duration::from_secs(3)));
    let (got, error) = drain(&mut reader).await;
    assert_eq!(got, (0..20).collect::<Vec<u8>>());
    assert_eq!(error, Some(io::ErrorKind::ConnectionReset));
    assert_eq!(Clock.now() - began, Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn an_end_in_order_stays_one_when_its_writer_is_dropped() {
    let (_pipe, mut writer, mut reader) = seeded(20, 1);
    writer.write_all(b"all of it").await.expect("room");
    writer.shutdown().await.expect("an end");
    drop(writer);
    let (got, error) = drain(&mut reader).await;
    assert_eq!((got.as_slice(), error), (&b"all of it"[..], None));
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_is_gone_without_an_end_is_a_torn_pipe() {
    let (_pipe, mut writer, mut reader) = seeded(20, 1);
    writer.write_all(b"half").await.expect("room");
    drop(writer);
    let (got, error) = drain(&mut reader).await;
    assert_eq!(got, b"half", "what was under way comes first");
    assert_eq!(error, Some(io::ErrorKind::ConnectionReset));
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_is_gone_lets_its_writer_know() {
    let (_pipe, mut writer, reader) = seeded(1, 1);
    let filling = async { writer.write_all(&vec![1; 2 * WINDOW_BYTES]).await };
    let leaving = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        drop(reader);
    };
    let (written, ()) = tokio::join!(filling, leaving);
    assert_eq!(written.expect_err("nobody reads").kind(), io::ErrorKind::BrokenPipe);
}

#[tokio::test(start_paused = true)]
async fn the_window_is_exactly_as_large_as_it_says_and_opens_by_what_is_read() {
    let (_pipe, mut writer, mut reader) = seeded(1, 1);
    assert!(writer.push(vec![0; WINDOW_BYTES - 1]));
    assert!(writer.has_room(), "a byte is left");
    // Only what fits is taken of a longer write.
    assert_eq!(writer.write(&[1, 2, 3]).await.expect("room"), 1);
    assert!(!writer.has_room());
    let mut buffer = vec![0; 100];
    reader.read_exact(&mut buffer).await.expect("bytes");
    assert!(writer.has_room());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_no_end() {
    let (_pipe, writer, mut reader) = seeded(1, 1);
    // An empty chunk would be read as the end of the stream.
    assert!(writer.push(Vec::new()));
    assert!(writer.push(vec![9]));
    assert_eq!(reader.read_u8().await.expect("a byte"), 9);
}

#[tokio::test(start_paused = true)]
async fn no_read_gives_more_than_a_piece() {
    let (_pipe, writer, mut reader) = seeded(1, 1);
    assert!(writer.push(vec![5; 4 * PIECE_BYTES]));
    let mut buffer = vec![0; 4 * PIECE_BYTES];
    let (mut total, mut short) = (0, 0);
    while total < 4 * PIECE_BYTES {
        let count = reader.read(&mut buffer).await.expect("bytes");
        assert!((1..=PIECE_BYTES).contains(&count), "{count}");
        short += usize::from(count < PIECE_BYTES);
        total += count;
    }
    assert!(total == 4 * PIECE_BYTES, "{total} bytes, {short} short reads");
}

#[tokio::test(start_paused = true)]
async fn now_and_then_a_read_ends_at_any_byte() {
    let (_pipe, writer, mut reader) = seeded(1, 1);
    for _ in 0..300 {
        assert!(writer.push(vec![5; 100]));
    }
    let mut buffer = [0; 100];
    let mut short = 0;
    let mut left = 300 * 100;
    while left > 0 {
        let count = reader.read(&mut buffer).await.expect("bytes");
        short += usize::from(count < 100);
        left -= count;
    }
    // A tenth of them, each of which leaves another read that is short as well.
    assert!((15..150).contains(&short), "{short} of some 300 reads");
}
