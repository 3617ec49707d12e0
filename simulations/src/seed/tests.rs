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
        let asked = SeedArgs {
            target: true,
            ..args(table, path.clone())
        };
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
        SeedArgs {
            hosts: 1,
            ..good.clone()
        },
        SeedArgs {
            software: 100,
            ..good.clone()
        },
        SeedArgs {
            installations: 20_000_000,
            ..good.clone()
        },
        SeedArgs {
            installations: 1,
            ..good.clone()
        },
        SeedArgs {
            index: PathBuf::from("/nowhere"),
            ..good
        },
    ];
    for args in refused {
        assert!(write(&args, &mut Vec::new()).is_err(), "{args:?}");
    }
}
