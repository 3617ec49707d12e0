//! What a collector may set, and what survives a collector that does not know it.

use super::*;

#[test]
fn brings_settings_into_the_limits_before_it_uses_them() {
    let mut bench = Bench::open(0);
    bench.tell(CollectorMessage::Settings(Settings {
        revision: 4,
        heartbeat_every_s: 0,
        scan_every_s: u32::MAX,
        sources_off: Vec::new(),
    }));
    let settings = bench.session.settings();
    assert_eq!(settings.heartbeat_every_s, 10);
    assert_eq!(settings.scan_every_s, 604_800);
    assert_eq!(bench.done.front(), Some(&Action::SaveSettings(settings.clone())));
}

#[test]
fn a_source_that_is_switched_off_is_out_of_the_inventory_at_once() {
    let mut bench = Bench::open(0);
    let settings = Settings { sources_off: vec![Source::Npm, Source::Npm], ..Settings::default() };
    bench.tell(CollectorMessage::Settings(settings.clone()));
    assert_eq!(bench.count(is_scan), 1);
    assert_eq!(bench.session.settings().sources_off, [Source::Npm]);
    bench.scanned(1);
    bench.tell(CollectorMessage::Settings(settings));
    assert_eq!(bench.count(is_scan), 1, "the same settings again");
}

#[test]
fn a_collector_without_its_database_does_not_undo_what_the_company_set() {
    let set = Settings { revision: 3, sources_off: vec![Source::Npm], ..Settings::default() };
    let mut bench = Bench::open(1);
    bench.tell(CollectorMessage::Settings(set.clone()));
    bench.give(Event::Closed);
    bench.sleep();
    bench.connect();
    assert_eq!(bench.session.settings(), &set);
}
