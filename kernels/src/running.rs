//! Whether a package of a kernel is of the one that runs: what each package manager calls a kernel,
//! against what the kernel calls itself.

use crate::Package;

/// See [`Package::is_running`]; the package is an image and `running` is not empty.
pub(crate) fn is_running(package: &Package<'_>, running: &str) -> Option<bool> {
    match package.manager {
        "deb" => deb(package.name, running),
        "rpm" => rpm(package.version, package.release, running),
        "apk" => apk(package.name, package.version, running),
        "pacman" => pacman(package.name, package.version, running),
        _ => None,
    }
}

/// The name says it: `linux-image-5.4.0-100-generic` is 5.4.0-100-generic, and
/// `linux-modules-nvidia-535-5.4.0-100-generic` is of it.
fn deb(name: &str, running: &str) -> Option<bool> {
    // Whether it was signed changes nothing in the kernel, and is no part of what it calls itself.
    let name = name.trim_end_matches("-unsigned");
    let name = name.trim_end_matches("-signed");
    // `linux-image-15.4.0-100-generic` ends with 5.4.0-100-generic too.
    let is_of_it = |before: &str| before.ends_with('-');
    if name.strip_suffix(running).is_some_and(is_of_it) {
        return Some(true);
    }
    // A name without a kernel's whole number follows a line of them, such as
    // `linux-image-generic-hwe-22.04`, and holds none itself.
    let mut words = name.match_indices('-');
    let names_another = words.any(|(at, _)| is_release(&name[at + 1..]));
    names_another.then_some(false)
}

/// Whether it begins as a kernel's own name does, with three numbers: `6.1.0-18-amd64`, `6.9.0+`.
fn is_release(text: &str) -> bool {
    let mut rest = text;
    for is_last in [false, false, true] {
        let digits = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        if digits.len() == rest.len() {
            return false;
        }
        rest = match digits.strip_prefix('.') {
            Some(next) if !is_last => next,
            _ if is_last => digits,
            _ => return false,
        };
    }
    rest.is_empty() || rest.starts_with(['-', '+', '.'])
}

/// Red Hat's kernels call themselves by version, release and architecture, 4.18.0-305.el8.x86_64.
/// SUSE's leave the number of the last rebuild out and have their flavour behind: the package
/// 5.14.21-150500.55.49.1 is 5.14.21-150500.55.49-default.
fn rpm(version: &str, release: &str, running: &str) -> Option<bool> {
    // The epoch orders packages, and no kernel knows of it.
    let version = version.split_once(':').map_or(version, |(_, version)| version);
    let own = match release {
        "" => version.to_owned(),
        release => format!("{version}-{release}"),
    };
    if !own.contains('-') {
        // Without the release, which a list may leave out, it is a line of kernels.
        return None;
    }
    let begins = |long: &str, short: &str| {
        long.strip_prefix(short)
            // Only at the end of a word: 55.49 is not the beginning of 55.490. A `+` is a flavour's.
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '+']))
    };
    // Flavours begin with a letter and rebuilds with a digit.
    let without_flavour = running
        .rsplit_once('-')
        .filter(|(_, flavour)| flavour.starts_with(|c: char| c.is_ascii_alphabetic()));
    let is_it =
        begins(running, &own) || without_flavour.is_some_and(|(kernel, _)| begins(&own, kernel));
    Some(is_it)
}

/// `linux-lts` 6.6.14-r0 is 6.6.14-0-lts.
fn apk(name: &str, version: &str, running: &str) -> Option<bool> {
    let (version, release) = version.rsplit_once("-r")?;
    let flavour = name.strip_prefix("linux-")?;
    Some(running == format!("{version}-{release}-{flavour}"))
}

/// Words of a kernel's name: 6, 6, 10, arch1, 1.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(['.', '-'])
}

/// `linux` 6.6.10.arch1-1 is 6.6.10-arch1-1 and `linux-lts` 6.6.11-1 is 6.6.11-1-lts. Further
/// flavours have habits of their own, so another kernel is only what has other numbers.
fn pacman(name: &str, version: &str, running: &str) -> Option<bool> {
    let version = version.split_once(':').map_or(version, |(_, version)| version);
    let flavour = name.strip_prefix("linux-");
    let mut rest = words(running);
    if words(version).all(|word| rest.next() == Some(word)) {
        // 6.6.11-1 is as well the beginning of what another flavour of 6.6.11 calls itself.
        let next = rest.next();
        return (next.is_none() || next == flavour).then_some(true);
    }
    let numbers = |text| {
        let is_number = |word: &&str| word.bytes().all(|byte| byte.is_ascii_digit());
        // 6.7 calls itself 6.7.0.
        let padded = words(text).take_while(is_number).chain(["0", "0"]);
        padded.take(3).collect::<Vec<_>>()
    };
    (numbers(version) != numbers(running)).then_some(false)
}

#[cfg(test)]
mod tests;
