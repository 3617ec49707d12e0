//! Puts the file together: numbers what is used by its place in sorted order, sorts the rules of
//! each product for the look-up, and lays out the sections.

use sha2::{Digest, Sha256};

use crate::index::IndexError;
use crate::index::advisories::Live;
use crate::index::bytes::place;
use crate::index::collected::{Partner, Shape, Tables};
use crate::index::extract::ContentId;
use crate::index::format::{
    CHECKSUM_AT, FORMAT, HEADER_BYTES, MAGIC, NONE, SECTIONS_AT, Section, checksum,
};
use crate::index::intern::Strings;
use crate::index::slots;
use crate::version::{self, Scheme};

mod rows;

pub(super) use crate::index::assemble::rows::{Row, Rules, flags};

/// What a file says of how it came about.
#[derive(Debug, Default)]
pub(super) struct Origin {
    /// In milliseconds since 1970; 0 where nobody tells.
    pub(super) made_at: i64,
    /// Which program read the feeds.
    pub(super) reader: u64,
    /// The contents of the feed files, sorted; none where they are not known.
    pub(super) made_of: Vec<ContentId>,
}

/// All sections of a file, from which it can be made when all else is gone from memory.
pub(super) fn assemble(
    tables: &Tables,
    mut rules: Rules,
    live: &Live<'_>,
) -> Result<Sections, IndexError> {
    let mut used = Used::mark(tables, &rules.rows);
    // Texts are shared by both halves of the file, and are ranked once for both.
    live.mark_strings(&mut used.strings);
    let mut sections = Sections::default();
    let texts = Texts::rank(&tables.strings, &used.strings);
    sections.texts(&texts.sorted)?;
    let places = Places::assign(tables, &used, &texts, &mut sections)?;
    rules.lay_out(&places, &mut sections)?;
    live.lay_out(&texts, &rules.withdrawn(), &mut sections)?;
    Ok(sections)
}

/// What the rules that count refer to, by number of arrival.
struct Used {
    strings: Vec<bool>,
    products: Vec<bool>,
    versions: Vec<bool>,
    shapes: Vec<bool>,
    conditions: Vec<bool>,
}

impl Used {
    fn mark(tables: &Tables, rows: &[Row]) -> Self {
        let mut used = Self {
            strings: vec![false; tables.strings.texts().len()],
            products: vec![false; tables.products.values().len()],
            versions: vec![false; tables.versions.values().len()],
            shapes: vec![false; tables.shapes.values().len()],
            conditions: vec![false; tables.conditions.values().len()],
        };
        // From the rules inwards: what only replaced records named must not be in the file.
        for row in rows {
            used.products[place(row.product)] = true;
            used.shapes[place(row.shape)] = true;
            mark(&mut used.versions, row.lower);
            mark(&mut used.versions, row.upper);
        }
        for shape in chosen(tables.shapes.values(), &used.shapes) {
            mark(&mut used.conditions, shape.condition);
            for qualifier in shape.qualifiers {
                mark(&mut used.strings, qualifier);
            }
        }
        for partner in chosen(tables.conditions.values(), &used.conditions).flatten().flatten() {
            mark(&mut used.versions, partner.lower);
            mark(&mut used.versions, partner.upper);
            mark(&mut used.strings, partner.vendor);
            mark(&mut used.strings, partner.product);
        }
        for (vendor, product, _) in chosen(tables.products.values(), &used.products) {
            mark(&mut used.strings, *vendor);
            mark(&mut used.strings, *product);
        }
        for (text, update) in chosen(tables.versions.values(), &used.versions) {
            mark(&mut used.strings, *text);
            mark(&mut used.strings, *update);
        }
        used
    }
}

/// Marks a number, if it is one.
fn mark(used: &mut [bool], number: u32) {
    if let Some(used) = used.get_mut(place(number)) {
        *used = true;
    }
}

fn chosen<'a, T>(values: &'a [T], used: &'a [bool]) -> impl Iterator<Item = &'a T> {
    values.iter().zip(used).filter_map(|(value, used)| used.then_some(value))
}

/// The texts that are in the file, with the place of each.
pub(super) struct Texts<'a> {
    places: Vec<u32>,
    sorted: Vec<&'a str>,
}

impl<'a> Texts<'a> {
    fn rank(strings: &'a Strings, used: &[bool]) -> Self {
        let texts = used.iter().zip(strings.texts());
        let (places, sorted) = rank(texts.map(|(used, text)| used.then_some(&**text)));
        Self { places, sorted }
    }

    /// The place of a text by its number of arrival; what is no number stays as it is.
    pub(super) fn place(&self, number: u32) -> u32 {
        self.places.get(place(number)).copied().unwrap_or(number)
    }

