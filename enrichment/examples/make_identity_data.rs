//! Makes the generated tables of `enrichment/data/identity` from public data.
//!
//! `cargo run --release --example make_identity_data -- DATA OUT`: DATA holds
//! `cpe-dict/purl2cpe-products.jsonl.gz` (scanoss/purl2cpe, MIT), `distro/debian/data_CPE_list`
//! (Debian's security tracker), `osv/pypa-*.tar.xz` (advisories of Python packages, CC-BY-4.0) and
//! CVE records under `nvd/` (`.gz`, `.xz`); OUT is the folder of the tables, with the hand-made `groups.txt`
//! and `exclusions.txt`.
//! Run it again when the data is renewed; the same data gives the same bytes.
#![expect(clippy::print_stdout, reason = "a tool prints what it wrote")]

#[path = "make_identity_data/read.rs"]
mod read;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use enrichment::cpe::{Attribute, Cpe};
use read::{Product, Purls, Records, pair};

type Failure = Box<dyn Error>;
/// Keys with the `vendor:product` pairs that they mean.
type Rows = BTreeMap<String, BTreeSet<String>>;

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
    let mut records = Records::default();
    records.read(&data.join("nvd"))?;
    let products = &records.products;
    println!("{} products with what they run in", products.len());
    let pairs: BTreeSet<String> = products.iter().map(pair).collect();
    let purls = read::purls(&data.join("cpe-dict/purl2cpe-products.jsonl.gz"))?;
    let mut language = language_rows(&purls);
    add_ecosystem_products(products, &mut language);
    let advisories = read::python_advisories(&advisories(&data.join("osv"))?)?;
    add_advisories(&advisories, &records.by_cve, &mut language);
    exclude(
        &std::fs::read_to_string(out.join("exclusions.txt"))?,
        &mut language,
    )?;
    write(&out.join("language.tsv"), &language, &records.uses)?;
    let debian = std::fs::read_to_string(data.join("distro/debian/data_CPE_list"))?;
    write(
        &out.join("packages.tsv"),
        &package_rows(&purls, &debian, &pairs),
        &records.uses,
    )?;
    write(
        &out.join("extensions.tsv"),
        &extension_rows(products),
        &records.uses,
    )?;
    let groups = std::fs::read_to_string(out.join("groups.txt"))?;
    write_aliases(&out.join("aliases.tsv"), &groups)
}

/// The newest archive of advisories on Python packages.
fn advisories(folder: &Path) -> Result<PathBuf, Failure> {
    let names = std::fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()?;
    names
        .into_iter()
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("pypa-"))
        })
        .max()
        .ok_or_else(|| format!("{}: no pypa-*.tar.xz", folder.display()).into())
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

/// Takes out what the hand-made list calls wrong; a line that takes nothing out is an error, so
/// that the list stays as short as it can.
fn exclude(list: &str, rows: &mut Rows) -> Result<(), Failure> {
    for line in list.lines() {
        let (key, pair) = line
            .split_once(' ')
            .ok_or_else(|| format!("no pair: {line}"))?;
        let is_taken = match pair {
            "*" => rows.remove(key).is_some(),
            _ => rows.get_mut(key).is_some_and(|pairs| pairs.remove(pair)),
        };
        if !is_taken {
            return Err(format!("exclusions.txt excludes nothing: {line}").into());
        }
    }
    rows.retain(|_, pairs| !pairs.is_empty());
    Ok(())
}

/// Python packages of advisories, with the products that the records of the same CVEs name: those
/// called like the package, and the one that most of at least three CVEs of it are about.
fn add_advisories(
    advisories: &BTreeMap<String, BTreeSet<String>>,
    by_cve: &BTreeMap<String, BTreeSet<String>>,
    rows: &mut Rows,
) {
    for (package, cves) in advisories {
        let named: Vec<&BTreeSet<String>> = cves.iter().filter_map(|cve| by_cve.get(cve)).collect();
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for pair in named.iter().copied().flatten() {
            *counts.entry(pair).or_default() += 1;
        }
        for (pair, count) in counts {
            let product = pair.split_once(':').map_or(pair, |(_, product)| product);
            let is_most = named.len() >= 3 && count * 4 >= named.len() * 3;
            if core(product) == core(package) || is_most {
                let key = format!("pypi/{}", pypi_name(package));
                rows.entry(key).or_default().insert(pair.to_owned());
            }
        }
    }
}

/// A name without dividers and without the language in it.
fn core(name: &str) -> String {
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let name = name.strip_prefix("python").unwrap_or(&name);
    name.strip_suffix("python").unwrap_or(name).to_owned()
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
    let is_path = !text.starts_with("npm/")
        && !text.starts_with("visual_studio_code/")
        && text.matches('/').count() > 1;
    !text.is_empty() && !text.ends_with('/') && !is_path && !text.contains(['\t', '\n', '%'])
}

/// Writes a table; the pair that records use most comes first.
fn write(path: &Path, rows: &Rows, uses: &BTreeMap<String, usize>) -> Result<(), Failure> {
    let mut text = String::new();
    for (key, pairs) in rows {
        let mut pairs: Vec<&String> = pairs
            .iter()
            .filter(|pair| !pair.contains(['\t', ' ']))
            .collect();
        pairs.sort_by_key(|pair| std::cmp::Reverse(uses.get(*pair)));
        text.push_str(key);
        for pair in pairs {
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
