//! Extracts: whatever stands under a right checksum, it makes an index or is said to be damaged.

use std::cell::OnceCell;

use enrichment::cve::Timestamp;
use enrichment::index::{Builder, ContentId, Extracts, Index};

const CONTENT: ContentId = [7; 32];
const CHECKSUM_AT: usize = 8;
const LENGTH_AT: usize = 16;
const READER_AT: usize = 24;
const CONTENT_AT: usize = 32;
const COUNTS_AT: usize = 64;

thread_local! {
    static FOLDER: OnceCell<tempfile::TempDir> = const { OnceCell::new() };
}

/// An extract, whose checksum, length, reader and feed are put right first.
pub(crate) fn extract(input: &[u8]) {
    FOLDER.with(|folder| {
        let folder = folder.get_or_init(|| tempfile::tempdir().expect("a folder")).path();
        let extracts = Extracts::in_folder(folder.join("extracts"));
        extracts.keep(&Builder::new(), &CONTENT).expect("written");
        let (path, index) = (path(folder), folder.join("index"));
        let own = std::fs::read(&path).expect("an extract");
        std::fs::write(&path, put_right(input, &own)).expect("written");
        let built = extracts.build(&index, &[CONTENT], Timestamp(1));
        assert_eq!(built.is_ok(), Index::open(&index).is_ok());
        // What one input leaves behind would be the index before of the next one.
        drop(std::fs::remove_file(&index));
    });
}

fn path(folder: &std::path::Path) -> std::path::PathBuf {
    let name: String = CONTENT.iter().map(|byte| format!("{byte:02x}")).collect();
    folder.join("extracts").join(name).with_extension("extract")
}

fn put_right(input: &[u8], own: &[u8]) -> Vec<u8> {
    let mut bytes = input[..input.len().min(super::INPUT_BYTES_MAX)].to_vec();
    if bytes.len() < COUNTS_AT {
        return bytes;
    }
    let length = (bytes.len() as u64).to_le_bytes();
    bytes[LENGTH_AT..READER_AT].copy_from_slice(&length);
    bytes[READER_AT..CONTENT_AT].copy_from_slice(&own[READER_AT..CONTENT_AT]);
    bytes[CONTENT_AT..COUNTS_AT].copy_from_slice(&CONTENT);
    bytes[CHECKSUM_AT..CHECKSUM_AT + 4].fill(0);
    let checksum = crc32fast::hash(&bytes);
    bytes[CHECKSUM_AT..CHECKSUM_AT + 4].copy_from_slice(&checksum.to_le_bytes());
    bytes
}
