//! Identities that people would miss, and the mistakes that other scanners are known for.

use proptest::prelude::*;

use super::*;
use crate::subject::Platform;

pub(super) fn subject<'a>(source: &'a str, name: &'a str, version: &'a str) -> Subject<'a> {
    Subject {
        source,
        name,
        version,
        platform: Platform { family: "linux", ..Platform::default() },
        ..Subject::default()
    }
}

pub(super) fn program<'a>(name: &'a str, version: &'a str, vendor: &'a str) -> Subject<'a> {
    Subject {
        vendor,
        platform: Platform { family: "windows", ..Platform::default() },
        ..subject("programs", name, version)
    }
}

fn bundle<'a>(name: &'a str, bundle_id: &'a str) -> Subject<'a> {
    Subject {
        bundle_id,
        platform: Platform { family: "macos", ..Platform::default() },
        ..subject("apps", name, "1.0")
    }
}

/// Products that CVE records name, as far as these tests need them.
const KNOWN: [&str; 43] = [
    "7-zip:7-zip",
    // Products that a bare name would be taken for, were there no vendor to ask: Adobe's Connect
    // for npm's, a maker of chips for Uber's library H3.
    "acme:agent",
    "adobe:acrobat_reader_dc",
    "adobe:connect",
    "adobe:lightroom",
    "apple:itunes",
    "apple:macos",
    "apple:safari",
    "autodesk:autocad",
    "click_project:click",
    "docker:desktop",
    "docker:docker",
    "docker:docker_desktop",
    "dropbox:dropbox",
    "f5:nginx",
    "git-scm:git",
    "git:git",
    "google:chrome",
    "grafana:grafana",
    "h3:h3",
    "haxx:curl",
    "haxx:libcurl",
    "hashicorp:terraform",
    "jetbrains:goland",
    "jetbrains:intellij_idea",
    "jetbrains:pycharm",
    "microsoft:excel",
    "microsoft:hevc_video_extension",
    "microsoft:jupyter",
    "microsoft:onedrive",
    "mozilla:firefox",
    "nginx:nginx",
    "nodejs:node.js",
    "notepad-plus-plus:notepad\\+\\+",
    "oracle:jdk",
    "oracle:jre",
    "oracle:vm_virtualbox",
    "postgresql:postgresql",
    "python:python",
    "python:requests",
    "stripe:stripe",
    "videolan:vlc_media_player",
    "wireshark:wireshark",
];

fn is_known(vendor: &str, product: &str) -> bool {
    KNOWN.contains(&format!("{vendor}:{product}").as_str())
}

pub(super) fn identified(subject: &Subject<'_>) -> Identified {
    let found = identify(subject, &is_known);
    let Identification::Identified(identified) = found else {
        panic!("{subject:?}: {found:?}");
    };
    identified
}

