//! Package headers of rpm, read as a stream of pieces.
//!
//! A header is an index of entries and a store that they point into. It can have megabytes, for it
//! lists every file of its package, so it is never held whole: the index tells where the few wanted
//! values are, and everything else passes by.
//!
//! ```text
//! 0..4   entries of the index, big endian
//! 4..8   bytes of the store
//! 8..    entries of 16 bytes: tag, type, offset into the store, count
//! then   the store
//! ```
//!
//! Format: "RPM V4 package format" in rpm's documentation, of which the database leaves the magic out.

/// Entries of an index: a real one has about a hundred.
const ENTRIES_MAX: usize = 4096;

/// Bytes of a store: rpm's own limit.
const STORE_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Bytes of a text that are kept; the wire takes less.
const TEXT_BYTES_MAX: usize = 1024;

/// Bytes of a list that are kept: the names of some hundred thousand files.
const LIST_BYTES_MAX: usize = 4 * 1024 * 1024;

const INTRO_BYTES: usize = 8;
const ENTRY_BYTES: usize = 16;

const TYPE_INT32: u32 = 4;
const TYPE_STRING: u32 = 6;
const TYPE_I18NSTRING: u32 = 9;

/// The tags of a package, in the order of the fields of [`Header`].
const PACKAGE_TAGS: [u32; 11] = [
    1000, // NAME
    1001, // VERSION
    1002, // RELEASE
    1003, // EPOCH
    1008, // INSTALLTIME
    1010, // DISTRIBUTION
    1011, // VENDOR
    1015, // PACKAGER
    1022, // ARCH
    1044, // SOURCERPM
    5096, // MODULARITYLABEL
];

/// The tags of a package's files, in the order of the fields of [`Files`].
const FILE_TAGS: [u32; 3] = [
    1116, // DIRINDEXES
    1117, // BASENAMES
    1118, // DIRNAMES
];

/// What is wanted of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The package: [`HeaderReader::finish`].
    Package,
    /// Its files: [`HeaderReader::finish_files`].
    Files,
}

/// The values of a header that a record needs; empty where the header has none.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) name: Vec<u8>,
    pub(super) version: Vec<u8>,
    pub(super) release: Vec<u8>,
    pub(super) epoch: Option<u32>,
    pub(super) installed_at_s: Option<u32>,
    pub(super) distribution: Vec<u8>,
    pub(super) vendor: Vec<u8>,
    pub(super) packager: Vec<u8>,
    pub(super) arch: Vec<u8>,
    pub(super) source_rpm: Vec<u8>,
    pub(super) modularity_label: Vec<u8>,
}

/// The files of a package: numbers of folders, names within them, and the folders.
#[derive(Debug, Default)]
pub(super) struct Files {
    folder_numbers: Vec<u8>,
    names: Vec<u8>,
    folders: Vec<u8>,
}

/// Takes a header in, piece by piece.
#[derive(Debug)]
pub(super) struct HeaderReader {
    wanted: Wanted,
    /// The intro and the index, until they are whole.
    index: Vec<u8>,
    /// Where the store begins; `None` until the index is whole.
    store_at: Option<usize>,
    values: Vec<Value>,
    position: usize,
    is_damaged: bool,
}

/// One wanted value and what of it has passed by so far.
#[derive(Debug, Default)]
struct Value {
    kind: u32,
    is_list: bool,
    offset: usize,
    /// At most this much of the store, from `offset`.
    bytes_max: usize,
    bytes: Vec<u8>,
}

impl Wanted {
    const fn tags(self) -> &'static [u32] {
        match self {
            Self::Package => &PACKAGE_TAGS,
            Self::Files => &FILE_TAGS,
        }
    }

    const fn bytes_max(self) -> usize {
        match self {
            Self::Package => TEXT_BYTES_MAX,
            Self::Files => LIST_BYTES_MAX,
        }
    }
}

impl HeaderReader {
    pub(super) fn new(wanted: Wanted) -> Self {
        Self {
            wanted,
            index: Vec::new(),
            store_at: None,
            values: wanted.tags().iter().map(|_| Value::default()).collect(),
            position: 0,
            is_damaged: false,
        }
    }

    /// Takes the next piece in.
    pub(super) fn feed(&mut self, mut piece: &[u8]) {
        while !piece.is_empty() && !self.is_damaged {
            match self.store_at {
                Some(store_at) => {
                    let at = self.position - store_at;
                    self.values.iter_mut().for_each(|v| v.take(at, piece));
                    self.position = self.position.saturating_add(piece.len());
                    return;
                }
                None => {
                    // The intro comes first and says how much more of the index there is.
                    let wanted = self.index_bytes() - self.index.len();
                    let (taken, rest) = piece.split_at(wanted.min(piece.len()));
                    self.index.extend_from_slice(taken);
                    self.position += taken.len();
                    piece = rest;
                    self.read_index();
                }
            }
        }
    }

    /// The package; `None` when the header was damaged or cut, or has no name.
    pub(super) fn finish(self) -> Option<Header> {
        if self.is_damaged || self.store_at.is_none() {
            return None;
        }
        let mut values = self.values.into_iter();
        let mut next = || values.next().unwrap_or_default();
        // In the order of `PACKAGE_TAGS`.
        let header = Header {
            name: next().text()?,
            version: next().text()?,
            release: next().text()?,
            epoch: next().number()?,
            installed_at_s: next().number()?,
            distribution: next().text()?,
            vendor: next().text()?,
            packager: next().text()?,
            arch: next().text()?,
            source_rpm: next().text()?,
            modularity_label: next().text()?,
        };
        Some(header).filter(|header| !header.name.is_empty())
    }

