//! Makes the generated tables of `enrichment/data/identity` from public data.
//!
//! `cargo run --release --example make_identity_data -- DATA OUT`: DATA holds
//! `cpe-dict/purl2cpe-products.jsonl.gz` (scanoss/purl2cpe), `distro/debian/data_CPE_list`
//! (Debian's security tracker) and CVE records under `nvd/` (`.gz`, `.xz`); OUT is the folder of
//! the tables, with the hand-made `groups.txt`. Run it again when the data is renewed; the same data gives the same bytes.
#![expect(clippy::print_stdout, reason = "a tool prints what it wrote")]

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use enrichment::cpe::{Attribute, Cpe};

type Failure = Box<dyn Error>;
/// Keys with the `vendor:product` pairs that they mean.
type Rows = BTreeMap<String, BTreeSet<String>>;

/// A product as CVE records name it, with what it runs in.
type Product = (String, String, String);

fn main() -> ExitCode {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [data, out] = &arguments[..] else {
        println!("usage: make_identity_data DATA OUT");
        return ExitCode::from(2);
    };
    match make(data, out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            println!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn make(data: &Path, out: &Path) -> Result<(), Failure> {
    let mut products = BTreeSet::new();
    read_products(&data.join("nvd"), &mut products)?;
    println!("{} products with what they run in", products.len());
    let pairs: BTreeSet<String> = products.iter().map(pair).collect();
    let purls = read_purls(&data.join("cpe-dict/purl2cpe-products.jsonl.gz"))?;
    let mut language = language_rows(&purls);
    add_ecosystem_products(&products, &mut language);
    write(&out.join("language.tsv"), &language)?;
    let debian = std::fs::read_to_string(data.join("distro/debian/data_CPE_list"))?;
    write(
        &out.join("packages.tsv"),
        &package_rows(&purls, &debian, &pairs),
    )?;
    write(&out.join("extensions.tsv"), &extension_rows(&products))?;
    let groups = std::fs::read_to_string(out.join("groups.txt"))?;
    write_aliases(&out.join("aliases.tsv"), &groups)
}

fn pair((vendor, product, _): &Product) -> String {
    format!("{vendor}:{product}")
}

/// Collects the products of all criteria in a folder's files.
fn read_products(folder: &Path, products: &mut BTreeSet<Product>) -> Result<(), Failure> {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    entries.sort();
    for path in entries {
        if path.is_dir() {
            read_products(&path, products)?;
        } else if let Some(reader) = open(&path)? {
            collect_products(reader, products)?;
        }
    }
    Ok(())
}

/// Opens a compressed file; others hold no feeds.
fn open(path: &Path) -> Result<Option<Box<dyn BufRead>>, Failure> {
    let file = || File::open(path);
    let reader: Box<dyn Read> = match path.extension().and_then(|extension| extension.to_str()) {
        Some("gz") => Box::new(flate2::read::MultiGzDecoder::new(file()?)),
        Some("xz") => Box::new(liblzma::read::XzDecoder::new_multi_decoder(file()?)),
        _ => return Ok(None),
    };
    Ok(Some(Box::new(BufReader::with_capacity(1 << 20, reader))))
}

/// Every JSON string that is a CPE name is one, wherever the feed's format puts it.
fn collect_products(
    mut reader: Box<dyn BufRead>,
    products: &mut BTreeSet<Product>,
) -> Result<(), Failure> {
    let mut piece = Vec::new();
    while reader.read_until(b'"', &mut piece)? > 0 {
        if piece.starts_with(b"cpe:2.3:a:") {
            piece.pop();
            let text = String::from_utf8_lossy(&piece).replace(r"\\", r"\");
            if let Ok(name) = Cpe::parse(&text) {
                let value = |attribute| {
                    name.get(attribute)
                        .as_value()
                        .unwrap_or_default()
                        .to_owned()
                };
                products.insert((
                    value(Attribute::Vendor),
                    value(Attribute::Product),
                    value(Attribute::TargetSw),
                ));
            }
        }
        piece.clear();
    }
    Ok(())
}

/// A product of purl2cpe with its package URLs.
struct Purls {
    pair: String,
    product: String,
    purls: Vec<String>,
}

fn read_purls(path: &Path) -> Result<Vec<Purls>, Failure> {
    let mut rows = Vec::new();
    for line in open(path)?.ok_or("purl2cpe's list is a .gz file")?.lines() {
        let row: serde_json::Value = serde_json::from_str(&line?)?;
        let text = |field: &str| row[field].as_str().unwrap_or_default().to_lowercase();
        let purls = row["purls"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        rows.push(Purls {
            pair: format!("{}:{}", text("vendor"), text("product")),
            product: text("product"),
            purls: purls
                .iter()
                .filter_map(|purl| purl.as_str().map(str::to_owned))
                .collect(),
        });
    }
    Ok(rows)
}

/// Packages of programming languages, from purl2cpe.
fn language_rows(purls: &[Purls]) -> Rows {
    let mut rows = Rows::new();
    for row in purls {
        for purl in &row.purls {
            let purl = purl.split(['@', '?', '#']).next().unwrap_or_default();
            let key = match purl.split_once('/') {
                Some(("pkg:pypi", name)) => format!("pypi/{}", pypi_name(name)),
                Some(("pkg:npm", name)) => {
                    format!("npm/{}", name.to_lowercase().replace("%40", "@"))
                }
                Some(("pkg:gem", name)) => format!("gem/{}", name.to_lowercase()),
                _ => continue,
            };
            if is_key(&key) {
                rows.entry(key).or_default().insert(row.pair.clone());
            }
        }
    }
    rows
}

/// The name as PyPI compares it.
fn pypi_name(name: &str) -> String {
    name.to_lowercase().replace(['_', '.'], "-")
}

/// Products that CVE records themselves say to be packages of an ecosystem.
fn add_ecosystem_products(products: &BTreeSet<Product>, rows: &mut Rows) {
    for product in products {
        let key = match product.2.as_str() {
            "python" | "pypi" => format!("pypi/{}", pypi_name(&product.1)),
            "node.js" | "nodejs" | "npm" => format!("npm/{}", product.1),
            "ruby" | "rubygems" => format!("gem/{}", product.1),
            _ => continue,
        };
        if is_key(&key) {
            rows.entry(key).or_default().insert(pair(product));
        }
    }
}

/// Packages of distributions whose product is certain: named by Debian, or the only one that
/// purl2cpe knows for the name, and named by a CVE record.
fn package_rows(purls: &[Purls], debian: &str, known: &BTreeSet<String>) -> Rows {
    let mut rows = Rows::new();
    for row in purls {
        for purl in &row.purls {
            let name = purl
                .strip_prefix("pkg:deb/debian/")
                .or_else(|| purl.strip_prefix("pkg:rpm/fedora/"));
            let Some(name) = name.map(str::to_lowercase) else {
                continue;
            };
            if name == row.product && known.contains(&row.pair) && is_key(&name) {
                rows.entry(name).or_default().insert(row.pair.clone());
            }
        }
    }
    for line in debian.lines() {
        let Some((name, uri)) = line.split_once(';') else {
            continue;
        };
        let Ok(cpe) = Cpe::parse(uri.trim()) else {
            continue;
        };
        let vendor = cpe.get(Attribute::Vendor).as_value();
        let product = cpe.get(Attribute::Product).as_value();
        if let (Some(vendor), Some(product)) = (vendor, product) {
            let pair = format!("{vendor}:{product}");
            if known.contains(&pair) && is_key(name) {
                rows.entry(name.to_lowercase()).or_default().insert(pair);
            }
        }
    }
    rows
}

/// Extensions of browsers and editors: the product's name under what it extends.
fn extension_rows(products: &BTreeSet<Product>) -> Rows {
    let mut rows = Rows::new();
    for product in products {
        let host = match product.2.as_str() {
            "chrome" => "chrome",
            "firefox" => "firefox",
            "visual_studio_code" => "visual_studio_code",
            _ => continue,
        };
        let key = format!("{host}/{}", product.1.replace('_', " "));
        if is_key(&key) {
            rows.entry(key).or_default().insert(pair(product));
        }
    }
    rows
}

/// Every member of a group with the whole group, in the order of the group.
fn write_aliases(path: &Path, groups: &str) -> Result<(), Failure> {
    let mut rows = BTreeMap::new();
    for group in groups.lines() {
        let members: Vec<&str> = group.split(' ').collect();
        for member in &members {
            if rows.insert(*member, members.join("\t")).is_some() {
                return Err(format!("{member} is in two groups").into());
            }
        }
    }
    let text: String = rows
        .iter()
        .map(|(member, group)| format!("{member}\t{group}\n"))
        .collect();
    std::fs::write(path, &text)?;
    println!(
        "{}: {} lines, {} bytes",
        path.display(),
        rows.len(),
        text.len()
    );
    Ok(())
}

/// Whether a text can be a key: no divider of the table, and not empty.
fn is_key(text: &str) -> bool {
    !text.is_empty() && !text.ends_with('/') && !text.contains(['\t', '\n', '%'])
}

fn write(path: &Path, rows: &Rows) -> Result<(), Failure> {
    let mut text = String::new();
    for (key, pairs) in rows {
        text.push_str(key);
        for pair in pairs.iter().filter(|pair| !pair.contains(['\t', ' '])) {
            text.push('\t');
            text.push_str(pair);
        }
        text.push('\n');
    }
    std::fs::write(path, &text)?;
    println!(
        "{}: {} lines, {} bytes",
        path.display(),
        rows.len(),
        text.len()
    );
    Ok(())
}
