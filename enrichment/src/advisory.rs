//! What distributions and language registries say of their packages: which versions a vulnerability
//! is in, and which one has the fix.
//!
//! It exists beside [`crate::cve`] because these statements are about packages by name, release and
//! the distribution's own order of versions, and not about CPE products. A back-ported fix is told
//! here and nowhere else. Nothing here decides whether a statement applies to an installed package.

use serde::{Deserialize, Serialize};

use crate::cve::{CveId, Timestamp};
use crate::version::Scheme;

/// Debian's remark on what it will not treat as a vulnerability, in [`Affected::note`].
pub const UNIMPORTANT: &str = "unimportant";

/// The same, where the CVE's own description says as well that its maintainers deny it.
pub const DENIED: &str = "unimportant, and denied by its maintainers";

/// Ubuntu's way to say that a version came with the fix, in [`Affected::note`].
pub const NOT_AFFECTED_FROM: &str = "not affected from this version on";

/// What stands before a registry where the assigners of CVEs speak of its packages. They are kept
/// apart, because a registry whose advisories name a package has all its CVEs.
pub const ASSIGNER: &str = "assigner:";

/// Whose advisories they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Publisher {
    /// The Debian security team.
    Debian,
    /// Canonical.
    Ubuntu,
    /// Red Hat.
    RedHat,
    /// SUSE and openSUSE.
    Suse,
    /// Alpine's secdb.
    Alpine,
    /// AlmaLinux.
    Alma,
    /// Rocky Linux.
    Rocky,
    /// The Python Packaging Authority's advisory database.
    PyPa,
    /// The Python Software Foundation.
    Psf,
    /// GitHub's reviewed advisories.
    GitHub,
    /// The Go vulnerability database.
    Go,
    /// The Node.js project.
    Node,
    /// The Microsoft Security Response Center.
    Microsoft,
    /// The assigner of a CVE, whoever that is, by the package that its record names.
    Assigner,
}

impl Publisher {
    /// The name in findings, the API and the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debian => "debian",
            Self::Ubuntu => "ubuntu",
            Self::RedHat => "redhat",
            Self::Suse => "suse",
            Self::Alpine => "alpine",
            Self::Alma => "almalinux",
            Self::Rocky => "rocky",
            Self::PyPa => "pypa",
            Self::Psf => "psf",
            Self::GitHub => "github",
            Self::Go => "go",
            Self::Node => "nodejs",
            Self::Microsoft => "microsoft",
            Self::Assigner => "assigner",
        }
    }
}

/// One advisory. A newer one of the same publisher and id replaces the whole of an older one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advisory {
    /// The publisher's own id: `DSA-5724-1`, `RHSA-2024:4312`, `PYSEC-2024-48`, `UBUNTU-CVE-2024-6387`.
    pub id: String,
    /// Whose it is.
    pub publisher: Publisher,
    /// The CVEs that it is about, without doubles. Empty where none was assigned: then the advisory
    /// stands for itself under its own id.
    pub cves: Vec<CveId>,
    /// When it was changed last; the newest wins.
    pub modified: Option<Timestamp>,
    /// Whether it was withdrawn, and so says nothing.
    pub is_withdrawn: bool,
    /// The publisher's own urgency or severity, as written, or empty.
    pub severity: String,
    /// What it says of which package.
    pub affected: Vec<Affected>,
}

/// What an advisory says of one package in one place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Affected {
    /// In which distribution's release or which language's registry.
    pub place: Place,
    /// The package as that place calls it.
    pub package: String,
    /// Whether that is the name of a source package or of a binary one.
    pub kind: PackageKind,
    /// The modularity stream that the package has to be of, `nodejs:18`, or empty.
    pub module: String,
    /// The statement.
    pub verdict: Verdict,
    /// The versions that the verdict is about, in the scheme's order. Empty means all.
    pub spans: Vec<Span>,
    /// Single versions that it is about beside the spans, as written.
    pub versions: Vec<String>,
    /// The scheme that compares them.
    pub scheme: Scheme,
    /// The publisher's remark, such as why a package is not affected, or empty.
    pub note: String,
}

/// Where packages have their names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// A release of a distribution, in the words of os-release.
    Distribution {
        /// `ID`: `debian`, `ubuntu`, `rhel`, `sles`, `opensuse-leap`, `alpine`, `almalinux`, `rocky`;
        /// `windows` and `microsoft` for Microsoft's systems and programs.
        id: String,
        /// The release as far as advisories tell it apart: `12`, `22.04`, `9`, `15.5`, `3.20`,
        /// `10 22h2 x64`. Empty for a rolling one, and for programs of every release.
        release: String,
        /// Empty where every host of the release gets the update. Else the line of updates that a
        /// host has to be subscribed to (`esm-apps`, `eus`, `ltss`, `hotpatch`) or the product on top of the
        /// release that brings the package (`openstack:16.2`).
        channel: String,
    },
    /// A language's registry, by its purl type: `pypi`, `npm`, `gem`, `golang`; behind [`ASSIGNER`] for what
    /// is said of its packages elsewhere.
    Language(String),
}

/// Which name of a package an advisory uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PackageKind {
    /// The source package, of which several binary ones are built.
    Source,
    /// The package as it is installed.
    Binary,
}

/// What is said of versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// They are vulnerable; a span's end says which one has the fix.
    Affected,
    /// They are vulnerable and the publisher will not fix them.
    WontFix,
    /// It is not known yet whether they are.
    UnderInvestigation,
    /// They are not, whatever others say.
    NotAffected,
}

/// A stretch of versions.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The first version that is in; `None` for the beginning.
    pub introduced: Option<String>,
    /// The end; `None` where there is none yet.
    pub end: Option<End>,
}

/// The end of a stretch of versions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum End {
    /// The first version that is out: it has the fix.
    Fixed(String),
    /// The last version that is in.
    LastAffected(String),
}
