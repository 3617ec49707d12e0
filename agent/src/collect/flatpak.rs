//! Flatpak applications and runtimes, of the whole host and of people.
//!
//! `/var/lib/flatpak/{app,runtime}/ID/ARCH/BRANCH/active` is a deployment. Its file `deploy` is a `GVariant`
//! of type `(ssasta{sv})`: the remote, the commit, and a dictionary in which newer Flatpaks keep the
//! application's name and version. Older ones leave that to the `AppStream` file inside the deployment.
//! A runtime has no version but its branch.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::defects::{ReadError, Reading};
use super::records::{Draft, Records};
use super::root::Root;

/// Where deployments are, and whether they are of runtimes.
const KINDS: [(&str, bool); 4] = [
    ("/var/lib/flatpak/app/*/*/*", false),
    ("/var/lib/flatpak/runtime/*/*/*", true),
    ("~/.local/share/flatpak/app/*/*/*", false),
    ("~/.local/share/flatpak/runtime/*/*/*", true),
];

/// Bytes of a `deploy`, and of an `AppStream` file.
const DEPLOY_BYTES_MAX: u64 = 4 * 1024 * 1024;
const APPSTREAM_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// What a deployment says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Deploy<'a> {
    remote: &'a [u8],
    name: &'a [u8],
    version: &'a [u8],
}

/// Reads the flatpaks.
pub(super) fn read(root: &Root, out: &mut Records) -> Result<Reading, ReadError> {
    let mut reading = Reading::Absent;
    let mut bytes = Vec::new();
    for (pattern, is_runtime) in KINDS {
        for branch in root.expand(pattern)? {
            let path = branch.join("active/deploy");
            let found = root.read_small(&path, DEPLOY_BYTES_MAX, &mut bytes);
            // `ID/current` is a link to the branch that runs, and expands like an architecture.
            let Some(installed_at_s) = out.tolerate(found)?.flatten() else {
                continue;
            };
            reading = Reading::Read;
            let Some(deploy) = parse(&bytes) else {
                out.unreadable(&path, "not a deployment of Flatpak");
                continue;
            };
            // Of a person's own the place is told, to set it apart from the host's.
            let location: &[u8] =
                if pattern.starts_with('~') { OsStrExt::as_bytes(branch.as_os_str()) } else { b"" };
            let place = Draft { location, installed_at_s, ..Draft::default() };
            take(root, &branch, is_runtime, (&deploy, place), out)?;
        }
    }
    Ok(reading)
}

/// Takes a deployment in, by what it says and by its branch's path, `…/ID/ARCH/BRANCH`.
fn take(
    root: &Root,
    branch: &Path,
    is_runtime: bool,
    (deploy, place): (&Deploy<'_>, Draft<'_>),
    out: &mut Records,
) -> Result<(), ReadError> {
    let mut parts = branch.iter().rev().map(OsStrExt::as_bytes);
    let (Some(branch_name), Some(arch), Some(id)) = (parts.next(), parts.next(), parts.next())
    else {
        return Ok(());
    };
    let version = match (deploy.version, is_runtime) {
        // A runtime has no number but its branch: `org.gnome.Platform` of 46.
        (b"", true) => branch_name.to_vec(),
        (b"", false) => appstream_version(root, branch, id)?,
        (version, _) => version.to_vec(),
    };
    out.push(&Draft {
        name: if deploy.name.is_empty() { id } else { deploy.name },
        version: &version,
        arch,
        origin: deploy.remote,
        bundle_id: id,
        ..place
    });
    Ok(())
}

/// Takes a `deploy` apart. The dictionary's entries are found by their keys: the framing around them
/// differs between Flatpak's versions, the entries do not.
fn parse(deploy: &[u8]) -> Option<Deploy<'_>> {
    let remote = until_zero(deploy)?;
    let commit = until_zero(deploy.get(remote.len() + 1..)?)?;
    // A commit is a SHA-256 in hexadecimal: what has none here is another kind of file.
    if commit.len() != 64 || !commit.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    Some(Deploy {
        remote,
        name: entry(deploy, b"appdata-name\0"),
        version: entry(deploy, b"appdata-version\0"),
    })
}

/// The string of an entry of the dictionary, or empty.
fn entry<'a>(deploy: &'a [u8], key: &[u8]) -> &'a [u8] {
    let find = || {
        let at = deploy.windows(key.len()).position(|w| w == key)?;
        // A variant begins at a multiple of eight and ends with its type.
        let value = deploy.get((at + key.len()).next_multiple_of(8)..)?;
        let text = until_zero(value)?;
        // The framing after the text (a zero and the type `s`) is what tells a string from bytes
        // that look like one.
        value[text.len() + 1..].starts_with(b"\0s").then_some(text)
    };
    find().unwrap_or_default()
}

