//! A CSAF product tree: which package in which release a product id stands for.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::advisory::{PackageKind, Place};
use crate::feeds::csaf::raw::{RawBranch, RawHelper, RawTree};
use crate::feeds::ecosystem;

/// Parts of parts that are followed: a package of a module of a repository is two.
const DEPTH_MAX: usize = 4;

/// The products of a document by their ids.
pub(super) struct Products<'a> {
    named: HashMap<&'a str, &'a RawHelper<'a>>,
    /// The part, and what it is a part of.
    parts: HashMap<&'a str, (&'a str, &'a str)>,
}

/// A package in a release.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Component {
    pub(super) places: Vec<Place>,
    pub(super) package: Package,
}

/// A package as its purl tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Package {
    pub(super) name: String,
    /// Epoch, version and release, or empty.
    pub(super) version: String,
    pub(super) module: String,
    pub(super) is_source: bool,
}

impl Package {
    pub(super) const fn kind(&self) -> PackageKind {
        if self.is_source { PackageKind::Source } else { PackageKind::Binary }
    }
}

impl<'a> Products<'a> {
    pub(super) fn new(tree: &'a RawTree<'a>) -> Self {
        let mut named = HashMap::new();
        // Vendors, families, versions and architectures are nested by habit and not by rule, so
        // every product counts at whatever depth.
        for branch in &tree.branches {
            collect(branch, &mut named);
        }
        let parts = tree.relationships.iter().map(|part| {
            (
                part.full_product_name.product_id.as_ref(),
                (part.product_reference.as_ref(), part.relates_to_product_reference.as_ref()),
            )
        });
        Self { parts: parts.collect(), named }
    }

    /// What a product id stands for, or what it names instead of a package of a release.
    pub(super) fn component(&self, id: &str) -> Result<Component, String> {
        let (mut part, mut whole) =
            *self.parts.get(id).ok_or("a product that is no package of a release")?;
        let mut package = self.package(part)?;
        // The place is the outermost product: `nodejs` of `nodejs:16` of `AppStream-8.8.0`.
        // Counted, because relationships are ids that may name each other in a circle.
        for _ in 0..DEPTH_MAX {
            match self.parts.get(whole) {
                None => break,
                Some((inner, outer)) => {
                    part = inner;
                    whole = outer;
                    if let Some(module) = self.module(part) {
                        package.module = module;
                    }
                }
            }
        }
        let cpe = self.named.get(whole).and_then(|helper| helper.cpe.as_deref());
        let product = cpe.and_then(product_of_cpe).ok_or("a product without a CPE of Red Hat")?;
        let places =
            ecosystem::red_hat(product).ok_or_else(|| format!("Red Hat:{}", shown(product)))?;
        Ok(Component { places, package })
    }

    fn package(&self, id: &str) -> Result<Package, String> {
        let purl = self.named.get(id).and_then(|helper| helper.purl.as_deref());
        let purl = purl.ok_or("a product without a purl")?;
        let mut package = package(purl).ok_or_else(|| {
            let kind = purl.split('/').next().unwrap_or(purl);
            format!("products that are no rpm: {}", shown(kind))
        })?;
        // Where a fix is missing, the id has the module: `nodejs:16/nodejs`.
        if package.module.is_empty()
            && let Some((module, _)) = id.split_once('/')
            && module.contains(':')
        {
            package.module = stream(module);
        }
        Ok(package)
    }

    fn module(&self, id: &str) -> Option<String> {
        let purl = self.named.get(id)?.purl.as_deref()?;
        let module = purl.strip_prefix("pkg:rpmmod/")?;
        // The namespace is before the last slash, the stream in the place of a version:
        // `pkg:rpmmod/redhat/nodejs@16:8070…`.
        let (name, version) = module.rsplit('/').next()?.split_once('@')?;
        let version = version.split('?').next()?;
        Some(stream(&decoded(&format!("{name}:{version}"))))
    }
}

/// Collects the products of a branch. A parser that refuses deep documents bounds the depth.
fn collect<'a>(branch: &'a RawBranch<'a>, named: &mut HashMap<&'a str, &'a RawHelper<'a>>) {
    if let Some(product) = &branch.product {
        named.insert(&product.product_id, &product.product_identification_helper);
    }
    for inner in &branch.branches {
        collect(inner, named);
    }
}

