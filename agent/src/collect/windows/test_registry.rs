//! Hives for tests, made of the text that Windows' registry editor exports.
//!
//! `[KEY\PATH]` begins a key; `"NAME"="TEXT"` and `"NAME"=dword:HEX` are its values.

use std::collections::BTreeMap;

use crate::collect::platform::System;
use crate::collect::test_tree::{Outcome, Read, Tree};
use protocol::software::Source;

/// A tree of Windows with this `HKLM\SOFTWARE`.
pub(super) fn windows(software: &str) -> Tree {
    let tree = Tree::new(&[]);
    tree.write("/Windows/System32/config/SOFTWARE", &hive(software));
    tree
}

pub(super) fn read(tree: &Tree, source: Source, read: Read) -> Outcome {
    tree.read_on(System::Windows, source, read)
}

/// A key while it is collected.
#[derive(Default)]
struct Key {
    keys: BTreeMap<String, Self>,
    values: Vec<(String, u32, Vec<u8>)>,
}

/// A hive file of an export.
pub(super) fn hive(export: &str) -> Vec<u8> {
    let mut top = Key::default();
    let mut key = &mut top;
    for line in export.lines().map(str::trim) {
        if let Some(path) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            key = &mut top;
            for part in path.split('\\') {
                key = key.keys.entry(part.to_owned()).or_default();
            }
        } else if let Some((name, value)) = line.split_once('=') {
            let name = name.trim_matches('"').to_owned();
            key.values.push(match value.strip_prefix("dword:") {
                Some(number) => {
                    let number = u32::from_str_radix(number, 16).unwrap();
                    (name, 4, number.to_le_bytes().to_vec())
                }
                None => {
                    let text = value.trim_matches('"').replace(r"\\", r"\");
                    let zero = [0];
                    let units = text.encode_utf16().chain(zero);
                    (name, 1, units.flat_map(u16::to_le_bytes).collect())
                }
            });
        }
    }
    let mut cells = Vec::new();
    let at = write_key(&mut cells, "ROOT", &top);
    let mut bytes = vec![0; 4096];
    bytes[..4].copy_from_slice(b"regf");
    bytes[4] = 1;
    bytes[8] = 1;
    bytes[20] = 1;
    bytes[24] = 5;
    bytes[32] = 1;
    bytes[36..40].copy_from_slice(&at.to_le_bytes());
    bytes[40..44].copy_from_slice(&u32::try_from(cells.len()).unwrap().to_le_bytes());
    bytes.extend(cells);
    bytes
}

/// Adds a cell; gives its offset.
fn write_cell(cells: &mut Vec<u8>, content: &[u8]) -> u32 {
    let at = u32::try_from(cells.len()).unwrap();
    let size = (content.len() + 4).next_multiple_of(8);
    cells.extend((-i32::try_from(size).unwrap()).to_le_bytes());
    cells.extend_from_slice(content);
    cells.resize(usize::try_from(at).unwrap() + size, 0);
    at
}

fn write_key(cells: &mut Vec<u8>, name: &str, key: &Key) -> u32 {
    let below: Vec<u32> = key.keys.iter().map(|(name, key)| write_key(cells, name, key)).collect();
    let mut list = u32::MAX;
    if !below.is_empty() {
        let mut content = b"lh".to_vec();
        content.extend(u16::try_from(below.len()).unwrap().to_le_bytes());
        for offset in &below {
            content.extend(offset.to_le_bytes());
            content.extend([0; 4]);
        }
        list = write_cell(cells, &content);
    }
    let mut offsets = Vec::new();
    for (name, kind, data) in &key.values {
        offsets.extend(write_value(cells, name, *kind, data).to_le_bytes());
    }
    let values = write_cell(cells, &offsets);
    let mut content = vec![0; 76];
    content[..2].copy_from_slice(b"nk");
    let (bytes, is_narrow) = named(name);
    content[2] = if is_narrow { 0x20 } else { 0 };
    content[20..24].copy_from_slice(&u32::try_from(below.len()).unwrap().to_le_bytes());
    content[28..32].copy_from_slice(&list.to_le_bytes());
    content[36..40].copy_from_slice(&u32::try_from(key.values.len()).unwrap().to_le_bytes());
    content[40..44].copy_from_slice(&values.to_le_bytes());
    content[72..74].copy_from_slice(&u16::try_from(bytes.len()).unwrap().to_le_bytes());
    content.extend(bytes);
    write_cell(cells, &content)
}

fn write_value(cells: &mut Vec<u8>, name: &str, kind: u32, data: &[u8]) -> u32 {
    let mut content = vec![0; 20];
    content[..2].copy_from_slice(b"vk");
    let (bytes, is_narrow) = named(name);
    let size = u32::try_from(data.len()).unwrap();
    if data.len() <= 4 {
        content[4..8].copy_from_slice(&(size | 0x8000_0000).to_le_bytes());
        content[8..8 + data.len()].copy_from_slice(data);
    } else {
        let at = write_cell(cells, data);
        content[4..8].copy_from_slice(&size.to_le_bytes());
        content[8..12].copy_from_slice(&at.to_le_bytes());
    }
    content[2..4].copy_from_slice(&u16::try_from(bytes.len()).unwrap().to_le_bytes());
    content[12..16].copy_from_slice(&kind.to_le_bytes());
    content[16] = u8::from(is_narrow);
    content.extend(bytes);
    write_cell(cells, &content)
}

/// A name in the narrower form that it fits.
fn named(name: &str) -> (Vec<u8>, bool) {
    if name.is_ascii() {
        return (name.as_bytes().to_vec(), true);
    }
    (name.encode_utf16().flat_map(u16::to_le_bytes).collect(), false)
}
