//! Whether a rule holds beside its product and version: what it runs in, on which hardware, in
//! which edition, and with which partners.

use crate::evaluation::Confidence;
use crate::identity::Edition;
use crate::index::{ConditionTerm, Index, PartnerView, ShapeView, Text};
use crate::matching::home::{Home, builds_programs, usual};
use crate::matching::host::{Fit, Host};
use crate::rule::{EDITION, SW_EDITION, TARGET_HW, TARGET_SW};

/// What a rule that holds leaves open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Doubts {
    /// The record is about an edition that the host does not tell.
    pub(super) edition: bool,
    /// The record is about an architecture that the host does not tell.
    pub(super) hardware: bool,
    /// The record is about a package of a language, and the host has a program of that name.
    pub(super) language: bool,
    /// The record is about an operating system and the host's is not known well enough.
    pub(super) system: bool,
    /// The record needs certain hardware on the host, which no inventory of software shows.
    pub(super) partner: bool,
}

/// Why a rule does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Miss {
    /// It is about a product within or for something else.
    Target,
    /// It is about another edition, or another line of versions.
    Edition,
    /// It is about another architecture.
    Hardware,
    /// It needs another application on the host.
    OtherApplication,
    /// It needs another operating system.
    OtherSystem,
}

impl Doubts {
    /// The most that a rule with these doubts can give.
    pub(super) const fn confidence(self) -> Confidence {
        if self.system || self.partner {
            Confidence::Low
        } else if self.edition || self.hardware || self.language {
            Confidence::Medium
        } else {
            Confidence::High
        }
    }
}

/// The host as a rule sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Surroundings<'a> {
    pub(super) host: Host<'a>,
    pub(super) arch: &'a str,
    pub(super) home: Home<'a>,
    pub(super) edition: &'a Edition,
}

impl Surroundings<'_> {
    /// Whether a rule of this shape holds here.
    pub(super) fn judge(&self, index: &Index, shape: &ShapeView<'_>) -> Result<Doubts, Miss> {
        let mut doubts = Doubts {
            // CPE 2.3 keeps the attribute for names of 2.2 alone. CVE-1999-0009 has an architecture
            // in it, others a market; nothing on a host says what it would be.
            edition: matches!(shape.qualifiers[EDITION], Text::Value(_)),
            ..Doubts::default()
        };
        self.target(shape.qualifiers[TARGET_SW], &mut doubts)?;
        self.edition(shape.qualifiers[SW_EDITION], &mut doubts)?;
        self.hardware(shape.qualifiers[TARGET_HW], &mut doubts)?;
        let terms = shape.condition.map_or_else(Vec::new, |condition| index.condition(condition));
        // Terms of an AND: the first that fails decides, and doubts of the others add up.
        for term in &terms {
            match self.partner(term) {
                Partner::Met(_) => {}
                Partner::Unchecked(partner) if partner.part == b'h' => doubts.partner = true,
                Partner::Unchecked(_) => doubts.system = true,
                Partner::Missing(miss) => return Err(miss),
            }
        }
        Ok(doubts)
    }

    fn target(&self, named: Text<'_>, doubts: &mut Doubts) -> Result<(), Miss> {
        match (self.home, named) {
            (Home::Runs(own) | Home::Only(own), Text::Value(named))
                if named == own || usual(named) == usual(own) =>
            {
                Ok(())
            }
            // An extension is never what a record without its home is about.
            (Home::Only(_), _) => Err(Miss::Target),
            (_, Text::Any | Text::NotApplicable) => Ok(()),
            (home, Text::Value(named)) => match self.host.is_target(named) {
                Some(Fit::Yes) => Ok(()),
                Some(Fit::Unknown) => {
                    doubts.system = true;
                    Ok(())
                }
                None if home == Home::None => {
                    // Neither a system nor a language: WordPress, Jenkins, a browser. What runs
                    // within one of those is no program of the host's.
                    doubts.language = !builds_programs(named).ok_or(Miss::Target)?;
                    Ok(())
                }
                Some(Fit::No) | None => Err(Miss::Target),
            },
        }
    }

    fn edition(&self, named: Text<'_>, doubts: &mut Doubts) -> Result<(), Miss> {
        match (self.edition, named) {
            (Edition::Line(own), Text::Value(named)) if named == *own => Ok(()),
            (Edition::Is(own), Text::Value(named)) if named == own.as_ref() => Ok(()),
            // The numbers of a line are not those of the main product that the record is about.
            (Edition::Line(_), _) => Err(Miss::Edition),
            (Edition::NotLine(other), Text::Value(named)) if named == *other => Err(Miss::Edition),
            (Edition::Is(_), Text::Value(_) | Text::NotApplicable) => Err(Miss::Edition),
            (Edition::Unknown | Edition::NotLine(_), Text::Value(_)) => {
                doubts.edition = true;
                Ok(())
            }
            (_, Text::Any | Text::NotApplicable) => Ok(()),
        }
    }

    fn hardware(&self, named: Text<'_>, doubts: &mut Doubts) -> Result<(), Miss> {
        let Text::Value(named) = named else {
            return Ok(());
        };
        match (architecture(named), architecture(self.arch)) {
            (Some(named), Some(own)) if named != own => Err(Miss::Hardware),
            (Some(_), Some(_)) => Ok(()),
            // Packages for all architectures, and records about devices, leave it open.
            (None, _) | (_, None) => {
                doubts.hardware = true;
                Ok(())
            }
        }
    }

    /// Whether one of a term's partners is here.
    pub(super) fn partner<'i>(&self, term: &ConditionTerm<'i>) -> Partner<'i> {
        // What may be here is better than what is elsewhere; what is here ends the search. A term
        // of which nothing could be read stays missing.
        let mut best = Partner::Missing(Miss::OtherSystem);
        for partner in term.partners() {
            best = match (self.fit(&partner), best) {
                (Some(Fit::Yes), _) => return Partner::Met(partner),
                (Some(Fit::Unknown), Partner::Missing(_)) => Partner::Unchecked(partner),
                (None, Partner::Missing(_)) => Partner::Missing(Miss::OtherApplication),
                (Some(Fit::No | Fit::Unknown) | None, best) => best,
            };
        }
        best
    }

    /// Whether a partner is here; `None` for an application, of which nothing is known.
    fn fit(&self, partner: &PartnerView<'_>) -> Option<Fit> {
        match partner.part {
            b'o' => Some(self.host.runs(partner)),
            // Nobody installs a driver without its device, but nothing proves the device.
            b'h' => Some(Fit::Unknown),
            _ => None,
        }
    }
}

/// How a term stands on this host.
#[derive(Clone, Copy, Debug)]
pub(super) enum Partner<'i> {
    Met(PartnerView<'i>),
    Unchecked(PartnerView<'i>),
    Missing(Miss),
}

/// One name for an architecture's many.
fn architecture(name: &str) -> Option<&'static str> {
    Some(match name.to_ascii_lowercase().as_str() {
        "x64" | "x86_64" | "amd64" | "x86-64" => "x64",
        "x86" | "i386" | "i486" | "i586" | "i686" | "x32" => "x86",
        "arm64" | "aarch64" => "arm64",
        "arm" | "armhf" | "armel" | "armv7l" | "armv7hl" => "arm",
        "itanium" | "ia64" => "ia64",
        "sparc" | "sparc64" => "sparc",
        "ppc64le" | "ppc64el" => "ppc64le",
        "s390x" => "s390x",
        _ => return None,
    })
}
