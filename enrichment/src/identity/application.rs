//! Programs, bundles, store applications, snaps, flatpaks, Homebrew's packages and `MacPorts`' ports.
//!
//! First what people decided, by identifier and then by name; then the rule that vendor and name
//! must both agree with a product of the CVE records. A name alone is never enough for a rule.

use std::borrow::Cow;

use super::curated::{self, Entry};
use super::name::{self, Name};
use super::table::Table;
use super::{
    Candidate, Identification, Identified, TargetSw, candidates, edition, purl, revision, vendor,
};
use crate::subject::Subject;

/// Products by the name of a distribution's package, which Homebrew's formulae and `MacPorts`' ports share.
const PACKAGES: Table = Table::new(include_str!("../../data/identity/packages.tsv"));

pub(crate) fn identify(
    subject: &Subject<'_>,
    known: &dyn Fn(&str, &str) -> bool,
) -> Identification {
    let purl = purl::of(subject);
    if is_pointer(subject) {
        let reason = "this port holds nothing but links to the ports of its releases";
        return Identification::Unmapped { reason, purl };
    }
    let display_name = display_name(subject);
    let name = Name::clean(&display_name);
    let target_sw = target(subject);
    if let Some(entry) = decided(subject, &name) {
        if let Some(reason) = entry.not_evaluable() {
            let rule = Cow::Owned(format!("curated:{}", entry.key));
            return Identification::NotEvaluable { reason, purl, rule };
        }
        let rule = format!("curated:{}", entry.key);
        let found = candidates(entry.pairs, target_sw, known);
        return finish(subject, &name, found, rule, purl);
    }
    // `FormatFactory` is `format_factory`; asked only when the name as it is says nothing.
    let camel = name::split_camel(&display_name);
    let agreed = agreed(subject, &name, target_sw, known).or_else(|| {
        let split = Name::clean(camel.as_deref()?);
        agreed(subject, &split, target_sw, known)
    });
    if let Some((found, rule)) = agreed {
        return finish(subject, &name, found, rule, purl);
    }
    let reason = if vendors(subject).is_empty() {
        "the name is in no table, and no vendor is known that could confirm it"
    } else {
        "no product of the CVE records has this vendor and this name"
    };
    Identification::Unmapped { reason, purl }
}

/// The name for people: Windows' packages are called `Microsoft.HEVCVideoExtension`.
fn display_name<'a>(subject: &Subject<'a>) -> Cow<'a, str> {
    if subject.source != "msix" || subject.name.contains(' ') || !subject.name.contains('.') {
        return Cow::Borrowed(subject.name);
    }
    let chars: Vec<char> = subject.name.chars().collect();
    let mut spaced = String::with_capacity(subject.name.len() + 8);
    for (at, c) in chars.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| chars[at]);
        // `HEVCVideoExtension`: the last of several capitals begins the word that goes on in small
        // letters.
        let begins_word = c.is_uppercase()
            && before.is_some_and(|before| {
                before.is_lowercase()
                    || before.is_ascii_digit()
                    || chars.get(at + 1).is_some_and(|next| next.is_lowercase())
            });
        if begins_word {
            spaced.push(' ');
        }
        spaced.push(if *c == '.' { ' ' } else { *c });
    }
    Cow::Owned(spaced)
}

fn finish(
    subject: &Subject<'_>,
    name: &Name<'_>,
    candidates: Vec<Candidate>,
    rule: String,
    purl: Option<String>,
) -> Identification {
    let candidates = edition::settle(candidates, subject);
    let revision = revision::of(subject, name, &candidates);
    Identification::Identified(Identified {
        candidates,
        purl,
        rule: Cow::Owned(rule),
        version: revision.version,
        update: revision.update,
        scheme: revision.scheme,
    })
}

const fn target(subject: &Subject<'_>) -> TargetSw {
    match subject.platform.family.as_bytes() {
        b"windows" => TargetSw::Runs("windows"),
        b"macos" => TargetSw::Runs("macos"),
        b"linux" => TargetSw::Runs("linux"),
        _ => TargetSw::Any,
    }
}

/// What the hand-made table says: by identifier, by the manager's own name, by the cleaned name.
fn decided(subject: &Subject<'_>, name: &Name<'_>) -> Option<Entry> {
    // `flatpak list` and `pkgutil --pkgs` print identifiers where others have a name.
    let is_named_by_id =
        matches!(subject.source, "flatpak" | "pkg") && subject.name.matches('.').count() > 1;
    let bundle_id = match subject.bundle_id {
        "" if is_named_by_id => subject.name,
        bundle_id => bundle_id,
    };
    if !bundle_id.is_empty() {
        let bundle_id = bundle_id.to_lowercase();
        if let Some(entry) = curated::find("bundle", &bundle_id) {
            return Some(entry);
        }
        // A package family is a name and a hash of its publisher.
        if let Some((family, _)) = bundle_id.rsplit_once('_')
            && let Some(entry) = curated::find("bundle", family)
        {
            return Some(entry);
        }
    }
    if matches!(subject.source, "homebrew" | "snap" | "flatpak") {
        let own = subject.name.to_lowercase();
        // `python@3.12` and `openssl@3` are lines of one formula.
        let own = own.split_once('@').map_or(own.as_str(), |(own, _)| own);
        if let Some(entry) = curated::find(subject.source, own) {
            return Some(entry);
        }
    }
    if subject.source == "macports"
        && let Some(entry) = port(&subject.name.to_lowercase())
    {
        return Some(entry);
    }
    let said = format!("{} {}", subject.vendor, subject.bundle_id).to_lowercase();
    name.shorter().iter().find_map(|words| {
        let entry = curated::find("app", &words.join(" "))?;
        // `signal` is Signal's messenger only where the publisher says so too; the table says for
        // which names that has to be.
        (entry.is_distinctive() || entry.agrees(&said)).then_some(entry)
    })
}

