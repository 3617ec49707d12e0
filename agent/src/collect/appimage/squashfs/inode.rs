//! Inodes and folders of a squashfs, taken apart.
//!
//! Pure: unpacked bytes in, places out, `None` for whatever is neither.

/// An inode, as far as it is needed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) kind: Kind,
}

/// What an inode is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A folder: where its list is, and how long.
    Folder { block: u32, offset: usize, bytes: usize },
    /// A regular file.
    File(File),
    /// A symbolic link and where it leads to.
    Link(Vec<u8>),
    /// A device, a pipe or a socket.
    Other,
}

/// Where a regular file's content is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct File {
    pub(super) bytes: u64,
    pub(super) blocks: u64,
    /// The size of the first block, with a bit that says whether it is packed.
    pub(super) first_block: u32,
    pub(super) fragment: u32,
    /// Where in the fragment it begins.
    pub(super) offset: u32,
}

impl Node {
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        // Kinds from 8 on are the same ones with wider fields.
        let kind = match u16_at(bytes, 0)? {
            1 => folder(u32_at(bytes, 16)?, u16_at(bytes, 26)?, u16_at(bytes, 24)?.into())?,
            8 => folder(u32_at(bytes, 24)?, u16_at(bytes, 34)?, u32_at(bytes, 20)?)?,
            2 => Kind::File(File {
                bytes: u32_at(bytes, 28)?.into(),
                blocks: u32_at(bytes, 16)?.into(),
                // A file that is all in a fragment has no block.
                first_block: u32_at(bytes, 32).unwrap_or_default(),
                fragment: u32_at(bytes, 20)?,
                offset: u32_at(bytes, 24)?,
            }),
            9 => Kind::File(File {
                bytes: u64_at(bytes, 24)?,
                blocks: u64_at(bytes, 16)?,
                first_block: u32_at(bytes, 56).unwrap_or_default(),
                fragment: u32_at(bytes, 44)?,
                offset: u32_at(bytes, 48)?,
            }),
            3 | 10 => {
                let length = usize::try_from(u32_at(bytes, 20)?).ok()?;
                Kind::Link(bytes.get(24..)?.get(..length)?.to_vec())
            }
            4..=7 | 11..=14 => Kind::Other,
            _ => return None,
        };
        Some(Self { kind })
    }
}

fn folder(block: u32, offset: u16, bytes: u32) -> Option<Kind> {
    Some(Kind::Folder {
        block,
        offset: offset.into(),
        // Three bytes for entries that are not there: the folder itself and the one above.
        bytes: usize::try_from(bytes.saturating_sub(3)).ok()?,
    })
}

/// The entries of a folder's list: name, and the reference of the inode.
#[derive(Debug)]
pub(super) struct Entries<'a> {
    rest: &'a [u8],
    /// Entries that are left under the last header.
    left: u32,
    block: u32,
}

impl<'a> Entries<'a> {
    pub(super) const fn new(list: &'a [u8]) -> Self {
        Self { rest: list, left: 0, block: 0 }
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = (&'a [u8], u64);

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            // One less than there are: a header without entries is not written.
            self.left = u32_at(self.rest, 0)?.checked_add(1)?;
            self.block = u32_at(self.rest, 4)?;
            self.rest = self.rest.get(12..)?;
        }
        self.left -= 1;
        let offset = u16_at(self.rest, 0)?;
        let name_bytes = usize::from(u16_at(self.rest, 6)?) + 1;
        let name = self.rest.get(8..8 + name_bytes)?;
        self.rest = &self.rest[8 + name_bytes..];
        Some((name, u64::from(self.block) << 16 | u64::from(offset)))
    }
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at + 2)?.try_into().ok()?;
    Some(u16::from_le_bytes(bytes))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(u32::from_le_bytes(bytes))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..at + 8)?.try_into().ok()?;
    Some(u64::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_list_that_ends_within_an_entry_ends_there() {
        let mut list = Vec::new();
        list.extend_from_slice(&1_u32.to_le_bytes());
        list.extend_from_slice(&7_u32.to_le_bytes());
        list.extend_from_slice(&0_u32.to_le_bytes());
        list.extend_from_slice(b"\x20\0\0\0\x02\0\x01\0ab");
        list.extend_from_slice(b"\x40\0\0\0\x02\0\x09\0cut");
        let entries: Vec<_> = Entries::new(&list).collect();
        assert_eq!(entries, [(b"ab".as_slice(), 7 << 16 | 0x20)]);
    }

    proptest! {
        #[test]
        fn whatever_is_unpacked_can_be_looked_at(mut bytes: Vec<u8>, kind in 0_u16..16) {
            bytes.splice(..0, kind.to_le_bytes());
            let node = Node::parse(&bytes);
            prop_assert!(kind > 0 || node.is_none());
            prop_assert!(Entries::new(&bytes).count() <= bytes.len());
        }
    }
}
