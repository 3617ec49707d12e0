//! Folders of backups: whole, cut, and led astray. Whole backups of real sites are tried by the
//! tests of the program.

use std::fs;

use super::*;

fn folder() -> (tempfile::TempDir, Manifest) {
    let folder = tempfile::tempdir().unwrap();
    let mut manifest = Manifest::new("a".repeat(64), OffsetDateTime::UNIX_EPOCH);
    fs::create_dir(folder.path().join(MIRROR)).unwrap();
    for (name, text) in [(DUMP, "rows"), ("mirror/manifest.json", "{}"), ("mirror/ab", "feed")] {
        fs::write(folder.path().join(name), text).unwrap();
        manifest.add_file(folder.path(), name).unwrap();
    }
    manifest.write(folder.path()).unwrap();
    (folder, manifest)
}

#[test]
fn a_list_is_read_as_it_was_written() {
    let (folder, manifest) = folder();
    let read = Manifest::read(folder.path()).unwrap();
    assert_eq!(read, manifest);
    read.verify(folder.path()).unwrap();
    assert_eq!(read.size(), (3, 10));
    assert_eq!(read.files_in(MIRROR).collect::<Vec<_>>(), ["ab", "manifest.json"]);
    assert!(read.has_rows() && !read.has(INDEX));
    assert!(!Manifest::new("a".repeat(64), OffsetDateTime::UNIX_EPOCH).has_rows());
}

#[test]
fn an_authority_that_somebody_else_has_to_put_there_is_missed_before_any_row_is_brought_back() {
    let (folder, _) = folder();
    let (mounted, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut config = Config::from_layers(crate::config::Layers::defaults()).unwrap();
    config.node.data_dir = data.path().to_owned();
    let check = |config: &Config| Site { config, search_path: None }.check(folder.path()).map(drop);
    check(&config).unwrap();
    config.node.authority_dir = Some(mounted.path().to_owned());
    let error = check(&config).unwrap_err().to_string();
    assert!(error.starts_with("put what is in "), "{error}");
    assert!(error.contains(&mounted.path().display().to_string()), "{error}");
}

#[test]
fn a_file_that_rots_or_is_gone_is_named() {
    let (folder, manifest) = folder();
    fs::write(folder.path().join(DUMP), "rotten").unwrap();
    let error = manifest.verify(folder.path()).unwrap_err().to_string();
    assert!(error.contains("database.dump is not what was backed up"), "{error}");
    fs::remove_file(folder.path().join(DUMP)).unwrap();
    let error = manifest.verify(folder.path()).unwrap_err().to_string();
    assert!(error.contains("database.dump is listed and no file"), "{error}");
}

#[test]
fn a_list_that_leads_out_of_its_folder_is_refused() {
    let (folder, _) = folder();
    let list = folder.path().join("backup.json");
    let text = fs::read_to_string(&list).unwrap();
    for path in ["../outside", "/etc/hostname"] {
        fs::write(&list, text.replace("mirror/ab", path)).unwrap();
        let error = Manifest::read(folder.path()).unwrap().verify(folder.path()).unwrap_err();
        assert!(error.to_string().contains("no file of the backup"), "{error}");
    }
}

#[test]
fn a_folder_that_was_not_finished_or_is_of_another_time_is_no_backup() {
    let (folder, _) = folder();
    let list = folder.path().join("backup.json");
    let text = fs::read_to_string(&list).unwrap();
    fs::write(&list, text.replace("\"format\": 1", "\"format\": 2")).unwrap();
    let error = Manifest::read(folder.path()).unwrap_err().to_string();
    assert!(error.contains("has the form 2"), "{error}");
    fs::remove_file(&list).unwrap();
    let error = Manifest::read(folder.path()).unwrap_err().to_string();
    assert!(error.contains("is it a backup that was finished?"), "{error}");
}
