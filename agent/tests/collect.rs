//! Scans of whole trees, through the public interface alone: this machine's own, and the small
//! real databases in `tests/data`.

use std::process::Command;

use agent::clock::SystemClock;
use agent::collect::{Inventory, ScanOptions, Scanner};
use protocol::software::Source;

fn scan(options: ScanOptions) -> Inventory {
    Scanner::new(options).scan(|_| Vec::new(), &SystemClock)
}

#[test]
fn finds_exactly_the_packages_that_dpkg_query_lists_on_this_machine() {
    let listed = Command::new("dpkg-query")
        .args(["-W", "-f", "${db:Status-Status} ${Package} ${Version} ${Architecture}\n"])
        .output();
    // On a machine without dpkg there is nothing to compare with.
    let Ok(listed) = listed else { return };
    let listed = String::from_utf8(listed.stdout).unwrap();
    let mut listed: Vec<_> =
        listed.lines().filter_map(|line| line.strip_prefix("installed ")).collect();
    let inventory = scan(ScanOptions::default());
    let records = inventory.records_of(Source::Deb);
    let mut found: Vec<_> =
        records.iter().map(|r| format!("{} {} {}", r.name, r.version, r.arch)).collect();
    listed.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, listed);
}
