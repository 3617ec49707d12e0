//! What must hold for any bytes in any file that the agent reads: used by the fuzz targets and by the
//! corpus test.
//!
//! Each function puts its input in the place of one file, scans the tree, and panics only when a
//! reader broke a promise: an end within its time, and records that the wire takes.

use std::cell::OnceCell;
use std::fs;
use std::path::Path;

use agent::clock::SystemClock;
use agent::collect::{Inventory, ScanOptions, Scanner, System};
use agent::config::{ProxyRule, WinHttp};
use agent::delta::{self, Heading};
use protocol::ids::Epoch;
use protocol::software::{Source, SourceState};

/// dpkg's status file.
pub(crate) fn dpkg(input: &[u8]) {
    check(Source::Deb, &[("var/lib/dpkg/status", input)]);
}

/// A packed list of apt, beside a dpkg with a package in it.
pub(crate) fn apt_lz4(input: &[u8]) {
    let status = "Package: ca-certificates\nStatus: install ok installed\nVersion: 1\n\n\
        Package: tzdata\nStatus: install ok installed\nVersion: 2025b-0+deb12u2\n\n\
        Package: other\nStatus: install ok installed\nVersion: 3\n";
    check(
        Source::Deb,
        &[
            ("var/lib/dpkg/status", status.as_bytes()),
            ("var/lib/apt/lists/a_InRelease", b"Origin: Example\nDate: x\n"),
            ("var/lib/apt/lists/a_Packages.lz4", input),
        ],
    );
}

/// rpm's `SQLite` database.
pub(crate) fn rpm_sqlite(input: &[u8]) {
    check(Source::Rpm, &[("var/lib/rpm/rpmdb.sqlite", input)]);
}

/// The write-ahead log of a whole `SQLite` database.
pub(crate) fn rpm_wal(input: &[u8]) {
    check(
        Source::Rpm,
        &[
            ("var/lib/rpm/rpmdb.sqlite", include_bytes!("corpus/rpm_sqlite/two-packages")),
            ("var/lib/rpm/rpmdb.sqlite-wal", input),
        ],
    );
}

/// rpm's ndb database.
pub(crate) fn rpm_ndb(input: &[u8]) {
    check(Source::Rpm, &[("var/lib/rpm/Packages.db", input)]);
}

/// rpm's Berkeley DB database.
pub(crate) fn rpm_bdb(input: &[u8]) {
    check(Source::Rpm, &[("var/lib/rpm/Packages", input)]);
}

/// A deployment of Flatpak.
pub(crate) fn flatpak(input: &[u8]) {
    check(
        Source::Flatpak,
        &[("var/lib/flatpak/app/org.example.App/x86_64/stable/active/deploy", input)],
    );
}

/// The small formats: the first byte says which.
pub(crate) fn manifest(input: &[u8]) {
    let Some((format, input)) = input.split_first() else {
        return;
    };
    let package = "opt/a/lib/python3.9/site-packages/a-1.dist-info";
    let app = "var/lib/flatpak/app/org.example.App/x86_64/stable/active";
    let (source, path) = match format {
        b'a' => (Source::Apk, "lib/apk/db/installed".to_owned()),
        b'p' => (Source::Pacman, "var/lib/pacman/local/a-1/desc".to_owned()),
        b's' => (Source::Snap, "var/lib/snapd/state.json".to_owned()),
        b'y' => (Source::Snap, "snap/a/current/meta/snap.yaml".to_owned()),
        b'm' => (Source::Python, format!("{package}/METADATA")),
        b'n' => (Source::Npm, "usr/local/lib/node_modules/a/package.json".to_owned()),
        b'g' => (Source::Gem, "var/lib/gems/3.1.0/specifications/a-1.gemspec".to_owned()),
        b'o' => (Source::Apk, "etc/os-release".to_owned()),
        b'x' => {
            let name = "files/share/metainfo/org.example.App.metainfo.xml";
            (Source::Flatpak, format!("{app}/{name}"))
        }
        _ => return,
    };
    // An application without a version in its deployment, for the file that says it instead.
    let deploy = format!("r\0{}\0", "0".repeat(64));
    let deployed = format!("{app}/deploy");
    check(source, &[(&path, input), (&deployed, deploy.as_bytes())]);
}

