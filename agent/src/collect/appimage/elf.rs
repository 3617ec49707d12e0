//! The program at the beginning of an `AppImage`: which kind it is, and where it ends.
//!
//! Format: the ELF header of the System V ABI; the mark in its padding is the `AppImage` specification's.

/// The kind of `AppImage` that a file is, by its first bytes.
pub(super) fn kind(head: &[u8; 64]) -> Option<u8> {
    let is_program = head.starts_with(b"\x7fELF");
    match head[8..11] {
        [b'A', b'I', kind @ (1 | 2)] if is_program => Some(kind),
        _ => None,
    }
}

/// Where the program ends and the file system begins: behind its table of sections, which every
/// linker puts last.
pub(super) fn end(head: &[u8; 64]) -> Option<u64> {
    // 1 in the sixth byte: little-endian, as all machines that AppImages are made for.
    if head[5] != 1 {
        return None;
    }
    let u16_at = |at: usize| u64::from(u16::from_le_bytes([head[at], head[at + 1]]));
    let (table, entry_bytes, entries) = match head[4] {
        1 => {
            let table = u32::from_le_bytes([head[32], head[33], head[34], head[35]]);
            (u64::from(table), u16_at(46), u16_at(48))
        }
        2 => {
            let table = head[40..48].try_into().ok().map(u64::from_le_bytes)?;
            (table, u16_at(58), u16_at(60))
        }
        _ => return None,
    };
    table.checked_add(entry_bytes * entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_marked_program_is_an_appimage() {
        let mut head = [0; 64];
        head[..4].copy_from_slice(b"\x7fELF");
        assert_eq!(kind(&head), None);
        head[8..11].copy_from_slice(b"AI\x02");
        assert_eq!(kind(&head), Some(2));
        head[10] = 3;
        assert_eq!(kind(&head), None);
        head[10] = 2;
        head[0] = 0;
        assert_eq!(kind(&head), None);
    }

    #[test]
    fn ends_behind_the_table_of_sections_in_either_width() {
        let mut head = [0; 64];
        head[5] = 1;
        head[4] = 2;
        head[40..48].copy_from_slice(&1000_u64.to_le_bytes());
        head[58] = 64;
        head[60] = 3;
        assert_eq!(end(&head), Some(1192));
        head[40..48].copy_from_slice(&u64::MAX.to_le_bytes());
        assert_eq!(end(&head), None);
        head[40..48].fill(0);
        head[4] = 1;
        head[32..36].copy_from_slice(&500_u32.to_le_bytes());
        head[46] = 40;
        head[48] = 2;
        assert_eq!(end(&head), Some(580));
        head[5] = 2;
        assert_eq!(end(&head), None);
    }
}
