//! Takes CVE records in and keeps of each just what the index needs.
//!
//! Records arrive in any order and more than once. Of each source the newest counts, whatever came
//! first. Texts and shapes are kept once, so that all of NVD stays far below 512 MB.

use std::collections::HashMap;
use std::path::Path;

use crate::advisory::Advisory;
use crate::cve::{Configuration, CveId, CveRecord, RecordSource, Timestamp, assigner};
use crate::feeds::{FeedSink, SinkError};
use crate::index::advisories::{Advisories, Live, Said};
use crate::index::assemble::{Origin, Rules};
use crate::index::collected::{CompactRule, Partner, Shape, Statement, Statements, Tables};
use crate::index::format::{Bounds, NONE, NOT_APPLICABLE, VersionKind};
use crate::index::write::{self, BuildReport, Rebuilt};
use crate::index::{Index, IndexError, assemble};
use crate::rule::{self, Compiled, LeftOut, Qualifier, Rule, UPDATE, Versions};

/// Compiles records to an index.
#[derive(Debug, Default)]
pub struct Builder {
    pub(in crate::index) tables: Tables,
    pub(in crate::index) cves: HashMap<CveId, Statements>,
    pub(in crate::index) advisories: Advisories,
    pub(in crate::index) left_out: LeftOut,
    pub(in crate::index) records: u64,
}

impl Builder {
    /// A builder without records.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether it has taken anything in.
    #[must_use]
    pub const fn has_records(&self) -> bool {
        self.records > 0
    }

    /// Takes a record in. An older record of the same CVE and source changes nothing, unless it
    /// has the rules that a newer one has lost.
    ///
    /// # Errors
    ///
    /// [`IndexError::TooLarge`].
    pub fn add(&mut self, record: &CveRecord) -> Result<(), IndexError> {
        self.records += 1;
        // Compiled even where an older record will not count: it may be the fallback.
        self.add_statement(record, record.source, &record.configurations)?;
        // A statement of its own beside the record's: whose counts is decided when all of them are
        // known.
        if let Some(said) = assigner::configuration(&record.cna) {
            self.add_statement(record, RecordSource::Assigner, &[said])?;
        }
        if let Some(said) = assigner::advisory(record) {
            self.advisories.add(&mut self.tables.strings, &said)?;
        }
        Ok(())
    }

    fn add_statement(
        &mut self,
        record: &CveRecord,
        source: RecordSource,
        configurations: &[Configuration],
    ) -> Result<(), IndexError> {
        let compiled = Compiled::of(configurations);
        self.left_out.add(compiled.left_out);
        let rules = compiled
            .rules
            .iter()
            .map(|rule| self.tables.rule(rule))
            .collect::<Result<Vec<_>, _>>()?;
        let statement = Statement {
            modified: record.modified,
            is_rejected: record.is_rejected(),
            is_correction: record.is_correction,
            says_something: says_something(configurations),
            digest: compiled.digest(),
            rules: rules.into_boxed_slice(),
        };
        self.take_statement(record.id, source, statement);
        Ok(())
    }

    pub(in crate::index) fn take_statement(
        &mut self,
        id: CveId,
        source: RecordSource,
        statement: Statement,
    ) {
        self.cves.entry(id).or_default().add(source, statement);
    }

    /// Takes an advisory in, whole: a newer one of the same publisher and id replaces it, and one
    /// that was withdrawn takes back all that it said.
    ///
    /// # Errors
    ///
    /// [`IndexError::TooLarge`].
    pub fn add_advisory(&mut self, advisory: &Advisory) -> Result<(), IndexError> {
        self.records += 1;
        self.advisories.add(&mut self.tables.strings, advisory)
    }

    /// Writes the index: under a temporary name, synced, then renamed to `path`.
    ///
    /// # Errors
    ///
    /// When the file cannot be written, or there is more than an index can hold. `path` is as
    /// before then.
    pub fn write(self, path: &Path) -> Result<BuildReport, IndexError> {
        self.write_of(path, &Origin::default())
    }

