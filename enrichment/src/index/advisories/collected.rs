//! What a builder holds of advisories: statements in numbers, and which version of an advisory
//! counts.

use std::collections::HashMap;
use std::hash::{Hash as _, Hasher as _};

use crate::advisory::{Advisory, Affected, End, PackageKind, Place, Span, Verdict};
use crate::cve::{CveId, Timestamp};
use crate::identity::registry_name;
use crate::index::IndexError;
use crate::index::format::NONE;
use crate::index::intern::{Strings, Values};
use crate::rule::Fnv;

/// Advisories, each in its newest version.
#[derive(Debug, Default)]
pub(in crate::index) struct Advisories {
    pub(in crate::index) tables: AdvisoryTables,
    /// By publisher and id.
    pub(in crate::index) records: HashMap<(u32, u32), Record>,
}

/// What the numbers in statements stand for. Texts are those of the whole index.
#[derive(Debug, Default)]
pub(in crate::index) struct AdvisoryTables {
    /// Id, release, kind.
    pub(in crate::index) places: Values<(u32, u32, u32)>,
    /// Place, name.
    pub(in crate::index) packages: Values<(u32, u32)>,
    pub(in crate::index) shapes: Values<StatementShape>,
    pub(in crate::index) span_lists: Values<Box<[CompactSpan]>>,
    /// Scheme, text.
    pub(in crate::index) versions: Values<(u32, u32)>,
}

/// What many statements have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::index) struct StatementShape {
    pub(in crate::index) verdict: u32,
    pub(in crate::index) scheme: u32,
    pub(in crate::index) module: u32,
    pub(in crate::index) channel: u32,
    pub(in crate::index) note: u32,
}

/// A stretch of versions, or a single one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::index) struct CompactSpan {
    pub(in crate::index) kind: SpanKind,
    pub(in crate::index) lower: u32,
    pub(in crate::index) upper: u32,
}

/// How a stretch ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum SpanKind {
    /// Not yet.
    Open,
    /// Before the upper version, which has the fix.
    Fixed,
    /// With the upper version.
    LastAffected,
    /// It is one version, the lower one.
    Single,
}

impl SpanKind {
    pub(in crate::index) const fn to_word(self) -> u32 {
        match self {
            Self::Open => 0,
            Self::Fixed => 1,
            Self::LastAffected => 2,
            Self::Single => 3,
        }
    }

    pub(in crate::index) const fn from_word(word: u32) -> Option<Self> {
        match word {
            0 => Some(Self::Open),
            1 => Some(Self::Fixed),
            2 => Some(Self::LastAffected),
            3 => Some(Self::Single),
            _ => None,
        }
    }
}

/// A statement in 12 bytes: a distribution's bulletin may make thousands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::index) struct CompactStatement {
    pub(in crate::index) package: u32,
    pub(in crate::index) shape: u32,
    pub(in crate::index) spans: u32,
}

/// One version of an advisory.
#[derive(Debug)]
pub(in crate::index) struct Record {
    pub(in crate::index) modified: Option<Timestamp>,
    pub(in crate::index) digest: u64,
    pub(in crate::index) publisher: u32,
    pub(in crate::index) severity: u32,
    pub(in crate::index) cves: Box<[CveId]>,
    /// Nothing for one that was withdrawn.
    pub(in crate::index) statements: Box<[CompactStatement]>,
}

impl Advisories {
    /// Takes an advisory in: whole, and instead of an older version of it.
    pub(in crate::index) fn add(
        &mut self,
        strings: &mut Strings,
        advisory: &Advisory,
    ) -> Result<(), IndexError> {
        let id = strings.number(&advisory.id)?;
        let digest = digest(advisory);
        let publisher = strings.number(advisory.publisher.as_str())?;
        let key = (publisher, id);
        let known = self.records.get(&key);
        // Before its statements get numbers: an older version would only fill the tables.
        if known.is_some_and(|known| known.is_newer(advisory.modified, digest)) {
            return Ok(());
        }
        let affected: &[Affected] = if advisory.is_withdrawn { &[] } else { &advisory.affected };
        let statements = affected
            .iter()
            .map(|affected| self.tables.statement(strings, affected))
            .collect::<Result<Vec<_>, _>>()?;
        let record = Record {
            modified: advisory.modified,
            digest,
            publisher,
            severity: strings.number(&advisory.severity)?,
            cves: advisory.cves.clone().into_boxed_slice(),
            statements: statements.into_boxed_slice(),
        };
        self.records.insert(key, record);
        Ok(())
    }

    /// Takes an advisory in that is in numbers already.
    pub(in crate::index) fn take(&mut self, id: u32, record: Record) {
        let key = (record.publisher, id);
        let known = self.records.get(&key);
        if !known.is_some_and(|known| known.is_newer(record.modified, record.digest)) {
            self.records.insert(key, record);
        }
    }
}

impl StatementShape {
    pub(in crate::index) const fn to_words(self) -> [u32; 5] {
        [self.verdict, self.scheme, self.module, self.channel, self.note]
    }
}

impl Record {
    /// Whether it stays when another version comes. Of two of one instant any may, but always the
    /// same one.
    fn is_newer(&self, modified: Option<Timestamp>, digest: u64) -> bool {
        // An instant beats none: Ubuntu's tracker tells none, and the OSV record under the same id
        // does.
        (self.modified, self.digest) >= (modified, digest)
    }
}