/// What the table says of a port: by its whole name, and then without the line of releases that `MacPorts` writes
/// behind it (`openssl3`, `python311`, `perl5.34`, `mariadb-10.11`). Both package managers of macOS call most
/// products alike, so a port is what Homebrew's formula of that name is.
fn port(own: &str) -> Option<Entry> {
    let product = own.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let product = product.strip_suffix('-').unwrap_or(product);
    [own, product].into_iter().find_map(|name| {
        curated::find("macports", name).or_else(|| curated::find("homebrew", name))
    })
}

/// Whether a port is only a way to others. OpenSSL's is, since its releases are ports of their own: its version is
/// the line that it leads to, `3`, which as a version of OpenSSL would be older than every 3.0.
fn is_pointer(subject: &Subject<'_>) -> bool {
    subject.source == "macports" && subject.name == "openssl" && !subject.version.contains('.')
}

/// The vendors that the subject names, in CPE's words.
fn vendors(subject: &Subject<'_>) -> Vec<String> {
    let mut vendors = vendor::of_publisher(subject.vendor);
    for vendor in vendor::of_bundle(subject.bundle_id) {
        if !vendors.contains(&vendor) {
            vendors.push(vendor);
        }
    }
    vendors
}

/// The products whose vendor and name both agree: of the longest name that any vendor has, under
/// every vendor and spelling, as NVD has both `plex:media_server` and `plex:plex_media_server`.
fn agreed(
    subject: &Subject<'_>,
    name: &Name<'_>,
    target_sw: TargetSw,
    known: &dyn Fn(&str, &str) -> bool,
) -> Option<(Vec<Candidate>, String)> {
    let vendors = vendors(subject);
    // The longest first: `Visual Studio Code` must not be found as `Visual Studio`.
    let forms = name.shorter();
    for words in &forms {
        let mut found: Vec<Candidate> = Vec::new();
        for vendor in &vendors {
            for product in products_of(vendor, words, known) {
                let names = super::owned_candidates(vendor, &product, target_sw, known);
                let is_new =
                    |one: &Candidate| !found.iter().any(|a| a.is(&one.vendor, &one.product));
                let names: Vec<Candidate> = names.into_iter().filter(is_new).collect();
                found.extend(names);
            }
        }
        if !found.is_empty() {
            return Some((found, format!("vendor and name agree:{}", words.join(" "))));
        }
    }
    // A vendor that is known and agrees with nothing refutes; only where there is none may the name
    // speak for itself.
    if vendors.is_empty() {
        return vendor_in_name(&forms, target_sw, known)
            .or_else(|| formula(subject, target_sw, known));
    }
    None
}

/// What a vendor calls the product of a name, as far as records know it.
fn products_of(vendor: &str, words: &[&str], known: &dyn Fn(&str, &str) -> bool) -> Vec<String> {
    let rest = without_vendor(words, vendor);
    // What is named as its vendor alone is, on an endpoint, the vendor's program for desktops:
    // `Nextcloud` is `nextcloud:desktop`, and the server is no program of Windows.
    if rest.is_some_and(<[&str]>::is_empty) && known(vendor, "desktop") {
        return vec!["desktop".to_owned()];
    }
    let spelled = spellings(words).into_iter();
    spelled
        .chain(rest.map(spellings).unwrap_or_default())
        .filter(|product| known(vendor, product))
        .collect()
}

/// Ways to write a product under CPE's dividers.
fn spellings(words: &[&str]) -> Vec<String> {
    let mut spellings = Vec::with_capacity(3);
    if !words.is_empty() {
        spellings.push(words.join("_"));
    }
    if words.len() > 1 {
        spellings.push(words.join("-"));
        spellings.push(words.concat());
    }
    spellings
}

/// The words behind the vendor, where the name begins with it.
fn without_vendor<'a>(words: &'a [&'a str], vendor: &str) -> Option<&'a [&'a str]> {
    let mut rest = words;
    for part in vendor.split(['_', '-']) {
        let (first, behind) = rest.split_first()?;
        // `7-zip` is one word of a name and two parts of a vendor.
        if *first != part {
            return words
                .split_first()
                .filter(|(first, _)| **first == vendor)
                .map(|(_, rest)| rest);
        }
        rest = behind;
    }
    Some(rest)
}

/// A name of at least two words that begins with its vendor, such as `Google Chrome`.
fn vendor_in_name(
    forms: &[Vec<&str>],
    target_sw: TargetSw,
    known: &dyn Fn(&str, &str) -> bool,
) -> Option<(Vec<Candidate>, String)> {
    forms.iter().find_map(|words| {
        let (vendor, rest) = words.split_first()?;
        if rest.is_empty() {
            return None;
        }
        let product = spellings(rest).into_iter().find(|product| known(vendor, product))?;
        let found = super::owned_candidates(vendor, &product, target_sw, known);
        Some((found, format!("vendor in name:{}", words.join(" "))))
    })
}

/// A Homebrew formula, or a port, under the name that distributions use for one product only.
fn formula(
    subject: &Subject<'_>,
    target_sw: TargetSw,
    known: &dyn Fn(&str, &str) -> bool,
) -> Option<(Vec<Candidate>, String)> {
    if !matches!(subject.source, "homebrew" | "macports") {
        return None;
    }
    let own = subject.name.to_lowercase();
    let own = own.split_once('@').map_or(own.as_str(), |(own, _)| own);
    // Both build upstream's releases as they are, so unlike a distribution's package a formula is
    // judged by their ranges.
    let pairs = PACKAGES.find(own)?;
    let found = candidates(pairs.split('\t'), target_sw, known);
    Some((found, format!("formula:{own}")))
}
