//! An index as a file: written whole or not at all, and open as long as somebody reads it.

use super::*;

#[test]
fn an_index_written_to_a_file_opens_as_it_was_built() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nvd.index");
    let mut builder = Builder::new();
    for record in records() {
        builder.add(&record).unwrap();
    }
    let report = builder.write(&path).unwrap();
    let opened = Index::open(&path).unwrap();
    assert_eq!(report.generation, opened.generation());
    assert_eq!(report.stats, opened.stats());
    assert_eq!(report.records, 4);
    assert_eq!(answers(&opened), answers(&index_of(&records())));
    let left: Vec<PathBuf> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(left, [path], "no temporary file stays");
}

#[test]
fn an_open_index_outlives_its_replacement() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nvd.index");
    let write = |records: &[CveRecord]| {
        let mut builder = Builder::new();
        for record in records {
            builder.add(record).unwrap();
        }
        builder.write(&path).unwrap()
    };
    write(&records());
    let old = Index::open(&path).unwrap();
    let before = answers(&old);
    write(&records()[..1]);
    assert_eq!(answers(&old), before);
    assert_eq!(Index::open(&path).unwrap().stats().cves, 1);
}

#[test]
fn a_failed_write_leaves_the_index_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nvd.index");
    Builder::new().write(&path).unwrap();
    let before = std::fs::read(&path).unwrap();
    // A folder stands where the temporary file would go.
    std::fs::create_dir(folder.path().join("nvd.index.partial")).unwrap();
    let mut builder = Builder::new();
    builder.add(&records()[0]).unwrap();
    let error = builder.write(&path).unwrap_err();
    assert!(
        matches!(
            error,
            IndexError::Io {
                action: "write",
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(std::fs::read(&path).unwrap(), before);
}