/// Where the machine's hive is, and one that lists a package and a person.
#[cfg(feature = "test-support")]
const SOFTWARE: &str = "Windows/System32/config/SOFTWARE";
#[cfg(feature = "test-support")]
const PACKAGES: &[u8] = include_bytes!("corpus/hive/packages");

/// The registry's `SOFTWARE`, for each source that reads it in turn, and a person's hive beside it.
#[cfg(feature = "test-support")]
pub(crate) fn hive(input: &[u8]) {
    let person = "Users/a/NTUSER.DAT";
    for source in [Source::Programs, Source::Msix, Source::WindowsUpdate, Source::Os] {
        check_on(System::Windows, source, &[(SOFTWARE, input)]);
    }
    let profiles = include_bytes!("corpus/hive/profiles");
    check_on(System::Windows, Source::Programs, &[(SOFTWARE, profiles), (person, input)]);
}

/// A person's classes with the packages that are theirs, on a machine that lists one itself.
#[cfg(feature = "test-support")]
pub(crate) fn usr_class(input: &[u8]) {
    let person = "Users/a/AppData/Local/Microsoft/Windows/UsrClass.dat";
    let files: [(&str, &[u8]); 2] = [(SOFTWARE, PACKAGES), (person, input)];
    check_on(System::Windows, Source::Msix, &files);
}

/// A package's `AppxManifest.xml`.
#[cfg(feature = "test-support")]
pub(crate) fn appx(input: &[u8]) {
    let package = "Microsoft.WindowsCalculator_11.2401.0.0_x64__8wekyb3d8bbwe";
    let manifest = format!("Program Files/WindowsApps/{package}/AppxManifest.xml");
    let files: [(&str, &[u8]); 2] = [(SOFTWARE, PACKAGES), (&manifest, input)];
    check_on(System::Windows, Source::Msix, &files);
}

/// A registry of `MacPorts`.
#[cfg(feature = "test-support")]
pub(crate) fn macports(input: &[u8]) {
    let path = "opt/local/var/macports/registry/registry.db";
    check_on(System::Macos, Source::Macports, &[(path, input)]);
}

/// What a proxy answers: a way, or words that can stand in a log.
#[cfg(feature = "test-support")]
pub(crate) fn proxy(input: &[u8]) {
    if let Err(why) = agent::uplink::judge_proxy(input) {
        assert!(!why.contains(char::is_control), "{why:?}");
        assert!(why.len() < 1_024, "{} bytes", why.len());
    }
}

/// What Windows' services are told of proxies: a proxy whose address can stand in a log and whose exceptions are found out
/// in no time, or words that can.
pub(crate) fn winhttp(input: &[u8]) {
    match WinHttp::parse(input) {
        Ok(WinHttp::Proxy { proxy, bypass }) => {
            let shown = proxy.address();
            assert!(!shown.contains(char::is_control), "{shown:?}");
            let rule = ProxyRule { proxy: Some(proxy), patterns: bypass, ..ProxyRule::default() };
            let far =
                ["collector:7070", "collector.example:443", "10.1.2.3:1", "[2001:db8::5]:7070"];
            let through = far.iter().filter_map(|address| rule.for_address(address)).count();
            assert!(through <= far.len());
        }
        Ok(WinHttp::Direct | WinHttp::Script) => {}
        Err(why) => assert!(!why.is_empty() && !why.contains(char::is_control), "{why:?}"),
    }
}

/// A property list in either form.
#[cfg(feature = "test-support")]
pub(crate) fn plist(input: &[u8]) {
    let bundle = "Applications/A.app/Contents";
    for (source, path) in [
        (Source::Apps, format!("{bundle}/Info.plist")),
        (Source::SafariExtension, format!("{bundle}/PlugIns/A.appex/Contents/Info.plist")),
    ] {
        check_on(System::Macos, source, &[(&path, input)]);
    }
}

