//! Runs the fuzz targets' corpus as an ordinary test, so that what a fuzzer once found stays found.

use std::fs;
use std::io;
use std::path::PathBuf;

#[path = "../fuzz/checks.rs"]
#[expect(clippy::expect_used, reason = "a check that fails is a panic")]
mod checks;

fn replay(target: &str, check: fn(&[u8])) -> io::Result<()> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut files = 0;
    for entry in fs::read_dir(&folder)? {
        check(&fs::read(entry?.path())?);
        files += 1;
    }
    // An empty folder, after a move or a bad merge, would pass for a corpus without a finding.
    assert!(files >= 2, "{} holds {files} inputs", folder.display());
    Ok(())
}

#[test]
fn no_status_file_of_the_corpus_breaks_a_scan() -> io::Result<()> {
    replay("dpkg", checks::dpkg)
}

#[test]
fn no_packed_list_of_the_corpus_breaks_a_scan() -> io::Result<()> {
    replay("apt_lz4", checks::apt_lz4)
}

#[test]
fn no_sqlite_database_of_the_corpus_breaks_a_scan() -> io::Result<()> {
    replay("rpm_sqlite", checks::rpm_sqlite)
}

#[test]
fn no_write_ahead_log_of_the_corpus_breaks_a_scan() -> io::Result<()> {
    replay("rpm_wal", checks::rpm_wal)
}

#[test]
fn no_ndb_database_of_the_corpus_breaks_a_scan() -> io::Result<()> {
    replay("rpm_ndb", checks::rpm_ndb)
}

#[test]
fn no_berkeley_db_database_of_the_corpus_breaks_a_scan() -> io::Result<()> {
    replay("rpm_bdb", checks::rpm_bdb)
}

#[test]
fn no_deployment_of_the_corpus_breaks_a_scan() -> io::Result<()> {
    replay("flatpak", checks::flatpak)
}

#[test]
fn no_manifest_of_the_corpus_breaks_a_scan() -> io::Result<()> {
    replay("manifest", checks::manifest)
}

#[cfg(feature = "test-support")]
#[test]
fn no_hive_of_the_corpus_breaks_a_scan() -> io::Result<()> {
    replay("hive", checks::hive)
}

#[cfg(feature = "test-support")]
#[test]
fn no_persons_classes_of_the_corpus_break_a_scan() -> io::Result<()> {
    replay("usr_class", checks::usr_class)
}

#[cfg(feature = "test-support")]
#[test]
fn no_manifest_of_windows_of_the_corpus_breaks_a_scan() -> io::Result<()> {
    replay("appx", checks::appx)
}

#[cfg(feature = "test-support")]
#[test]
fn no_registry_of_ports_of_the_corpus_breaks_a_scan() -> io::Result<()> {
    replay("macports", checks::macports)
}

#[cfg(feature = "test-support")]
#[test]
fn no_answer_of_a_proxy_of_the_corpus_breaks_a_line() -> io::Result<()> {
    replay("proxy", checks::proxy)
}

#[test]
fn no_value_of_the_corpus_breaks_what_services_are_told_of_proxies() -> io::Result<()> {
    replay("winhttp", checks::winhttp)
}

#[cfg(feature = "test-support")]
#[test]
fn no_property_list_of_the_corpus_breaks_a_scan() -> io::Result<()> {
    replay("plist", checks::plist)
}

#[test]
fn no_appimage_of_the_corpus_breaks_a_scan() -> io::Result<()> {
    replay("appimage", checks::appimage)
}

#[test]
fn no_jar_of_the_corpus_breaks_a_scan() -> io::Result<()> {
    replay("jar", checks::jar)
}

#[test]
fn no_extension_of_the_corpus_breaks_a_scan() -> io::Result<()> {
    replay("extension", checks::extension)
}
