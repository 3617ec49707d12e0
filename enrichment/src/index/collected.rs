//! What a builder holds of the records: their rules in numbers, and which record counts.

use crate::cve::{RecordSource, Timestamp};
use crate::index::format::{Bounds, VersionKind};
use crate::index::intern::{Strings, Values};
use crate::rule::QUALIFIERS;

/// What the numbers in rules stand for.
#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) strings: Strings,
    /// Vendor, product, part.
    pub(super) products: Values<(u32, u32, u32)>,
    /// Text, update or none.
    pub(super) versions: Values<(u32, u32)>,
    pub(super) shapes: Values<Shape>,
    pub(super) conditions: Values<Condition>,
}

/// Of each list at least one has to be on the host.
pub(super) type Condition = Vec<Vec<Partner>>;

/// A rule in 24 bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct CompactRule {
    pub(super) product: u32,
    pub(super) shape: u32,
    pub(super) kind: VersionKind,
    pub(super) bounds: Bounds,
    pub(super) lower: u32,
    pub(super) upper: u32,
}

/// What many rules have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Shape {
    pub(super) qualifiers: [u32; QUALIFIERS],
    pub(super) condition: u32,
}

/// Something that has to be on the host too.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Partner {
    pub(super) vendor: u32,
    pub(super) product: u32,
    pub(super) part: u8,
    pub(super) kind: VersionKind,
    pub(super) bounds: Bounds,
    pub(super) lower: u32,
    pub(super) upper: u32,
}

impl Partner {
    pub(super) fn to_words(&self) -> [u32; 5] {
        let kind = u32::from(self.part) << 8 | self.bounds.to_word() | self.kind.to_word();
        [self.vendor, self.product, kind, self.lower, self.upper]
    }

    pub(super) fn from_words([vendor, product, kind, lower, upper]: [u32; 5]) -> Option<Self> {
        Some(Self {
            vendor,
            product,
            part: u8::try_from(kind >> 8).ok()?,
            kind: VersionKind::from_word(kind)?,
            bounds: Bounds::from_word(kind),
            lower,
            upper,
        })
    }
}

/// What one record says.
#[derive(Clone, Debug)]
pub(super) struct Statement {
    pub(super) modified: Option<Timestamp>,
    pub(super) is_rejected: bool,
    /// Whether it puts right what NVD says.
    pub(super) is_correction: bool,
    /// Whether it has configurations, if only to say that nothing is affected.
    pub(super) says_something: bool,
    pub(super) digest: u64,
    pub(super) rules: Box<[CompactRule]>,
}

impl Statement {
    /// The later wins; of two of one instant any, but always the same one.
    const fn rank(&self) -> (Option<Timestamp>, [bool; 3], u64) {
        // Of two records of one instant the one that says more wins, and a rejection says most. The
        // digest makes the rest of the choice, which any order of arrival then makes alike.
        let words = [self.is_rejected, self.says_something, self.is_correction];
        (self.modified, words, self.digest)
    }
}

/// The records of one source: the newest, and the newest that says something.
#[derive(Debug, Default)]
pub(super) struct History {
    /// Present while the newest says nothing or withdraws the CVE.
    newest: Option<Box<Statement>>,
    said: Option<Box<Statement>>,
}

impl History {
    pub(super) fn add(&mut self, statement: Statement) {
        let current = self.current().map(Statement::rank);
        // Strictly newer: the same record twice changes nothing.
        let is_newest = current.is_none_or(|current| statement.rank() > current);
        if statement.says_something && !statement.is_rejected {
            let said = self.said.as_ref().map(|said| said.rank());
            if said.is_none_or(|said| statement.rank() > said) {
                self.said = Some(Box::new(statement));
            }
            // What is said now needs no fallback: `said` itself is the newest.
            if is_newest {
                self.newest = None;
            }
        } else if is_newest {
            self.newest = Some(Box::new(statement));
        }
    }

    /// What is kept of the source's records.
    pub(super) fn statements(&self) -> impl Iterator<Item = &Statement> {
        self.newest.as_deref().into_iter().chain(self.said.as_deref())
    }

    /// The newest record.
    fn current(&self) -> Option<&Statement> {
        self.newest.as_deref().or(self.said.as_deref())
    }

    fn is_rejected(&self) -> bool {
        self.current().is_some_and(|current| current.is_rejected)
    }

    /// The newest record, where it says something.
    fn saying(&self) -> Option<&Statement> {
        self.current().filter(|current| current.says_something && !current.is_rejected)
    }
}

/// What all sources say of one CVE.
#[derive(Debug, Default)]
pub(super) struct Statements {
    pub(super) nvd: History,
    pub(super) anchore: History,
    pub(super) cisa: History,
    pub(super) assigner: History,
}

/// The statement that counts.
#[derive(Debug)]
pub(super) struct Verdict<'a> {
    pub(super) rules: &'a [CompactRule],
    pub(super) source: RecordSource,
    pub(super) is_rejected: bool,
    pub(super) is_fallback: bool,
}

impl Statements {
    /// The records of each source.
    pub(super) const fn histories(&self) -> [(RecordSource, &History); 4] {
        [
            (RecordSource::Nvd, &self.nvd),
            (RecordSource::Anchore, &self.anchore),
            (RecordSource::Cisa, &self.cisa),
            (RecordSource::Assigner, &self.assigner),
        ]
    }

