//! `AppImages`: real file systems behind a made program, names of every kind, and broken files.

use protocol::software::{SoftwareRecord, Source};

use super::*;
use crate::collect::test_tree::{Outcome, Tree, data};

/// A program of 64 bits whose table of sections ends where the head does.
fn program() -> Vec<u8> {
    let mut head = vec![0; 64];
    head[..4].copy_from_slice(b"\x7fELF");
    head[4] = 2;
    head[5] = 1;
    head[8..11].copy_from_slice(b"AI\x02");
    head[40] = 64;
    head
}

/// An `AppImage` with one of the file systems in `tests/data`.
fn image(name: &str) -> Vec<u8> {
    let mut bytes = program();
    bytes.extend(std::fs::read(data(&format!("appimage/{name}"))).unwrap());
    bytes
}

fn appimages(tree: &Tree) -> Outcome {
    tree.read(Source::Appimage, read)
}

#[test]
fn the_desktop_entry_says_what_it_is_in_every_packing() {
    for packing in ["zlib.squashfs", "zstd.squashfs", "linked.squashfs"] {
        let tree = Tree::new(&[]);
        tree.write("/home/alice/Applications/renamed-x86_64.AppImage", &image(packing));
        let mut records = appimages(&tree).all();
        assert!(records[0].installed_at_s.take().is_some());
        assert_eq!(
            records,
            [SoftwareRecord {
                arch: "x86_64".to_owned(),
                locations: vec!["~/Applications/renamed-x86_64.AppImage".to_owned()],
                ..SoftwareRecord::new(Source::Appimage, "Example Viewer", "3.12.0")
            }],
            "{packing}"
        );
    }
}

#[test]
fn what_the_image_does_not_say_the_files_name_says() {
    let tree = Tree::new(&[]);
    tree.write("/opt/Tool-1.2.3-x86_64.AppImage", &program());
    tree.write("/opt/apps/other.appimage", &image("packed-otherwise.squashfs"));
    assert_eq!(appimages(&tree).names(), ["Tool 1.2.3", "other "]);
}

#[test]
fn only_a_marked_program_counts() {
    let tree = Tree::new(&[
        ("/opt/text.AppImage", "short"),
        ("/opt/script.AppImage", &"#!/bin/sh\n".repeat(20)),
    ]);
    let mut plain = program();
    plain[8] = 0;
    tree.write("/opt/plain.AppImage", &plain);
    tree.write("/opt/marked", &program());
    let outcome = appimages(&tree);
    assert_eq!(outcome.reading.unwrap(), Reading::Absent);
}

#[test]
fn a_broken_image_costs_its_entry_and_a_pipe_only_itself() {
    let tree = Tree::new(&[]);
    let mut broken = image("zlib.squashfs");
    let length = broken.len();
    broken[64 + 96..length - 100].fill(0x55);
    tree.write("/opt/Broken-1.0.AppImage", &broken);
    tree.pipe("/opt/hangs.AppImage");
    let outcome = appimages(&tree);
    assert_eq!(outcome.names(), ["Broken 1.0"]);
    assert!(outcome.defects.to_string().starts_with("2 unreadable"), "{}", outcome.defects);
}

#[test]
fn file_names_are_taken_apart() {
    for (stem, name, version, arch) in [
        ("Nextcloud-3.12.0-x86_64", "Nextcloud", "3.12.0", "x86_64"),
        ("balenaEtcher-1.18.11-x64", "balenaEtcher", "1.18.11", "x64"),
        ("FreeCAD_0.21.2-Linux-x86_64", "FreeCAD", "0.21.2", "x86_64"),
        ("nvim", "nvim", "", ""),
        ("Obsidian-v1.5.3-arm64", "Obsidian", "1.5.3", "arm64"),
        ("7zip-x86_64", "7zip", "", "x86_64"),
        ("a-b-2024.1-beta2", "a-b", "2024.1-beta2", ""),
        ("", "", "", ""),
        ("x86_64", "", "", "x86_64"),
        ("ä-1é", "ä", "1é", ""),
    ] {
        assert_eq!(FileName::parse(stem), FileName { name, version, arch }, "{stem}");
    }
}

#[test]
fn an_entry_is_read_in_its_own_group() {
    let text = b"[Desktop Action x]\nName=other\n[Desktop Entry]\n Name = A\xff \nName[de]=B\n\
        X-AppImage-Version=1.0\n[Other]\nX-AppImage-Version=2.0\n";
    assert_eq!(
        Entry::parse(text),
        Entry { name: "A\u{fffd}".to_owned(), version: "1.0".to_owned() }
    );
}