    /// The text at a place.
    pub(super) fn at(&self, at: u32) -> &'a str {
        self.sorted.get(place(at)).copied().unwrap_or_default()
    }
}

/// From the number of arrival to the place in the file; `NONE` for what is not used.
struct Places {
    products: Vec<u32>,
    versions: Vec<u32>,
    shapes: Vec<u32>,
    /// By place: the generic key, empty where there is none.
    keys: Vec<Vec<u8>>,
    /// By place: vendor, product, part.
    product_names: Vec<(u32, u32, u32)>,
}

impl Places {
    fn assign(
        tables: &Tables,
        used: &Used,
        texts: &Texts<'_>,
        out: &mut Sections,
    ) -> Result<Self, IndexError> {
        let string = |number: u32| texts.place(number);

        // Texts first, then what is made of texts, then what is made of those: every order is one
        // of places in the file, and so the same for the same records.
        let (versions, sorted_versions) =
            rank(ranked(tables.versions.values(), &used.versions, |(text, update)| {
                (string(*text), string(*update))
            }));
        let keys: Vec<Vec<u8>> =
            sorted_versions.iter().map(|(text, update)| key(texts, *text, *update)).collect();
        out.versions(&sorted_versions, &keys)?;
        let version = |number: u32| versions.get(place(number)).copied().unwrap_or(NONE);

        let (conditions, sorted_conditions) =
            rank(ranked(tables.conditions.values(), &used.conditions, |condition| {
                let mut terms = condition.clone();
                for partner in terms.iter_mut().flatten() {
                    partner.vendor = string(partner.vendor);
                    partner.product = string(partner.product);
                    partner.lower = version(partner.lower);
                    partner.upper = version(partner.upper);
                }
                terms
            }));
        out.conditions(&sorted_conditions)?;

        let (shapes, sorted_shapes) =
            rank(ranked(tables.shapes.values(), &used.shapes, |shape| Shape {
                qualifiers: shape.qualifiers.map(string),
                condition: conditions.get(place(shape.condition)).copied().unwrap_or(NONE),
            }));
        out.shapes(&sorted_shapes);

        let (products, product_names) =
            rank(ranked(tables.products.values(), &used.products, |(vendor, product, part)| {
                (string(*vendor), string(*product), *part)
            }));
        out.set(Section::Slots, slots::table(&product_names, |number| texts.at(number)));
        Ok(Self { products, versions, shapes, keys, product_names })
    }
}

/// Used values with their places among the sorted ones.
fn ranked<'a, T, U>(
    values: &'a [T],
    used: &'a [bool],
    to_place: impl Fn(&T) -> U + 'a,
) -> impl Iterator<Item = Option<U>> {
    values.iter().zip(used).map(move |(value, used)| used.then(|| to_place(value)))
}

/// Sorts the values that are there: for each its place, and the values in order.
///
/// The sort is the one that finds runs which are in order already: most values of an index that is
/// made out of the one before come in its order.
pub(super) fn rank<T: Ord>(values: impl Iterator<Item = Option<T>>) -> (Vec<u32>, Vec<T>) {
    let mut places = Vec::new();
    let mut present: Vec<(T, usize)> = Vec::new();
    for (number, value) in values.enumerate() {
        places.push(NONE);
        present.extend(value.map(|value| (value, number)));
    }
    present.sort();
    for (at, (_, number)) in present.iter().enumerate() {
        // The interner gives no number that does not fit.
        places[*number] = u32::try_from(at).unwrap_or(NONE);
    }
    let sorted = present.into_iter().map(|(value, _)| value).collect();
    (places, sorted)
}

/// The generic key of a version with its update.
fn key(texts: &Texts<'_>, text: u32, update: u32) -> Vec<u8> {
    let get = |number: u32| texts.sorted.get(place(number)).copied();
    let Some(text) = get(text) else {
        return Vec::new();
    };
    let key = match get(update) {
        // NVD has OpenSSH's `9.2p1` as version 9.2 with the update p1: joined, the two spellings
        // have one key.
        Some(update) => version::key(Scheme::Generic, &format!("{text}-{update}")),
        None => version::key(Scheme::Generic, text),
    };
    key.map(|key| key.as_bytes().to_vec()).unwrap_or_default()
}

/// The sections as they grow.
#[derive(Default)]
pub(super) struct Sections([Vec<u8>; Section::ALL.len()]);

impl Sections {
    pub(super) fn set(&mut self, section: Section, words: impl IntoIterator<Item = u32>) {
        for word in words {
            self.push(section, word);
        }
    }

