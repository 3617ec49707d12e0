//! Makes the generated tables of `enrichment/data/identity` from public data.
//!
//! `cargo run --release --example make_identity_data -- DATA OUT`: DATA holds
//! `cpe-dict/purl2cpe-products.jsonl.gz` (scanoss/purl2cpe, MIT), `cpe-dict/syft-cpe-index.json.gz`
//! (anchore/syft, Apache-2.0), `distro/debian/data_CPE_list` (Debian's security tracker),
//! `osv/pypa-*.tar.xz` (advisories of Python packages, CC-BY-4.0) and CVE records under `nvd/`
//! (`.gz`, `.xz`); OUT is the folder of the tables, with the hand-made `groups.txt` and
//! `exclusions.txt`.
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
    add_indexed(&data.join("cpe-dict/syft-cpe-index.json.gz"), &mut language)?;
    add_ecosystem_products(products, &mut language);
    let advisories = read::python_advisories(&advisories(&data.join("osv"))?)?;
    add_advisories(&advisories, &records.by_cve, &mut language);
    let named: BTreeSet<&str> = purls.iter().map(|row| row.pair.as_str()).collect();
    add_siblings(&mut language, |ecosystem, pair| {
        // What records name without the language is a program: `neo4j:neo4j` is no gem.
        let runs_in = |product: &&Product| ecosystem_of(&product.2) == Some(ecosystem);
        match records.of_pair(pair) {
            Some(products) => products.iter().any(runs_in),
            None => named.contains(pair),
        }
    });
    exclude(&std::fs::read_to_string(out.join("exclusions.txt"))?, &mut language)?;
    write(&out.join("language.tsv"), &language, &records.newest)?;
    let debian = std::fs::read_to_string(data.join("distro/debian/data_CPE_list"))?;
    write(&out.join("packages.tsv"), &package_rows(&purls, &debian, &pairs), &records.newest)?;
    write(&out.join("extensions.tsv"), &extension_rows(products), &records.newest)?;
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
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("pypa-"))
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

/// Packages of programming languages, from syft's index of the CPE dictionary.
fn add_indexed(path: &Path, rows: &mut Rows) -> Result<(), Failure> {
    for (ecosystem, name, cpe) in read::indexed(path)? {
        let key = match ecosystem.as_str() {
            "pypi" => format!("pypi/{}", pypi_name(&name)),
            "npm" => format!("npm/{}", name.to_lowercase().replace("%40", "@")),
            "rubygems" => format!("gem/{}", name.to_lowercase()),
            _ => continue,
        };
        let value = |attribute| cpe.get(attribute).as_value();
        let (vendor, product) = (value(Attribute::Vendor), value(Attribute::Product));
        // The dictionary refers to repositories; a product of another name was guessed from that.
        let (_, name) = key.split_once('/').unwrap_or_default();
        if let (Some(vendor), Some(product)) = (vendor, product)
            && is_key(&key)
            && is_same_name(name, vendor, product)
        {
            rows.entry(key).or_default().insert(format!("{vendor}:{product}"));
        }
    }
    Ok(())
}

/// Of each vendor that has a package under another name, the product that is called like the
/// package, where the dictionary has it: `pocoo:jinja2` beside `pocoo:jinja`.
fn add_siblings(rows: &mut Rows, is_named: impl Fn(&str, &str) -> bool) {
    for (key, pairs) in rows {
        let (ecosystem, name) = key.split_once('/').unwrap_or(("", key));
        let siblings: Vec<String> = pairs
            .iter()
            .filter_map(|pair| pair.split_once(':'))
            .map(|(vendor, _)| format!("{vendor}:{name}"))
            .filter(|sibling| is_named(ecosystem, sibling))
            .collect();
        pairs.extend(siblings);
    }
}

/// Products that CVE records themselves say to be packages of an ecosystem.
fn add_ecosystem_products(products: &BTreeSet<Product>, rows: &mut Rows) {
    for product in products {
        let key = match ecosystem_of(&product.2) {
            Some("pypi") => format!("pypi/{}", pypi_name(&product.1)),
            Some(ecosystem) => format!("{ecosystem}/{}", product.1),
            None => continue,
        };
        if is_key(&key) {
            rows.entry(key).or_default().insert(pair(product));
        }
    }
}

