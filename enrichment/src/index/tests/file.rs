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
    let left: Vec<PathBuf> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
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
    assert!(matches!(error, IndexError::Io { action: "write", .. }), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn whoever_opens_an_index_while_it_is_replaced_gets_one_whole_or_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nvd.index");
    let write = |records: &[CveRecord]| {
        let mut builder = Builder::new();
        for record in records {
            builder.add(record).unwrap();
        }
        builder.write(&path).unwrap().generation
    };
    let all = records();
    let known = [write(&all[..1]), write(&all)];
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for round in 0..40 {
                write(if round % 2 == 0 { &all[..1] } else { &all });
            }
        });
        while !writer.is_finished() {
            let generation = Index::open(&path).unwrap().generation();
            assert!(known.contains(&generation), "{generation}");
        }
    });
}

#[test]
fn an_index_that_cannot_be_put_into_place_leaves_no_half_and_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nvd.index");
    std::fs::create_dir(&path).unwrap();
    let said = Builder::new().write(&path).unwrap_err().to_string();
    let named = format!("cannot put into place {}: ", path.display());
    assert!(said.starts_with(&named), "{said}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let nowhere = folder.path().join("none/nvd.index");
    let said = Builder::new().write(&nowhere).unwrap_err().to_string();
    let named = format!("cannot write {}.partial: ", nowhere.display());
    assert!(said.starts_with(&named), "{said}");
}

#[test]
fn a_half_that_a_crash_has_left_is_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nvd.index");
    std::fs::write(folder.path().join("nvd.index.partial"), vec![7; 100_000]).unwrap();
    let mut builder = Builder::new();
    builder.add(&records()[0]).unwrap();
    let report = builder.write(&path).unwrap();
    let bytes = std::fs::metadata(&path).unwrap().len();
    assert_eq!((bytes, report.stats.cves), (report.stats.bytes, 1));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn when_an_index_was_made_is_told_and_is_no_part_of_its_content() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nvd.index");
    let write_at = |ms: i64| {
        let mut builder = Builder::new();
        builder.add(&records()[0]).unwrap();
        builder.write_at(&path, Timestamp(ms)).unwrap();
        let index = Index::open(&path).unwrap();
        (index.generation(), index.made_at())
    };
    let (early, late, unsaid) = (write_at(-5), write_at(1_700_000_000_000), write_at(0));
    assert_eq!(early.0, late.0);
    assert_eq!(early.1, Some(Timestamp(-5)));
    assert_eq!(late.1, Some(Timestamp(1_700_000_000_000)));
    assert_eq!(unsaid.1, None, "0 is what stands where nobody has said it");
}
