//! What differs between two indexes, as the lookup keys under which something else is filed.
//!
//! It exists so that after a feed's update only the software is judged again that can be judged
//! otherwise. It compares what is filed under a key by content: the same records give the same
//! hash wherever their rows, texts and versions lie in a file. A key with another content is never
//! passed over; that one is named without need takes two contents with one hash of 64 bits.

use std::fmt;

use crate::advisory::Publisher;
use crate::index::Index;
use crate::index::advisories::{BoundView, NameKind, StatementView};
use crate::index::bytes::place;
use crate::index::conditions::PartnerView;
use crate::index::format::{NONE, Section};
use crate::index::views::{ProductId, ProductView, Text};
use crate::lookup_key::{Fnv, LookupKey, mix};

/// Most keys that changes are told apart by. An ordinary day changes some thousands of products;
/// beyond this, looking each one up costs more than judging everything.
pub const CHANGED_KEYS_MAX: usize = 50_000;

/// Which lookups give something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangedKeys {
    /// These, sorted, and no others.
    These(Vec<LookupKey>),
    /// So many that they are not told apart, or it is not known which.
    Everything,
}

/// Which lookups give something else in `new` than in `old`: what is filed under a key has
/// changed, appeared or gone. Reads both files once, whatever their difference.
#[must_use]
pub fn changes(old: &Index, new: &Index) -> ChangedKeys {
    if old.generation() == new.generation() {
        return ChangedKeys::These(Vec::new());
    }
    Contents::of(old).changes_to(&Contents::of(new))
}

/// What an index files under its keys, as hashes: 16 bytes a key, so that of two indexes that come
/// one after the other each has to be read once only.
pub struct Contents(Vec<Bucket>);

impl fmt::Debug for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Contents({} keys)", self.0.len())
    }
}

impl Contents {
    /// Reads the whole file once.
    #[must_use]
    pub fn of(index: &Index) -> Self {
        Self(buckets(index))
    }

    /// Which lookups give something else in an index with those contents.
    #[must_use]
    pub fn changes_to(&self, new: &Self) -> ChangedKeys {
        differing(&self.0, &new.0, CHANGED_KEYS_MAX)
    }
}

/// A key and the hash of all that is filed under it.
type Bucket = (LookupKey, u64);

/// Everything that an index files, one bucket a key, sorted. A table of another kind joins by
/// giving its own buckets here.
fn buckets(index: &Index) -> Vec<Bucket> {
    let hashed = Hashed::of(index);
    let mut buckets: Vec<Bucket> = hashed.products().chain(hashed.packages()).collect();
    buckets.sort_unstable();
    // An application and an operating system of one name are looked up by one key, and so is a
    // package in all its releases.
    buckets.dedup_by(|next, kept| {
        let is_same = next.0 == kept.0;
        if is_same {
            // A sum, because the order of the two is that of their hashes and means nothing.
            kept.1 = kept.1.wrapping_add(next.1);
        }
        is_same
    });
    buckets
}

/// The keys that two sorted lists of buckets do not agree about.
fn differing(old: &[Bucket], new: &[Bucket], keys_max: usize) -> ChangedKeys {
    let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
    let mut keys = Vec::new();
    loop {
        let key = match (old.peek(), new.peek()) {
            (None, None) => return ChangedKeys::These(keys),
            (Some(bucket), None) | (None, Some(bucket)) => bucket.0,
            (Some(before), Some(after)) => before.0.min(after.0),
        };
        let before = old.next_if(|bucket| bucket.0 == key);
        let after = new.next_if(|bucket| bucket.0 == key);
        if before != after {
            // Told before the list is complete: what follows would not be looked at.
            if keys.len() == keys_max {
                return ChangedKeys::Everything;
            }
            keys.push(key);
        }
    }
}

/// What rows point at, hashed once: a text is in hundreds of rules, a shape in thousands, an advisory in a
/// statement for each release and package.
struct Hashed<'a> {
    index: &'a Index,
    versions: Vec<u64>,
    shapes: Vec<u64>,
    cves: Vec<u64>,
    advisories: Vec<u64>,
    statement_shapes: Vec<u64>,
    span_lists: Vec<u64>,
}