    /// The same, with the instant by which it is newer than an index that was made before.
    ///
    /// # Errors
    ///
    /// As [`Builder::write`].
    pub fn write_at(self, path: &Path, made_at: Timestamp) -> Result<BuildReport, IndexError> {
        let origin = Origin { made_at: made_at.0, ..Origin::default() };
        self.write_of(path, &origin)
    }

    fn write_of(self, path: &Path, origin: &Origin) -> Result<BuildReport, IndexError> {
        let (records, left_out) = (self.records, self.left_out);
        let bytes = self.assemble(origin)?;
        write::replace(path, &bytes)?;
        let index = Index::from_bytes(bytes)?;
        Ok(BuildReport::new(records, left_out, Rebuilt::FROM_FEEDS, &index))
    }

    /// The index as bytes, the same for the same records in any order.
    ///
    /// # Errors
    ///
    /// [`IndexError::TooLarge`].
    pub fn into_bytes(self) -> Result<Vec<u8>, IndexError> {
        self.assemble(&Origin::default())
    }

    pub(in crate::index) fn assemble(mut self, origin: &Origin) -> Result<Vec<u8>, IndexError> {
        let mut rules = Rules::default();
        for (at, (id, statements)) in (0..).zip(self.drain_cves()) {
            let verdict = statements.verdict();
            rules.cves.push((id, assemble::flags(&verdict)));
            rules.add(at, verdict.rules);
        }
        let mut said = Said::default();
        self.drain_advisories(&mut said)?;
        self.assemble_of(rules, said, origin)
    }

    /// The CVEs in their order.
    pub(in crate::index) fn drain_cves(&mut self) -> Vec<(CveId, Statements)> {
        // A hash map's order differs from run to run; nothing of it may reach the file.
        let mut cves: Vec<(CveId, Statements)> = self.cves.drain().collect();
        cves.sort_unstable_by_key(|(id, _)| *id);
        cves
    }

    pub(in crate::index) fn drain_advisories(&mut self, said: &mut Said) -> Result<(), IndexError> {
        // In any order; `Said::sort` gives it one.
        for ((_, id), record) in self.advisories.records.drain() {
            said.add(&record, id)?;
        }
        Ok(())
    }

    /// The index of these rules and statements, in this builder's numbers.
    pub(in crate::index) fn assemble_of(
        self,
        rules: Rules,
        said: Said,
        origin: &Origin,
    ) -> Result<Vec<u8>, IndexError> {
        let live = Live::of(&self.advisories, said, &self.tables.strings);
        let sections = assemble::assemble(&self.tables, rules, &live)?;
        // The file needs as much room again as its sections, which these two give back.
        drop(live);
        drop(self);
        sections.into_file(origin)
    }
}

impl FeedSink for Builder {
    fn cve(&mut self, record: CveRecord) -> Result<(), SinkError> {
        self.add(&record).map_err(Into::into)
    }

    fn advisory(&mut self, advisory: Advisory) -> Result<(), SinkError> {
        self.add_advisory(&advisory).map_err(Into::into)
    }
}

/// Whether a record has anything in its configurations, be it only hardware or only the
/// statement that nothing is affected.
fn says_something(configurations: &[Configuration]) -> bool {
    configurations
        .iter()
        .flat_map(|configuration| &configuration.nodes)
        .any(|node| !node.matches.is_empty())
}

impl LeftOut {
    pub(in crate::index) fn add(&mut self, other: Self) {
        self.hardware += other.hardware;
        self.negated += other.negated;
        self.wildcards += other.wildcards;
        self.malformed += other.malformed;
    }
}