/// `rhel_eus:9.2::appstream` of `cpe:/a:redhat:rhel_eus:9.2::appstream`.
fn product_of_cpe(cpe: &str) -> Option<&str> {
    let rest = cpe.strip_prefix("cpe:/")?;
    // The part, `o` or `a`, says nothing: AppStream is an application of the same release.
    let (_, rest) = rest.split_once(':')?;
    rest.strip_prefix("redhat:")
}

/// The package of `pkg:rpm/redhat/ruby@2.5.9-111.el8?arch=i686&epoch=1&rpmmod=ruby:2.5:809:b46a`.
fn package(purl: &str) -> Option<Package> {
    let rest = purl.strip_prefix("pkg:rpm/")?;
    // Only what is used is read: the namespace is `redhat`, and a subpath names no package.
    let (path, qualifiers) = rest.split_once('?').unwrap_or((rest, ""));
    let path = path.rsplit('/').next()?;
    let (name, version) = path.split_once('@').unwrap_or((path, ""));
    let qualifier = |key: &str| {
        qualifiers
            .split('&')
            .filter_map(|qualifier| qualifier.split_once('='))
            .find_map(|(name, value)| (name == key).then(|| decoded(value)))
    };
    let version = match (version, qualifier("epoch")) {
        ("", _) => String::new(),
        (version, Some(epoch)) => format!("{epoch}:{}", decoded(version)),
        // rpm takes a missing epoch for 0, and so do Red Hat's other feeds.
        (version, None) => format!("0:{}", decoded(version)),
    };
    let name = decoded(name).into_owned();
    (!name.is_empty()).then(|| Package {
        name,
        version,
        module: qualifier("rpmmod").map(|module| stream(&module)).unwrap_or_default(),
        is_source: qualifier("arch").as_deref() == Some("src"),
    })
}

/// `ruby:2.5` of `ruby:2.5:8090020230627084142:b46abd14`.
fn stream(module: &str) -> String {
    let parts: Vec<&str> = module.splitn(3, ':').take(2).collect();
    parts.join(":")
}

/// The text without its percent escapes; what is none stays as it is.
fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = match rest {
            [b'%', high, low, ..] => hex(*high).zip(hex(*low)),
            _ => None,
        };
        if let Some((high, low)) = escaped {
            bytes.push(high * 16 + low);
            rest = &rest[3..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

const fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

fn shown(text: &str) -> String {
    text.chars().take(120).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_read_from_every_form_of_purl() {
        for (purl, name, version, module, is_source) in [
            ("pkg:rpm/redhat/edk2?arch=src", "edk2", "", "", true),
            ("pkg:rpm/redhat/libstdc%2B%2B@11-1?arch=i686", "libstdc++", "0:11-1", "", false),
            (
                "pkg:rpm/redhat/ruby@2.5.9-111.module%2Bel8?arch=i686&epoch=1&rpmmod=ruby:2.5:809:b46a",
                "ruby",
                "1:2.5.9-111.module+el8",
                "ruby:2.5",
                false,
            ),
            ("pkg:rpm/bare@1-1", "bare", "0:1-1", "", false),
        ] {
            let found = package(purl).unwrap();
            assert_eq!((found.name.as_str(), found.version.as_str()), (name, version), "{purl}");
            assert_eq!((found.module.as_str(), found.is_source), (module, is_source), "{purl}");
        }
        for purl in ["pkg:oci/rhel8/node", "pkg:rpm/", "pkg:rpm/redhat/@1", "rpm"] {
            assert_eq!(package(purl), None, "{purl}");
        }
    }

    #[test]
    fn escapes_that_are_none_stay_as_they_are() {
        for (text, plain) in
            [("a%2Bb", "a+b"), ("100%", "100%"), ("%zz%4", "%zz%4"), ("%2b%2B", "++")]
        {
            assert_eq!(decoded(text), plain);
        }
    }

    #[test]
    fn only_cpes_of_red_hat_name_its_products() {
        assert_eq!(
            product_of_cpe("cpe:/a:redhat:rhel_eus:9.2::appstream"),
            Some("rhel_eus:9.2::appstream")
        );
        for cpe in ["cpe:/o:suse:sles:15", "cpe:2.3:o:redhat:enterprise_linux:9", "", "cpe:/o"] {
            assert_eq!(product_of_cpe(cpe), None, "{cpe}");
        }
    }
}
