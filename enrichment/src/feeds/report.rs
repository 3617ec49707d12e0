//! What reading feeds came to: which files were what, how much they held, and what was wrong.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::cve::Timestamp;
use crate::feeds::FeedError;

/// Problems that a file's report names; more are only counted.
const PROBLEMS_MAX: usize = 20;
/// Different things left out that a file's report names; SUSE has 350 products.
const LEFT_OUT_MAX: usize = 1000;

/// What a file holds, as its content says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FeedKind {
    /// CVE records in the shape of NVD's API 2.0: feed files, pages, or a record a line.
    Nvd,
    /// CISA's known exploited vulnerabilities.
    Kev,
    /// FIRST's exploitation scores.
    Epss,
    /// Records in the CVE programme's own format, used where CISA has added to them.
    CveProgram,
    /// Advisories in the Open Source Vulnerability format.
    Osv,
    /// The CVEs of Ubuntu's tracker with the state of every release.
    UbuntuTracker,
    /// Red Hat's CSAF VEX documents, one a CVE.
    RedHatVex,
    /// Alpine's security databases, one a repository of a release.
    AlpineSecdb,
    /// Microsoft's documents on its products, by the month or by the CVE, and the table of its updates.
    Msrc,
    /// Anything else.
    Unknown,
}

impl FeedKind {
    /// Whether the match index is built from such files, so that they have to be kept.
    #[must_use]
    pub const fn is_of_index(self) -> bool {
        match self {
            Self::Nvd
            | Self::CveProgram
            | Self::Osv
            | Self::UbuntuTracker
            | Self::RedHatVex
            | Self::AlpineSecdb
            | Self::Msrc => true,
            Self::Kev | Self::Epss | Self::Unknown => false,
        }
    }
}

/// A record that was skipped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The record's id where it could be read, else its place in the file.
    pub record: String,
    /// What is wrong with it.
    pub reason: String,
}

/// What reading one file came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileReport {
    /// Which file.
    pub path: PathBuf,
    /// What it holds.
    pub kind: FeedKind,
    /// Records that went to the sink.
    pub records: u64,
    /// Records that were bad and skipped.
    pub skipped: u64,
    /// Records that were recognised and hold nothing that is used.
    pub not_used: u64,
    /// What advisories say of packages, one for each package and place, that went to the sink.
    pub statements: u64,
    /// The same that was left out, by what it names: a product or an ecosystem that stands for no
    /// release and no registry that is known.
    pub left_out: BTreeMap<String, u64>,
    /// The newest change of a record.
    pub newest: Option<Timestamp>,
    /// The first bad records.
    pub problems: Vec<Problem>,
    /// Why reading ended before the file's end.
    pub damage: Option<String>,
}

impl FileReport {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            kind: FeedKind::Unknown,
            records: 0,
            skipped: 0,
            not_used: 0,
            statements: 0,
            left_out: BTreeMap::new(),
            newest: None,
            problems: Vec::new(),
            damage: None,
        }
    }

    /// A file that could not be opened.
    pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Self {
        Self { damage: Some(format!("it cannot be opened: {error}")), ..Self::new(path) }
    }

    pub(super) fn skip(&mut self, record: String, reason: String) {
        self.skipped += 1;
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(Problem { record, reason });
        }
    }

    pub(super) fn leave_out(&mut self, what: String, statements: u64) {
        // Whoever writes feeds chooses these words, so they must not fill the memory.
        let is_full = self.left_out.len() >= LEFT_OUT_MAX && !self.left_out.contains_key(&what);
        let what = if is_full { "others".to_owned() } else { what };
        *self.left_out.entry(what).or_default() += statements;
    }

    /// Adds what a file of an archive came to. The archive is what its first feed is; files that are no
    /// feeds do not count, as in a folder.
    pub(super) fn take_in(&mut self, member: Self) {
        let name = member.path.display().to_string();
        // Read-mes, schemas and licences.
        if member.kind == FeedKind::Unknown {
            return;
        }
        if self.kind == FeedKind::Unknown {
            self.kind = member.kind;
        }
        self.records += member.records;
        self.not_used += member.not_used;
        self.statements += member.statements;
        // `None` is less than every instant, as it has to be.
        self.newest = self.newest.max(member.newest);
        for (what, statements) in member.left_out {
            self.leave_out(what, statements);
        }
        // Only the first problems of a member have names; the others still count.
        let unnamed = member.skipped - member.problems.len() as u64;
        self.skipped += unnamed;
        for problem in member.problems {
            self.skip(format!("{name}: {}", problem.record), problem.reason);
        }
        // One damaged member says nothing about the next one.
        if let Some(damage) = member.damage {
            self.skip(name, damage);
        }
    }

    /// The report of a file that somebody named, who has to hear of it when it is not as expected.
    pub(super) fn into_named(self, path: &Path) -> Result<Self, FeedError> {
        let path = || path.to_owned();
        match &self.damage {
            Some(reason) => Err(FeedError::Damaged {
                path: path(),
                records: self.records,
                reason: reason.clone(),
            }),
            None if self.kind == FeedKind::Unknown => Err(FeedError::NotAFeed { path: path() }),
            None => Ok(self),
        }
    }
}

/// What reading a path came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FeedReport {
    /// Every file, in the order of reading.
    pub files: Vec<FileReport>,
}

impl FeedReport {
    /// Records of one kind that went to the sink.
    #[must_use]
    pub fn records(&self, kind: FeedKind) -> u64 {
        self.of(kind).map(|file| file.records).sum()
    }

    /// Bad records of feeds. What is in files that are no feeds does not count.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        let feeds = self.files.iter().filter(|file| file.kind != FeedKind::Unknown);
        feeds.map(|file| file.skipped).sum()
    }

    /// Records that hold nothing that is used.
    #[must_use]
    pub fn not_used(&self) -> u64 {
        self.files.iter().map(|file| file.not_used).sum()
    }

    /// Statements of advisories that went to the sink.
    #[must_use]
    pub fn statements(&self) -> u64 {
        self.files.iter().map(|file| file.statements).sum()
    }

    /// Statements of advisories that were left out.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.files.iter().flat_map(|file| file.left_out.values()).sum()
    }

    /// The newest change of a record.
    #[must_use]
    pub fn newest(&self) -> Option<Timestamp> {
        self.files.iter().filter_map(|file| file.newest).max()
    }

    fn of(&self, kind: FeedKind) -> impl Iterator<Item = &FileReport> {
        self.files.iter().filter(move |file| file.kind == kind)
    }
}
