//! A seeded site is of the size that was asked for, and the same every time.

use std::collections::HashSet;
use std::path::PathBuf;

use enrichment::index::Builder;

use super::*;

fn args(table: SeedTable, index: PathBuf) -> SeedArgs {
    SeedArgs {
        table,
        index,
        companies: 2,
        hosts: 20,
        software: 1_000,
        installations: 2_000,
        target: false,
        large: false,
    }
}

/// An empty index in a directory that lives as long as the test.
fn index() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("index");
    Builder::new().write(&path).expect("an index");
    (directory, path)
}

fn rows(args: &SeedArgs) -> Vec<Vec<String>> {
    let mut out = Vec::new();
    write(args, &mut out).expect("rows");
    let text = String::from_utf8(out).expect("text");
    let fields = |line: &str| line.split('\t').map(str::to_owned).collect();
    text.lines().map(fields).collect()
}

#[test]
fn every_table_has_as_many_rows_as_were_asked_for() {
    let (_directory, path) = index();
    for (table, count) in [
        (SeedTable::Companies, 2),
        (SeedTable::Agents, 20),
        (SeedTable::Software, 1_000),
        (SeedTable::Findings, 0),
        (SeedTable::Installations, 2_000),
    ] {
        let found = rows(&args(table, path.clone())).len();
        assert_eq!(found, count, "{table:?}");
    }
}

#[test]
fn rows_have_the_columns_of_their_target() {
    let (_directory, path) = index();
    for table in SeedTable::ALL {
        let mut target = Vec::new();
        let asked = SeedArgs { target: true, ..args(table, path.clone()) };
        write(&asked, &mut target).expect("a target");
        let columns = target.split(|byte| *byte == b',').count();
        for row in rows(&args(table, path.clone())).iter().take(10) {
            assert_eq!(row.len(), columns, "{table:?}");
        }
    }
}

#[test]
fn a_large_company_has_half_of_the_site_and_the_others_share_the_rest() {
    let (_directory, path) = index();
    let of = |table| {
        let rows = rows(&SeedArgs {
            large: true,
            companies: 3,
            software: 2_000,
            ..args(table, path.clone())
        });
        let of = |company: &str| rows.iter().filter(|row| row[0] == company).count();
        ["1", "2", "3"].map(of)
    };
    assert_eq!(of(SeedTable::Agents), [10, 5, 5]);
    assert_eq!(of(SeedTable::Installations), [1_000, 500, 500]);
    let [large, small, same] = of(SeedTable::Software);
    assert_eq!((large, small), (1_000, same));
    assert!((450..=500).contains(&small), "{small}");
}

#[test]
fn rows_are_the_same_every_time_and_no_name_stands_twice() {
    let (_directory, path) = index();
    for (table, name) in [
        (SeedTable::Agents, 2),
        (SeedTable::Software, 2),
        (SeedTable::Installations, 3),
        (SeedTable::SoftwareKeys, 3),
    ] {
        let first = rows(&args(table, path.clone()));
        assert_eq!(rows(&args(table, path.clone())), first);
        // The columns that are the table's key.
        let names: HashSet<_> = first.iter().map(|row| row[..name].to_vec()).collect();
        assert_eq!(names.len(), first.len(), "{table:?}");
    }
}

#[test]
fn installations_are_of_software_that_is_there_and_every_host_has_the_common_product() {
    let (_directory, path) = index();
    let software = rows(&args(SeedTable::Software, path.clone()));
    let known: HashSet<_> = software.iter().map(|row| row[..2].to_vec()).collect();
    let common = software.iter().filter(|row| row[3] == COMMON);
    let common: HashSet<_> = common.map(|row| row[1].clone()).collect();
    let mut hosts_with_it = HashSet::new();
    for row in rows(&args(SeedTable::Installations, path)) {
        let name = vec![row[0].clone(), row[2].clone()];
        assert!(known.contains(&name), "{name:?}");
        if common.contains(&row[2]) {
            hosts_with_it.insert(row[1].clone());
        }
    }
    assert_eq!(hosts_with_it.len(), 20);
}

#[test]
fn the_common_product_can_be_found_by_what_its_evaluation_looked_up() {
    let (_directory, path) = index();
    let software = rows(&args(SeedTable::Software, path.clone()));
    let keys = rows(&args(SeedTable::SoftwareKeys, path));
    for row in software.iter().filter(|row| row[3] == COMMON) {
        assert!(keys.iter().any(|key| key[2] == row[1]), "{row:?}");
    }
}