fn until_zero(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    Some(&bytes[..end])
}

/// The newest release in the `AppStream` file of an application, or empty.
fn appstream_version(root: &Root, branch: &Path, id: &[u8]) -> Result<Vec<u8>, ReadError> {
    let mut xml = Vec::new();
    let id = String::from_utf8_lossy(id);
    for path in [
        format!("active/files/share/metainfo/{id}.metainfo.xml"),
        format!("active/files/share/metainfo/{id}.appdata.xml"),
        format!("active/files/share/appdata/{id}.appdata.xml"),
    ] {
        match root.read_small(&branch.join(path), APPSTREAM_BYTES_MAX, &mut xml) {
            Ok(Some(_)) => return Ok(first_release(&xml).unwrap_or_default().to_vec()),
            Err(ReadError::Stopped) => return Err(ReadError::Stopped),
            Ok(None) | Err(_) => {}
        }
    }
    Ok(Vec::new())
}

/// The `version` of the first `<release …>`: `AppStream` lists the newest first.
fn first_release(xml: &[u8]) -> Option<&[u8]> {
    let tag = b"<release ";
    let at = xml.windows(tag.len()).position(|w| w == tag)?;
    let rest = &xml[at..];
    let attributes = &rest[..rest.iter().position(|byte| *byte == b'>')?];
    let key = b" version=";
    let at = attributes.windows(key.len()).position(|w| w == key)? + key.len();
    let quote = attributes.get(at)?;
    let value = &attributes[at + 1..];
    let end = value.iter().position(|byte| byte == quote)?;
    Some(&value[..end])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use protocol::software::Source;

    use super::*;
    use crate::collect::test_tree::{Tree, data, read_data};

    const FIREFOX: &str =
        "flatpak/var/lib/flatpak/app/org.mozilla.firefox/x86_64/stable/active/deploy";

    #[test]
    fn reads_name_version_remote_and_id_of_a_deployment() {
        let mut records = read_data("flatpak", Source::Flatpak, read).all();
        records.sort_by(|a, b| a.bundle_id.cmp(&b.bundle_id));
        let facts: Vec<_> = records
            .iter()
            .map(|r| [&r.name, &r.version, &r.arch, &r.origin, &r.bundle_id].map(String::as_str))
            .collect();
        let runtime = "org.freedesktop.Platform";
        assert_eq!(
            facts,
            [
                [runtime, "23.08", "x86_64", "flathub", runtime],
                // From its AppStream file.
                ["org.gimp.GIMP", "2.10.38", "x86_64", "flathub", "org.gimp.GIMP"],
                ["Firefox", "126.0.1", "x86_64", "flathub", "org.mozilla.firefox"],
            ]
        );
        assert!(records.iter().all(|r| r.installed_at_s.is_some()));
    }

    #[test]
    fn an_application_that_says_no_version_has_none() {
        let deploy = format!("flathub\0{}\0", "0".repeat(64));
        let path = "/var/lib/flatpak/app/org.example.App/x86_64/stable/active/deploy";
        let records = Tree::new(&[(path, &deploy)]).read(Source::Flatpak, read).all();
        assert_eq!(
            (records[0].name.as_str(), records[0].version.as_str()),
            ("org.example.App", "")
        );
    }

    #[test]
    fn says_that_a_deployment_is_damaged() {
        let path = "/var/lib/flatpak/app/org.example.App/x86_64/stable/active/deploy";
        let outcome = Tree::new(&[(path, "flathub\0nothing")]).read(Source::Flatpak, read);
        assert_eq!(outcome.reading.unwrap(), Reading::Read);
        assert_eq!(
            outcome.defects.to_string(),
            format!("1 unreadable; first: {path}: not a deployment of Flatpak")
        );
    }

    #[test]
    fn finds_no_release_in_a_file_without_a_whole_one() {
        assert_eq!(first_release(b"<release version=\"1.0\""), None);
        assert_eq!(first_release(b"<release date='x'/>"), None);
        assert_eq!(first_release(b"<release version=>"), None);
        assert_eq!(first_release(b"<release a='' version='2'>"), Some(b"2".as_slice()));
    }

    proptest! {
        #[test]
        fn survives_every_damage_to_a_deployment(at in 0_usize..400, byte: u8, cut in 0_usize..400) {
            let mut deploy = std::fs::read(data(FIREFOX)).unwrap();
            let at = at % deploy.len();
            deploy[at] = byte;
            deploy.truncate(deploy.len() - cut % deploy.len());
            let _: Option<Deploy<'_>> = parse(&deploy);
        }
    }
}