/// The ecosystem that a `target_sw` means, under whichever of its names.
fn ecosystem_of(target_sw: &str) -> Option<&'static str> {
    Some(match target_sw {
        // `pypl` is how NVD spells it now and then.
        "python" | "pypi" | "pypl" | "pip" => "pypi",
        "node.js" | "nodejs" | "npm" => "npm",
        "ruby" | "rubygems" | "gem" => "gem",
        _ => return None,
    })
}

/// Takes out what the hand-made list calls wrong; a line that takes nothing out is an error, so
/// that the list stays as short as it can.
fn exclude(list: &str, rows: &mut Rows) -> Result<(), Failure> {
    for line in list.lines() {
        let (key, pair) = line.split_once(' ').ok_or_else(|| format!("no pair: {line}"))?;
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
            let (vendor, product) = pair.split_once(':').unwrap_or(("", pair));
            let is_most = named.len() >= 3 && count * 4 >= named.len() * 3;
            if is_same_name(package, vendor, product) || is_most {
                let key = format!("pypi/{}", pypi_name(package));
                rows.entry(key).or_default().insert(pair.to_owned());
            }
        }
    }
}

/// Whether a product is called like a package, but for dividers, a generation (`jinja2`), the
/// vendor before it (`apache-superset`), and the language that the product says to be written in
/// (`redis-py`). The other way round, `docker-py` is not Docker.
fn is_same_name(name: &str, vendor: &str, product: &str) -> bool {
    let (package, whole) = (core(name, &[]), core(product, &[]));
    package == whole
        || package == core(product, &LANGUAGES)
        || core(name, &["python"]) == whole
        || package == format!("{}{whole}", core(vendor, &[]))
}

/// Words in a product's name that say what it is written in.
const LANGUAGES: [&str; 5] = ["python", "py", "node", "js", "ruby"];

/// A name without dividers, some words, and the generation behind it.
fn core(name: &str, without: &[&str]) -> String {
    let words: Vec<&str> = name
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty() && !without.contains(word))
        .collect();
    let core = words.concat();
    match core.trim_end_matches(|c: char| c.is_ascii_digit()) {
        "" => name.to_owned(),
        stem => stem.to_owned(),
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

/// Every member of a group with the whole group, in the order of the group. A `~` before a name
/// says that another product has had it too; it is no part of the name.
fn write_aliases(path: &Path, groups: &str) -> Result<(), Failure> {
    let mut rows = BTreeMap::new();
    for group in groups.lines() {
        let members: Vec<&str> = group.split(' ').collect();
        for member in &members {
            let name = member.trim_start_matches('~');
            if rows.insert(name, members.join("\t")).is_some() {
                return Err(format!("{member} is in two groups").into());
            }
        }
    }
    let text: String = rows.iter().map(|(member, group)| format!("{member}\t{group}\n")).collect();
    std::fs::write(path, &text)?;
    println!("{}: {} lines, {} bytes", path.display(), rows.len(), text.len());
    Ok(())
}

/// Whether a text can be a key: no divider of the table, and not empty.
fn is_key(text: &str) -> bool {
    let is_path = !text.starts_with("npm/")
        && !text.starts_with("visual_studio_code/")
        && text.matches('/').count() > 1;
    !text.is_empty() && !text.ends_with('/') && !is_path && !text.contains(['\t', '\n', '%'])
}

/// Writes a table; the pair that the newest CVE uses comes first, because the next will use it too.
fn write(path: &Path, rows: &Rows, newest: &BTreeMap<String, (u32, u32)>) -> Result<(), Failure> {
    let mut text = String::new();
    for (key, pairs) in rows {
        let mut pairs: Vec<&String> =
            pairs.iter().filter(|pair| !pair.contains(['\t', ' '])).collect();
        // Of those that no CVE uses, the one that is called like the package.
        let name = key.split_once('/').map_or(key.as_str(), |(_, name)| name);
        let is_named_so = |pair: &str| pair.split_once(':').is_some_and(|(_, own)| own == name);
        pairs.sort_by_key(|pair| std::cmp::Reverse((newest.get(*pair), is_named_so(pair))));
        text.push_str(key);
        for pair in pairs {
            text.push('\t');
            text.push_str(pair);
        }
        text.push('\n');
    }
    std::fs::write(path, &text)?;
    println!("{}: {} lines, {} bytes", path.display(), rows.len(), text.len());
    Ok(())
}