/// A whole `AppImage`.
pub(crate) fn appimage(input: &[u8]) {
    check(Source::Appimage, &[("opt/A-1.0.AppImage", input)]);
}

/// A jar with a plugin's manifest in it.
pub(crate) fn jar(input: &[u8]) {
    let path = "home/a/.local/share/JetBrains/Idea2024.1/a/lib/a.jar";
    check(Source::JetbrainsPlugin, &[(path, input)]);
}

/// What browsers, editors and cargo keep: the first byte says which.
pub(crate) fn extension(input: &[u8]) {
    let Some((format, input)) = input.split_first() else {
        return;
    };
    let chrome = "home/a/.config/chromium/Default/Extensions/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/1_0";
    let manifest = format!("{chrome}/manifest.json");
    let translated: &[u8] = br#"{"name": "__MSG_a__", "version": "1", "default_locale": "en"}"#;
    match format {
        b'c' => check(Source::ChromeExtension, &[(&manifest, input)]),
        b't' => {
            let messages = format!("{chrome}/_locales/en/messages.json");
            let files = [(manifest.as_str(), translated), (&messages, input)];
            check(Source::ChromeExtension, &files);
        }
        b'f' => {
            let path = "home/a/.mozilla/firefox/x/extensions.json";
            check(Source::FirefoxAddon, &[(path, input)]);
        }
        b'v' => {
            let path = "home/a/.vscode/extensions/extensions.json";
            check(Source::Vscode, &[(path, input)]);
        }
        b'p' => {
            let path = "home/a/.vscode/extensions/a/package.json";
            check(Source::Vscode, &[(path, input)]);
        }
        b'r' => check(Source::Cargo, &[("home/a/.cargo/.crates2.json", input)]),
        b'h' => {
            let path = "opt/homebrew/Cellar/a/1/INSTALL_RECEIPT.json";
            check(Source::Homebrew, &[(path, input)]);
        }
        _ => {}
    }
}

thread_local! {
    /// One tree a thread: making one costs more than a scan.
    static TREE: OnceCell<tempfile::TempDir> = const { OnceCell::new() };
}

/// Scans a tree of these files for one source, and takes them away again.
fn check(source: Source, files: &[(&str, &[u8])]) {
    check_on(System::HERE, source, files);
}

/// As [`check`], of a tree that holds another system.
fn check_on(system: System, source: Source, files: &[(&str, &[u8])]) {
    TREE.with(|tree| {
        let top = tree.get_or_init(|| tempfile::tempdir().expect("a folder")).path();
        for (path, bytes) in files {
            let path = top.join(path);
            fs::create_dir_all(path.parent().expect("a path")).expect("a folder");
            fs::write(path, bytes).expect("written");
        }
        let inventory = scan(top, system, source);
        // Before anything is asserted: what one input leaves behind would be in the next one's
        // tree.
        for (path, _) in files {
            fs::remove_file(top.join(path)).expect("removed");
        }
        assert_fits(&inventory);
    });
}

fn scan(top: &Path, system: System, source: Source) -> Inventory {
    let others = Source::ALL.into_iter().filter(|other| *other != source);
    let options = ScanOptions {
        root: top.to_owned(),
        system,
        sources_off: others.collect(),
        ..ScanOptions::default()
    };
    Scanner::new(options).scan(|_| Vec::new(), &SystemClock)
}

/// Nothing may have run out of time, and the collector must take what was found.
fn assert_fits(inventory: &Inventory) {
    for status in &inventory.sources {
        assert_ne!(status.state, SourceState::TimedOut, "{status:?}");
        assert_ne!(status.reason, "its reader ended without an answer");
    }
    let heading = Heading {
        made_at_ms: 0,
        platform: &inventory.platform,
        facts: Some(&inventory.facts),
        sources: &inventory.sources,
    };
    let keys: usize = delta::snapshot(heading, Epoch(1), &inventory.records)
        .map(|report| report.validate().expect("a report that a collector takes").len())
        .sum();
    assert_eq!(keys, inventory.records.len());
}