    fn push(&mut self, section: Section, word: u32) {
        self.0[section as usize].extend_from_slice(&word.to_le_bytes());
    }

    pub(super) fn bytes(&mut self, section: Section, bytes: &[u8]) {
        self.0[section as usize].extend_from_slice(bytes);
    }

    /// Where the next byte of a section goes.
    pub(super) fn end(&self, section: Section) -> Result<u32, IndexError> {
        u32::try_from(self.0[section as usize].len()).map_err(|_| IndexError::TooLarge("bytes"))
    }

    /// The number of the next row of a section.
    pub(super) fn next_row(&self, section: Section) -> Result<u32, IndexError> {
        let rows = self.0[section as usize].len() / section.row_bytes();
        u32::try_from(rows).map_err(|_| IndexError::TooLarge("rows"))
    }

    fn texts(&mut self, texts: &[&str]) -> Result<(), IndexError> {
        for text in texts {
            let start = self.end(Section::Text)?;
            self.push(Section::Strings, start);
            self.0[Section::Text as usize].extend_from_slice(text.as_bytes());
        }
        let end = self.end(Section::Text)?;
        self.push(Section::Strings, end);
        Ok(())
    }

    fn versions(&mut self, versions: &[(u32, u32)], keys: &[Vec<u8>]) -> Result<(), IndexError> {
        for ((text, update), key) in versions.iter().zip(keys) {
            let start = self.end(Section::Keys)?;
            self.set(Section::Versions, [*text, *update, start]);
            self.0[Section::Keys as usize].extend_from_slice(key);
        }
        let end = self.end(Section::Keys)?;
        self.set(Section::Versions, [NONE, NONE, end]);
        Ok(())
    }

    fn conditions(&mut self, conditions: &[Vec<Vec<Partner>>]) -> Result<(), IndexError> {
        for condition in conditions {
            let start = self.next_row(Section::Conditions)?;
            self.push(Section::ConditionStarts, start);
            for term in condition {
                let count = u32::try_from(term.len())
                    .map_err(|_| IndexError::TooLarge("partners of a rule"))?;
                self.push(Section::Conditions, count);
                for partner in term {
                    self.set(Section::Conditions, partner.to_words());
                }
            }
        }
        let end = self.next_row(Section::Conditions)?;
        self.push(Section::ConditionStarts, end);
        Ok(())
    }

    fn shapes(&mut self, shapes: &[Shape]) {
        for shape in shapes {
            self.set(Section::Shapes, shape.qualifiers);
            self.push(Section::Shapes, shape.condition);
        }
    }

    pub(super) fn into_file(mut self, origin: &Origin) -> Result<Vec<u8>, IndexError> {
        let generation = self.generation();
        for file in &origin.made_of {
            self.bytes(Section::MadeOf, file);
        }
        // Sections begin at multiples of eight, so that none shares a word with another.
        let padded = |length: usize| length.next_multiple_of(8);
        let total = HEADER_BYTES + self.0.iter().map(|bytes| padded(bytes.len())).sum::<usize>();
        if u32::try_from(total).is_err() {
            return Err(IndexError::TooLarge("bytes"));
        }
        let mut file = Vec::with_capacity(total);
        file.extend_from_slice(&MAGIC);
        file.extend_from_slice(&FORMAT.to_le_bytes());
        // The checksum's place, which counts as zero until it is known.
        file.extend_from_slice(&[0; 4]);
        file.extend_from_slice(&(total as u64).to_le_bytes());
        file.extend_from_slice(&generation.to_le_bytes());
        file.extend_from_slice(&origin.made_at.to_le_bytes());
        file.extend_from_slice(&origin.reader.to_le_bytes());
        // The reader finds the table of sections by this number alone.
        debug_assert_eq!(file.len(), SECTIONS_AT, "the header is as documented");
        let mut start = HEADER_BYTES;
        for bytes in &self.0 {
            file.extend_from_slice(&(start as u64).to_le_bytes());
            file.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
            start += padded(bytes.len());
        }
        for bytes in self.0 {
            file.extend_from_slice(&bytes);
            file.resize(file.len().next_multiple_of(8), 0);
        }
        let checksum = checksum(&file);
        file[CHECKSUM_AT..CHECKSUM_AT + 4].copy_from_slice(&checksum.to_le_bytes());
        Ok(file)
    }

    /// The content as a number. What it was made of and when is no part of it, and not there yet.
    fn generation(&self) -> u64 {
        let mut hash = Sha256::new();
        // The same records in another format are another index to whoever cached its answers.
        hash.update(FORMAT.to_le_bytes());
        for bytes in &self.0 {
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        }
        let hash: [u8; 32] = hash.finalize().into();
        hash.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
    }
}
