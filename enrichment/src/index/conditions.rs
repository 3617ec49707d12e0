//! What has to be on a host beside a product: the conditions of rules, read out of the file.

use std::ops::Range;

use crate::index::Index;
use crate::index::format::{Bounds, Section, VersionKind};
use crate::index::reader::version;

/// Partners of which one has to be there.
#[derive(Clone, Debug)]
pub(crate) struct ConditionTerm<'a> {
    index: &'a Index,
    partners: Range<u32>,
}

/// Something that has to be on the host too.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PartnerView<'a> {
    pub(crate) vendor: &'a str,
    pub(crate) product: &'a str,
    pub(crate) part: u8,
    pub(crate) kind: VersionKind,
    pub(crate) bounds: Bounds,
    pub(crate) lower: Option<&'a str>,
    pub(crate) upper: Option<&'a str>,
}

/// Words of a partner.
const PARTNER_WORDS: u32 = 5;

impl Index {
    /// The terms of a condition, all of which have to hold.
    pub(crate) fn condition(&self, row: u32) -> Vec<ConditionTerm<'_>> {
        let mut terms = Vec::new();
        let mut words = self.span(Section::ConditionStarts, row, 0).unwrap_or(0..0);
        // The words are self-describing; what does not fit the condition ends it.
        while let Some(count) = self.word(Section::Conditions, words.start, 0) {
            let start = words.start + 1;
            let end = count.checked_mul(PARTNER_WORDS).and_then(|length| start.checked_add(length));
            let Some(end) = end.filter(|end| *end <= words.end) else {
                break;
            };
            terms.push(ConditionTerm { index: self, partners: start..end });
            words.start = end;
            // `start` at the end would be the first word of the next condition.
            if words.is_empty() {
                break;
            }
        }
        terms
    }
}

impl<'a> ConditionTerm<'a> {
    /// The partners; none where none could be read from the record.
    pub(crate) fn partners(&self) -> impl Iterator<Item = PartnerView<'a>> + 'a {
        let index = self.index;
        self.partners
            .clone()
            .step_by(PARTNER_WORDS as usize)
            .filter_map(move |at| partner(index, at))
    }
}

fn partner(index: &Index, at: u32) -> Option<PartnerView<'_>> {
    let word = |offset| index.word(Section::Conditions, at, offset);
    let kind = word(2)?;
    let version = |number: u32| version(number).and_then(|version| index.version_text(version));
    Some(PartnerView {
        vendor: index.string(word(0)?)?,
        product: index.string(word(1)?)?,
        part: u8::try_from(kind >> 8).ok()?,
        kind: VersionKind::from_word(kind)?,
        bounds: Bounds::from_word(kind),
        lower: version(word(3)?),
        upper: version(word(4)?),
    })
}