impl<'a> Hashed<'a> {
    fn of(index: &'a Index) -> Self {
        let strings: Vec<u64> =
            rows(index, Section::Strings).map(|row| index.string(row).map_or(0, text)).collect();
        let word = |section, row, at| {
            index.word(section, row, at).map_or(0, |number| of(&strings, number))
        };
        let versions = rows(index, Section::Versions)
            .map(|row| chain(&[word(Section::Versions, row, 0), word(Section::Versions, row, 1)]))
            .collect();
        let shapes = rows(index, Section::Shapes).map(|row| shape(index, row)).collect();
        let cves = rows(index, Section::Cves).map(|row| cve(index, row)).collect();
        let advisories = rows(index, Section::Advisories)
            .map(|row| advisory(index, row, [0, 1, 2].map(|at| word(Section::Advisories, row, at))))
            .collect();
        let statement_shapes = rows(index, Section::StatementShapes)
            .map(|row| {
                let verdict = index.word(Section::StatementShapes, row, 0).unwrap_or_default();
                let texts = [1, 2, 3, 4].map(|at| word(Section::StatementShapes, row, at));
                chain(&[u64::from(verdict), chain(&texts)])
            })
            .collect();
        let bounds: Vec<u64> = rows(index, Section::AdvisoryVersions)
            .map(|row| word(Section::AdvisoryVersions, row, 0))
            .collect();
        let span_lists =
            rows(index, Section::SpanLists).map(|row| spans(index, row, &bounds)).collect();
        Self { index, versions, shapes, cves, advisories, statement_shapes, span_lists }
    }

    fn products(&self) -> impl Iterator<Item = Bucket> {
        rows(self.index, Section::Products)
            // The last row only ends the one before it.
            .filter_map(|row| self.index.product(ProductId(row)))
            .map(|product| {
                let key = LookupKey::of_product(product.vendor, product.product);
                (key, self.product(&product))
            })
    }

    /// Packages by their name alone, and the places that there are, as evaluations ask for them.
    fn packages(&self) -> Vec<Bucket> {
        let index = self.index;
        let mut buckets = Vec::new();
        for place in index.places() {
            let (id, release, kind) = (place.id, place.release, place.kind);
            // The place is in every package's hash: the same words about another release are
            // another answer.
            let here = chain(&[text(id), text(release), u64::from(kind.to_word())]);
            buckets.push((LookupKey::of_place("", ""), here));
            let registry = if kind == NameKind::Registry { id } else { "" };
            for package in index.packages(place.at) {
                let key = LookupKey::of_package(registry, "", "", package.name);
                let statements = index.statements(&package);
                let said = statements
                    .fold(0_u64, |sum, statement| sum.wrapping_add(self.statement(statement)));
                buckets.push((key, chain(&[here, said])));
            }
        }
        buckets
    }

    /// All that a finding takes from a statement.
    fn statement(&self, statement: StatementView) -> u64 {
        chain(&[
            of(&self.advisories, statement.advisory),
            of(&self.statement_shapes, statement.shape),
            of(&self.span_lists, statement.spans),
        ])
    }

    /// The hash of a product's rules. It is a sum, because rows that are equal to the search
    /// stand in an order that depends on everything else in the file.
    fn product(&self, product: &ProductView<'_>) -> u64 {
        let index = self.index;
        let shape = |number: u32| of(&self.shapes, number);
        let cve = |number: u32| of(&self.cves, number);
        let bound =
            |number: Option<u32>| number.map_or_else(|| NONE.into(), |at| of(&self.versions, at));
        let exact = index
            .all_exact_rows(product)
            .map(|row| chain(&[1, cve(row.cve), shape(row.shape), bound(Some(row.version.0))]));
        let ranges = index.ranges(product).map(|row| {
            let bounds = u64::from(row.bounds.to_word());
            let (lower, upper) = (row.lower.map(|at| at.0), row.upper.map(|at| at.0));
            chain(&[2, cve(row.cve), shape(row.shape), bound(lower), bound(upper), bounds])
        });
        let open = index.open_rows(product).map(|row| {
            let kind = u64::from(row.kind.to_word());
            chain(&[3, cve(row.cve), shape(row.shape), kind])
        });
        // The part is content: the same rules of an operating system are another answer.
        let rules = exact.chain(ranges).chain(open);
        rules.fold(chain(&[u64::from(product.part)]), u64::wrapping_add)
    }
}