    /// The package's files, as far as they could be read.
    pub(super) fn finish_files(self) -> Files {
        let mut values = self.values.into_iter();
        let mut next = || values.next().unwrap_or_default().bytes;
        // In the order of `FILE_TAGS`.
        Files { folder_numbers: next(), names: next(), folders: next() }
    }

    /// How much of the header is wanted before the store: the intro, then also the index.
    fn index_bytes(&self) -> usize {
        // Cannot overflow: by the time that the intro is whole, `read_index` has refused what has
        // more entries than may be.
        match number_at(&self.index, 0) {
            Some(entries) if self.index.len() >= INTRO_BYTES => INTRO_BYTES + entries * ENTRY_BYTES,
            _ => INTRO_BYTES,
        }
    }

    /// Finds the wanted values, once the index is whole.
    // It is called after every piece, and most of the time it finds nothing to do yet.
    fn read_index(&mut self) {
        let (Some(entries), Some(store_bytes)) =
            (number_at(&self.index, 0), number_at(&self.index, 4))
        else {
            return;
        };
        // Before the index is taken in: its length comes from the file and decides how much memory
        // it gets.
        if entries == 0 || entries > ENTRIES_MAX || store_bytes > STORE_BYTES_MAX {
            self.is_damaged = true;
            return;
        }
        if self.index.len() < INTRO_BYTES + entries * ENTRY_BYTES {
            return;
        }
        let field = |entry: &[u8], at| number_at(entry, at).unwrap_or(usize::MAX);
        for entry in self.index[INTRO_BYTES..].chunks_exact(ENTRY_BYTES) {
            let is_wanted = |tag: &u32| u32::try_from(field(entry, 0)) == Ok(*tag);
            let Some(tag) = self.wanted.tags().iter().position(is_wanted) else {
                continue;
            };
            let offset = field(entry, 8);
            if offset >= store_bytes {
                self.is_damaged = true;
                return;
            }
            // Nothing says how long a list is, but where the next value begins, it has ended.
            let others = self.index[INTRO_BYTES..].chunks_exact(ENTRY_BYTES);
            let end = others
                .map(|other| field(other, 8))
                .filter(|other| *other > offset)
                .fold(store_bytes, usize::min);
            self.values[tag] = Value {
                kind: u32::try_from(field(entry, 4)).unwrap_or(u32::MAX),
                is_list: self.wanted == Wanted::Files,
                offset,
                bytes_max: self.wanted.bytes_max().min(end - offset),
                bytes: Vec::new(),
            };
        }
        self.store_at = Some(self.index.len());
        self.index = Vec::new();
    }
}

impl Value {
    /// Takes what is wanted of a piece of the store that begins at `at`.
    fn take(&mut self, at: usize, piece: &[u8]) {
        // Pieces come in order and without gaps, so what is still wanted begins within this piece
        // or behind it.
        let next = self.offset + self.bytes.len();
        let wanted = self.bytes_max - self.bytes.len();
        if wanted == 0 || next < at || self.is_whole() {
            return;
        }
        let Some(piece) = piece.get(next - at..) else {
            return;
        };
        self.bytes.extend_from_slice(&piece[..wanted.min(piece.len())]);
    }

    fn is_whole(&self) -> bool {
        match self.kind {
            _ if self.is_list => false,
            TYPE_INT32 => self.bytes.len() >= 4,
            _ => self.bytes.contains(&0),
        }
    }

    /// The value as text, `None` when it is something else or is not all there.
    fn text(mut self) -> Option<Vec<u8>> {
        if self.bytes_max == 0 {
            return Some(Vec::new());
        }
        // Of several translations the first counts, which is the untranslated one.
        if !matches!(self.kind, TYPE_STRING | TYPE_I18NSTRING) {
            return None;
        }
        match self.bytes.iter().position(|byte| *byte == 0) {
            Some(end) => self.bytes.truncate(end),
            // Cut before its end, and not by us.
            None if self.bytes.len() < TEXT_BYTES_MAX => return None,
            None => {}
        }
        Some(self.bytes)
    }

    /// The value as a number, `None` when it is something else or is not all there.
    #[expect(
        clippy::option_option,
        reason = "whether the value is damaged, and whether there is one"
    )]
    fn number(self) -> Option<Option<u32>> {
        if self.bytes_max == 0 {
            return Some(None);
        }
        let bytes = self.bytes.first_chunk().filter(|_| self.kind == TYPE_INT32)?;
        Some(Some(u32::from_be_bytes(*bytes)))
    }
}

impl Files {
    /// Shows the folder, with its last slash, and the name of every file.
    pub(super) fn each(&self, show: &mut dyn FnMut(&[u8], &[u8])) {
        let folders: Vec<_> = self.folders.split(|byte| *byte == 0).collect();
        let numbers = self.folder_numbers.chunks_exact(4);
        // A number for each name. What one list has more of than the other is damage, and names no
        // file.
        for (number, name) in numbers.zip(self.names.split(|byte| *byte == 0)) {
            let folder = number_at(number, 0).and_then(|number| folders.get(number));
            if let Some(folder) = folder {
                show(folder, name);
            }
        }
    }
}

/// A big-endian number, if it is all there.
fn number_at(bytes: &[u8], at: usize) -> Option<usize> {
    let number = bytes.get(at..)?.first_chunk()?;
    usize::try_from(u32::from_be_bytes(*number)).ok()
}

#[cfg(test)]
mod tests;