impl Statements {
    fn add(&mut self, source: RecordSource, statement: Statement) {
        let history = match source {
            RecordSource::Nvd => &mut self.nvd,
            RecordSource::Anchore => &mut self.anchore,
            RecordSource::Cisa => &mut self.cisa,
            RecordSource::Assigner => &mut self.assigner,
        };
        history.add(statement);
    }
}

impl Tables {
    fn rule(&mut self, rule: &Rule) -> Result<CompactRule, IndexError> {
        let update = match &rule.qualifiers[UPDATE] {
            Qualifier::Value(update) => self.strings.number(update)?,
            // `-` is "no update": the version alone.
            Qualifier::Any | Qualifier::NotApplicable => NONE,
        };
        let (kind, bounds, lower, upper) = self.versions(&rule.versions, update)?;
        let product = (
            self.strings.number(&rule.product.vendor)?,
            self.strings.number(&rule.product.product)?,
            u32::from(rule.product.part),
        );
        let mut qualifiers = [NONE; rule::QUALIFIERS];
        for (number, qualifier) in qualifiers.iter_mut().zip(&rule.qualifiers) {
            *number = match qualifier {
                Qualifier::Any => NONE,
                Qualifier::NotApplicable => NOT_APPLICABLE,
                Qualifier::Value(text) => self.strings.number(text)?,
            };
        }
        let shape = Shape { qualifiers, condition: self.condition(&rule.partners)? };
        Ok(CompactRule {
            product: self.products.number(product, "products")?,
            shape: self.shapes.number(shape, "shapes")?,
            kind,
            bounds,
            lower,
            upper,
        })
    }

    /// The versions of a rule. An update belongs to the exact version or to the upper bound,
    /// because that is what `versionEndIncluding: 1.9.17` with update `p2` means.
    fn versions(
        &mut self,
        versions: &Versions,
        update: u32,
    ) -> Result<(VersionKind, Bounds, u32, u32), IndexError> {
        let none = Bounds::default();
        Ok(match versions {
            Versions::Exact(version) => {
                (VersionKind::Exact, none, self.version(Some(version), update)?, NONE)
            }
            Versions::Range(range) => {
                let lower = range.start_including.as_deref();
                let upper = range.end_including.as_deref();
                let bounds =
                    Bounds { lower_included: lower.is_some(), upper_included: upper.is_some() };
                let lower = lower.or(range.start_excluding.as_deref());
                let upper = upper.or(range.end_excluding.as_deref());
                // `update` tells where the range ends, not where it begins.
                let lower = self.version(lower, NONE)?;
                (
                    // CVE-1999-0182: Samba up to 1.9.17 with update p2.
                    VersionKind::Range,
                    bounds,
                    lower,
                    self.version(upper, update)?,
                )
            }
            Versions::All => (VersionKind::All, none, NONE, NONE),
            Versions::NotApplicable => (VersionKind::NotApplicable, none, NONE, NONE),
        })
    }

    fn version(&mut self, text: Option<&str>, update: u32) -> Result<u32, IndexError> {
        let Some(text) = text else {
            return Ok(NONE);
        };
        let text = self.strings.number(text)?;
        self.versions.number((text, update), "versions")
    }

    fn condition(&mut self, partners: &[Vec<rule::Partner>]) -> Result<u32, IndexError> {
        if partners.is_empty() {
            return Ok(NONE);
        }
        let condition = partners
            .iter()
            .map(|term| term.iter().map(|partner| self.partner(partner)).collect())
            .collect::<Result<Vec<Vec<_>>, _>>()?;
        self.conditions.number(condition, "conditions")
    }

    fn partner(&mut self, partner: &rule::Partner) -> Result<Partner, IndexError> {
        let (kind, bounds, lower, upper) = self.versions(&partner.versions, NONE)?;
        Ok(Partner {
            vendor: self.strings.number(&partner.product.vendor)?,
            product: self.strings.number(&partner.product.product)?,
            part: partner.product.part,
            kind,
            bounds,
            lower,
            upper,
        })
    }
}
