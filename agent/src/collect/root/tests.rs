//! The tree: what it opens, what it refuses, and that nothing leads out of it.

use std::fs;
use std::os::unix::fs::symlink;

use super::*;

fn tree() -> (tempfile::TempDir, Root) {
    let folder = tempfile::tempdir().unwrap();
    let root = Root::open(folder.path(), Stop::default()).unwrap();
    (folder, root)
}

fn text(root: &Root, path: &str) -> Result<Option<String>, ReadError> {
    let mut bytes = Vec::new();
    let found = root.read_small(Path::new(path), 100, &mut bytes)?;
    Ok(found.map(|_| String::from_utf8(bytes).unwrap()))
}

#[test]
fn follows_absolute_links_inside_the_tree_only() {
    let (folder, root) = tree();
    let outside = tempfile::NamedTempFile::new().unwrap();
    fs::write(outside.path(), "secret").unwrap();
    fs::create_dir(folder.path().join("usr")).unwrap();
    fs::write(folder.path().join("usr/a"), "inside").unwrap();
    symlink("/usr", folder.path().join("lib")).unwrap();
    symlink(outside.path(), folder.path().join("leak")).unwrap();
    symlink("../../../../usr/a", folder.path().join("up")).unwrap();

    assert_eq!(text(&root, "/lib/a").unwrap().as_deref(), Some("inside"));
    assert_eq!(text(&root, "/up").unwrap().as_deref(), Some("inside"));
    assert_eq!(text(&root, "/leak").unwrap(), None);
    let above = format!("/../../../..{}", outside.path().display());
    assert_eq!(text(&root, &above).unwrap(), None);
}

#[test]
fn refuses_a_pipe_at_once_instead_of_waiting_for_a_writer() {
    let (folder, root) = tree();
    let pipe = folder.path().join("pipe");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    assert!(matches!(text(&root, "/pipe"), Err(ReadError::NotAFile(_))));
}

#[test]
fn refuses_a_folder_in_place_of_a_file_and_says_its_name() {
    let (folder, root) = tree();
    fs::create_dir(folder.path().join("a")).unwrap();
    let error = text(&root, "/a").unwrap_err();
    assert_eq!(error.to_string(), "/a: not a regular file");
}

#[test]
fn refuses_a_file_that_is_larger_than_it_may_be() {
    let (folder, root) = tree();
    // A sparse file: it takes no space.
    let file = File::create(folder.path().join("big")).unwrap();
    file.set_len(1 << 40).unwrap();
    assert!(matches!(text(&root, "/big"), Err(ReadError::TooLarge { .. })));
}

#[test]
fn an_absent_file_and_one_below_a_file_are_both_not_there() {
    let (folder, root) = tree();
    fs::write(folder.path().join("a"), "").unwrap();
    assert_eq!(text(&root, "/b").unwrap(), None);
    assert_eq!(text(&root, "/a/b").unwrap(), None);
    assert!(root.list(Path::new("/b")).unwrap().is_none());
}

#[test]
fn expands_patterns_in_order_and_passes_over_files() {
    let (folder, root) = tree();
    for name in ["lib/python3.9/x", "lib/python3.11/x", "lib/pypy3/x"] {
        fs::create_dir_all(folder.path().join(name)).unwrap();
    }
    fs::write(folder.path().join("lib/python3.12"), "").unwrap();
    let folders = root.expand("/lib/python3*/x").unwrap();
    let paths: Vec<_> = folders.iter().map(|p| p.to_str().unwrap()).collect();
    assert_eq!(paths, ["/lib/python3.11/x", "/lib/python3.12/x", "/lib/python3.9/x"]);
    assert!(root.list(&folders[1]).unwrap().is_none());
    assert!(root.expand("/lib/*/*/nothing*").unwrap().is_empty());
}

#[test]
fn a_link_that_points_to_itself_is_an_error_and_no_loop() {
    let (folder, root) = tree();
    symlink("loop", folder.path().join("loop")).unwrap();
    assert!(matches!(text(&root, "/loop"), Err(ReadError::Io { .. })));
}

#[test]
fn stops_everything_once_the_time_box_has_ended() {
    let folder = tempfile::tempdir().unwrap();
    let stop = Stop::default();
    let root = Root::open(folder.path(), stop.clone()).unwrap();
    stop.set();
    assert!(matches!(text(&root, "/a"), Err(ReadError::Stopped)));
    assert!(matches!(root.list(Path::new("/")), Err(ReadError::Stopped)));
    assert!(matches!(root.expand("/a*"), Err(ReadError::Stopped)));
}

#[test]
fn takes_no_placeholder_for_a_time() {
    assert_eq!(real_time(1), None);
    assert_eq!(real_time(1_700_000_000), Some(1_700_000_000));
}
