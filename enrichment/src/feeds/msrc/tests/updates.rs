//! The table of Microsoft's updates.

use super::*;

fn rows(text: &str) -> Vec<Vec<String>> {
    text.lines()
        .map(|line| {
            let line = line.trim_start_matches('"').trim_end_matches('"');
            line.split("\",\"").map(str::to_owned).collect()
        })
        .collect()
}

#[test]
fn a_table_says_the_same_without_builds() {
    let rows = rows(TABLE);
    let mut table = Table::new(&rows[0]).unwrap();
    let used = rows[1..].iter().filter(|row| table.add(row).unwrap()).count();
    let (published, left_out) = table.finish();
    assert_eq!((used, rows.len() - 1), (9, 11));
    assert_eq!(
        statements(of(&published, "CVE-2024-21429")),
        ["10 22h2 x64 windows open KB5035845", "server 2012 r2 windows open KB5035885"]
    );
    assert_eq!(
        statements(of(&published, "KB5036892")),
        ["10 22h2 x64 windows updates KB5035845 KB5036892"]
    );
    assert_eq!(
        left_out.into_iter().collect::<Vec<_>>(),
        [("Microsoft: Windows without an update".to_owned(), 1)]
    );
}

#[test]
fn rows_of_other_products_are_counted_by_what_they_name() {
    let rows = rows(TABLE);
    let mut table = Table::new(&rows[0]).unwrap();
    for product in ["Microsoft .NET Framework 4.8 on Windows Server 2012 R2", "CBL Mariner 2.0 x64"]
    {
        let mut row = rows[3].clone();
        row[4] = product.to_owned();
        assert_eq!(table.add(&row), Ok(false));
        assert_eq!(table.add(&row), Ok(false));
    }
    let (published, left_out) = table.finish();
    assert!(published.advisories.is_empty());
    let left_out: Vec<_> = left_out.into_iter().collect();
    assert_eq!(
        left_out,
        [
            ("Microsoft: CBL Mariner 2.0 x64".to_owned(), 2),
            ("Microsoft: Microsoft .NET Framework 4.8".to_owned(), 2),
        ]
    );
}

#[test]
fn a_bad_row_is_refused_and_a_table_without_its_columns_too() {
    let rows = rows(TABLE);
    let mut table = Table::new(&rows[0]).unwrap();
    assert!(table.add(&rows[2][..3]).is_err());
    let mut bad = rows[2].clone();
    bad[1] = "CVE-24".to_owned();
    assert!(table.add(&bad).unwrap_err().contains("CVE"));
    let header: Vec<String> = rows[0][..6].to_vec();
    assert!(matches!(Table::new(&header), Err(reason) if reason.contains("Severity")));
}
