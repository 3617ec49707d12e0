//! Files that are cut, rotten, of another format, in use or not there.

use super::*;

#[test]
fn a_second_agent_is_told_that_it_is_one_too_many() {
    let (_folder, path) = place();
    let _first = open(&path);
    let error = Spool::open(&path, MAX).expect_err("in use");
    assert!(matches!(error, SpoolError::InUse(_)), "{error}");
}

#[test]
fn a_file_that_is_no_spool_is_set_aside() {
    // The last is redb's own beginning of a file, with nothing behind it.
    for content in [&b"not a database"[..], &[0; 100_000], b"redb\x1a\n\xa9\r\n"] {
        let (folder, path) = place();
        std::fs::write(&path, content).expect("written");
        let mut spool = open(&path);
        assert!(spool.set_aside().is_some());
        assert!(spool.view().is_snapshot_due);
        assert_eq!(std::fs::read(folder.path().join("spool.damaged")).expect("kept"), content);
        scan(&mut spool, &records(0..5), 1, 10).expect("recorded");
    }
}

#[test]
fn a_file_cut_or_rotten_anywhere_never_stops_the_agent() {
    let (_folder, path) = place();
    let mut spool = open(&path);
    scan(&mut spool, &records(0..400), 4, 2_000).expect("recorded");
    drop(spool);
    let sound = std::fs::read(&path).expect("a file");
    // Sixty places, for each costs two spools.
    let step = sound.len() / 60;
    for at in (0..sound.len()).step_by(step) {
        for damage in [cut, flip] {
            let (_folder, path) = place();
            std::fs::write(&path, damage(&sound, at)).expect("written");
            let mut spool = open(&path);
            // Either the damage was where nothing is kept, or the spool began anew; never between.
            let reported = spool.reported().expect("readable");
            assert_eq!(reported.is_empty(), spool.view().is_snapshot_due, "at {at}");
            if !reported.is_empty() {
                assert_eq!(reported, records(0..400));
            }
            scan(&mut spool, &records(0..5), 1, 10).expect("recorded");
        }
    }
}

fn cut(sound: &[u8], at: usize) -> Vec<u8> {
    sound[..at].to_vec()
}

fn flip(sound: &[u8], at: usize) -> Vec<u8> {
    let mut rotten = sound.to_vec();
    for byte in rotten.iter_mut().skip(at).take(64) {
        *byte ^= 0x5a;
    }
    rotten
}

#[test]
fn a_later_format_is_set_aside_and_not_guessed_at() {
    let (_folder, path) = place();
    drop(open(&path));
    let database = redb::Database::open(&path).expect("a database");
    let write = database.begin_write().expect("a transaction");
    {
        let mut meta = write.open_table(layout::META).expect("a table");
        let format = postcard::to_stdvec(&9_u32).expect("encoded");
        meta.insert(layout::name::FORMAT, format.as_slice()).expect("written");
    }
    write.commit().expect("committed");
    drop(database);
    let spool = open(&path);
    assert!(spool.set_aside().expect("set aside").contains("format"));
}

#[test]
fn a_folder_that_is_not_there_is_said_with_its_name() {
    let (folder, _) = place();
    let error = Spool::open(&folder.path().join("none/spool.redb"), MAX).expect_err("no folder");
    assert!(matches!(error, SpoolError::Unusable { .. }));
    assert!(error.to_string().contains("none/spool.redb"), "{error}");
}
