//! The tar format as far as an archive needs it that is written once, from its beginning to its end: plain files
//! in ustar headers (POSIX.1-1988), which every tar reads.

use time::OffsetDateTime;

/// The unit of the format: headers are one, and files fill whole ones.
const BLOCK: usize = 512;
/// Bytes of a name.
const NAME_MAX: usize = 100;
/// Bytes of a file: eleven octal digits.
const FILE_BYTES_MAX: u64 = (1 << 33) - 1;

/// Why a file cannot stand in an archive.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TarError {
    /// Its name.
    #[error("the name {0:?} is longer than {NAME_MAX} bytes")]
    Name(String),
    /// Its length.
    #[error("{0} bytes are more than a file may have")]
    TooLarge(u64),
}

/// Writes the header of a file of so many bytes; they follow, and behind them [`pad`].
///
/// # Errors
///
/// When the name or the file is too long.
pub(crate) fn begin(
    name: &str,
    bytes: u64,
    changed_at: OffsetDateTime,
    out: &mut Vec<u8>,
) -> Result<(), TarError> {
    if name.len() > NAME_MAX {
        return Err(TarError::Name(name.to_owned()));
    }
    if bytes > FILE_BYTES_MAX {
        return Err(TarError::TooLarge(bytes));
    }
    let at = changed_at.unix_timestamp().max(0);
    let mut header = [0_u8; BLOCK];
    put(&mut header, 0, name);
    put(&mut header, 100, "0000600\0");
    put(&mut header, 108, "0000000\0");
    put(&mut header, 116, "0000000\0");
    put(&mut header, 124, &format!("{bytes:011o}\0"));
    put(&mut header, 136, &format!("{at:011o}\0"));
    // The sum is taken with blanks in its own place.
    put(&mut header, 148, "        ");
    put(&mut header, 156, "0");
    put(&mut header, 257, "ustar\x0000");
    let sum: u32 = header.iter().copied().map(u32::from).sum();
    put(&mut header, 148, &format!("{sum:06o}\0 "));
    out.extend_from_slice(&header);
    Ok(())
}

fn put(header: &mut [u8; BLOCK], at: usize, text: &str) {
    let field = header.iter_mut().skip(at);
    field.zip(text.bytes()).for_each(|(place, byte)| *place = byte);
}

/// Fills the last block of a file of so many bytes.
pub(crate) fn pad(bytes: u64, out: &mut Vec<u8>) {
    let over = usize::try_from(bytes % BLOCK as u64).unwrap_or(0);
    if over > 0 {
        out.resize(out.len() + BLOCK - over, 0);
    }
}

/// Ends the archive.
pub(crate) fn end(out: &mut Vec<u8>) {
    out.resize(out.len() + 2 * BLOCK, 0);
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn an_archive_is_one_to_the_systems_tar() {
        let folder = tempfile::tempdir().unwrap();
        let mut archive = Vec::new();
        for (name, bytes) in [("a/empty", 0_usize), ("a/block", 512), ("b/more", 700)] {
            begin(name, bytes as u64, OffsetDateTime::UNIX_EPOCH, &mut archive).unwrap();
            archive.resize(archive.len() + bytes, b'x');
            pad(bytes as u64, &mut archive);
        }
        end(&mut archive);
        assert_eq!(archive.len() % BLOCK, 0);
        let path = folder.path().join("all.tar");
        std::fs::write(&path, &archive).unwrap();
        let tar =
            Command::new("tar").arg("-xf").arg(&path).current_dir(folder.path()).output().unwrap();
        assert!(tar.status.success() && tar.stderr.is_empty(), "{tar:?}");
        for (name, bytes) in [("a/empty", 0), ("a/block", 512), ("b/more", 700)] {
            assert_eq!(std::fs::read(folder.path().join(name)).unwrap(), vec![b'x'; bytes]);
        }
    }

    #[test]
    fn what_no_header_can_say_is_refused() {
        let (now, long) = (OffsetDateTime::UNIX_EPOCH, "x".repeat(101));
        let mut out = Vec::new();
        assert_eq!(begin(&long, 0, now, &mut out), Err(TarError::Name(long.clone())));
        assert_eq!(begin("x", 1 << 33, now, &mut out), Err(TarError::TooLarge(1 << 33)));
        assert!(out.is_empty());
    }
}
