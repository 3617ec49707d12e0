//! The homes of people, and how a path into one is told to others.
//!
//! Much software is installed by a person for themselves, so sources look into every home that the
//! agent may enter. Whose home it is stays on the host: a path that begins with one leaves it as `~`,
//! in places as in reasons. Accounts are never enumerated; a home is a folder where systems keep them.

use std::borrow::Cow;
use std::path::Path;

use super::platform::System;

/// Folders that stand where homes stand and are nobody's.
const NOBODYS: [&[u8]; 5] = [b"linuxbrew", b"Shared", b"Public", b"Default", b"All Users"];

/// Where a system keeps the homes of people, as patterns, and those of its administrator.
pub(super) const fn of(system: System) -> &'static [&'static str] {
    match system {
        // Image-based systems have `/home` as a link to the second.
        System::Linux => &["/home/*", "/var/home/*", "/root"],
        System::Macos => &["/Users/*", "/var/root"],
        System::Windows => &["/Users/*"],
    }
}

/// A path of the scanned tree as it is told: without the name of a person, and on Windows in the
/// way that Windows writes paths.
pub(super) fn shown_path(path: &Path) -> String {
    String::from_utf8_lossy(&shown(path.as_os_str().as_encoded_bytes())).into_owned()
}

/// As [`shown_path`], for a path or anything else that a source gives as a place.
pub(super) fn shown(place: &[u8]) -> Cow<'_, [u8]> {
    let told = match rest_below_home(place) {
        Some(rest) => Cow::Owned([b"~", rest].concat()),
        None => Cow::Borrowed(place),
    };
    if cfg!(windows) { as_windows(told) } else { told }
}

/// What of a path is below a person's home, with its first separator.
fn rest_below_home(path: &[u8]) -> Option<&[u8]> {
    let below = below_homes(path)?;
    let end = below.iter().position(|byte| is_separator(*byte));
    let (name, rest) = below.split_at(end.unwrap_or(below.len()));
    let is_nobodys = NOBODYS.iter().any(|one| one.eq_ignore_ascii_case(name));
    (!name.is_empty() && !is_nobodys).then_some(rest)
}

fn below_homes(path: &[u8]) -> Option<&[u8]> {
    for folder in ["/home/", "/var/home/", "/Users/", "/private/home/"] {
        if let Some(below) = path.strip_prefix(folder.as_bytes()) {
            return Some(below);
        }
    }
    // `C:\Users\…`, which installers write in any case and with either separator, some of them
    // with a quotation mark or `\\?\` in front.
    let path = path.strip_prefix(br"\\?\").unwrap_or(path);
    let path = path.strip_prefix(b"\"").unwrap_or(path);
    let below_drive = match path {
        [drive, b':', rest @ ..] if drive.is_ascii_alphabetic() => rest,
        _ => path.strip_prefix(b"%SystemDrive%".as_slice())?,
    };
    let (first, rest) = below_drive.split_first()?;
    if !is_separator(*first) {
        return None;
    }
    for folder in [b"Users".as_slice(), b"Documents and Settings"] {
        if let Some((head, rest)) = rest.split_at_checked(folder.len())
            && head.eq_ignore_ascii_case(folder)
            && let [separator, below @ ..] = rest
            && is_separator(*separator)
        {
            return Some(below);
        }
    }
    None
}

const fn is_separator(byte: u8) -> bool {
    matches!(byte, b'/' | b'\\')
}

/// A path below the top of a Windows' own drive in Windows' words.
fn as_windows(path: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    if !matches!(path.first(), Some(b'/' | b'~')) {
        return path;
    }
    let mut told = if path.starts_with(b"/") { b"%SystemDrive%".to_vec() } else { Vec::new() };
    told.extend(path.iter().map(|byte| match byte {
        b'/' => b'\\',
        other => *other,
    }));
    Cow::Owned(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(place: &str) -> String {
        String::from_utf8(shown(place.as_bytes()).into_owned()).unwrap()
    }

    #[test]
    fn no_way_to_write_a_home_tells_whose_it_is() {
        for (place, expected) in [
            ("/home/alice/.cargo", "~/.cargo"),
            ("/home/alice", "~"),
            ("/var/home/alice@corp.example/x", "~/x"),
            ("/Users/alice doe/Applications/A.app", "~/Applications/A.app"),
            (r"C:\Users\Alice Doe\AppData\Local", r"~\AppData\Local"),
            (r"c:/users/alice/AppData", "~/AppData"),
            (r"\\?\D:\USERS\alice\x", r"~\x"),
            ("\"C:\\Users\\alice\\a.exe\"", "~\\a.exe\""),
            (r"C:\Documents and Settings\alice\x", r"~\x"),
            (r"%SystemDrive%\Users\alice", "~"),
        ] {
            assert_eq!(told(place), expected, "{place}");
        }
    }

    #[test]
    fn leaves_places_that_are_nobodys() {
        for place in [
            "/opt/home/alice/x",
            "/home/",
            "/home/linuxbrew/.linuxbrew/Cellar",
            "/Users/Shared/x",
            r"C:\Users\Public\Desktop",
            r"C:\Program Files\7-Zip",
            r"C:\UsersOld\alice",
            r"HKLM\SOFTWARE\Users\x",
            "/root/.pyenv",
            "",
        ] {
            assert_eq!(told(place), place);
        }
    }

    #[test]
    fn paths_of_windows_are_told_in_its_own_words() {
        let told =
            |path: &str| String::from_utf8(as_windows(Cow::Borrowed(path.as_bytes())).into());
        assert_eq!(told("/Program Files/nodejs").unwrap(), r"%SystemDrive%\Program Files\nodejs");
        assert_eq!(told("~/AppData").unwrap(), r"~\AppData");
        assert_eq!(told(r"HKLM\SOFTWARE/x").unwrap(), r"HKLM\SOFTWARE/x");
    }
}
