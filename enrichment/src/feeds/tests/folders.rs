//! Folders of feeds, walked in order and once.

use super::*;

#[test]
fn walks_folders_in_order_and_passes_over_what_is_no_feed() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
    };
    put("b/2.jsonl", "{\"cve\":{\"id\":\"CVE-2024-0002\"}}");
    put("a.jsonl", "{\"cve\":{\"id\":\"CVE-2024-0001\"}}");
    put("b/1.json", "{\"vulnerabilities\":[{\"cve\":{\"id\":\"CVE-2024-0003\"}},");
    put("README.md", "# Text");
    put("other.json", "{\"products\":[]}");
    let mut taken = Taken::default();
    let report = read_path(folder.path(), &mut taken).unwrap();
    let ids: Vec<u32> = taken.cves.iter().map(|cve| cve.id.number()).collect();
    assert_eq!(ids, [1, 3, 2]);
    assert_eq!(report.files.len(), 5);
    assert_eq!(report.records(FeedKind::Nvd), 3);
    assert_eq!(report.skipped(), 0, "what is no feed has no bad records");
    let damaged: Vec<_> = report.files.iter().filter(|file| file.damage.is_some()).collect();
    assert!(damaged[0].path.ends_with("b/1.json"), "{damaged:?}");
}

#[cfg(unix)]
#[test]
fn a_folder_that_is_linked_into_itself_is_walked_once() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.jsonl"), "{\"cve\":{\"id\":\"CVE-2024-0001\"}}").unwrap();
    std::os::unix::fs::symlink(folder.path(), folder.path().join("again")).unwrap();
    let report = read_path(folder.path(), &mut Taken::default()).unwrap();
    assert_eq!(report.files.len(), 1);
}

#[cfg(unix)]
#[test]
fn what_cannot_be_opened_in_a_folder_is_noted_and_does_not_end_the_walk() {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/nowhere", folder.path().join("a")).unwrap();
    std::fs::write(folder.path().join("b.jsonl"), "{\"cve\":{\"id\":\"CVE-2024-0001\"}}").unwrap();
    let report = read_path(folder.path(), &mut Taken::default()).unwrap();
    assert!(report.files[0].damage.is_some(), "{report:?}");
    assert_eq!(report.records(FeedKind::Nvd), 1);
}