/// A number for the content, which does not depend on what came before.
fn digest(advisory: &Advisory) -> u64 {
    let mut digest = Fnv::default();
    advisory.is_withdrawn.hash(&mut digest);
    advisory.severity.hash(&mut digest);
    advisory.cves.hash(&mut digest);
    for affected in &advisory.affected {
        affected.place.hash(&mut digest);
        affected.package.hash(&mut digest);
        affected.kind.hash(&mut digest);
        affected.module.hash(&mut digest);
        affected.verdict.hash(&mut digest);
        affected.versions.hash(&mut digest);
        affected.scheme.hash(&mut digest);
        affected.note.hash(&mut digest);
        for span in &affected.spans {
            span.introduced.hash(&mut digest);
            // Which end it is, is content: the last affected version and the first fixed one are
            // two statements.
            let end = span.end.as_ref().map(|end| match end {
                End::Fixed(version) => (true, version),
                End::LastAffected(version) => (false, version),
            });
            end.hash(&mut digest);
        }
    }
    digest.finish()
}

impl AdvisoryTables {
    fn statement(
        &mut self,
        strings: &mut Strings,
        affected: &Affected,
    ) -> Result<CompactStatement, IndexError> {
        let scheme = strings.number(affected.scheme.as_str())?;
        let (place, channel) = self.place(strings, affected)?;
        let name = match &affected.place {
            // Once more, although parsers do it too: whoever adds advisories by another way must
            // meet the same look-up.
            Place::Language(registry) => registry_name(registry, &affected.package),
            Place::Distribution { .. } => affected.package.as_str().into(),
        };
        let package = (place, strings.number(&name)?);
        let shape = StatementShape {
            verdict: verdict_to_word(affected.verdict),
            scheme,
            module: strings.number(&affected.module)?,
            channel,
            note: strings.number(&affected.note)?,
        };
        Ok(CompactStatement {
            package: self.packages.number(package, "packages")?,
            shape: self.shapes.number(shape, "kinds of statements")?,
            spans: self.spans(strings, scheme, affected)?,
        })
    }

    /// The place, and the channel within it.
    fn place(
        &mut self,
        strings: &mut Strings,
        affected: &Affected,
    ) -> Result<(u32, u32), IndexError> {
        let (id, release, channel, kind) = match &affected.place {
            Place::Distribution { id, release, channel } => {
                (id, release.as_str(), channel.as_str(), affected.kind.into())
            }
            Place::Language(registry) => (registry, "", "", NameKind::Registry),
        };
        let place = (strings.number(id)?, strings.number(release)?, kind.to_word());
        let channel = strings.number(channel)?;
        Ok((self.places.number(place, "places")?, channel))
    }

    fn spans(
        &mut self,
        strings: &mut Strings,
        scheme: u32,
        affected: &Affected,
    ) -> Result<u32, IndexError> {
        let mut spans = Vec::with_capacity(affected.spans.len() + affected.versions.len());
        for span in &affected.spans {
            spans.push(self.span(strings, scheme, span)?);
        }
        for version in &affected.versions {
            spans.push(CompactSpan {
                kind: SpanKind::Single,
                lower: self.version(strings, scheme, version)?,
                upper: NONE,
            });
        }
        self.span_lists.number(spans.into_boxed_slice(), "lists of versions")
    }

    fn span(
        &mut self,
        strings: &mut Strings,
        scheme: u32,
        span: &Span,
    ) -> Result<CompactSpan, IndexError> {
        // OSV writes the beginning as a version 0, below which pre-releases would lie.
        let lower = match span.introduced.as_deref() {
            None | Some("" | "0") => NONE,
            Some(version) => self.version(strings, scheme, version)?,
        };
        let (kind, upper) = match &span.end {
            None => (SpanKind::Open, NONE),
            Some(End::Fixed(version)) => (SpanKind::Fixed, self.version(strings, scheme, version)?),
            Some(End::LastAffected(version)) => {
                (SpanKind::LastAffected, self.version(strings, scheme, version)?)
            }
        };
        Ok(CompactSpan { kind, lower, upper })
    }

    fn version(
        &mut self,
        strings: &mut Strings,
        scheme: u32,
        text: &str,
    ) -> Result<u32, IndexError> {
        let version = (scheme, strings.number(text.trim())?);
        self.versions.number(version, "versions")
    }
}

/// Whose name a package has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum NameKind {
    /// The source package's.
    Source,
    /// The installed package's.
    Binary,
    /// A registry's.
    Registry,
}

impl From<PackageKind> for NameKind {
    fn from(kind: PackageKind) -> Self {
        match kind {
            PackageKind::Source => Self::Source,
            PackageKind::Binary => Self::Binary,
        }
    }
}

impl NameKind {
    pub(in crate::index) const fn from_word(word: u32) -> Option<Self> {
        match word {
            0 => Some(Self::Source),
            1 => Some(Self::Binary),
            2 => Some(Self::Registry),
            _ => None,
        }
    }

    pub(in crate::index) const fn to_word(self) -> u32 {
        match self {
            Self::Source => 0,
            Self::Binary => 1,
            Self::Registry => 2,
        }
    }

    /// The name in explanations.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Binary => "binary",
            Self::Registry => "registry",
        }
    }
}

pub(in crate::index) const fn verdict_to_word(verdict: Verdict) -> u32 {
    match verdict {
        Verdict::Affected => 0,
        Verdict::WontFix => 1,
        Verdict::UnderInvestigation => 2,
        Verdict::NotAffected => 3,
    }
}

pub(in crate::index) const fn verdict_from_word(word: u32) -> Option<Verdict> {
    match word {
        0 => Some(Verdict::Affected),
        1 => Some(Verdict::WontFix),
        2 => Some(Verdict::UnderInvestigation),
        3 => Some(Verdict::NotAffected),
        _ => None,
    }
}
