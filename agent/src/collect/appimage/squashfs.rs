//! The file system in an `AppImage`, as far as it takes to find one small file at its top.
//!
//! Only what lies on the way is read and unpacked, each piece to no more than the format allows for
//! it. Packings that the agent has no decoder for are not read; the file's name has to do then.
//!
//! Format: squashfs 4.0, as `Documentation/filesystems/squashfs.rst` of Linux describes it.

mod inode;

use self::inode::{Entries, Kind, Node};
use super::super::defects::ReadError;
use super::super::root::{Root, SourceFile};
use super::super::time_box::Stop;

/// Bytes of the description at the beginning.
const SUPER_BYTES: usize = 96;
/// Bytes of a block of metadata when unpacked.
const METADATA_BYTES: usize = 8192;
/// Bytes of the largest inode that is looked at: the header of a file, or a link with its target.
const INODE_BYTES: usize = 4096;
/// Bytes of a folder's list that are looked at.
const FOLDER_BYTES_MAX: usize = 256 * 1024;
/// Bytes of a desktop entry.
const FILE_BYTES_MAX: usize = 64 * 1024;
/// Names on the way to a file, links included.
const STEPS_MAX: usize = 16;

/// In the size of a block of data: it is not packed.
const IS_PLAIN: u32 = 1 << 24;
/// In place of a fragment's number: there is none.
const NO_FRAGMENT: u32 = u32::MAX;

/// How blocks are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    Zlib,
    Zstd,
}

/// A file system in a file.
#[derive(Debug)]
pub(super) struct Image<'f> {
    file: &'f SourceFile,
    stop: Stop,
    at: u64,
    packing: Packing,
    block_bytes: usize,
    top: u64,
    inodes: u64,
    folders: u64,
    fragments: u64,
}

impl<'f> Image<'f> {
    /// Opens the file system at a place; `None` where there is none that can be read.
    pub(super) fn open(
        root: &Root,
        file: &'f SourceFile,
        at: u64,
    ) -> Result<Option<Self>, ReadError> {
        if at.saturating_add(SUPER_BYTES as u64) > file.bytes {
            return Ok(None);
        }
        let mut head = [0; SUPER_BYTES];
        file.read_exact_at(&mut head, at)?;
        let u64_at = |at: usize| inode::u64_at(&head, at).unwrap_or_default();
        let block_bytes = inode::u32_at(&head, 12).unwrap_or_default();
        let is_sound = head.starts_with(b"hsqs")
            && inode::u16_at(&head, 28) == Some(4)
            && (4096..=1 << 20).contains(&block_bytes);
        let packing = match inode::u16_at(&head, 20) {
            Some(1) => Packing::Zlib,
            Some(6) => Packing::Zstd,
            Some(_) | None => return Ok(None),
        };
        Ok(is_sound.then(|| Self {
            file,
            stop: root.stop(),
            at,
            packing,
            block_bytes: usize::try_from(block_bytes).unwrap_or_default(),
            top: u64_at(32),
            inodes: u64_at(64),
            folders: u64_at(72),
            fragments: u64_at(80),
        }))
    }

    /// The text of the desktop entry at the top.
    pub(super) fn desktop_entry(&self) -> Result<Option<Vec<u8>>, ReadError> {
        let top = self.node(self.top)?;
        let is_entry = |name: &[u8]| name.ends_with(b".desktop");
        let Some(found) = self.find(&top, &is_entry)? else {
            return Ok(None);
        };
        let mut node = self.node(found)?;
        // It is most often a link to where installed programs have theirs.
        let mut steps = 0;
        while let Kind::Link(target) = &node.kind {
            let target = target.clone();
            node = self.node(self.top)?;
            for part in target.split(|byte| *byte == b'/') {
                steps += 1;
                if steps > STEPS_MAX {
                    return self.damaged("links that lead to each other");
                }
                if part.is_empty() || part == b"." {
                    continue;
                }
                let Some(next) = self.find(&node, &|name| name == part)? else {
                    return Ok(None);
                };
                node = self.node(next)?;
            }
            steps += 1;
        }
        self.content(&node)
    }

    /// The first entry of a folder that fits.
    fn find(&self, node: &Node, fits: &dyn Fn(&[u8]) -> bool) -> Result<Option<u64>, ReadError> {
        let Kind::Folder { block, offset, bytes } = node.kind else {
            return Ok(None);
        };
        let at = self.folders.saturating_add(block.into());
        let list = self.metadata(at, offset, bytes.min(FOLDER_BYTES_MAX))?;
        Ok(Entries::new(&list).find(|(name, _)| fits(name)).map(|(_, node)| node))
    }