pub(super) fn unmapped_reason(subject: &Subject<'_>) -> &'static str {
    let found = identify(subject, &is_known);
    let Identification::Unmapped { reason, .. } = found else {
        panic!("{subject:?}: {found:?}");
    };
    reason
}

pub(super) fn not_evaluable_rule(subject: &Subject<'_>) -> String {
    let found = identify(subject, &is_known);
    let Identification::NotEvaluable { rule, .. } = found else {
        panic!("{subject:?}: {found:?}");
    };
    rule.into_owned()
}

pub(super) fn pairs(identified: &Identified) -> Vec<String> {
    identified
        .candidates
        .iter()
        .map(|candidate| format!("{}:{}", candidate.vendor, candidate.product))
        .collect()
}

#[test]
fn programs_of_windows_are_found_by_name_and_publisher() {
    for (name, publisher, pair) in [
        ("Mozilla Firefox (x64 en-US)", "Mozilla", "mozilla:firefox"),
        ("Google Chrome", "Google LLC", "google:chrome"),
        ("Dropbox", "Dropbox, Inc.", "dropbox:dropbox"),
        ("7-Zip 22.01 (x64)", "Igor Pavlov", "7-zip:7-zip"),
        ("VLC media player", "VideoLAN", "videolan:vlc_media_player"),
        (
            // The language behind a dash is the installer's.
            "Adobe Acrobat Reader DC - Czech",
            "Adobe Systems Incorporated",
            "adobe:acrobat_reader_dc",
        ),
        ("Microsoft OneDrive", "Microsoft Corporation", "microsoft:onedrive"),
        ("iTunes", "Apple Inc.", "apple:itunes"),
        // Three vendors have had it in CPE: 25 records say git-scm, 15 git.
        ("Git", "The Git Development Community", "git-scm:git"),
    ] {
        let found = identified(&program(name, "1.0", publisher));
        assert_eq!(pairs(&found).first().map(String::as_str), Some(pair), "{name}: {found:?}");
        assert_eq!(found.candidates[0].target_sw, TargetSw::Runs("windows"));
    }
}

#[test]
fn bundles_of_macos_are_found_by_name_and_identifier() {
    for (name, bundle_id, pair) in [
        ("Adobe Lightroom.app", "com.adobe.mas.lightroomCC", "adobe:lightroom"),
        ("Google Chrome.app", "com.google.Chrome", "google:chrome"),
        ("Safari.app", "com.apple.Safari", "apple:safari"),
        // Apple's own build, by its identifier: the name alone would have Apple for its vendor.
        ("Python.app", "com.apple.python3", "python:python"),
        ("GoLand EAP.app", "com.jetbrains.goland-EAP", "jetbrains:goland"),
        ("PyCharm Community Edition.app", "com.jetbrains.pycharm.ce", "jetbrains:pycharm"),
        ("VirtualBox.app", "org.virtualbox.app.VirtualBox", "oracle:vm_virtualbox"),
    ] {
        let found = identified(&bundle(name, bundle_id));
        assert_eq!(pairs(&found).first().map(String::as_str), Some(pair), "{name}: {found:?}");
    }
}

#[test]
fn a_list_that_prints_identifiers_for_names_is_understood() {
    for (source, name, vendor, pair) in [
        ("flatpak", "org.mozilla.firefox", "", "mozilla:firefox"),
        ("pkg", "com.google.Chrome", "", "google:chrome"),
        // Some lists give publisher and name apart, others as one identifier.
        ("vscode", "python", "ms-python", "microsoft:python"),
        ("vscode", "ms-python.python", "Microsoft", "microsoft:python"),
    ] {
        let listed = Subject { vendor, ..subject(source, name, "1.0") };
        let found = identified(&listed);
        assert_eq!(pairs(&found).first().map(String::as_str), Some(pair), "{name}");
    }
}

#[test]
fn a_port_is_what_homebrew_calls_so_whichever_line_of_releases_its_name_says() {
    for (name, version, pair, rule) in [
        ("curl", "8.7.1", "haxx:curl", "curated:homebrew/curl"),
        ("openssl3", "3.2.1", "openssl:openssl", "curated:homebrew/openssl"),
        ("openssl", "1.0.2", "openssl:openssl", "curated:homebrew/openssl"),
        ("python311", "3.11.8", "python:python", "curated:homebrew/python"),
        ("perl5.34", "5.34.3", "perl:perl", "curated:homebrew/perl"),
        ("mariadb-10.11", "10.11.7", "mariadb:mariadb", "curated:homebrew/mariadb"),
        ("nodejs20", "20.11.0", "nodejs:node.js", "curated:macports/nodejs"),
        ("lz4", "1.9.4", "lz4_project:lz4", "curated:homebrew/lz4"),
        ("tiff", "4.6.0", "libtiff:libtiff", "formula:tiff"),
    ] {
        let port = Subject {
            release: "0",
            platform: Platform { family: "macos", ..Platform::default() },
            ..subject("macports", name, version)
        };
        let found = identified(&port);
        assert_eq!(pairs(&found).first().map(String::as_str), Some(pair), "{name}");
        assert_eq!((found.rule.as_ref(), found.version.as_str()), (rule, version), "{name}");
        assert_eq!(found.purl, None, "{name}");
    }
}

#[test]
fn a_port_of_something_else_or_of_links_alone_is_no_product() {
    // A module of Perl, an extension of PHP, and a name that only begins like one.
    for name in ["p5.34-openssl", "php83-curl", "py311-curl", "curl-ca-bundle", "h3", "3", "."] {
        assert!(unmapped_reason(&subject("macports", name, "1.0")).contains("vendor"), "{name}");
    }
    assert!(unmapped_reason(&subject("macports", "openssl", "3")).contains("links"));
}

#[test]
fn packages_of_windows_are_found_by_the_words_in_their_names() {
    let package = |name| Subject {
        source: "msix",
        ..program(name, "1.0.31822.0", "CN=Microsoft Corporation, O=Microsoft Corporation, C=US")
    };
    let found = identified(&package("Microsoft.HEVCVideoExtension"));
    assert_eq!(pairs(&found), ["microsoft:hevc_video_extension"]);
    let found = identified(&Subject {
        // The family: the package's name and a hash of its publisher.
        bundle_id: "MSTeams_8wekyb3d8bbwe",
        ..package("MSTeams")
    });
    assert_eq!(pairs(&found), ["microsoft:teams"]);
    assert!(unmapped_reason(&package("Microsoft.Unheard.Of")).contains("this vendor"));
}

#[test]
fn one_application_is_all_names_of_its_product() {
    let git = identified(&program("Git version 2.37.1", "2.37.1", "The Git Development Community"));
    assert_eq!(pairs(&git), ["git-scm:git", "git:git", "git_project:git"]);
    let docker = identified(&program("Docker Desktop", "4.1", "Docker Inc."));
    assert!(pairs(&docker).iter().any(|pair| pair == "docker:desktop"));
    assert!(pairs(&docker).iter().any(|pair| pair == "docker:docker_desktop"));
}

#[test]
fn a_name_without_a_vendor_maps_to_nothing() {
    for subject in [
        program("Connect", "1.0", ""),
        program("Agent", "1.0", ""),
        bundle("Agent.app", ""),
        subject("appimage", "agent", "1.0"),
        // A published run of a peer took this for Allwinner's chip H3.
        subject("homebrew", "h3", "1.0"),
    ] {
        assert!(unmapped_reason(&subject).contains("no vendor"), "{}", subject.name);
    }
}

#[test]
fn a_vendor_that_does_not_agree_maps_to_nothing() {
    for (name, publisher) in [
        ("Connect", "Somebody Else Ltd"),
        ("iTunes", "Fruit Company"),
        ("Git", "Malware Inc."),
        // No letter of either is in any CPE name; cleaning must not leave `360`.
        ("360安全卫士", "360安全中心"),
    ] {
        assert!(
            unmapped_reason(&program(name, "1.0", publisher)).contains("this vendor"),
            "{name}"
        );
    }
    assert!(
        // A published table of another scanner has this as Acronis' agent.
        unmapped_reason(&bundle("WallpaperAgent.app", "com.apple.wallpaper.agent"))
            .contains("vendor")
    );
}

#[test]
fn office_on_macos_is_not_evaluable() {
    assert_eq!(
        not_evaluable_rule(&bundle("Microsoft Excel.app", "com.microsoft.Excel")),
        // Microsoft's records of Office name no ranges that the installed version could be held
        // against.
        "curated:bundle/com.microsoft.excel"
    );
}

#[test]
fn a_name_that_begins_with_its_vendor_says_both() {
    let found = identified(&subject("appimage", "Adobe Connect", "11.2"));
    assert_eq!(pairs(&found), ["adobe:connect"]);
    assert_eq!(found.rule, "vendor in name:adobe connect");
}

#[test]
fn an_agent_or_a_client_is_not_its_server() {
    for (name, publisher) in [
        // `docker:desktop` agrees with the publisher and with half of the name.
        ("GitHub Desktop", "Docker Inc."),
        ("Docker Agent", "Docker Inc."),
        ("Git Client", "The Git Development Community"),
    ] {
        assert!(
            unmapped_reason(&program(name, "1.0", publisher)).contains("this vendor"),
            "{name}"
        );
    }
}

#[test]
fn a_name_that_is_its_vendor_is_the_program_for_desktops() {
    let known = |vendor: &str, product: &str| {
        vendor == "nextcloud" && matches!(product, "desktop" | "nextcloud")
    };
    let found = identify(&program("Nextcloud", "3.11.0", "Nextcloud GmbH"), &known);
    let Identification::Identified(found) = found else {
        panic!("{found:?}");
    };
    assert_eq!(pairs(&found), ["nextcloud:desktop"]);
}

#[test]
fn a_name_written_as_one_word_is_its_words() {
    let known = |vendor: &str, product: &str| (vendor, product) == ("pcfreetime", "format_factory");
    let found = identify(&program("FormatFactory 5.3.0.1", "5.3.0.1", "Free Time"), &known);
    let Identification::Identified(found) = found else {
        panic!("{found:?}");
    };
    assert_eq!(pairs(&found), ["pcfreetime:format_factory"]);
}

#[test]
fn a_product_is_asked_for_under_all_its_spellings() {
    let known = |vendor: &str, product: &str| {
        vendor == "plex" && matches!(product, "media_server" | "plex_media_server")
    };
    let found = identify(&program("Plex Media Server", "1.32.5", "Plex, Inc."), &known);
    let Identification::Identified(found) = found else {
        panic!("{found:?}");
    };
    assert_eq!(pairs(&found), ["plex:plex_media_server", "plex:media_server"]);
}

proptest! {
    #[test]
    fn identifying_never_panics_and_is_repeatable(
        source in proptest::sample::select(vec![
            "deb", "rpm", "apk", "snap", "flatpak", "programs", "msix", "apps", "pkg", "homebrew",
            "macports", "python", "npm", "gem", "vscode", "chrome_extension", "firefox_addon", "os",
            "safari_extension", "jetbrains_plugin", "windows_update", "cargo", "",
        ]),
        name in "\\PC{0,30}",
        version in "\\PC{0,12}",
        vendor in "\\PC{0,30}",
        bundle_id in "[a-zA-Z._-]{0,20}",
        family in proptest::sample::select(vec!["linux", "windows", "macos", ""]),
    ) {
        let subject = Subject {
            source, name: &name, version: &version, vendor: &vendor, bundle_id: &bundle_id,
            platform: Platform { family, ..Platform::default() },
            ..Subject::default()
        };
        let found = identify(&subject, &|vendor, product| vendor.len() < product.len());
        prop_assert_eq!(&found, &identify(&subject, &|vendor, product| vendor.len() < product.len()));
        if let Identification::Identified(identified) = found {
            prop_assert!(!identified.candidates.is_empty());
        }
    }
}
