//! Bytes out of a file: told by its first bytes to be gzip, xz, zstd or plain, and never more of
//! them than the caller allows.

use std::io::{self, BufReader, Cursor, Read};

use flate2::read::MultiGzDecoder;
use liblzma::read::XzDecoder;
use liblzma::stream::{CONCATENATED, Stream};

/// Bytes that tell the compression.
const MAGIC_BYTES: usize = 6;
/// Memory that an xz file may ask for; `xz -9` asks for 65 MB.
const XZ_MEMORY_MAX: u64 = 128 * 1024 * 1024;
/// The window that a zstd file may ask for, as a power of two; `zstd --long` asks for 27.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;
const BUFFER_BYTES: usize = 64 * 1024;

/// A file's bytes after decompression; reading fails once there are more than `bytes_max`.
pub(super) fn decompressed<'a>(
    mut stream: &'a mut dyn Read,
    bytes_max: u64,
) -> io::Result<Box<dyn Read + 'a>> {
    let mut magic = Vec::with_capacity(MAGIC_BYTES);
    (&mut stream).take(MAGIC_BYTES as u64).read_to_end(&mut magic)?;
    let kind: Option<[u8; 4]> = magic.first_chunk().copied();
    let xz = magic == [0xfd, b'7', b'z', b'X', b'Z', 0];
    // The bytes that were looked at go back in front: a stream cannot be rewound.
    let whole = BufReader::with_capacity(BUFFER_BYTES, Cursor::new(magic).chain(stream));
    let plain: Box<dyn Read + 'a> = match kind {
        // Feeds that are put together by `cat` have several members.
        Some([0x1f, 0x8b, ..]) => Box::new(MultiGzDecoder::new(whole)),
        Some([0x28, 0xb5, 0x2f, 0xfd]) => {
            let mut decoder = zstd::Decoder::with_buffer(whole)?;
            // A window is memory that a file asks for before it gives anything.
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
            Box::new(decoder)
        }
        Some(_) if xz => {
            let decoder = Stream::new_stream_decoder(XZ_MEMORY_MAX, CONCATENATED)?;
            Box::new(XzDecoder::new_stream(whole, decoder))
        }
        Some(_) | None => Box::new(whole),
    };
    Ok(Box::new(Capped { inner: plain, left: bytes_max }))
}

/// Fails rather than ends after its allowance, so that a cut is never taken for the whole.
struct Capped<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // Counted after reading: a buffer more than allowed is no danger, a silent end would be.
        let read = self.inner.read(buffer)?;
        self.left = self
            .left
            .checked_sub(read as u64)
            .ok_or_else(|| io::Error::other("it holds more bytes than a feed may have"))?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const TEXT: &[u8] = b"known text, known text, known text";

    fn gz(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn xz(text: &[u8]) -> Vec<u8> {
        let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 6);
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn read(mut bytes: &[u8], bytes_max: u64) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        decompressed(&mut bytes, bytes_max)?.read_to_end(&mut text)?;
        Ok(text)
    }

    #[test]
    fn reads_plain_and_every_compression_alike() {
        let zst = zstd::bulk::compress(TEXT, 3).unwrap();
        for bytes in [TEXT.to_vec(), gz(TEXT), xz(TEXT), zst] {
            assert_eq!(read(&bytes, 1000).unwrap(), TEXT);
        }
    }

    #[test]
    fn reads_files_of_several_parts_to_their_end() {
        for packed in [gz(TEXT), xz(TEXT)] {
            let twice = [packed.clone(), packed].concat();
            assert_eq!(read(&twice, 1000).unwrap(), [TEXT, TEXT].concat());
        }
    }

    #[test]
    fn ends_a_bomb_at_its_cap() {
        let zeros = vec![0; 1 << 20];
        for bomb in [gz(&zeros), xz(&zeros), zstd::bulk::compress(&zeros, 3).unwrap()] {
            assert!(bomb.len() < 4096);
            let error = read(&bomb, 100_000).unwrap_err();
            assert!(error.to_string().contains("more bytes"), "{error}");
        }
    }

    #[test]
    fn says_that_a_cut_file_is_cut() {
        for packed in [gz(TEXT), xz(TEXT), zstd::bulk::compress(TEXT, 3).unwrap()] {
            assert!(read(&packed[..packed.len() - 3], 1000).is_err());
        }
    }

    #[test]
    fn takes_a_file_of_fewer_bytes_than_a_magic_as_plain() {
        assert_eq!(read(b"", 10).unwrap(), b"");
        assert_eq!(read(b"\x1f\x8b", 10).unwrap(), b"\x1f\x8b");
    }
}