    /// The first bytes of a file.
    fn content(&self, node: &Node) -> Result<Option<Vec<u8>>, ReadError> {
        let Kind::File(file) = &node.kind else {
            return Ok(None);
        };
        let bytes = usize::try_from(file.bytes).unwrap_or(usize::MAX);
        if bytes > FILE_BYTES_MAX {
            return self.damaged("a desktop entry that is too large");
        }
        let (at, size, offset) = if bytes < self.block_bytes && file.fragment != NO_FRAGMENT {
            let (at, size) = self.fragment(file.fragment)?;
            (at, size, usize::try_from(file.offset).unwrap_or(usize::MAX))
        } else {
            (file.blocks, file.first_block, 0)
        };
        let packed_bytes = usize::try_from(size & !IS_PLAIN).unwrap_or(usize::MAX);
        if packed_bytes > self.block_bytes {
            return self.damaged("a block larger than blocks are");
        }
        let block = self.read(at, packed_bytes)?;
        let block =
            if size & IS_PLAIN == 0 { self.unpack(&block, self.block_bytes)? } else { block };
        match block.get(offset..).and_then(|rest| rest.get(..bytes)) {
            Some(content) => Ok(Some(content.to_vec())),
            None => self.damaged("a file outside of its block"),
        }
    }

    /// Where a fragment is, and its size.
    fn fragment(&self, number: u32) -> Result<(u64, u32), ReadError> {
        const A_BLOCK: u32 = 512;

        let pointer = self.fragments.saturating_add(u64::from(number / A_BLOCK) * 8);
        let block = inode::u64_at(&self.read(pointer, 8)?, 0).unwrap_or_default();
        let offset = usize::try_from(number % A_BLOCK).unwrap_or_default() * 16;
        let entry = self.metadata(block, offset, 16)?;
        match (inode::u64_at(&entry, 0), inode::u32_at(&entry, 8)) {
            (Some(at), Some(size)) => Ok((at, size)),
            _ => self.damaged("a fragment outside of its table"),
        }
    }

    /// The inode that a reference means: a block's place and an offset in it.
    fn node(&self, reference: u64) -> Result<Node, ReadError> {
        let at = self.inodes.saturating_add(reference >> 16);
        let offset = usize::try_from(reference & 0xffff).unwrap_or_default();
        match Node::parse(&self.metadata(at, offset, INODE_BYTES)?) {
            Some(node) => Ok(node),
            None => self.damaged("a file that is none"),
        }
    }

    /// Up to so many bytes of metadata, from an offset in the block at a place on.
    fn metadata(&self, mut at: u64, offset: usize, bytes: usize) -> Result<Vec<u8>, ReadError> {
        let wanted = offset.saturating_add(bytes);
        let mut unpacked = Vec::new();
        // No more blocks than the bytes could fill, even where a block is empty.
        for _ in 0..=wanted / METADATA_BYTES {
            // What is wanted is a guess at first and may lie beyond the last block.
            if unpacked.len() >= wanted || at.saturating_add(2) > self.file.bytes - self.at {
                break;
            }
            let head = self.read(at, 2)?;
            let head = inode::u16_at(&head, 0).unwrap_or_default();
            let packed_bytes = usize::from(head & 0x7fff);
            if packed_bytes > METADATA_BYTES {
                break;
            }
            let block = match self.read(at + 2, packed_bytes) {
                Ok(block) if head & 0x8000 != 0 => Ok(block),
                Ok(block) => self.unpack(&block, METADATA_BYTES),
                Err(error) => Err(error),
            };
            match block {
                Ok(block) => unpacked.extend_from_slice(&block),
                Err(ReadError::Stopped) => return Err(ReadError::Stopped),
                // Only the first has to be one.
                Err(error) if unpacked.is_empty() => return Err(error),
                Err(_) => break,
            }
            at = at.saturating_add(2 + u64::from(head & 0x7fff));
        }
        unpacked.truncate(wanted);
        unpacked.drain(..offset.min(unpacked.len()));
        Ok(unpacked)
    }

    fn unpack(&self, packed: &[u8], bytes_max: usize) -> Result<Vec<u8>, ReadError> {
        let unpacked = match self.packing {
            Packing::Zlib => {
                miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(packed, bytes_max).ok()
            }
            Packing::Zstd => zstd::bulk::decompress(packed, bytes_max).ok(),
        };
        match unpacked {
            Some(bytes) => Ok(bytes),
            None => self.damaged("a block that does not unpack"),
        }
    }

    /// Bytes at a place in the file system.
    fn read(&self, at: u64, bytes: usize) -> Result<Vec<u8>, ReadError> {
        if self.stop.is_set() {
            return Err(ReadError::Stopped);
        }
        let end = self.at.checked_add(at).and_then(|at| at.checked_add(bytes as u64));
        if end.is_none_or(|end| end > self.file.bytes) {
            return self.damaged("a file system that ends early");
        }
        let mut read = vec![0; bytes];
        self.file.read_exact_at(&mut read, self.at + at)?;
        Ok(read)
    }

    fn damaged<T>(&self, what: &'static str) -> Result<T, ReadError> {
        Err(ReadError::damaged(&self.file.path, what))
    }
}
