//! What a user would miss of the mirror: it is whole after anything, and never two have it.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use super::*;

fn put(mirror: &Mirror, source: &str, text: &str) -> io::Result<()> {
    let mut writer = mirror.create(source)?;
    writer.write_all(text.as_bytes())?;
    let part = writer.finish()?;
    mirror.commit(|manifest| {
        let source = manifest.sources.entry(source.to_owned()).or_default();
        source.parts.insert("all".to_owned(), part);
    })
}

/// The texts of all files that count, which have to be there and as they are named.
fn texts(mirror: &Mirror) -> Vec<String> {
    let manifest = mirror.manifest();
    let parts = manifest.parts().map(|(_, part)| {
        let text = fs::read_to_string(mirror.path(part)).unwrap();
        let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
        assert_eq!(hex(digest.as_ref()), part.sha256);
        assert_eq!(part.bytes, text.len() as u64);
        text
    });
    parts.collect()
}

/// Names of the content files in the folder.
fn content_files(folder: &Path) -> usize {
    let names = fs::read_dir(folder).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| disk::is_content_name(name) || name.ends_with(PARTIAL)).count()
}

#[test]
fn killed_at_any_step_it_holds_the_last_whole_state_or_the_next() {
    for steps in 0.. {
        let dir = tempfile::tempdir().unwrap();
        put(&Mirror::open(dir.path()).unwrap(), "kev", "old").unwrap();
        let left = Arc::new(AtomicU32::new(steps));
        let dying = Steps { left: Some(left) };
        let died = match Mirror::open_with(dir.path(), dying) {
            Ok(mirror) => put(&mirror, "kev", "new").is_err(),
            Err(error) => panic!("opening takes no step: {error}"),
        };
        let mirror = Mirror::open(dir.path()).unwrap();
        let found = texts(&mirror);
        assert!(found == ["old"] || found == ["new"], "{steps}: {found:?}");
        assert_eq!(content_files(dir.path()), 1, "after {steps} steps");
        // And whoever comes next goes on.
        put(&mirror, "kev", "new").unwrap();
        assert_eq!(texts(&mirror), ["new"]);
        if !died {
            assert!(steps > 6, "the steps are not counted");
            return;
        }
    }
}

#[test]
fn a_file_that_no_list_ever_named_is_removed_and_never_adopted() {
    let dir = tempfile::tempdir().unwrap();
    let mirror = Mirror::open(dir.path()).unwrap();
    let mut writer = mirror.create("bundle").unwrap();
    writer.write_all(b"of a bundle that was refused").unwrap();
    writer.finish().unwrap();
    drop(mirror);
    let mirror = Mirror::open(dir.path()).unwrap();
    assert_eq!(texts(&mirror).len(), 0);
    assert_eq!(content_files(dir.path()), 0);
}

#[test]
fn two_never_have_it_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let first = Mirror::open(dir.path()).unwrap();
    let second = Mirror::open(dir.path()).unwrap_err();
    assert!(matches!(second, OpenError::Busy), "{second}");
    let clone = first.clone();
    drop(first);
    assert!(Mirror::open(dir.path()).is_err(), "a thread still works on it");
    drop(clone);
    Mirror::open(dir.path()).unwrap();
}

#[test]
fn takes_files_from_before_there_was_a_list_for_imported_by_hand() {
    let dir = tempfile::tempdir().unwrap();
    // The first half of a hash, as names were before there was a list.
    let old_name = "0123456789abcdef0123456789abcdef";
    fs::write(dir.path().join(old_name), "records").unwrap();
    fs::write(dir.path().join("x.json.partial"), "half").unwrap();
    let mirror = Mirror::open(dir.path()).unwrap();
    assert_eq!(texts(&mirror), ["records"]);
    assert_eq!(mirror.source(BY_HAND).parts.len(), 1);
    assert_eq!(content_files(dir.path()), 1);
}

#[test]
fn equal_content_of_two_sources_is_kept_once_and_as_long_as_one_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let mirror = Mirror::open(dir.path()).unwrap();
    put(&mirror, "a", "the same").unwrap();
    put(&mirror, "b", "the same").unwrap();
    assert_eq!(content_files(dir.path()), 1);
    // The first name of the shared file goes; the second one keeps it.
    put(&mirror, "a", "another").unwrap();
    assert_eq!(texts(&mirror), ["another", "the same"]);
}

#[test]
fn a_file_that_is_not_finished_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mirror = Mirror::open(dir.path()).unwrap();
    let mut writer = mirror.create("kev").unwrap();
    writer.write_all(b"half").unwrap();
    drop(writer);
    assert_eq!(content_files(dir.path()), 0);
}

#[test]
fn knows_what_was_taken_in_and_a_damaged_note_of_it_for_none() {
    let dir = tempfile::tempdir().unwrap();
    let mirror = Mirror::open(dir.path()).unwrap();
    assert!(mirror.applied().unwrap().is_empty());
    put(&mirror, "kev", "text").unwrap();
    mirror.note_applied().unwrap();
    assert_eq!(mirror.applied().unwrap().len(), 1);
    // Cut by a power cut. Taken for the truth, it would keep what is listed from ever being taken
    // in.
    fs::write(dir.path().join(APPLIED), "[\"tor").unwrap();
    assert!(mirror.applied().unwrap().is_empty());
}

#[test]
fn a_damaged_list_is_said_and_not_taken_for_an_empty_mirror() {
    let dir = tempfile::tempdir().unwrap();
    put(&Mirror::open(dir.path()).unwrap(), "kev", "text").unwrap();
    // It is replaced by a rename, so this is no crash but a disk that rots or a hand that slipped.
    fs::write(dir.path().join(MANIFEST), "{\"revision\":").unwrap();
    let error = Mirror::open(dir.path()).unwrap_err();
    assert!(matches!(error, OpenError::Damaged(_)), "{error}");
    assert_eq!(content_files(dir.path()), 1, "the files stay");
}

#[test]
fn a_change_that_changes_nothing_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mirror = Mirror::open(dir.path()).unwrap();
    put(&mirror, "kev", "text").unwrap();
    let revision = mirror.manifest().revision;
    put(&mirror, "kev", "text").unwrap();
    assert_eq!(mirror.manifest().revision, revision);
}
