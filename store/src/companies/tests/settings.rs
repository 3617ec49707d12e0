//! Settings that are changed from a version, and names at their bounds.

use super::*;
use crate::audit::{self, EntryFilter};

fn every(seconds: u32) -> Settings {
    Settings { heartbeat_every_s: seconds, ..Settings::default() }
}

#[tokio::test]
async fn settings_are_edited_from_the_revision_that_is_and_no_other() {
    let world = World::new().await;
    let before = own(&world.scope).await.unwrap();
    let revision = before.settings.revision;
    let edit = async |revision, seconds| {
        let settings = every(seconds);
        edit_settings(&world.scope, &settings, None, revision, at(1)).await.unwrap()
    };
    for wrong in [revision + 1, revision.wrapping_sub(1), u64::MAX] {
        assert_eq!(edit(Some(wrong), 600).await, None, "{wrong}");
    }
    assert_eq!(own(&world.scope).await.unwrap(), before);
    let edited = edit(Some(revision), 600).await.unwrap().settings;
    assert_eq!((edited.revision, edited.heartbeat_every_s), (revision + 1, 600));
    assert_eq!(edit(Some(revision), 900).await, None, "it is an old one now");
    let (one, other) = tokio::join!(edit(Some(revision + 1), 700), edit(Some(revision + 1), 800));
    assert_ne!(one.is_some(), other.is_some(), "of two that read the same one is done");
    let whichever = edit(None, 900).await.unwrap().settings;
    assert_eq!(whichever.revision, revision + 3);
}

#[tokio::test]
async fn the_log_says_what_agents_were_told_before() {
    let world = World::new().await;
    set_settings(&world.scope, &every(600), Some(true), at(1)).await.unwrap();
    edit_settings(&world.scope, &every(700), None, Some(77), at(2)).await.unwrap();
    set_settings(&world.scope, &every(700), None, at(3)).await.unwrap();
    let filter =
        EntryFilter { action: Some("settings.write".to_owned()), ..EntryFilter::default() };
    let entries = audit::list(&world.scope, &filter, &PageRequest::first(10)).await;
    let entries = entries.unwrap().items;
    let seconds: Vec<_> = entries
        .iter()
        .map(|entry| {
            let of = |state: &Option<serde_json::Value>| {
                let state = state.as_ref().unwrap();
                (state["heartbeat_every_s"].as_u64().unwrap(), state["visits"].as_bool())
            };
            (of(&entry.before), of(&entry.after))
        })
        .collect();
    let default = u64::from(Settings::default().heartbeat_every_s);
    assert_eq!(seconds, [((600, Some(true)), (700, None)), ((default, None), (600, Some(true))),]);
}

#[tokio::test]
async fn every_source_may_be_off_and_one_that_is_not_known_here_is_passed_over() {
    let world = World::new().await;
    let all = Settings { sources_off: Source::ALL.to_vec(), ..Settings::default() };
    let set = set_settings(&world.scope, &all, None, at(1)).await.unwrap();
    assert_eq!(set.sources_off, Source::ALL.to_vec());
    let mut tx = world.tx().await;
    sqlx::query("UPDATE companies SET sources_off = '{floppy,deb}' WHERE key = $1")
        .bind(world.scope.key())
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(own(&world.scope).await.unwrap().settings.sources_off, [Source::Deb]);
}

#[tokio::test]
async fn a_name_has_one_to_two_hundred_characters() {
    let world = World::new().await;
    let operator = world.store().local_operator();
    let make = async |name: &str| create(&operator, CompanyId(id()), name, at(0)).await;
    let longest = "\u{fc}".repeat(200);
    for name in [longest.as_str(), "x", "  y\u{a0}z "] {
        assert_eq!(make(name).await.unwrap().name, name.trim());
    }
    for name in [format!("{longest}x").as_str(), "", "\t"] {
        let refused = make(name).await;
        assert!(matches!(refused, Err(CreateError::NameInvalid)), "{name:?} {refused:?}");
    }
}

#[tokio::test]
async fn those_that_are_suspended_are_told_apart_and_nobodys_is_not_among_them() {
    let world = World::new().await;
    let operator = world.store().local_operator();
    let mut ids = vec![world.scope.company()];
    for name in ["second", "third"] {
        ids.push(create(&operator, CompanyId(id()), name, at(0)).await.unwrap().id);
    }
    set_suspended(&operator, ids[1], true, at(1)).await.unwrap();
    let among = async |of: &[CompanyId]| suspended(&operator, of).await.unwrap();
    assert_eq!(among(&ids).await, [ids[1]]);
    assert_eq!(among(&[ids[0], CompanyId(id())]).await, []);
    assert_eq!(among(&[]).await, []);
    set_suspended(&operator, ids[1], false, at(2)).await.unwrap();
    assert_eq!(among(&ids).await, []);
}

#[tokio::test]
async fn only_companies_that_ever_had_rules_or_webhooks_are_looked_after_for_them() {
    let world = World::new().await;
    let operator = world.store().local_operator();
    create(&operator, CompanyId(id()), "Idle", at(0)).await.unwrap();
    assert_eq!(with_rules(&operator).await.unwrap(), []);
    assert_eq!(with_webhooks(&operator).await.unwrap(), []);
    let new = crate::labels::NewLabel { id: id(), name: "lab", description: "", rule: None };
    let label = crate::labels::create(&world.scope, &new, at(1)).await.unwrap();
    // What is gone may have left something behind: once is for ever.
    crate::labels::delete(&world.scope, label.id, at(2)).await.unwrap();
    assert_eq!(with_rules(&operator).await.unwrap(), [world.scope.company()]);
    assert_eq!(with_webhooks(&operator).await.unwrap(), []);
}