#[test]
fn sizes_that_do_not_fit_each_other_are_refused() {
    let (_directory, path) = index();
    let good = args(SeedTable::Companies, path);
    let refused = [
        SeedArgs { hosts: 1, ..good.clone() },
        SeedArgs { software: 100, ..good.clone() },
        SeedArgs { installations: 20_000_000, ..good.clone() },
        SeedArgs { installations: 1, ..good.clone() },
        SeedArgs { index: PathBuf::from("/nowhere"), ..good },
    ];
    for args in refused {
        assert!(write(&args, &mut Vec::new()).is_err(), "{args:?}");
    }
}

/// What each host of a site has, by its number: software rows, the common product left out.
fn by_host(installations: u64, hosts: u32) -> Vec<Vec<String>> {
    let (_directory, path) = index();
    let args =
        SeedArgs { companies: 1, hosts, installations, ..args(SeedTable::Installations, path) };
    let software = rows(&SeedArgs { table: SeedTable::Software, ..args.clone() });
    let common = software.iter().filter(|row| row[3] == COMMON);
    let common: HashSet<String> = common.map(|row| row[1].clone()).collect();
    let mut all = vec![Vec::new(); hosts as usize];
    for row in rows(&args) {
        let host: usize = row[1].parse().expect("a number");
        if !common.contains(&row[2]) {
            all[host - 1].push(row[2].clone());
        }
    }
    all
}

#[test]
fn neighbours_have_different_software_whatever_a_stretch_divides_by() {
    // 800 rows beside the common product: stretches of 7, 14, 8 and 2 of them.
    for records in [115_u32, 58, 101, 401] {
        let hosts = by_host(u64::from(records) * 10, 10);
        for pair in hosts.windows(2) {
            let common = pair[0].iter().filter(|row| pair[1].contains(row)).count();
            assert_eq!(common, 0, "hosts of {records} records have {common} in common");
        }
    }
}

#[test]
fn all_software_of_a_stretch_is_on_some_host() {
    // Seven hosts with stretches of seven: every row has a host, and each but one.
    let hosts = by_host(115 * 7, 7);
    let all: HashSet<&String> = hosts.iter().flatten().collect();
    assert_eq!(all.len(), 114 * 7);
}

#[test]
fn no_host_has_anything_twice() {
    for host in by_host(4_000, 10) {
        let distinct: HashSet<&String> = host.iter().collect();
        assert_eq!(distinct.len(), host.len());
    }
}

#[test]
fn a_host_that_has_one_record_has_the_common_product() {
    for host in by_host(10, 10) {
        assert_eq!(host, Vec::<String>::new());
    }
}

#[test]
fn an_id_says_its_number_and_passes_as_one_that_the_collector_made() {
    for number in [1, 255, 1 << 40] {
        let id = number_uuid(number);
        assert_eq!(id.get_version_num(), 7);
        assert_eq!(id.get_variant(), uuid::Variant::RFC4122);
        assert_eq!(id.as_u64_pair().1 & !(1 << 63), number);
    }
    assert_ne!(number_uuid(1), number_uuid(2));
}

#[test]
fn keys_of_rows_are_the_protocols_own() {
    let (_directory, path) = index();
    let index = Index::open(&path).expect("an index");
    let record = SoftwareRecord::new(Source::Npm, COMMON, "4.0.0");
    let software = Software::new(&index, record.clone());
    let key = SoftwareKey::of(&record, &platform());
    assert_eq!(software.uuid, key.to_uuid().to_string());
    let print = RecordFingerprint::of(key, &record);
    assert_eq!(software.fingerprint, print.to_uuid().to_string());
}

#[test]
fn a_target_is_told_without_an_index() {
    for table in SeedTable::ALL {
        let mut out = Vec::new();
        let asked = SeedArgs { target: true, ..args(table, PathBuf::from("/nowhere")) };
        write(&asked, &mut out).expect("a target");
        let text = String::from_utf8(out).expect("text");
        assert_eq!(text, format!("{}\n", table.target()));
    }
}

#[test]
fn rows_that_cannot_be_written_are_an_error() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let (_directory, path) = index();
    for table in [SeedTable::Companies, SeedTable::Installations] {
        let error = write(&args(table, path.clone()), &mut Full).expect_err("full");
        assert_eq!(error.to_string(), "write rows");
    }
}

#[test]
fn a_share_of_a_site_never_adds_up_to_more_than_the_site() {
    let (_directory, path) = index();
    for (companies, hosts, large) in [(1, 7, false), (3, 20, false), (3, 20, true), (4, 21, true)] {
        let args = SeedArgs { companies, hosts, large, ..args(SeedTable::Agents, path.clone()) };
        let (largest, other) = (Share::largest(&args), Share::other(&args));
        let all = largest.hosts + (companies - 1) * other.hosts;
        assert!(all <= hosts && hosts - all < companies, "{all} of {hosts}");
    }
}
