//! Rules: what a CVE record says of one product, taken out of its configurations.
//!
//! A record nests AND and OR; an inventory asks of one product at a time. So each vulnerable CPE
//! of a record becomes one rule with the versions it names and the partners that have to be on the
//! host as well. A rule never covers what a record only mentions as the place where a product runs.

use std::hash::{Hash, Hasher};

use crate::cpe::{Attr, Attribute, Cpe, CpeError};
use crate::cve::{Configuration, CpeMatch, Range};

/// What one record says of one product.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Rule {
    /// Which product.
    pub(crate) product: ProductName,
    /// Which versions.
    pub(crate) versions: Versions,
    /// Everything else that the CPE names.
    pub(crate) qualifiers: Qualifiers,
    /// What has to be on the host too: of each list at least one.
    pub(crate) partners: Vec<Vec<Partner>>,
}

/// The first three attributes of a CPE.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ProductName {
    pub(crate) vendor: Box<str>,
    pub(crate) product: Box<str>,
    /// `a` or `o`; in partners also `h`.
    pub(crate) part: u8,
}

/// Versions that a CPE with its range names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Versions {
    /// One version.
    Exact(Box<str>),
    /// A range with at least one bound.
    Range(Range),
    /// `*` without a range.
    All,
    /// `-`: the product has no versions, or the record does not tell.
    NotApplicable,
}

/// Attributes behind the version, in the order of a CPE: update, edition, language, `sw_edition`,
/// `target_sw`, `target_hw`, other.
pub(crate) type Qualifiers = [Qualifier; QUALIFIERS];
pub(crate) const QUALIFIERS: usize = 7;

/// Places within [`Qualifiers`].
pub(crate) const UPDATE: usize = 0;
pub(crate) const EDITION: usize = 1;
pub(crate) const SW_EDITION: usize = 3;
pub(crate) const TARGET_SW: usize = 4;
pub(crate) const TARGET_HW: usize = 5;

/// One attribute behind the version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Qualifier {
    #[default]
    Any,
    NotApplicable,
    Value(Box<str>),
}

/// Something that has to be on the host too.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Partner {
    pub(crate) product: ProductName,
    pub(crate) versions: Versions,
}

/// What came of a record.
#[derive(Debug, Default)]
pub(crate) struct Compiled {
    /// Its rules for applications and operating systems.
    pub(crate) rules: Vec<Rule>,
    /// CPEs that were left out, by reason.
    pub(crate) left_out: LeftOut,
}

/// CPEs that became no rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LeftOut {
    /// Hardware, and firmware of certain hardware: no inventory of software has them.
    pub(crate) hardware: u64,
    /// Negated configurations, which NVD defines and does not use.
    pub(crate) negated: u64,
    /// Names with wildcards in an attribute that decides.
    pub(crate) wildcards: u64,
    /// Malformed names.
    pub(crate) malformed: u64,
}

impl Compiled {
    /// The rules of a record's configurations.
    pub(crate) fn of(configurations: &[Configuration]) -> Self {
        let mut compiled = Self::default();
        for configuration in configurations {
            compiled.configuration(configuration);
        }
        compiled
    }

    /// A number that two records with different rules hardly share, the same on every machine.
    pub(crate) fn digest(&self) -> u64 {
        let mut digest = Fnv::default();
        self.rules.hash(&mut digest);
        digest.finish()
    }

    fn configuration(&mut self, configuration: &Configuration) {
        if configuration.negate || configuration.nodes.iter().any(|node| node.negate) {
            // Not one of 182,702 records of NVD negates anything. Reading a negation as a match
            // would turn a record round, so should there be one, it is counted.
            self.left_out.negated += 1;
            return;
        }
        // Under AND every node is one more term of the same conjunction; under OR each node is one
        // for itself.
        if configuration.all {
            let terms: Vec<_> = configuration.nodes.iter().flat_map(terms).collect();
            self.conjunction(&terms);
        } else {
            for node in &configuration.nodes {
                self.conjunction(&terms(node));
            }
        }
    }

