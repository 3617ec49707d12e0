//! SUSE's products and releases: `Linux Enterprise Server 15 SP5-LTSS`, `Leap 15.6`.

use super::{Release, numbered};

/// Products that a host can be installed as, the longest name first, with their `ID`.
const SYSTEMS: [(&str, &str); 8] = [
    ("Linux Enterprise Server for Raspberry Pi ", "sles"),
    ("Linux Enterprise Server for SAP Applications ", "sles_sap"),
    ("Linux Enterprise High Performance Computing ", "sle_hpc"),
    ("Linux Enterprise Real Time ", "sle_rt"),
    ("Linux Enterprise Desktop ", "sled"),
    ("Linux Enterprise Server ", "sles"),
    ("Linux Enterprise Micro ", "sle-micro"),
    ("Linux Micro ", "sl-micro"),
];

const MODULE: &str = "Linux Enterprise Module for ";

/// What is added to a system of that release, and is part of every subscription of it.
const PARTS: [&str; 5] = [
    MODULE,
    "Linux Enterprise Software Development Kit ",
    "Linux Enterprise Installer Updates ",
    "Linux Enterprise Live Patching ",
    "Linux Enterprise Workstation Extension ",
];

/// What is added to a system of that release by a subscription or a choice of its own.
const ADDED: [(&str, &str); 6] = [
    ("Linux Enterprise High Availability Extension ", "ha"),
    ("Linux Enterprise High Availability GEO Extension ", "ha-geo"),
    ("Linux Enterprise Point of Sale ", "pos"),
    ("Linux Enterprise Server LTSS Extended Security ", "ltss-extended-security"),
    ("Package Hub ", "package-hub"),
    ("Real Time Module ", "real-time"),
];

/// What follows `SUSE:`. Products with numbers of their own (`Manager Server 4.3`, `Enterprise Storage 7`,
/// `OpenStack Cloud 9`) do not say on which release they run.
pub(super) fn enterprise(product: &str) -> Option<Release> {
    let strip = |name: &str| product.strip_prefix(name);
    // Before the systems: "Server LTSS Extended Security 12 SP5" begins as a server does.
    if let Some((rest, channel)) =
        ADDED.iter().find_map(|(name, channel)| Some((strip(name)?, *channel)))
    {
        let (release, line) = numbers(rest)?;
        return line.is_empty().then(|| Release {
            also: packs(channel == "package-hub", &release),
            ..Release::of("sles", release, channel.to_owned())
        });
    }
    if let Some((rest, id)) = SYSTEMS.iter().find_map(|(name, id)| Some((strip(name)?, *id))) {
        let (release, channel) = numbers(rest)?;
        return Some(Release::of(id, release, channel));
    }
    // A module is named before its release: `Module for Python 3 15 SP5`.
    let part = PARTS.iter().find_map(|name| strip(name))?;
    let at = part
        .match_indices(' ')
        .map(|(at, _)| at + 1)
        .chain([0])
        .filter(|at| numbers(&part[*at..]).is_some())
        // `3 15 SP5` reads as no release, `15 SP5` does.
        .min()?;
    let (release, channel) = numbers(&part[at..])?;
    let is_module = product.starts_with(MODULE);
    Some(Release { also: packs(is_module, &release), ..Release::of("sles", release, channel) })
}

/// The modules of 12 are for all of its service packs alike; later ones have packs of their own.
fn packs(is_module: bool, release: &str) -> &'static [&'static str] {
    if is_module && release == "12" { &["12.1", "12.2", "12.3", "12.4", "12.5"] } else { &[] }
}

/// What follows `openSUSE:`. `NonFree` is a repository of the release that every host has.
pub(super) fn open(product: &str) -> Option<Release> {
    if product == "Tumbleweed" {
        return Some(Release::plain("opensuse-tumbleweed", String::new()));
    }
    let product = product.strip_suffix(" NonFree").unwrap_or(product);
    let (id, release) = match product.strip_prefix("Leap Micro ") {
        Some(release) => ("leap-micro", release),
        None => ("opensuse-leap", product.strip_prefix("Leap ")?),
    };
    Some(Release::plain(id, numbered(release)?))
}

/// The release as os-release numbers it, and the line of updates: `15.4` and `ltss` of `15 SP4-LTSS`.
fn numbers(text: &str) -> Option<(String, String)> {
    let (numbers, line) = match text.find(['-', ' ']) {
        // `11-SECURITY`, `15 SP4`, `11 SP4 LTSS EXTREME CORE`
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let base = numbered(numbers)?;
    // Without a service pack it is the first release, whose `VERSION_ID` has no second number.
    let Some(pack) = line.strip_prefix(" SP") else {
        let channel = line
            .strip_prefix('-')
            .map_or_else(|| line.is_empty().then(String::new), |line| Some(channel(line)))?;
        return Some((base, channel));
    };
    let end = pack.find(['-', ' ']).unwrap_or(pack.len());
    let (pack, line) = pack.split_at(end);
    let line = line.strip_prefix(['-', ' ']).unwrap_or(line);
    Some((format!("{base}.{}", numbered(pack)?), channel(line)))
}

fn channel(line: &str) -> String {
    line.to_ascii_lowercase().replace(' ', "-")
}
