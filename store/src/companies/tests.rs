//! What a user would miss of companies.

mod settings;

use std::time::Duration;

use protocol::software::Source;

use super::*;
use crate::commands::Signal;
use crate::test_fixtures::{World, at, id};
use crate::test_support::FreshDatabase;

#[tokio::test]
async fn a_name_belongs_to_one_company_whatever_its_letters_case() {
    let world = World::new().await;
    let operator = world.store().local_operator();
    let create = |name: &'static str| create(&operator, CompanyId(id()), name, at(0));
    assert!(matches!(create(" ACME ").await, Err(CreateError::NameTaken)));
    // U+009B is the escape sequence's beginning in one character: terminals obey it as they do ESC
    // [.
    for none in ["  ", "a\nb", "a\0b", "a\u{9b}31mb"] {
        assert!(matches!(create(none).await, Err(CreateError::NameInvalid)));
    }
    let made = create(" Umbrella ").await.unwrap();
    assert_eq!(made.name, "Umbrella");
    let found = find_by_name(&operator, "umbrella").await.unwrap();
    assert_eq!(found.as_ref(), Some(&made));
    assert_eq!(find(&operator, made.id).await.unwrap(), found);
    assert_eq!(find(&operator, CompanyId(id())).await.unwrap(), None);
    assert_eq!(find_by_name(&operator, "nobody").await.unwrap(), None);
}

#[tokio::test]
async fn lists_every_company_once_in_the_order_of_names() {
    let database = FreshDatabase::create().await;
    let operator = database.store().local_operator();
    for name in ["beta", "Alpha", "gamma_1", "gammaX1", "delta"] {
        create(&operator, CompanyId(id()), name, at(0)).await.unwrap();
    }
    let mut names = Vec::new();
    let mut page = PageRequest::first(2);
    loop {
        let listed = list(&operator, None, &page).await.unwrap();
        names.extend(listed.items.into_iter().map(|company| company.name));
        match listed.next {
            Some(next) => page.after = Some(next),
            None => break,
        }
    }
    assert_eq!(names, ["Alpha", "beta", "delta", "gamma_1", "gammaX1"]);
    let found = list(&operator, Some("MA_1"), &PageRequest::first(10)).await.unwrap();
    assert_eq!(found.items.len(), 1, "a wildcard in a search is a letter");
}

#[tokio::test]
async fn suspending_is_heard_and_keeps_its_first_instant() {
    let world = World::new().await;
    let operator = world.store().local_operator();
    let company = world.scope.company();
    let mut signals = world.store().signals().await.unwrap();
    let suspend = |on, seconds| set_suspended(&operator, company, on, at(seconds));
    assert_eq!(suspend(true, 1).await.unwrap().unwrap().suspended_at, Some(at(1)));
    assert_eq!(suspend(true, 2).await.unwrap().unwrap().suspended_at, Some(at(1)));
    let revoked = Revoked::Company(company);
    assert_eq!(signals.next().await.unwrap(), Signal::Revoked(revoked));
    assert_eq!(suspend(false, 3).await.unwrap().unwrap().suspended_at, None);
    let nobody = set_suspended(&operator, CompanyId(id()), true, at(4)).await.unwrap();
    assert_eq!(nobody, None);
}

#[tokio::test]
async fn settings_are_brought_into_the_wires_limits_under_a_new_revision() {
    let world = World::new().await;
    let before = own(&world.scope).await.unwrap().settings;
    let wanted = Settings {
        revision: 77,
        heartbeat_every_s: 0,
        scan_every_s: u32::MAX,
        sources_off: vec![Source::Npm],
    };
    let set = set_settings(&world.scope, &wanted, None, at(1)).await.unwrap();
    assert_eq!(set.revision, before.revision + 1);
    assert_eq!(set.heartbeat_every_s, *limits::HEARTBEAT_EVERY_S.start());
    assert_eq!(set.scan_every_s, *limits::SCAN_EVERY_S.end());
    assert_eq!(set.sources_off, [Source::Npm]);
    assert_eq!(own(&world.scope).await.unwrap().settings, set);
}

#[tokio::test]
async fn what_a_companys_agents_are_told_is_announced_and_found_by_a_poll() {
    let world = World::new().await;
    let mut signals = world.store().signals().await.unwrap();
    let set = set_settings(&world.scope, &Settings::default(), Some(true), at(1)).await.unwrap();
    assert_eq!(signals.next().await.unwrap(), Signal::Settings(world.scope.company()));
    assert_eq!(own(&world.scope).await.unwrap().visits, Some(true));
    let within = async |within| commands::settings_set_within(world.store(), within).await.unwrap();
    let hour = Duration::from_secs(3_600);
    assert_eq!(within(hour).await, [(world.scope.company(), set.revision)]);
    assert_eq!(within(Duration::ZERO).await, []);
    // One row a company, however often its settings are set.
    let again = set_settings(&world.scope, &Settings::default(), None, at(1)).await.unwrap();
    assert_eq!(within(hour).await, [(world.scope.company(), again.revision)]);
    assert_eq!(own(&world.scope).await.unwrap().visits, None);
}
