//! Reads the public data: CVE records, purl2cpe's list, advisories of the Python Packaging
//! Authority.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use enrichment::cpe::{Attribute, Cpe};

use super::Failure;

/// A product as CVE records name it, with what it runs in.
pub(crate) type Product = (String, String, String);

/// What all CVE records say of applications.
#[derive(Debug, Default)]
pub(crate) struct Records {
    pub(crate) products: BTreeSet<Product>,
    /// The newest CVE, by year and number, whose record names each `vendor:product` pair.
    pub(crate) newest: BTreeMap<String, (u32, u32)>,
    /// The `vendor:product` pairs by CVE.
    pub(crate) by_cve: BTreeMap<String, BTreeSet<String>>,
}

pub(crate) fn pair((vendor, product, _): &Product) -> String {
    format!("{vendor}:{product}")
}

impl Records {
    /// Collects the products of all criteria in a folder's files.
    pub(crate) fn read(&mut self, folder: &Path) -> Result<(), Failure> {
        let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()?;
        entries.sort();
        for path in entries {
            if path.is_dir() {
                self.read(&path)?;
            } else if let Some(reader) = open(&path)? {
                self.collect(reader)?;
            }
        }
        Ok(())
    }

    /// What records name a pair to run in; nothing where they never name the pair.
    pub(crate) fn of_pair(&self, pair: &str) -> Option<Vec<&Product>> {
        let (vendor, product) = pair.split_once(':')?;
        let from = (vendor.to_owned(), product.to_owned(), String::new());
        let of_pair = |other: &&Product| other.0 == vendor && other.1 == product;
        let products: Vec<&Product> = self.products.range(from..).take_while(of_pair).collect();
        (!products.is_empty()).then_some(products)
    }

    /// Every JSON string that is a CPE name is one, wherever the feed's format puts it; it belongs
    /// to the CVE whose identifier was read last.
    fn collect(&mut self, mut reader: Box<dyn BufRead>) -> Result<(), Failure> {
        let mut piece = Vec::new();
        let (mut key, mut cve) = (Vec::new(), String::new());
        while reader.read_until(b'"', &mut piece)? > 0 {
            piece.pop();
            if piece.starts_with(b"CVE-") && matches!(key.as_slice(), b"id" | b"cve_id") {
                cve = String::from_utf8_lossy(&piece).into_owned();
            } else if piece.starts_with(b"cpe:2.3:a:") {
                self.add(&cve, &String::from_utf8_lossy(&piece).replace(r"\\", r"\"));
            }
            if piece.first().is_some_and(u8::is_ascii_alphabetic) {
                std::mem::swap(&mut key, &mut piece);
            }
            piece.clear();
        }
        Ok(())
    }

    fn add(&mut self, cve: &str, criteria: &str) {
        let Ok(name) = Cpe::parse(criteria) else {
            return;
        };
        let value = |attribute| name.get(attribute).as_value().unwrap_or_default().to_owned();
        let product =
            (value(Attribute::Vendor), value(Attribute::Product), value(Attribute::TargetSw));
        self.by_cve.entry(cve.to_owned()).or_default().insert(pair(&product));
        let newest = self.newest.entry(pair(&product)).or_default();
        *newest = year_and_number(cve).max(*newest);
        self.products.insert(product);
    }
}

/// Year and number of a CVE's identifier, which order CVEs by age.
fn year_and_number(cve: &str) -> (u32, u32) {
    let mut numbers = cve.split('-').skip(1).filter_map(|part| part.parse().ok());
    (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default())
}

/// Opens a compressed file; others hold no feeds.
fn open(path: &Path) -> Result<Option<Box<dyn BufRead>>, Failure> {
    let file = || File::open(path).map_err(|why| format!("{}: {why}", path.display()));
    let reader: Box<dyn Read> = match path.extension().and_then(|extension| extension.to_str()) {
        Some("gz") => Box::new(flate2::read::MultiGzDecoder::new(file()?)),
        Some("xz") => Box::new(liblzma::read::XzDecoder::new_multi_decoder(file()?)),
        _ => return Ok(None),
    };
    Ok(Some(Box::new(BufReader::with_capacity(1 << 20, reader))))
}

/// The packages of syft's index: ecosystem, name, CPE name.
pub(crate) fn indexed(path: &Path) -> Result<Vec<(String, String, Cpe)>, Failure> {
    let reader = open(path)?.ok_or("syft's index is a .gz file")?;
    let index: serde_json::Value = serde_json::from_reader(reader)?;
    let mut rows = Vec::new();
    for (ecosystem, packages) in index["ecosystems"].as_object().into_iter().flatten() {
        for (name, cpes) in packages.as_object().into_iter().flatten() {
            let cpes = cpes.as_array().into_iter().flatten();
            rows.extend(
                cpes.filter_map(|cpe| Cpe::parse(cpe.as_str()?).ok())
                    .map(|cpe| (ecosystem.clone(), name.clone(), cpe)),
            );
        }
    }
    Ok(rows)
}

/// A product of purl2cpe with its package URLs.
#[derive(Debug)]
pub(crate) struct Purls {
    pub(crate) pair: String,
    pub(crate) product: String,
    pub(crate) purls: Vec<String>,
}

pub(crate) fn purls(path: &Path) -> Result<Vec<Purls>, Failure> {
    let mut rows = Vec::new();
    for line in open(path)?.ok_or("purl2cpe's list is a .gz file")?.lines() {
        let row: serde_json::Value = serde_json::from_str(&line?)?;
        let text = |field: &str| row[field].as_str().unwrap_or_default().to_lowercase();
        let purls = row["purls"].as_array().map(Vec::as_slice).unwrap_or_default();
        rows.push(Purls {
            pair: format!("{}:{}", text("vendor"), text("product")),
            product: text("product"),
            purls: purls.iter().filter_map(|purl| purl.as_str().map(str::to_owned)).collect(),
        });
    }
    Ok(rows)
}

/// The CVEs of each Python package, from an archive of files `vulns/<package>/<advisory>.yaml`.
pub(crate) fn python_advisories(
    path: &Path,
) -> Result<BTreeMap<String, BTreeSet<String>>, Failure> {
    let mut archive = Vec::new();
    open(path)?.ok_or("the advisories are a .xz file")?.read_to_end(&mut archive)?;
    let mut packages: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, content) in members(&archive) {
        let Some((_, rest)) = name.split_once("vulns/") else {
            continue;
        };
        let Some((package, _)) = rest.split_once('/') else {
            continue;
        };
        let aliases = content
            .lines()
            .filter_map(|line| line.strip_prefix("- CVE-"))
            .map(|number| format!("CVE-{}", number.trim()));
        packages.entry(package.to_lowercase()).or_default().extend(aliases);
    }
    Ok(packages)
}

/// The files of a tar archive (POSIX ustar: 512-byte headers, name at 0, octal size at 124).
fn members(archive: &[u8]) -> Vec<(String, String)> {
    const BLOCK: usize = 512;
    let mut members = Vec::new();
    let mut rest = archive;
    while let Some((header, content)) = rest.split_at_checked(BLOCK) {
        let text = |from: usize, to: usize| {
            String::from_utf8_lossy(&header[from..to]).trim_matches(['\0', ' ']).to_owned()
        };
        let Ok(size) = usize::from_str_radix(&text(124, 136), 8) else {
            break;
        };
        let Some(file) = content.get(..size) else {
            break;
        };
        members.push((text(0, 100), String::from_utf8_lossy(file).into_owned()));
        rest = content.get(size.next_multiple_of(BLOCK)..).unwrap_or_default();
    }
    members
}