    /// Rules out of terms that all have to hold, of each term at least one match.
    fn conjunction(&mut self, terms: &[&[CpeMatch]]) {
        // Every vulnerable term is seen from its own side, with the others as partners.
        for (at, term) in terms.iter().enumerate() {
            if !term.iter().any(|cpe| cpe.vulnerable) {
                continue;
            }
            let others = terms.iter().enumerate().filter(|(other, _)| *other != at);
            // A partner that cannot be read is left out; a term that loses all of them stays, empty,
            // and is never met.
            let partners: Vec<Vec<Partner>> = others
                .map(|(_, term)| term.iter().filter_map(|cpe| partner(cpe).ok()).collect())
                .collect();
            for cpe in term.iter().filter(|cpe| cpe.vulnerable) {
                self.cpe(cpe, &partners);
            }
        }
    }

    fn cpe(&mut self, cpe: &CpeMatch, partners: &[Vec<Partner>]) {
        let rule = read(cpe).and_then(|(product, versions, name)| {
            Ok(Rule {
                product,
                versions,
                qualifiers: qualifiers(&name)?,
                partners: partners.to_vec(),
            })
        });
        match rule {
            Ok(rule) if rule.is_hardware() => self.left_out.hardware += 1,
            Ok(rule) => self.rules.push(rule),
            Err(Unusable::Wildcard) => self.left_out.wildcards += 1,
            Err(Unusable::Malformed) => self.left_out.malformed += 1,
        }
    }
}

impl Rule {
    /// Whether it is about a device: hardware itself, or the firmware of certain hardware.
    fn is_hardware(&self) -> bool {
        match self.product.part {
            b'h' => true,
            b'o' => {
                let of_device = |term: &Vec<Partner>| {
                    // All of them: one partner that an inventory knows makes it a question that can
                    // be asked.
                    !term.is_empty() && term.iter().all(|partner| partner.product.part == b'h')
                };
                // Firmware is named by its product, and by a partner for early records.
                self.product.product.ends_with("_firmware") || self.partners.iter().any(of_device)
            }
            _ => false,
        }
    }
}

/// Why a CPE becomes no rule.
enum Unusable {
    Wildcard,
    Malformed,
}

impl From<CpeError> for Unusable {
    fn from(_: CpeError) -> Self {
        Self::Malformed
    }
}

/// A node as terms: matches of which any suffices are one term, others are one each.
fn terms(node: &crate::cve::Node) -> Vec<&[CpeMatch]> {
    if node.all { node.matches.chunks(1).collect() } else { vec![node.matches.as_slice()] }
}

fn partner(cpe: &CpeMatch) -> Result<Partner, Unusable> {
    read(cpe).map(|(product, versions, _)| Partner { product, versions })
}

fn read(cpe: &CpeMatch) -> Result<(ProductName, Versions, Cpe), Unusable> {
    let name = Cpe::parse(&cpe.criteria)?;
    let value = |attribute| match name.get(attribute) {
        Attr::Value(text) => Ok(text.clone()),
        // CVE-2021-45967 had the product in the vendor's place and `*` behind it: such a name
        // covers everything of a vendor that is none.
        Attr::Any | Attr::Na | Attr::Pattern(_) => Err(Unusable::Wildcard),
    };
    let part: Box<str> = value(Attribute::Part)?;
    let product = ProductName {
        vendor: value(Attribute::Vendor)?,
        product: value(Attribute::Product)?,
        // The parser takes `a`, `o` and `h` alone.
        part: part.bytes().next().unwrap_or(b'a'),
    };
    let versions = match name.get(Attribute::Version) {
        Attr::Value(version) => Versions::Exact(version.clone()),
        Attr::Any if cpe.range.is_unbounded() => Versions::All,
        Attr::Any => Versions::Range(cpe.range.clone()),
        Attr::Na => Versions::NotApplicable,
        Attr::Pattern(_) => return Err(Unusable::Wildcard),
    };
    Ok((product, versions, name))
}

fn qualifiers(name: &Cpe) -> Result<Qualifiers, Unusable> {
    let mut qualifiers = Qualifiers::default();
    let behind_version = &name.attributes()[Attribute::Update as usize..];
    for (qualifier, attribute) in qualifiers.iter_mut().zip(behind_version) {
        *qualifier = match attribute {
            Attr::Any => Qualifier::Any,
            Attr::Na => Qualifier::NotApplicable,
            Attr::Value(text) => Qualifier::Value(text.clone()),
            Attr::Pattern(_) => return Err(Unusable::Wildcard),
        };
    }
    Ok(qualifiers)
}

/// FNV-1a, which is the same everywhere and always, unlike the standard library's hash.
pub(crate) struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests;