    /// Whose rules count: nobody's when NVD withdrew the CVE; else a correction before what it
    /// corrects; else NVD's own; else what stands in for it, a person's work before CISA's; else what
    /// NVD said before it took it back; else what the CVE's assigner says in names that can be matched.
    pub(super) fn verdict(&self) -> Verdict<'_> {
        let mut verdict = Verdict {
            rules: &[],
            source: RecordSource::Nvd,
            is_rejected: self.nvd.is_rejected(),
            is_fallback: false,
        };
        if verdict.is_rejected {
            return verdict;
        }
        // Not by date: NVD touches old records for their references, which says nothing about the
        // products that somebody has put right meanwhile.
        let nvd = self.nvd.saying();
        let anchore = self.anchore.saying();
        // What stands in for NVD gives way as soon as NVD speaks itself.
        let anchore = anchore.filter(|anchore| anchore.is_correction || nvd.is_none());
        let cisa = self.cisa.saying().filter(|_| nvd.is_none());
        match (anchore, cisa) {
            (Some(anchore), _) => {
                verdict.rules = &anchore.rules;
                verdict.source = RecordSource::Anchore;
            }
            (None, Some(cisa)) => {
                verdict.rules = &cisa.rules;
                verdict.source = RecordSource::Cisa;
            }
            (None, None) => {
                verdict.is_fallback = nvd.is_none() && self.nvd.said.is_some();
                let said = nvd.or(self.nvd.said.as_deref());
                let said = said.or_else(|| {
                    verdict.source = RecordSource::Assigner;
                    self.assigner.saying()
                });
                verdict.rules = said.map_or(&[], |said| &said.rules);
            }
        }
        verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(modified: i64, says_something: bool, is_rejected: bool) -> Statement {
        let rule = CompactRule {
            product: u32::try_from(modified).unwrap(),
            shape: 0,
            kind: VersionKind::All,
            bounds: Bounds::default(),
            lower: 0,
            upper: 0,
        };
        Statement {
            modified: Some(Timestamp(modified)),
            is_rejected,
            is_correction: false,
            says_something,
            digest: 0,
            rules: if says_something { vec![rule] } else { vec![] }.into(),
        }
    }

    /// The instant of the statement that counts, and whether it is a fallback.
    fn verdict(statements: &Statements) -> (Option<u32>, bool) {
        let verdict = statements.verdict();
        (verdict.rules.first().map(|rule| rule.product), verdict.is_fallback)
    }

    fn in_both_orders(nvd: [Statement; 2]) -> [Statements; 2] {
        let [a, b] = nvd;
        [[a.clone(), b.clone()], [b, a]].map(|order| {
            let mut statements = Statements::default();
            for statement in order {
                statements.nvd.add(statement);
            }
            statements
        })
    }

    #[test]
    fn the_newest_record_counts_whatever_came_first() {
        for statements in in_both_orders([statement(1, true, false), statement(2, true, false)]) {
            assert_eq!(verdict(&statements), (Some(2), false));
        }
    }

    #[test]
    fn a_newer_record_without_rules_leaves_the_older_ones_as_a_fallback() {
        for statements in in_both_orders([statement(1, true, false), statement(2, false, false)]) {
            assert_eq!(verdict(&statements), (Some(1), true));
        }
    }

    #[test]
    fn a_withdrawn_cve_has_no_rules_and_gets_them_back_with_a_newer_record() {
        for mut statements in in_both_orders([statement(1, true, false), statement(2, true, true)])
        {
            statements.anchore.add(statement(9, true, false));
            assert_eq!(verdict(&statements), (None, false));
            assert!(statements.verdict().is_rejected);
            statements.nvd.add(statement(3, true, false));
            assert_eq!(verdict(&statements).0, Some(3));
        }
    }

    #[test]
    fn a_correction_counts_before_nvd_and_a_stand_in_does_not() {
        for (is_correction, wins) in [(true, 4), (false, 5)] {
            let mut statements = Statements::default();
            statements.nvd.add(statement(5, true, false));
            statements.anchore.add(Statement { is_correction, ..statement(4, true, false) });
            assert_eq!(verdict(&statements), (Some(wins), false));
        }
    }

    #[test]
    fn a_correction_may_say_that_nothing_is_affected() {
        let mut statements = Statements::default();
        statements.nvd.add(statement(5, true, false));
        statements.anchore.add(Statement {
            is_correction: true,
            rules: Box::default(),
            ..statement(4, true, false)
        });
        assert_eq!(verdict(&statements), (None, false));
    }

    #[test]
    fn anchore_counts_before_what_nvd_took_back() {
        let mut statements = Statements::default();
        statements.nvd.add(statement(5, true, false));
        statements.nvd.add(statement(6, false, false));
        statements.anchore.add(statement(1, true, false));
        assert_eq!(verdict(&statements), (Some(1), false));
        assert_eq!(statements.verdict().source, RecordSource::Anchore);
    }

    #[test]
    fn an_assigner_counts_after_all_others() {
        let mut statements = Statements::default();
        statements.assigner.add(statement(9, true, false));
        assert_eq!(verdict(&statements), (Some(9), false));
        assert_eq!(statements.verdict().source, RecordSource::Assigner);
        statements.nvd.add(statement(1, true, false));
        statements.nvd.add(statement(2, false, false));
        assert_eq!(verdict(&statements), (Some(1), true));
        assert_eq!(statements.verdict().source, RecordSource::Nvd);
    }

    #[test]
    fn cisa_counts_only_while_neither_nvd_nor_anchore_says_anything() {
        let mut statements = Statements::default();
        statements.nvd.add(statement(5, true, false));
        statements.nvd.add(statement(6, false, false));
        statements.cisa.add(statement(2, true, false));
        assert_eq!(verdict(&statements), (Some(2), false));
        assert_eq!(statements.verdict().source, RecordSource::Cisa);
        statements.anchore.add(statement(1, true, false));
        assert_eq!(verdict(&statements), (Some(1), false));
        statements.nvd.add(statement(7, true, false));
        assert_eq!(verdict(&statements), (Some(7), false));
        assert_eq!(statements.verdict().source, RecordSource::Nvd);
    }
}
