//! Packed feeds: whatever a feed is packed in, the same records come out.

use std::io::{Cursor, Write as _};
use std::path::Path;

use enrichment::feeds;

use super::Records;

/// A feed that is not packed.
pub(crate) fn packed(input: &[u8]) {
    let input = &input[..input.len().min(super::INPUT_BYTES_MAX)];
    // What is packed already would be unpacked once here and twice there.
    if !input.first().is_some_and(u8::is_ascii_graphic)
        || input.starts_with(b"PK")
        || input.starts_with(b"(\xb5")
        || input.get(257..262) == Some(b"ustar")
    {
        return;
    }
    let plain = read(input);
    for pack in [gzip, zstandard, xz, tar, zip] {
        assert_eq!(read(&pack(input)), plain);
    }
}

fn read(bytes: &[u8]) -> Records {
    let mut records = Records::default();
    // Damage ends the reading of a file and is a skipped member of an archive; what stands before it
    // comes out of both.
    let _report = feeds::read_seekable(Path::new("input"), Cursor::new(bytes), &mut records);
    records
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let level = flate2::Compression::fast();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
    encoder.write_all(bytes).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

fn zstandard(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).expect("memory takes it")
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 0);
    encoder.write_all(bytes).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

fn tar(bytes: &[u8]) -> Vec<u8> {
    let mut archive = ::tar::Builder::new(Vec::new());
    let mut header = ::tar::Header::new_ustar();
    header.set_size(bytes.len() as u64);
    archive.append_data(&mut header, "member", bytes).expect("memory takes it");
    archive.into_inner().expect("memory takes it")
}

fn zip(bytes: &[u8]) -> Vec<u8> {
    let mut archive = ::zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = ::zip::write::SimpleFileOptions::default();
    archive.start_file("member", options).expect("memory takes it");
    archive.write_all(bytes).expect("memory takes it");
    archive.finish().expect("memory takes it").into_inner()
}