fn rows(index: &Index, section: Section) -> std::ops::Range<u32> {
    0..u32::try_from(index.layout.rows(section)).unwrap_or(u32::MAX)
}

/// The hash of a row that another one points at; nothing where it points nowhere.
fn of(hashes: &[u64], number: u32) -> u64 {
    hashes.get(place(number)).copied().unwrap_or_default()
}

fn text(text: &str) -> u64 {
    let mut hash = Fnv::new();
    hash.write(text.as_bytes());
    hash.finish()
}

/// One number of several, in their order.
fn chain(numbers: &[u64]) -> u64 {
    numbers
        .iter()
        // Turned before the next one comes in, so that two numbers the other way round are another
        // hash.
        .fold(0, |hash, number| mix(hash.rotate_left(5) ^ *number))
}

/// What a finding takes from its CVE.
fn cve(index: &Index, row: u32) -> u64 {
    let word = |at| u64::from(index.word(Section::Cves, row, at).unwrap_or_default());
    chain(&[word(0), word(1), word(2)])
}

fn shape(index: &Index, row: u32) -> u64 {
    let Some(view) = index.shape(row) else {
        return 0;
    };
    let mut numbers: Vec<u64> = view
        .qualifiers
        .iter()
        .map(|qualifier| match qualifier {
            Text::Any => 1,
            Text::NotApplicable => 2,
            Text::Value(value) => text(value),
        })
        .collect();
    for term in view.condition.map_or_else(Vec::new, |condition| index.condition(condition)) {
        // Terms and partners are sorted by their places in a file, and so never summed in order.
        let partners = term.partners().map(|partner| hash_of_partner(&partner));
        numbers.push(partners.fold(0, u64::wrapping_add));
    }
    let terms = numbers.split_off(view.qualifiers.len());
    numbers.push(terms.iter().map(|term| mix(*term)).fold(0, u64::wrapping_add));
    // Two equal terms and none would else add up to the same.
    numbers.push(terms.len() as u64);
    chain(&numbers)
}

/// All that a finding takes from an advisory, of which the texts are hashed already.
fn advisory(index: &Index, row: u32, texts: [u64; 3]) -> u64 {
    // An assigner's word counts for as long as nobody else says what is affected.
    let is_assigners = index.advisory_publisher(row) == Some(Publisher::Assigner.as_str());
    let cves = index.advisory_cves(row).fold(0, |hash, cve| {
        chain(&[
            hash,
            u64::from(cve.year()) << 32 | u64::from(cve.number()),
            // A finding is less sure of a CVE that was taken back.
            u64::from(index.is_withdrawn(row, cve)),
            u64::from(is_assigners && index.is_decided(cve)),
        ])
    });
    chain(&[chain(&texts), cves])
}

/// A list of spans. They stand in the order of their own text, so they are summed.
fn spans(index: &Index, list: u32, bounds: &[u64]) -> u64 {
    index.spans_of(list).fold(0, |sum, span| {
        let end = |bound: Option<BoundView<'_>>| bound.map_or(1, |bound| of(bounds, bound.row));
        let one = chain(&[u64::from(span.kind.to_word()), end(span.lower), end(span.upper)]);
        sum.wrapping_add(one)
    })
}

fn hash_of_partner(partner: &PartnerView<'_>) -> u64 {
    chain(&[
        text(partner.vendor),
        text(partner.product),
        u64::from(partner.part),
        u64::from(partner.kind.to_word()),
        u64::from(partner.bounds.to_word()),
        partner.lower.map_or(1, text),
        partner.upper.map_or(1, text),
    ])
}

#[cfg(test)]
mod tests;
